//! Lists and watches against a stub of the API server: pages, events, bookmarks, and everything that breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::{Options, Watched, freshness::Freshness, store::Store};
use super::*;
use crate::cluster::calendar::Calendar;
use crate::cluster::selection::Selection;
use crate::cluster::stub::{Answer, Asked, LIMIT, Stub, raw_pod};
use crate::core::guard::dates::Gaps;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::world::World;

const PODS: &str = "/api/v1/pods";

fn pace() -> Pace {
    let short = Duration::from_millis(40);
    Pace {
        watch: 30,
        whole: LIMIT,
        idle: short,
        page: short,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        left_out: short,
    }
}

/// A reflector that runs until it is dropped.
struct Scene {
    stub: Stub,
    watched: Watched,
    clock: Clock,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    fn start(
        item: Item,
        namespaces: &[&str],
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::paced(pace(), item, namespaces, handler)
    }

    fn paced(
        pace: Pace,
        item: Item,
        namespaces: &[&str],
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let selection = Selection {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            ..Selection::default()
        };
        let enabled = Mode::Enforce;
        let (store, _) = Store::new(
            Options {
                selection,
                enabled,
                external: Vec::new(),
                calendar: Calendar::start(),
                gaps: Gaps::default(),
            },
            1,
        );
        let freshness = Freshness::new(std::iter::once(item.to_string()));
        let watched = Watched {
            store: Arc::new(store),
            freshness: Arc::new(freshness),
        };
        let (stub, clock, stop) = (Stub::new(handler), Clock::start(), CancellationToken::new());
        let reflector = Reflector {
            kubernetes: stub.kubernetes(),
            watched: watched.clone(),
            index: 0,
            item,
            pace,
            clock,
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(reflector.run()));
        Self {
            stub,
            watched,
            clock,
            stop,
        }
    }

    /// Waits until the world is as it should be.
    async fn until(&self, what: &str, met: impl Fn(&World) -> bool) {
        let mut changes = self.watched.changes();
        let wait = async {
            while !self.watched.read(&met) {
                changes.changed().await.expect("the store lives");
            }
        };
        assert!(
            tokio::time::timeout(LIMIT, wait).await.is_ok(),
            "never saw {what}"
        );
    }

    /// Waits until the stub has been asked what it should be asked.
    async fn asked(&self, what: &str, met: impl Fn(&[Asked]) -> bool) {
        for _ in 0..2000 {
            if met(&self.stub.asked()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never asked {what}: {:?}", self.stub.asked());
    }

    fn is_ready(&self) -> bool {
        self.watched.waiting(self.clock.now()).is_empty()
    }
}

fn pods() -> Item {
    Item {
        subject: Subject::Pods,
        namespace: None,
        selector: Some("a=b".to_owned()),
        optional: false,
    }
}

fn list(version: &str, next: &str, items: &[Value]) -> Answer {
    Answer::json(
        json!({"metadata": {"resourceVersion": version, "continue": next}, "items": items}),
    )
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn bookmark(version: &str) -> Value {
    let metadata = json!({"resourceVersion": version, "creationTimestamp": null});
    event(
        "BOOKMARK",
        &json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"containers": null}}),
    )
}

fn events(lines: Vec<Value>) -> Answer {
    Answer::Events { lines, open: true }
}

fn ended(lines: Vec<Value>) -> Answer {
    Answer::Events { lines, open: false }
}

fn count(world: &World) -> usize {
    world.pods().count()
}

/// The versions that watches were asked to go on from.
fn resumed(asked: &[Asked]) -> Vec<String> {
    let watches = asked.iter().filter(|asked| asked.is_watch());
    watches
        .map(|asked| asked.query["resourceVersion"].clone())
        .collect()
}

