//! Tells the people of a namespace that opted in when Trino-like pods in it are not guarded. The leader looks now and then;
//! an Event says what begins to hold, never what goes on. Decides only when to look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::api::keys;
use crate::cluster::client::Kubernetes;
use crate::cluster::events::{About, Herald, News};
use crate::cluster::selection::Selection;
use crate::cluster::strays::strays;

use super::leader::Lead;
use super::state::State;

/// Between two looks: a whole list of each namespace that opted in.
const EVERY: Duration = Duration::from_secs(300);

/// How often it is asked whether this replica leads, and whether a namespace has come.
const TICK: Duration = Duration::from_secs(10);

/// A page of a list that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(10);

/// Pods that a note names.
const NAMED: usize = 3;

/// Looks for strays.
pub struct Strays {
    /// Which namespaces opted in.
    pub state: State,
    /// Where pods are listed.
    pub kubernetes: Kubernetes,
    /// Which of them are guarded.
    pub selection: Selection,
    /// Where Events go.
    pub herald: Herald,
    /// Only the leader looks.
    pub lead: Arc<dyn Lead>,
}

/// What was seen of one namespace.
struct Seen {
    at: tokio::time::Instant,
    pods: BTreeSet<String>,
}

impl Strays {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut seen = BTreeMap::<String, Seen>::new();
        loop {
            tokio::time::sleep(TICK).await;
            if !self.lead.lasts(Duration::ZERO) {
                seen.clear();
                continue;
            }
            let spaces = self.state.view(|view| view.world.opted_in());
            seen.retain(|space, _| spaces.contains(space));
            for space in spaces {
                let due = seen
                    .get(&space)
                    .is_none_or(|seen| seen.at.elapsed() >= EVERY);
                if due {
                    self.look(space, &mut seen).await;
                }
            }
        }
    }

    async fn look(&self, space: String, seen: &mut BTreeMap<String, Seen>) {
        let at = tokio::time::Instant::now();
        let before = seen
            .remove(&space)
            .map(|seen| seen.pods)
            .unwrap_or_default();
        let pods = match strays(&self.kubernetes, &self.selection, &space, LIMIT).await {
            Ok(pods) => BTreeSet::from_iter(pods),
            Err(failure) => {
                tracing::warn!(namespace = space, %failure, "Could not look for pods that nobody guards");
                before.clone()
            }
        };
        if before.is_empty() && !pods.is_empty() {
            self.tell(&space, &pods);
        }
        seen.insert(space, Seen { at, pods });
    }

    fn tell(&self, space: &str, pods: &BTreeSet<String>) {
        let note = note(pods);
        tracing::warn!(
            namespace = space,
            pods = pods.len(),
            "Trino-like pods are not guarded"
        );
        self.herald.tell(News {
            about: About::namespace(space),
            reason: "Unguarded",
            action: "Guard",
            warning: true,
            note,
        });
    }
}

fn note(pods: &BTreeSet<String>) -> String {
    let names: Vec<&str> = pods.iter().take(NAMED).map(String::as_str).collect();
    let more = match pods.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{}{more} look like Trino and are not guarded: label them {}=worker or coordinator, or name them under coordinators in the guard's values",
        names.join(", "),
        keys::COMPONENT
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_a_few_and_counts_the_rest() {
        let pods: BTreeSet<_> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        let text = note(&pods);
        assert!(
            text.starts_with("a, b, c and 2 more look like Trino"),
            "{text}"
        );
        assert!(
            text.contains("app.kubernetes.io/component=worker"),
            "{text}"
        );
    }
}
