//! From a question to a verdict that holds: looks at workers where the verdict rests on their last word, and writes
//! grants before an allow. Another replica that was faster is an ordinary case: everything is judged again.

use std::time::Duration;

use crate::core::guard::ask::{Ask, Outcome, Verdict};
use crate::core::guard::rows::Row;
use crate::core::guard::verdict::{outrun, recalled, unseen, unwritten};
use crate::guard::effects::Granted;

use super::Webhook;

/// Judged again so often after a lost race.
const TRIES: usize = 4;

/// Until the watch has brought what another replica wrote.
const CATCH_UP: Duration = Duration::from_millis(150);

impl Webhook {
    /// The verdict on what a stranger asks: from memory alone, since strangers make us ask nobody.
    pub fn recall(&self, ask: &Ask) -> Verdict {
        self.state.view(|view| recalled(view, ask))
    }

    /// The verdict. `live` when it will count: then no allow goes out without its grants.
    pub async fn decide(&self, ask: &Ask, live: bool) -> Verdict {
        let mut verdict = self.looked(ask).await;
        for _ in 0..TRIES {
            if verdict.outcome != Outcome::Allow || !live {
                return verdict;
            }
            match self.effects.grant(&verdict).await {
                Granted::All => return verdict,
                Granted::LostRace => tokio::time::sleep(CATCH_UP).await,
                Granted::Failed(why) => {
                    tracing::warn!(why, "Could not write down that a removal is allowed");
                    return self.state.view(|view| unwritten(view, ask, verdict));
                }
            }
            verdict = self.looked(ask).await;
        }
        self.state.view(|view| outrun(view, ask, verdict))
    }

    /// The verdict after the API server was asked for a pod on whose absence it rests. Who can't ask does not allow.
    async fn sought(&self, ask: &Ask, verdict: Verdict) -> Verdict {
        let name = self
            .state
            .view(|view| unseen::doubtful(view, ask, &verdict).cloned());
        let (Some(name), Some(seeker)) = (name, &self.seeker) else {
            return verdict;
        };
        match seeker.uid(&name).await {
            Ok(uid) => self
                .state
                .view(|view| unseen::found(view, ask, verdict, uid.as_deref())),
            Err(failure) => {
                tracing::warn!(pod = %name, %failure, "Could not ask for a pod that the cache does not know");
                let text = format!(
                    "the guard does not know pod {name} and could not ask for it; try again"
                );
                Verdict::wait(Row::Unknown, text)
            }
        }
    }

    /// The verdict after the API server was asked whether there is really no coordinator, where it rests on that.
    async fn suspended(&self, ask: &Ask, verdict: Verdict) -> Verdict {
        let cluster = self
            .state
            .view(|view| unseen::suspended(view, ask, &verdict).cloned());
        let (Some(cluster), Some(seeker)) = (cluster, &self.seeker) else {
            return verdict;
        };
        let text = match seeker.has_coordinator(&cluster).await {
            Ok(false) => return verdict,
            Ok(true) => format!("{cluster} is being suspended, and its coordinator is still there"),
            Err(failure) => {
                tracing::warn!(%cluster, %failure, "Could not ask for a coordinator that the cache does not know");
                format!("the guard could not ask whether {cluster} has a coordinator; try again")
            }
        };
        Verdict::wait(Row::Unknown, text)
    }

    /// The verdict after the API server was asked for all pods of a namespace that is to be deleted with them.
    async fn emptied(&self, ask: &Ask, verdict: Verdict) -> Verdict {
        let name = self
            .state
            .view(|view| unseen::emptied(view, ask, &verdict).map(str::to_owned));
        let (Some(name), Some(seeker)) = (name, &self.seeker) else {
            return verdict;
        };
        match seeker.uids(&name).await {
            Ok(uids) => self
                .state
                .view(|view| unseen::all_known(view, &name, verdict, &uids)),
            Err(failure) => {
                tracing::warn!(namespace = name, %failure, "Could not ask for the pods of a namespace");
                self.state.view(|view| recalled(view, ask))
            }
        }
    }

    /// The verdict after whoever it rests on was asked. Who does not repeat what it said is refused.
    async fn looked(&self, ask: &Ask) -> Verdict {
        let mut verdict = self.state.judge(ask);
        if let Outcome::Look(uids) = &verdict.outcome {
            tokio::join!(self.looks.now(uids), self.lists.now(uids));
            verdict = refused_if_doubtful(self.state.judge(ask));
        }
        let verdict = self.sought(ask, verdict).await;
        let verdict = self.suspended(ask, verdict).await;
        self.emptied(ask, verdict).await
    }
}

/// Who would have to be asked once more is refused.
fn refused_if_doubtful(verdict: Verdict) -> Verdict {
    match verdict.outcome {
        Outcome::Look(_) => Verdict {
            outcome: Outcome::Wait,
            ..verdict
        },
        _ => verdict,
    }
}
