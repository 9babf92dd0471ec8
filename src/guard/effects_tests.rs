//! Grants are written onto the version that was judged, and how that ends decides the answer.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};

use super::*;
use crate::cluster::calendar::Calendar;
use crate::core::guard::ask::{Caller, Outcome as Answer};
use crate::core::guard::edit::Edit;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;
use crate::core::guard::notes::Cause;
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::policy::Policy;
use crate::core::guard::staging::{by, delete};
use crate::core::guard::world::World;
use crate::guard::state::Atlas;

/// Answers all the same, and keeps the versions that it was given to write onto.
#[derive(Debug)]
struct Notebook {
    answer: Written,
    versions: Mutex<Vec<String>>,
    marks: Mutex<Vec<String>>,
}

impl Notebook {
    fn marks(&self) -> Vec<String> {
        let marks = self.marks.lock();
        marks.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn versions(&self) -> Vec<String> {
        let versions = self.versions.lock();
        versions.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Pen for Notebook {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written> {
        let known = [keys::GRANT, keys::DRAIN_REQUESTED];
        assert!(edit.set.iter().any(|(key, _)| known.contains(key)));
        let version = pod.resource_version.clone();
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.push(version);
        future::ready(self.answer.clone()).boxed()
    }

    fn evict<'a>(&'a self, _: &'a Pod) -> BoxFuture<'a, Written> {
        future::ready(self.answer.clone()).boxed()
    }

    fn mark<'a>(
        &'a self,
        _: &'a Workload,
        _: &'static str,
        text: String,
    ) -> BoxFuture<'a, Written> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.push(text);
        future::ready(self.answer.clone()).boxed()
    }

    fn note_pod(&self, _: &Pod, _: Note) {}

    fn note_workload(&self, _: &Workload, _: Note) {}
}

/// The world of one replica, its effects, and what they wrote.
struct Desk {
    world: Arc<RwLock<World>>,
    effects: Effects,
    pen: Arc<Notebook>,
}

impl Desk {
    fn new(answer: Written) -> Self {
        let mut scene = Scene::deployment(2);
        for name in ["w-0", "w-1"] {
            scene.edit(name, |pod| "7".clone_into(&mut pod.resource_version));
        }
        let world = Arc::new(RwLock::new(scene.world));
        let atlas = Atlas::Held(Arc::clone(&world));
        let state = State::new(atlas, Policy::default(), Calendar::start());
        let pen = Arc::new(Notebook {
            answer,
            versions: Mutex::default(),
            marks: Mutex::default(),
        });
        Self {
            effects: Effects::new(state, Arc::clone(&pen) as Arc<dyn Pen>, Counters::default()),
            world,
            pen,
        }
    }

    /// Something happens to a pod after the verdict.
    fn meanwhile(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.write().expect("nobody panicked"));
    }

    /// An eviction of `w-0` by the taint controller was refused.
    fn refuse(&self) {
        let ask = by(Caller::TaintController, delete("w-0"));
        let effect = Effect::Want {
            uid: "uid-w-0".to_owned(),
            cause: Cause::Taint,
            target: None,
            clock: true,
        };
        let verdict = Verdict {
            effects: vec![effect],
            ..Verdict::wait(Row::Busy, "busy".to_owned())
        };
        self.effects.after(ask, verdict);
    }

    async fn grant(&self, grants: &[(&str, bool)]) -> Granted {
        let effects = grants.iter().map(|(name, required)| Effect::Grant {
            uid: format!("uid-{name}"),
            version: "7".to_owned(),
            key: GrantKey::Pod,
            required: *required,
        });
        let verdict = Verdict {
            row: Row::Drained,
            outcome: Answer::Allow,
            message: String::new(),
            warnings: Vec::new(),
            effects: effects.collect(),
        };
        self.effects.grant(&verdict).await
    }
}

fn newer(world: &mut World, name: &str) {
    let uid = format!("uid-{name}");
    let mut pod = world.pod_by_uid(&uid).expect("a pod").clone();
    "8".clone_into(&mut pod.resource_version);
    world.put_pod(pod);
}

#[tokio::test]
async fn a_grant_goes_onto_the_version_that_was_judged() {
    let desk = Desk::new(Written::Done);
    assert_eq!(desk.grant(&[("w-0", true)]).await, Granted::All);
    assert_eq!(desk.pen.versions(), ["7"]);
}

#[tokio::test]
async fn a_pod_that_changed_since_the_verdict_is_a_lost_race_and_nothing_is_written() {
    let desk = Desk::new(Written::Done);
    desk.meanwhile(|world| newer(world, "w-0"));
    assert_eq!(desk.grant(&[("w-0", true)]).await, Granted::LostRace);
    assert!(desk.pen.versions().is_empty());
}

#[tokio::test]
async fn a_lost_race_for_a_grant_that_nothing_rests_on_stops_nobody() {
    let desk = Desk::new(Written::Done);
    desk.meanwhile(|world| newer(world, "w-1"));
    let grants = [("w-0", true), ("w-1", false)];
    assert_eq!(desk.grant(&grants).await, Granted::All);
    assert_eq!(desk.pen.versions(), ["7"]);
}

#[tokio::test]
async fn a_pod_that_is_gone_needs_no_grant() {
    let desk = Desk::new(Written::Done);
    desk.meanwhile(|world| {
        let name = world.pod_by_uid("uid-w-0").expect("a pod").name.clone();
        world.drop_pod(&name);
    });
    assert_eq!(desk.grant(&[("w-0", true)]).await, Granted::All);
    assert!(desk.pen.versions().is_empty());
}

#[tokio::test]
async fn what_the_api_server_says_decides_the_rest() {
    let failed = || "no answer".to_owned();
    for (answer, granted) in [
        (Written::LostRace, Granted::LostRace),
        (Written::Gone, Granted::All),
        (Written::NotNow(failed()), Granted::Failed(failed())),
        (Written::Failed(failed()), Granted::Failed(failed())),
    ] {
        let desk = Desk::new(answer);
        assert_eq!(desk.grant(&[("w-0", true), ("w-1", true)]).await, granted);
    }
}

/// The taint-eviction controller asks five times within a moment, and never again.
#[tokio::test]
async fn a_refusal_that_could_not_be_written_is_tried_again_until_the_guard_leaves() {
    let desk = Desk::new(Written::Failed("no answer".to_owned()));
    desk.refuse();
    while desk.pen.versions().len() < 3 {
        tokio::time::sleep(CATCH_UP).await;
    }
    desk.effects.finish().await;
    let tried = desk.pen.versions().len();
    tokio::time::sleep(CATCH_UP * 3).await;
    assert_eq!(desk.pen.versions().len(), tried);
}

/// What was only asked for may still be refused.
#[tokio::test]
async fn a_clamp_is_written_down_when_it_stands() {
    let clamp = |given| Clamp { asked: 0, given };
    let name = Name::new(SPACE, "w");
    let desk = Desk::new(Written::Done);
    desk.effects.clamped(Kind::Deployment, &name, clamp(1));
    desk.effects.clamped(Kind::Deployment, &name, clamp(0));
    tokio::time::sleep(CATCH_UP * 2).await;
    assert!(desk.pen.marks().is_empty(), "nobody has written it");
    desk.meanwhile(|world| {
        let workload = world.workload(Kind::Deployment, &name).expect("it").clone();
        world.put_workload(Workload {
            replicas: 1,
            ..workload
        });
    });
    desk.effects.finish().await;
    assert_eq!(desk.pen.marks(), [r#"{"asked":0,"given":1}"#]);
}
