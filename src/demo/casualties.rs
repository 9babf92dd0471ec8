//! Which queries were killed: those that failed, and those that wait in vain for a worker that is gone. Looks at the
//! simulator's own truth, since a client hears of a loss only after Trino has given the worker up.

use std::collections::{BTreeMap, BTreeSet};

use super::simulator::Simulator;
use super::simulator::model::query::Query;
use crate::trino::words::{QueryState, RetryPolicy};

/// Queries that were killed.
#[derive(Debug, Default)]
pub struct Casualties {
    killed: BTreeSet<String>,
    /// Error names of those that have failed already.
    errors: BTreeMap<String, &'static str>,
}

impl Casualties {
    /// Takes in what has happened since the last look. Trino remembers ended queries for longer than any pause between looks.
    pub fn look(&mut self, simulator: &Simulator) {
        let workers = simulator.workers().into_iter();
        let alive = workers.filter(|worker| worker.alive);
        let alive: BTreeSet<_> = alive.map(|worker| worker.name).collect();
        for query in simulator.queries() {
            if is_killed(&query, &alive) {
                let error = query.failure.as_ref().map(|failure| failure.name);
                self.errors
                    .extend(error.map(|name| (query.id.clone(), name)));
                self.killed.insert(query.id);
            }
        }
    }

    /// How many so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.killed.len()
    }

    /// How many failed with which error.
    #[must_use]
    pub fn by_error(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for name in self.errors.values() {
            *counts.entry(*name).or_default() += 1;
        }
        counts
    }
}

/// Whether a query has failed or will: nobody finishes a task for it whose worker is gone, unless Trino may try again.
fn is_killed(query: &Query, alive: &BTreeSet<String>) -> bool {
    if query.state == QueryState::Failed {
        return true;
    }
    let recovers = match query.spec.retry {
        RetryPolicy::Task => true,
        RetryPolicy::Query => query.pages_fetched == 0,
        _ => false,
    };
    let lost = || {
        let mut open = query.tasks().filter(|(_, task)| !task.live.state.is_done());
        open.any(|(_, task)| !alive.contains(&task.node.name))
    };
    !query.is_over() && !recovers && lost()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::simulator::{Bind, Client, Clock, QuerySpec, SimulatorConfig};
    use std::time::Duration;

    async fn cluster() -> Simulator {
        let config = SimulatorConfig {
            clock: Clock::Manual,
            bind: Bind::Ports,
            workers: 2,
            ..SimulatorConfig::default()
        };
        Simulator::start(config).await.expect("sockets")
    }

    async fn killed(retry: RetryPolicy) -> usize {
        let simulator = cluster().await;
        let (mut casualties, client) = (Casualties::default(), Client::Held);
        simulator.submit(QuerySpec {
            retry,
            client,
            ..QuerySpec::default()
        });
        simulator.advance(Duration::from_secs(2));
        casualties.look(&simulator);
        assert_eq!(casualties.count(), 0);
        let worker = simulator.workers()[0].name.clone();
        simulator.kill_worker(&worker);
        casualties.look(&simulator);
        let at_once = casualties.count();
        simulator.advance(Duration::from_secs(70));
        casualties.look(&simulator);
        assert_eq!(casualties.count(), at_once, "counted once, and at once");
        at_once
    }

    #[tokio::test]
    async fn whoever_waits_for_a_dead_worker_counts_before_it_has_failed() {
        assert_eq!(killed(RetryPolicy::None).await, 1);
        assert_eq!(killed(RetryPolicy::Task).await, 0);
    }
}
