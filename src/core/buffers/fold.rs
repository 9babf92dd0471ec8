//! The tasks of one QueryInfo, summed per worker while they stream by, and whether the document proves itself complete.
//! Memory grows with workers, never with tasks.

use std::collections::HashMap;

use crate::trino::task::{QueryHead, Task, TaskSink};
use crate::trino::words::RetryPolicy;

use super::address::{WorkerKey, authority_of, write_key};
use super::holdings::Holdings;

/// Sums tasks per worker. Feed it through [`TaskSink`], then [`Fold::finish`].
#[derive(Debug, Default)]
pub struct Fold {
    workers: HashMap<WorkerKey, Holdings>,
    nowhere: u64,
    scratch: String,
}

/// What a complete document of an unfinished query says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryFacts {
    /// The retry policy; `Unknown` counts like `None`.
    pub retry: RetryPolicy,
    /// `host:port` of the coordinator as it calls itself; empty when the document did not say.
    pub coordinator: String,
    /// Whether the coordinator calls itself by https; its workers do as well.
    pub secure: bool,
    /// What the query holds, by worker. Workers whose tasks are all done are in it, with zeros.
    pub workers: Vec<(WorkerKey, Holdings)>,
}

/// What one document amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The query has ended: nothing of it is at risk.
    Over,
    /// The query lives; this is all it holds.
    Facts(QueryFacts),
}

/// Why a whole, well-formed document still proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Trino had removed tasks.
    #[error("the document is pruned: Trino has removed its tasks")]
    Pruned,
    /// `queryStats.totalTasks` is missing.
    #[error("the document does not say how many tasks the query has")]
    NoTaskCount,
    /// Trino counted other tasks than the document shows.
    #[error("the document shows {found} tasks where Trino counts {stated}")]
    TaskCount {
        /// `queryStats.totalTasks`.
        stated: u64,
        /// Tasks in the document.
        found: u64,
    },
    /// Tasks that name neither a node nor an address.
    #[error("{0} tasks name neither a node nor an address")]
    Nowhere(u64),
    /// The document is about another query.
    #[error("the document is about another query")]
    OtherQuery,
    /// `state` is missing.
    #[error("the document does not say the query's state")]
    NoState,
}

impl Incomplete {
    /// A bounded word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::NoTaskCount | Self::TaskCount { .. } => "task_count",
            Self::Nowhere(_) => "task_without_worker",
            Self::OtherQuery => "other_query",
            Self::NoState => "no_state",
        }
    }
}

impl TaskSink for Fold {
    fn task(&mut self, task: &Task<'_>) {
        write_key(&mut self.scratch, task.self_uri, task.node_id);
        if self.scratch == " " {
            self.nowhere += 1;
            return;
        }
        if let Some(held) = self.workers.get_mut(self.scratch.as_str()) {
            held.count(task);
        } else {
            let held = self
                .workers
                .entry(WorkerKey::from_text(&self.scratch))
                .or_default();
            held.count(task);
        }
    }
}

impl Fold {
    /// Judges the document that these tasks came from. `asked` is the query that was asked for and `listed` the
    /// retry policy that the query list gave, used where the document gives none.
    ///
    /// # Errors
    /// When the document does not prove itself complete: the query is then unknown.
    pub fn finish(
        self,
        head: &QueryHead,
        asked: &str,
        listed: Option<RetryPolicy>,
    ) -> Result<Outcome, Incomplete> {
        if head.query_id.as_deref() != Some(asked) {
            return Err(Incomplete::OtherQuery);
        }
        if head.state.ok_or(Incomplete::NoState)?.is_terminal() {
            return Ok(Outcome::Over);
        }
        self.prove_complete(head)?;
        let retry = head.retry_policy.or(listed).unwrap_or(RetryPolicy::Unknown);
        let self_uri = head.self_uri.as_deref().unwrap_or("");
        Ok(Outcome::Facts(QueryFacts {
            retry,
            coordinator: authority_of(self_uri).to_owned(),
            secure: self_uri.starts_with("https://"),
            workers: self.into_workers(retry),
        }))
    }

    fn prove_complete(&self, head: &QueryHead) -> Result<(), Incomplete> {
        if head.pruned == Some(true) {
            return Err(Incomplete::Pruned);
        }
        let stated = head.total_tasks.ok_or(Incomplete::NoTaskCount)?;
        let found = head.tasks_found;
        if stated != found {
            return Err(Incomplete::TaskCount { stated, found });
        }
        if self.nowhere > 0 {
            return Err(Incomplete::Nowhere(self.nowhere));
        }
        Ok(())
    }

