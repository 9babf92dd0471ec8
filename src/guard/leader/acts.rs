//! What the leader is doing now: one action per pod, so many at once, and fewer proofs, which may take long. Decides
//! nothing about what is done.

use std::collections::{HashMap, HashSet};

use tokio::task::{Id, JoinSet};

use crate::core::guard::plan::Action;

/// Actions performed at once.
const AT_ONCE: usize = 32;

/// Proofs among them: slow coordinators hold up no drain and no return of other clusters.
const PROOFS: usize = 16;

/// Actions that are being performed.
#[derive(Debug, Default)]
pub struct Acts {
    tasks: JoinSet<()>,
    running: HashMap<Id, Act>,
    pods: HashSet<String>,
    proofs: usize,
}

#[derive(Debug)]
struct Act {
    pod: Option<String>,
    proof: bool,
}

impl Acts {
    /// Whether there is a place for an action, and nothing else is being done to its pod.
    pub fn may_begin(&self, action: &Action) -> bool {
        let free = action.pod().is_none_or(|uid| !self.pods.contains(uid));
        let proof = matches!(action, Action::Prove { .. });
        free && self.tasks.len() < AT_ONCE && (!proof || self.proofs < PROOFS)
    }

    /// Begins one on this pod.
    pub fn begin(
        &mut self,
        pod: Option<String>,
        proof: bool,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.pods.extend(pod.clone());
        self.proofs += usize::from(proof);
        let id = self.tasks.spawn(work).id();
        self.running.insert(id, Act { pod, proof });
    }

    /// Waits until one has ended, even by a panic. False where there is none.
    pub async fn ended(&mut self) -> bool {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return false;
        };
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        if let Some(act) = self.running.remove(&id) {
            self.proofs -= usize::from(act.proof);
            if let Some(pod) = act.pod {
                self.pods.remove(&pod);
            }
        }
        true
    }

    /// Whether nothing is being done.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prove(pod: &str) -> Action {
        Action::Prove {
            uid: pod.to_owned(),
            first: true,
        }
    }

    fn put(pod: &str) -> Action {
        Action::PutActive {
            uid: pod.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_pod_is_acted_on_once_at_a_time_and_free_again_after_a_panic() {
        let mut acts = Acts::default();
        acts.begin(Some("a".to_owned()), false, async { panic!("on purpose") });
        assert!(!acts.may_begin(&put("a")));
        assert!(acts.may_begin(&put("b")));
        assert!(acts.ended().await);
        assert!(acts.may_begin(&put("a")) && acts.is_empty());
        assert!(!acts.ended().await, "nothing is left to wait for");
    }

    #[tokio::test]
    async fn proofs_leave_places_to_others() {
        let mut acts = Acts::default();
        for number in 0..PROOFS {
            let pod = format!("p-{number}");
            assert!(acts.may_begin(&prove(&pod)));
            acts.begin(Some(pod), true, std::future::pending());
        }
        assert!(!acts.may_begin(&prove("p")));
        for number in PROOFS..AT_ONCE {
            let pod = format!("w-{number}");
            assert!(acts.may_begin(&put(&pod)));
            acts.begin(Some(pod), false, std::future::pending());
        }
        assert!(!acts.may_begin(&put("w")));
    }
}
