//! Elections against a stub that keeps one Lease as the API server does.

use std::sync::{Arc, Mutex};

use super::*;
use crate::cluster::stub::{Answer, Asked, LIMIT, Stub};
use crate::core::guard::dates::Gaps;

/// A server's Lease, and whether it answers.
#[derive(Default)]
struct Server {
    lease: Option<Value>,
    version: u64,
    broken: bool,
}

impl Server {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if self.broken {
            return Answer::status(503, "away");
        }
        match (asked.method.as_str(), self.lease.clone()) {
            ("GET", Some(lease)) => Answer::json(lease),
            ("POST", Some(_)) => Answer::status(409, "exists"),
            ("POST", None) => self.write(asked.body.clone()),
            (_, Some(lease)) => self.merge(lease, &asked.body),
            (_, None) => Answer::status(404, "none"),
        }
    }

    fn merge(&mut self, mut lease: Value, patch: &Value) -> Answer {
        if lease["metadata"]["resourceVersion"] != patch["metadata"]["resourceVersion"] {
            return Answer::status(409, "changed");
        }
        json_patch::merge(&mut lease, patch);
        self.write(lease)
    }

    fn write(&mut self, mut lease: Value) -> Answer {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        Answer::json(lease)
    }
}

struct Scene {
    server: Arc<Mutex<Server>>,
    stub: Stub,
    clock: Clock,
}

/// A candidate at work.
struct Working {
    leadership: Leadership,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn new() -> Self {
        let server = Arc::new(Mutex::new(Server::default()));
        let answering = Arc::clone(&server);
        let stub = Stub::new(move |asked| answering.lock().unwrap().answer(asked));
        let clock = Clock::start();
        Self {
            server,
            stub,
            clock,
        }
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            clock: self.clock,
            calendar: Calendar::start(),
        }
    }

    /// A process that begins `late` seconds from now, by its clock.
    async fn begin(&self, late: i64) -> Gaps {
        let name = Name::new("xtrinode-system", "guard");
        let me = "late".to_owned();
        let kubernetes = self.stub.kubernetes();
        let (late_one, _) = Candidate::new(kubernetes, name, me, Terms::default(), self.clocks());
        let now = Calendar::start().now();
        let span = Duration::from_secs(late.unsigned_abs());
        let now = if late < 0 {
            now.before(span)
        } else {
            now + span
        };
        late_one.begin(now).await.expect("the Lease is read")
    }

    fn candidate(&self, me: &str, duration: u64) -> Working {
        let (candidate, leadership) = self.of(me, duration);
        let begun = candidate.begun(None, Calendar::start().now());
        Self::working(begun, leadership)
    }

    fn of(&self, me: &str, duration: u64) -> (Candidate, Leadership) {
        let terms = Terms {
            duration: Duration::from_secs(duration),
            retry: Duration::from_millis(5),
            answer: LIMIT,
        };
        let name = Name::new("xtrinode-system", "guard");
        Candidate::new(
            self.stub.kubernetes(),
            name,
            me.to_owned(),
            terms,
            self.clocks(),
        )
    }

    fn working(candidate: Candidate, leadership: Leadership) -> Working {
        let stop = CancellationToken::new();
        let task = tokio::spawn(candidate.run(stop.clone()));
        Working {
            leadership,
            stop,
            task,
        }
    }

    fn spec(&self) -> Value {
        let server = self.server.lock().unwrap();
        server
            .lease
            .as_ref()
            .map_or(Value::Null, |lease| lease["spec"].clone())
    }
}

impl Working {
    async fn until(&mut self, leads: bool) {
        let leadership = &mut self.leadership;
        let wait = async {
            while leadership.leads() != leads {
                // Leading also ends by time alone.
                let _ = tokio::time::timeout(Duration::from_millis(20), leadership.changed()).await;
            }
        };
        tokio::time::timeout(LIMIT, wait)
            .await
            .expect("a change of hands");
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }
}

