//! A stream that speaks, breaks, falls silent and is taken up again. The clock stands still unless a test moves it.

mod line;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, RwLock};

use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::advance;

use super::*;
use crate::cluster::calendar::Calendar;
use crate::core::guard::evidence::Held;
use crate::core::guard::plan::scene::{Scene, cluster};
use crate::core::guard::policy::Policy;
use crate::core::guard::snapshots::{snapshot, worker};
use crate::guard::state::Atlas;
use crate::web::tls::install_provider;
use line::{Exporter as Server, Line};

/// Looks at the sockets; what comes over loopback has come long before.
const TURNS: usize = 100_000;

/// So many of them lie between two moves of the clock.
const PER_MOVE: usize = 200;

/// A stream that is followed, and what is known by it.
struct Bench {
    server: Server,
    state: State,
    following: JoinHandle<()>,
    /// While a blocking task waits, the paused clock does not run ahead of the sockets.
    _still: Sender<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Bench {
    async fn start() -> Self {
        Self::with(None).await
    }

    async fn with(token_file: Option<std::path::PathBuf>) -> Self {
        install_provider();
        let (still, waits) = channel::<()>();
        spawn_blocking(move || waits.recv());
        let server = Server::start().await;
        let Scene { world, now, .. } = Scene::deployment(2);
        let world = Atlas::Held(Arc::new(RwLock::new(world)));
        let state = State::new(world, Policy::default(), Calendar::agreed(now));
        let exporter = Exporter {
            url: server.url(),
            token_file,
            ca_file: None,
        };
        let stream = Stream {
            state: state.clone(),
            exporter: Arc::new(exporter),
        };
        let following = tokio::spawn(stream.run(CancellationToken::new()));
        Self {
            server,
            state,
            following,
            _still: still,
        }
    }

    /// The next connection, with the head of a good answer.
    async fn line(&self) -> Line {
        let mut line = self.asked().await;
        line.answer("200 OK").await;
        line
    }

    /// The next request, after whatever pause.
    async fn asked(&self) -> Line {
        let asked = self.server.asked();
        tokio::pin!(asked);
        loop {
            tokio::select! {
                biased;
                line = &mut asked => return line,
                () = turns(PER_MOVE) => advance(PAUSE).await,
            }
        }
    }

    /// What the exporter says of a worker, and that nobody else does.
    fn held(&self, name: &str) -> Option<Held> {
        self.state.view(|view| {
            let seen = view.evidence.cluster(&cluster());
            seen.heard(Supplier::Exporter)?;
            assert_eq!(seen.heard(Supplier::Own), None, "{name}");
            let name = crate::core::guard::facts::Name::new("trino", name);
            let pod = view.world.pod(&name)?;
            Some(view.risk(pod).map(|risk| risk.held).unwrap_or_default())
        })
    }

    fn tasks(&self, name: &str) -> Option<u64> {
        self.held(name).map(|held| held.tasks())
    }

    fn heard(&self) -> Option<Time> {
        self.state
            .view(|view| view.evidence.cluster(&cluster()).heard(Supplier::Exporter))
    }

    /// Waits for what is on its way over loopback; the clock stands still.
    async fn until(&self, holds: impl Fn() -> bool) {
        for _ in 0..TURNS {
            if holds() {
                return;
            }
            yield_now().await;
        }
        panic!(
            "it never came: {:?}, {:?}",
            self.held("w-0"),
            self.held("w-1")
        );
    }
}

/// Gives everything on its way the time to come.
async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_and_then_changes_reach_the_evidence_as_the_exporters() {
    let bench = Bench::start().await;
    let mut line = bench.line().await;
    let before = snapshot(vec![worker("w-0", 2)], "visible");
    line.tell("snapshot", &before).await;
    bench.until(|| bench.tasks("w-0") == Some(2)).await;
    assert_eq!(bench.tasks("w-1"), Some(0));
    advance(Duration::from_secs(5)).await;
    let after = snapshot(vec![worker("w-1", 3)], "visible");
    line.tell("change", &after.since(&before).expect("a change"))
        .await;
    bench.until(|| bench.tasks("w-1") == Some(3)).await;
    assert_eq!(bench.tasks("w-0"), Some(0), "it is gone from the snapshot");
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_says_that_the_exporter_lives_but_not_that_its_facts_are_new() {
    let bench = Bench::start().await;
    let mut line = bench.line().await;
    line.tell("snapshot", &snapshot(Vec::new(), "visible"))
        .await;
    bench.until(|| bench.heard().is_some()).await;
    let told = || {
        bench.state.view(|view| {
            let bounds = view.policy.bounds;
            view.evidence.cluster(&cluster()).cycle(&bounds, view.now)
        })
    };
    let (first, cycle) = (bench.heard(), told());
    advance(Duration::from_secs(10)).await;
    line.say(b": still here\n\n").await;
    bench.until(|| bench.heard() > first).await;
    assert!(cycle.is_some());
    assert_eq!(told(), cycle, "the same cycle as before");
}

/// What ends a stream, as the exporter says it after the head of a good answer.
enum Breach {
    Tells(&'static str, serde_json::Value),
    Says(&'static [u8]),
    /// Nothing more.
    Ends,
}

fn breaches() -> Vec<Breach> {
    let known = snapshot(vec![worker("w-0", 1)], "visible");
    let next = snapshot(vec![worker("w-0", 2)], "visible");
    let change = serde_json::to_value(next.since(&known)).expect("JSON");
    let mut later = serde_json::to_value(&known).expect("JSON");
    later["schemaVersion"] = (SCHEMA_VERSION + 1).into();
    vec![
        Breach::Tells("change", change),
        Breach::Tells("snapshot", later),
        Breach::Tells(
            "snapshot",
            serde_json::json!({"schemaVersion": SCHEMA_VERSION}),
        ),
        Breach::Says(b"event: snapshot\ndata: {\"sche\n\n"),
        Breach::Says(b"data: \xff\n\n"),
        Breach::Ends,
    ]
}

/// Nothing of what broke it counts, and the next connection begins anew.
#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_taken_up_again() {
    let bench = Bench::start().await;
    for breach in breaches() {
        let mut line = bench.line().await;
        match breach {
            Breach::Tells(name, data) => line.tell(name, &data).await,
            Breach::Says(bytes) => line.say(bytes).await,
            Breach::Ends => continue,
        }
        bench.until(|| line.is_left()).await;
    }
    let mut line = bench.line().await;
    assert_eq!(bench.heard(), None, "nothing of it was taken");
    line.tell("snapshot", &snapshot(vec![worker("w-0", 7)], "visible"))
        .await;
    bench.until(|| bench.tasks("w-0") == Some(7)).await;
}

/// A snapshot that was known before the break says nothing about changes that come after it.
#[tokio::test(start_paused = true)]
async fn what_was_known_before_a_break_is_no_base_for_a_change() {
    let bench = Bench::start().await;
    let mut line = bench.line().await;
    let known = snapshot(vec![worker("w-0", 1)], "visible");
    line.tell("snapshot", &known).await;
    bench.until(|| bench.tasks("w-0") == Some(1)).await;
    drop(line);
    let mut line = bench.line().await;
    let next = snapshot(vec![worker("w-1", 4)], "visible");
    line.tell("change", &next.since(&known).expect("a change"))
        .await;
    bench.until(|| line.is_left()).await;
    assert_eq!((bench.tasks("w-0"), bench.tasks("w-1")), (Some(1), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_stream() {
    let bench = Bench::start().await;
    let mut line = bench.line().await;
    line.tell("snapshot", &snapshot(Vec::new(), "visible"))
        .await;
    bench.until(|| bench.heard().is_some()).await;
    let second = Duration::from_secs(1);
    advance(DEAF.saturating_sub(second)).await;
    turns(PER_MOVE).await;
    assert!(!line.is_left(), "it may yet say something");
    advance(second).await;
    bench.until(|| line.is_left()).await;
    bench
        .line()
        .await
        .tell("snapshot", &snapshot(vec![worker("w-0", 5)], "visible"))
        .await;
    bench.until(|| bench.tasks("w-0") == Some(5)).await;
}

#[tokio::test(start_paused = true)]
async fn an_exporter_that_takes_the_request_and_does_not_answer_is_asked_again() {
    let bench = Bench::start().await;
    let silent = bench.asked().await;
    advance(DEAF).await;
    bench.until(|| silent.is_left()).await;
    let mut line = bench.line().await;
    line.tell("snapshot", &snapshot(vec![worker("w-0", 5)], "visible"))
        .await;
    bench.until(|| bench.tasks("w-0") == Some(5)).await;
}

/// Pauses grow while nothing comes of it, and are short again after a snapshot.
#[tokio::test(start_paused = true)]
async fn it_asks_less_and_less_often_until_something_comes_of_it() {
    let bench = Bench::start().await;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let mut line = bench.asked().await;
        let asked = bench.state.calendar().now();
        line.answer("503 Service Unavailable").await;
        drop(line);
        pauses.push(asked);
    }
    let pauses = pauses
        .windows(2)
        .map(|pair| pair[1].since(pair[0]).as_secs());
    assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 8, 15]);
    let mut line = bench.line().await;
    line.tell("snapshot", &snapshot(Vec::new(), "visible"))
        .await;
    bench.until(|| bench.heard().is_some()).await;
    let ended = bench.state.calendar().now();
    drop(line);
    bench.asked().await;
    assert_eq!(bench.state.calendar().now().since(ended), PAUSE);
}

#[tokio::test(start_paused = true)]
async fn it_asks_for_the_stream_with_the_token_that_its_file_holds_now() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "first\n").expect("written");
    let bench = Bench::with(Some(file.path().to_path_buf())).await;
    let mut line = bench.asked().await;
    assert!(
        line.head
            .starts_with("get /base/v1/snapshot?watch http/1.1\r\n"),
        "{}",
        line.head
    );
    assert!(
        line.head.contains("\r\naccept: text/event-stream\r\n"),
        "{}",
        line.head
    );
    assert!(
        line.head.contains("\r\nauthorization: bearer first\r\n"),
        "{}",
        line.head
    );
    std::fs::write(file.path(), "second").expect("written");
    line.answer("401 Unauthorized").await;
    drop(line);
    let line = bench.asked().await;
    assert!(
        line.head.contains("\r\nauthorization: bearer second\r\n"),
        "{}",
        line.head
    );
}