fn lists(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| !asked.is_watch()).count()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_then_watched() {
    let scene = Scene::start(pods(), &[], |asked| {
        if asked.is_watch() {
            let gone = event("DELETED", &raw_pod("b", "12"));
            return events(vec![event("ADDED", &raw_pod("c", "11")), gone]);
        }
        match asked.query.get("continue").map(String::as_str) {
            None => list("10", "more", &[raw_pod("a", "1")]),
            Some(_) => list("10", "", &[raw_pod("b", "2")]),
        }
    });
    scene
        .until("a and c", |world| {
            let name = |name| crate::core::guard::facts::Name::new("trino", name);
            count(world) == 2 && world.pod(&name("c")).is_some()
        })
        .await;
    assert!(scene.is_ready());
    let asked = scene.stub.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.path == PODS && asked.query["labelSelector"] == "a=b")
    );
    assert_eq!(
        (
            asked[0].query["limit"].as_str(),
            asked[0].query.get("resourceVersion")
        ),
        ("500", None)
    );
    assert_eq!(asked[1].query["continue"], "more");
    let watch = &asked[2].query;
    assert_eq!(
        (
            watch["resourceVersion"].as_str(),
            watch["allowWatchBookmarks"].as_str()
        ),
        ("10", "true")
    );
    assert_eq!(watch["timeoutSeconds"], "30");
}

#[tokio::test]
async fn half_a_list_is_not_ready() {
    let scene = Scene::start(pods(), &[], |asked| match asked.query.get("continue") {
        None => list("10", "more", &[raw_pod("a", "1")]),
        Some(_) => Answer::Silence,
    });
    scene
        .until("the first page", |world| count(world) == 1)
        .await;
    assert!(!scene.is_ready());
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_its_last_bookmark() {
    let scene = Scene::start(pods(), &[], |asked| {
        if !asked.is_watch() {
            return list("10", "", &[]);
        }
        match asked.query["resourceVersion"].as_str() {
            "10" => ended(vec![bookmark("20")]),
            "20" => ended(vec![event("ADDED", &raw_pod("a", "30"))]),
            _ => events(vec![bookmark("40")]),
        }
    });
    scene.until("a", |world| count(world) == 1).await;
    scene
        .asked("from 30", |asked| {
            resumed(asked).iter().any(|version| version == "30")
        })
        .await;
    assert_eq!(resumed(&scene.stub.asked())[..3], ["10", "20", "30"]);
    assert_eq!(lists(&scene.stub.asked()), 1);
}

/// A half-open connection: the stream stays open and nothing ever comes.
#[tokio::test]
async fn a_silent_watch_is_taken_for_dead() {
    let scene = Scene::start(pods(), &[], |asked| {
        if !asked.is_watch() {
            return list("10", "", &[]);
        }
        match asked.query["resourceVersion"].as_str() {
            "10" => events(vec![bookmark("20")]),
            _ => events(vec![event("ADDED", &raw_pod("a", "21"))]),
        }
    });
    scene
        .until("what came after the silence", |world| count(world) == 1)
        .await;
    assert_eq!(resumed(&scene.stub.asked())[..2], ["10", "20"]);
}

#[tokio::test]
async fn a_version_that_the_server_forgot_is_listed_anew() {
    for forgotten in [
        Answer::status(410, "too old"),
        ended(vec![event(
            "ERROR",
            &json!({"kind": "Status", "code": 410, "message": "too old", "reason": "Expired"}),
        )]),
    ] {
        let seen = AtomicUsize::new(0);
        let scene = Scene::start(pods(), &[], move |asked| {
            let first = seen.load(Ordering::SeqCst) == 0;
            match (asked.is_watch(), first) {
                (true, true) => {
                    seen.fetch_add(1, Ordering::SeqCst);
                    forgotten.clone()
                }
                (true, false) => events(vec![bookmark("99")]),
                (false, true) => list("10", "", &[raw_pod("a", "1")]),
                (false, false) => list("90", "", &[raw_pod("b", "80")]),
            }
        });
        let name = crate::core::guard::facts::Name::new("trino", "b");
        scene
            .until("b alone", |world| {
                count(world) == 1 && world.pod(&name).is_some()
            })
            .await;
        scene
            .asked("from 90", |asked| resumed(asked).len() >= 2)
            .await;
        assert_eq!(resumed(&scene.stub.asked())[1], "90");
    }
}

#[tokio::test]
async fn a_page_that_the_server_forgot_begins_the_list_again() {
    let tries = AtomicUsize::new(0);
    let scene = Scene::start(pods(), &[], move |asked| {
        if asked.is_watch() {
            return events(vec![bookmark("10")]);
        }
        match asked.query.get("continue") {
            None => list("10", "more", &[raw_pod("a", "1")]),
            Some(_) if tries.fetch_add(1, Ordering::SeqCst) == 0 => Answer::status(410, "expired"),
            Some(_) => list("10", "", &[raw_pod("b", "1")]),
        }
    });
    scene.until("both", |world| count(world) == 2).await;
    scene
        .asked("for four pages", |asked| lists(asked) >= 4)
        .await;
}

#[tokio::test]
async fn garbage_and_failures_are_tried_again_and_what_is_known_stays() {
    let tries = AtomicUsize::new(0);
    let scene = Scene::start(pods(), &[], move |asked| {
        if !asked.is_watch() {
            return list("10", "", &[raw_pod("a", "1")]);
        }
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::status(500, "etcd is away"),
            1 => events(vec![json!({"type": "ADDED", "object": 7})]),
            2 => Answer::Silence,
            _ => events(vec![event("ADDED", &raw_pod("b", "11"))]),
        }
    });
    scene.until("b", |world| count(world) == 2).await;
    assert!(scene.is_ready());
}