    fn into_workers(self, retry: RetryPolicy) -> Vec<(WorkerKey, Holdings)> {
        let fault_tolerant = retry == RetryPolicy::Task;
        self.workers
            .into_iter()
            .map(|(key, held)| {
                let held = if fault_tolerant {
                    held.fault_tolerant()
                } else {
                    held
                };
                (key, held)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trino::task::OutputBuffer;
    use crate::trino::words::{BufferState, BufferType, QueryState, TaskState};

    fn running(node_id: &str) -> Task<'_> {
        Task {
            id: "q.0.0.0",
            self_uri: "http://10.0.0.1:8080/v1/task/q.0.0.0",
            node_id,
            state: TaskState::Running,
            buffer: Some(OutputBuffer {
                kind: BufferType::Partitioned,
                state: BufferState::Open,
                bytes: 10,
                pages: 1,
                pages_sent: 3,
            }),
        }
    }

    fn head(tasks: u64) -> QueryHead {
        QueryHead {
            query_id: Some("q".into()),
            state: Some(QueryState::Running),
            self_uri: Some("http://10.0.0.9:8080/v1/query/q".into()),
            pruned: Some(false),
            total_tasks: Some(tasks),
            tasks_found: tasks,
            ..QueryHead::default()
        }
    }

    fn fold(tasks: &[Task<'_>]) -> Fold {
        let mut fold = Fold::default();
        for task in tasks {
            fold.task(task);
        }
        fold
    }

    #[test]
    fn tasks_add_up_per_worker() {
        let fold = fold(&[running("a"), running("a"), running("b")]);
        let Ok(Outcome::Facts(mut facts)) = fold.finish(&head(3), "q", None) else {
            panic!("complete")
        };
        facts.workers.sort_by(|x, y| x.0.cmp(&y.0));
        let seen: Vec<_> = facts
            .workers
            .iter()
            .map(|(key, held)| (key.node_id(), held.at_risk.holding, held.bytes))
            .collect();
        assert_eq!(seen, [("a", 2, 20), ("b", 1, 10)]);
        assert_eq!(facts.coordinator, "10.0.0.9:8080");
        assert_eq!(facts.retry, RetryPolicy::Unknown);
    }

    #[test]
    fn the_document_decides_on_retries_and_the_list_fills_in() {
        let facts = |head: &QueryHead, listed| match fold(&[running("a")]).finish(head, "q", listed)
        {
            Ok(Outcome::Facts(facts)) => facts,
            other => panic!("{other:?}"),
        };
        let from_list = facts(&head(1), Some(RetryPolicy::Task));
        assert_eq!(from_list.workers[0].1.external, 1);
        let said_none = QueryHead {
            retry_policy: Some(RetryPolicy::None),
            ..head(1)
        };
        let from_document = facts(&said_none, Some(RetryPolicy::Task));
        assert_eq!(from_document.workers[0].1.at_risk.holding, 1);
    }

    #[test]
    fn an_ended_query_is_over_even_when_pruned() {
        for state in [QueryState::Finished, QueryState::Failed] {
            let head = QueryHead {
                state: Some(state),
                pruned: Some(true),
                ..head(5)
            };
            assert_eq!(fold(&[]).finish(&head, "q", None), Ok(Outcome::Over));
        }
    }

    #[test]
    fn a_document_that_does_not_prove_itself_is_refused() {
        let refuse = |head: QueryHead, tasks: &[Task<'_>]| {
            fold(tasks)
                .finish(&head, "q", None)
                .expect_err("incomplete")
        };
        let pruned = QueryHead {
            pruned: Some(true),
            ..head(0)
        };
        assert_eq!(refuse(pruned, &[]), Incomplete::Pruned);
        let short = QueryHead {
            total_tasks: Some(2),
            ..head(1)
        };
        assert_eq!(
            refuse(short, &[running("a")]),
            Incomplete::TaskCount {
                stated: 2,
                found: 1
            }
        );
        let silent = QueryHead {
            total_tasks: None,
            ..head(0)
        };
        assert_eq!(refuse(silent, &[]), Incomplete::NoTaskCount);
        let lost = Task {
            self_uri: "",
            ..running("")
        };
        assert_eq!(refuse(head(1), &[lost]), Incomplete::Nowhere(1));
        let stateless = QueryHead {
            state: None,
            ..head(0)
        };
        assert_eq!(refuse(stateless, &[]), Incomplete::NoState);
        let other = QueryHead {
            query_id: Some("p".into()),
            ..head(0)
        };
        assert_eq!(refuse(other, &[]), Incomplete::OtherQuery);
    }
}
