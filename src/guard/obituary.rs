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
            let now: HashMap<_, _> = self.state.view(|view| {
                let pods = view.world.pods().filter(|pod| is_counted(view, pod));
                pods.filter_map(|pod| Some((pod.uid.clone(), life(view, pod)?)))
                    .collect()
            });
            for (uid, life) in &lives {
                let goes_on = now
                    .get(uid)
                    .is_some_and(|later| later.container == life.container);
                if let Some(tasks_lost) = life.lost.filter(|_| !goes_on) {
                    tracing::warn!(uid, tasks_lost, "A worker went without asking the guard");
                    self.counters
                        .deaths
                        .get_or_create(&Lost { tasks_lost })
                        .inc();
                }
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