#[tokio::test]
async fn a_lease_is_made_renewed_and_given_back() {
    let scene = Scene::new();
    let mut one = scene.candidate("one", 60);
    one.until(true).await;
    assert!(one.leadership.lasts(Duration::from_secs(30)));
    assert!(!one.leadership.lasts(Duration::from_secs(60)));
    assert!(one.leadership.changed().await, "renewed");
    let spec = scene.spec();
    assert_eq!(
        (&spec["holderIdentity"], &spec["leaseDurationSeconds"]),
        (&json!("one"), &json!(60))
    );
    let leadership = one.leadership.clone();
    one.stop().await;
    assert!(!leadership.leads());
    assert_eq!(scene.spec()["holderIdentity"], "");
    let mut two = scene.candidate("two", 60);
    two.until(true).await;
    assert_eq!(scene.spec()["leaseTransitions"], 1);
    two.stop().await;
    let paths: Vec<_> = scene
        .stub
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    let collection = "/apis/coordination.k8s.io/v1/namespaces/xtrinode-system/leases";
    assert!(
        paths.iter().all(|path| path.starts_with(collection)),
        "{paths:?}"
    );
}

#[tokio::test]
async fn two_never_lead_at_once() {
    let scene = Scene::new();
    let mut all: Vec<_> = (0..4)
        .map(|index| scene.candidate(&format!("c{index}"), 60))
        .collect();
    for _ in 0..4 {
        let leads = |working: &Working| working.leadership.leads();
        let wait = async {
            while !all.iter().any(leads) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("a leader");
        for _ in 0..10 {
            assert!(all.iter().filter(|working| leads(working)).count() <= 1);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let leader = all.iter().position(leads).expect("a leader");
        all.remove(leader).stop().await;
    }
}

#[tokio::test]
async fn a_leader_that_can_not_renew_stops_in_time_and_another_takes_over() {
    let scene = Scene::new();
    let mut one = scene.candidate("one", 2);
    one.until(true).await;
    scene.server.lock().unwrap().broken = true;
    one.until(false).await;
    one.stop.cancel();
    scene.server.lock().unwrap().broken = false;
    // It is still in the Lease, of a life that is over.
    let taken = scene.spec()["holderIdentity"].clone();
    let mut two = scene.candidate("two", 2);
    two.until(true).await;
    assert_eq!(scene.spec()["holderIdentity"], "two");
    assert!(taken == "one" || taken == "", "{taken}");
    two.stop().await;
}

#[tokio::test]
async fn a_lease_that_somebody_else_took_is_lost_at_once() {
    let scene = Scene::new();
    let mut one = scene.candidate("one", 60);
    one.until(true).await;
    {
        let mut server = scene.server.lock().unwrap();
        let mut lease = server.lease.clone().expect("a Lease");
        lease["spec"]["holderIdentity"] = json!("stranger");
        server.write(lease);
    }
    one.until(false).await;
    one.stop().await;
    assert_eq!(
        scene.spec()["holderIdentity"],
        "stranger",
        "what is not ours is not given back"
    );
}

#[tokio::test]
async fn whoever_leaves_takes_the_lease_from_whoever_holds_it() {
    let scene = Scene::new();
    let terms = Terms {
        answer: LIMIT,
        ..Terms::default()
    };
    let name = Name::new("xtrinode-system", "guard");
    let kubernetes = scene.stub.kubernetes();
    let me = "cleanup".to_owned();
    let (leaving, _) = Candidate::new(kubernetes, name, me, terms, scene.clocks());
    let span = Duration::from_secs(150);
    assert_eq!(
        leaving.seize(span).await,
        Ok(Duration::ZERO),
        "nobody held it"
    );
    assert_eq!(scene.spec()["holderIdentity"], "cleanup");
    assert_eq!(scene.spec()["leaseDurationSeconds"], 150);

    *scene.server.lock().unwrap() = Server::default();
    let mut one = scene.candidate("one", 60);
    one.until(true).await;
    let others = leaving.seize(span).await.expect("it is taken");
    assert_eq!(others, Duration::from_secs(60), "so long the other may act");
    one.until(false).await;
    one.stop().await;
    assert_eq!(scene.spec()["holderIdentity"], "cleanup");

    scene.server.lock().unwrap().broken = true;
    assert!(leaving.seize(span).await.is_err());
}

#[tokio::test]
async fn whoever_begins_writes_down_for_how_long_nobody_guarded() {
    let scene = Scene::new();
    let mut one = scene.candidate("one", 60);
    one.until(true).await;
    let known = scene.begin(1).await;
    assert_eq!(scene.begin(2).await, known, "somebody leads");
    one.stop().await;
    let renewed = scene.spec()["renewTime"].clone();

    let gaps = scene.begin(3600).await;
    assert_ne!(gaps, known);
    let now = Calendar::start().now();
    let moved = gaps.date(now).since(known.date(now));
    let hour = Duration::from_secs(3600);
    assert!(moved.abs_diff(hour) < LIMIT, "{moved:?}");
    assert_eq!(scene.spec()["renewTime"], renewed, "nobody leads by that");
    assert_eq!(scene.begin(3601).await, gaps, "the next one reads it");

    let mut two = scene.candidate("two", 60);
    two.until(true).await;
    let text = scene.server.lock().unwrap().lease.clone().unwrap();
    let text = text["metadata"]["annotations"]["xtrinode.io/unguarded"].clone();
    assert!(
        text.as_str().is_some_and(|text| text.contains("from")),
        "it stays"
    );
    two.stop().await;
}

#[tokio::test]
async fn who_can_not_read_when_somebody_guarded_counts_everything_from_now() {
    let garbled = [
        json!({"metadata": {"annotations": {"xtrinode.io/unguarded": "[oops"}}, "spec": {"renewTime": "2026-01-31T18:00:00.000000Z"}}),
        json!({"metadata": {"annotations": {"xtrinode.io/unguarded": "[]"}}, "spec": {"renewTime": "yesterday"}}),
        json!({"metadata": {}, "spec": {"renewTime": Calendar::start().now().to_string()}}),
        json!({"metadata": {}, "spec": {}}),
    ];
    for lease in garbled.into_iter().map(Some).chain([None]) {
        let scene = Scene::new();
        if let Some(lease) = lease.clone() {
            let _ = scene.server.lock().unwrap().write(lease);
        }
        let gaps = scene.begin(0).await;
        let now = Calendar::start().now();
        assert!(gaps.date(long_before(now)) >= now, "{lease:?} {gaps:?}");
    }
}

/// Longer ago than anything counts.
fn long_before(now: Time) -> Time {
    now.before(Duration::from_secs(36_000))
}

/// Nobody who begins later takes what stands on pods for as old as it says.
#[tokio::test]
async fn who_leads_a_lease_that_says_nothing_writes_that_nobody_knows() {
    let scene = Scene::new();
    let mut one = scene.candidate("one", 60);
    one.until(true).await;
    let now = Calendar::start().now();
    let gaps = scene.begin(5).await;
    assert!(
        gaps.date(long_before(now)) + LIMIT >= now,
        "it was not there"
    );

    let known = json!({"metadata": {"annotations": {"xtrinode.io/unguarded": "[]"}}});
    let set = |document: &Value| {
        let mut server = scene.server.lock().unwrap();
        let mut lease = server.lease.clone().expect("a Lease");
        json_patch::merge(&mut lease, document);
        let _ = server.write(lease);
    };
    set(&known);
    assert_eq!(scene.begin(5).await, Gaps::default());
    tokio::time::sleep(Duration::from_millis(200)).await;
    set(&json!({"metadata": {"annotations": null}}));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let again = scene.begin(5).await;
    assert_eq!(again, Gaps::default(), "removed, and written again");
    one.stop().await;

    let (two, leadership) = scene.of("two", 60);
    let mut unseen = Scene::working(two.begun(None, now), leadership);
    unseen.until(true).await;
    let gaps = scene.begin(5).await;
    assert!(
        gaps.date(long_before(now)) + LIMIT >= now,
        "nobody had read it"
    );
    unseen.stop().await;
}