#[tokio::test]
async fn a_watch_that_is_cut_off_is_no_busy_loop_and_lists_again() {
    let scene = Scene::start(pods(), &[], |asked| {
        if asked.is_watch() {
            ended(Vec::new())
        } else {
            list("10", "", &[])
        }
    });
    scene
        .asked("for a second list", |asked| lists(asked) >= 2)
        .await;
    let asked = scene.stub.asked();
    let second = asked
        .iter()
        .skip(1)
        .position(|asked| !asked.is_watch())
        .expect("a second list");
    assert_eq!(second, 3, "three resumes between two lists");
}

#[tokio::test]
async fn a_watch_that_lasted_its_time_in_silence_is_alive() {
    let (whole, idle) = (Duration::from_millis(5), LIMIT);
    let pace = Pace {
        whole,
        idle,
        ..pace()
    };
    let scene = Scene::paced(pace, pods(), &[], |asked| {
        if asked.is_watch() {
            Answer::Late(Duration::from_millis(6))
        } else {
            list("10", "", &[])
        }
    });
    scene
        .asked("for ten watches", |asked| resumed(asked).len() >= 10)
        .await;
    assert_eq!(lists(&scene.stub.asked()), 1);
}

#[test]
fn one_dead_watch_does_not_make_the_cache_stale() {
    let pace = Pace::default();
    let watch = Duration::from_secs(pace.watch.into());
    assert!(pace.whole < watch && watch < pace.idle);
    assert!(pace.idle + pace.first_pause + watch < crate::cluster::watch::freshness::STALE);
}

fn namespaces(optional: bool) -> Item {
    Item {
        subject: Subject::Namespaces,
        namespace: None,
        selector: None,
        optional,
    }
}

#[tokio::test]
async fn what_no_role_can_grant_is_left_out() {
    let scene = Scene::start(namespaces(true), &["trino"], |_| Answer::status(403, "no"));
    scene
        .until("an assumed namespace", |world| {
            world.namespace("trino").and_then(|found| found.mode) == Some(Mode::Enforce)
        })
        .await;
    assert!(scene.is_ready());
}

#[tokio::test]
async fn what_a_cluster_role_must_grant_is_waited_for() {
    let scene = Scene::start(namespaces(false), &[], |_| Answer::status(403, "no"));
    scene.asked("twice", |asked| asked.len() >= 2).await;
    assert_eq!(
        scene.watched.waiting(scene.clock.now()),
        ["first list of namespaces"]
    );
}
