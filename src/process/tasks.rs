//! The long-running tasks of a process. Decides that one that ends before it was asked
//! to takes the process down, loudly: a half-dead process would still answer probes.

use std::any::Any;
use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Tasks that live as long as the process. Dropping it aborts them.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, String>,
}

/// How a task ended, as the set of running ones tells it.
type Ended = Result<(Id, anyhow::Result<()>), JoinError>;

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It returned although nobody asked it to stop.
    #[error("task {name} ended early")]
    EndedEarly {
        /// The task.
        name: String,
    },
    /// It returned an error.
    #[error("task {name} failed: {error:#}")]
    Failed {
        /// The task.
        name: String,
        /// What it said.
        error: anyhow::Error,
    },
    /// It panicked.
    #[error("task {name} panicked: {reason}")]
    Panicked {
        /// The task.
        name: String,
        /// The panic's own message.
        reason: String,
    },
    /// It was asked to stop and did not within the grace.
    #[error("still running {grace:?} after shutdown began: {names}")]
    Overrun {
        /// The tasks, separated by commas.
        names: String,
        /// The bound.
        grace: Duration,
    },
}

impl Tasks {
    /// Starts a task. It must return once the process's token is cancelled, and not before.
    pub fn spawn<F>(&mut self, name: impl Into<String>, work: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let handle = self.running.spawn(work);
        self.names.insert(handle.id(), name.into());
    }

    /// Waits for `stop` or for the first task that ends by itself, then cancels `stop`
    /// and gives every other task `grace` to finish. Returns the first thing that went wrong.
    pub async fn run(mut self, stop: &CancellationToken, grace: Duration) -> Result<(), TaskError> {
        let early = tokio::select! {
            () = stop.cancelled() => None,
            Some(ended) = self.running.join_next_with_id() => self.first_to_end(ended, stop),
        };
        stop.cancel();
        let late = self.finish(grace).await;
        early.map_or(late, Err)
    }

    /// A task may see `stop` before [`Tasks::run`] does, so an orderly end after it is fine.
    fn first_to_end(&mut self, ended: Ended, stop: &CancellationToken) -> Option<TaskError> {
        let (name, error) = self.settle(ended);
        let error = match error {
            None if stop.is_cancelled() => return None,
            None => TaskError::EndedEarly { name },
            Some(error) => error,
        };
        tracing::error!(%error, "A task ended before shutdown; leaving");
        Some(error)
    }

    async fn finish(&mut self, grace: Duration) -> Result<(), TaskError> {
        let finished = tokio::time::timeout(grace, self.join_rest()).await;
        finished.unwrap_or_else(|_| Err(self.overrun(grace)))
    }

    async fn join_rest(&mut self) -> Result<(), TaskError> {
        let mut first = Ok(());
        while let Some(ended) = self.running.join_next_with_id().await {
            if let (_, Some(error)) = self.settle(ended) {
                tracing::error!(%error, "A task failed while it was stopping");
                first = first.and(Err(error));
            }
        }
        first
    }

    fn overrun(&self, grace: Duration) -> TaskError {
        let mut names: Vec<_> = self.names.values().map(String::as_str).collect();
        names.sort_unstable();
        TaskError::Overrun {
            names: names.join(", "),
            grace,
        }
    }

    /// Forgets a task that ended; says its name and what went wrong, if anything did.
    fn settle(&mut self, ended: Ended) -> (String, Option<TaskError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self.names.remove(&id).unwrap_or_default();
        let error = match ended {
            Ok((_, Ok(()))) => None,
            Ok((_, Err(error))) => Some(TaskError::Failed {
                name: name.clone(),
                error,
            }),
            Err(error) => Some(TaskError::Panicked {
                name: name.clone(),
                reason: reason(error),
            }),
        };
        (name, error)
    }
}

/// Nothing here aborts a task before it is waited for, so a join error is a panic; the
/// other case keeps its own words.
fn reason(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic_message(panic),
        Err(other) => other.to_string(),
    }
}

/// What a caught panic said. May hold data: for the log, not for a client.
pub fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>().map(|text| *text);
    text.unwrap_or_else(|panic| {
        let text = panic.downcast::<&'static str>();
        text.map_or("no message", |text| *text).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn until(stop: CancellationToken) -> anyhow::Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    /// Runs one ordinary task beside `work`.
    async fn outcome(work: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> String {
        let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
        tasks.spawn("other", until(stop.clone()));
        tasks.spawn("poller", work);
        let error = tasks.run(&stop, LONG).await.unwrap_err();
        assert!(stop.is_cancelled());
        error.to_string()
    }

    #[tokio::test]
    async fn an_early_end_is_an_error() {
        assert_eq!(outcome(async { Ok(()) }).await, "task poller ended early");
        let failed = outcome(async { anyhow::bail!("disk full") }).await;
        assert_eq!(failed, "task poller failed: disk full");
        let panicked = outcome(async { panic!("index 3") }).await;
        assert_eq!(panicked, "task poller panicked: index 3");
    }

    #[tokio::test]
    async fn stopping_when_asked_is_fine() {
        let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
        tasks.spawn("poller", until(stop.clone()));
        stop.cancel();
        tasks.run(&stop, LONG).await.unwrap();
    }

    /// On one thread both have happened by the time that `run` looks.
    #[tokio::test]
    async fn ending_just_after_the_stop_is_fine() {
        for _ in 0..50 {
            let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
            tasks.spawn("poller", until(stop.clone()));
            stop.cancel();
            tokio::task::yield_now().await;
            tasks.run(&stop, LONG).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_failure_while_stopping_is_told() {
        let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
        let asked = stop.clone();
        tasks.spawn("poller", async move {
            asked.cancelled().await;
            anyhow::bail!("could not flush")
        });
        stop.cancel();
        let error = tasks.run(&stop, LONG).await.unwrap_err();
        assert_eq!(error.to_string(), "task poller failed: could not flush");
    }

    #[tokio::test]
    async fn a_task_that_never_stops_is_named_and_left() {
        let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
        tasks.spawn("stuck", std::future::pending());
        tasks.spawn("poller", until(stop.clone()));
        stop.cancel();
        let error = tasks
            .run(&stop, Duration::from_millis(20))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "still running 20ms after shutdown began: stuck"
        );
    }
}
