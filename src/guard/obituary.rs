//! Counts guarded workers that went without asking: node pressure, OOM kills, lost machines. What admission can't
//! prevent is at least seen.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::guard::class::{Class, View};
use crate::core::guard::facts::pod::{Pod, Role};

use super::counters::{Counters, Lost};
use super::state::State;

/// How often workers are looked over.
const EVERY: Duration = Duration::from_secs(1);

/// Looks over workers.
#[derive(Debug)]
pub struct Obituary {
    /// Where they are.
    pub state: State,
    /// What is counted.
    pub counters: Counters,
}

/// A worker as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Life {
    container: String,
    /// What its death would cost; `None` where it was allowed to go, or had nothing yet.
    lost: Option<&'static str>,
}

impl Obituary {
    /// Counts until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut lives: HashMap<String, Life> = HashMap::new();
        loop {
            let (now, gone) = self.state.view(|view| (census(view), gone(view, &lives)));
            for (uid, tasks_lost) in gone {
                tracing::warn!(uid, tasks_lost, "A worker went without asking the guard");
                self.counters
                    .deaths
                    .get_or_create(&Lost { tasks_lost })
                    .inc();
            }
            lives = now;
            if stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
        }
    }
}

/// The guarded workers that run now.
fn census(view: &View) -> HashMap<String, Life> {
    let pods = view.world.pods().filter(|pod| is_counted(view, pod));
    let lives = pods.filter_map(|pod| Some((pod.uid.clone(), life(view, pod)?)));
    lives.collect()
}

/// Whose container runs no more although nobody let it go. One that runs on in a namespace that left the guard is not
/// dead.
fn gone(view: &View, lives: &HashMap<String, Life>) -> Vec<(String, &'static str)> {
    let runs_on = |uid: &str, life: &Life| {
        let pod = view.world.pod_by_uid(uid);
        pod.is_some_and(|pod| pod.running() == Some(life.container.as_str()))
    };
    let gone = lives.iter().filter(|(uid, life)| !runs_on(uid, life));
    let lost = gone.filter_map(|(uid, life)| Some((uid.clone(), life.lost?)));
    lost.collect()
}

fn is_counted(view: &View, pod: &Pod) -> bool {
    pod.role == Role::Worker && view.is_guarded(pod)
}

fn life(view: &View, pod: &Pod) -> Option<Life> {
    let allowed = pod.deleting.is_some() || pod.notes.grant.is_some();
    let lost = match view.class(pod) {
        _ if allowed => None,
        Class::Busy(_) => Some("yes"),
        Class::Idle => Some("no"),
        Class::Unknown => Some("unknown"),
        Class::Dead | Class::Starting | Class::Drained { .. } | Class::Leaked => None,
    };
    Some(Life {
        container: pod.running()?.to_owned(),
        lost,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::Name;
    use crate::core::guard::facts::place::Namespace;
    use crate::core::guard::plan::scene::{SPACE, Scene};

    #[test]
    fn a_worker_that_vanishes_is_counted_and_one_whose_namespace_leaves_the_guard_is_not() {
        let mut scene = Scene::deployment(2);
        let before = census(&scene.view());
        assert_eq!(before.len(), 2);
        scene
            .world
            .put_namespace(SPACE.to_owned(), Namespace::default());
        assert!(census(&scene.view()).is_empty());
        assert_eq!(gone(&scene.view(), &before), []);
        scene.world.drop_pod(&Name::new(SPACE, "w-1"));
        let gone = gone(&scene.view(), &before);
        assert_eq!(gone, [("uid-w-1".to_owned(), "unknown")]);
    }

    #[test]
    fn a_container_that_restarts_is_counted_unless_it_was_let_go() {
        let mut scene = Scene::deployment(2);
        let now = scene.now;
        scene.edit("w-1", |pod| pod.deleting = Some(now));
        let before = census(&scene.view());
        for name in ["w-0", "w-1"] {
            scene.edit(name, |pod| {
                pod.container.as_mut().unwrap().id = "second".to_owned();
            });
        }
        let gone = gone(&scene.view(), &before);
        assert_eq!(gone, [("uid-w-0".to_owned(), "unknown")]);
    }
}
