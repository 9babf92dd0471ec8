//! A query's way from QUEUED to its end: when it moves on, where its tasks are placed, what the
//! loss of a worker does to it under each retry policy.

use std::sync::Arc;
use std::time::Duration;

use super::flow::{Alive, flow, read_as_client};
use super::query::{Failure, Query, Stage};
use super::task::{Node, Task};
use crate::demo::simulator::config::Timing;
use crate::demo::simulator::random::Random;
use crate::demo::simulator::spec::Client;
use crate::trino::words::{BufferState, BufferType, QueryState, RetryPolicy, TaskState};

/// `query-retry-attempts`: 4 in Trino.
const MAX_ATTEMPTS: u32 = 4;

/// What a query sees of the cluster during one step.
pub(super) struct Surroundings<'a> {
    pub now: Duration,
    pub step: Duration,
    pub timing: &'a Timing,
    /// Nodes on which the coordinator would place tasks.
    pub schedulable: &'a [Arc<Node>],
    pub alive: &'a Alive<'a>,
    /// Whether a node has been silent for longer than Trino tolerates.
    pub given_up: &'a Alive<'a>,
}

impl Query {
    /// Moves the query on by one step.
    pub(super) fn step(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        match self.state {
            QueryState::Queued => self.leave_queue(around),
            QueryState::Planning => self.plan(around, random),
            QueryState::Starting if around.now >= self.due => self.run(random),
            QueryState::Running => self.execute(around, random),
            QueryState::Finishing => self.deliver(around),
            _ => {}
        }
        self.mind_client(around);
    }

    /// Fails the query and aborts what still runs.
    pub(super) fn fail(&mut self, failure: Failure, now: Duration, alive: &Alive<'_>) {
        for task in self.tasks_mut().filter(|task| !task.live.state.is_done()) {
            if alive(&task.node.name) {
                task.end(TaskState::Aborted, BufferState::Aborted, now);
            } else {
                task.give_up(now);
            }
        }
        self.failure = Some(failure);
        self.pages_ready = 0;
        self.become_state(QueryState::Failed, now);
        self.ended = Some(now);
    }

    fn leave_queue(&mut self, around: &Surroundings<'_>) {
        if around.schedulable.is_empty() {
            if around.now >= self.created + around.timing.no_workers_timeout {
                self.fail(no_resources(), around.now, around.alive);
            }
            return;
        }
        self.become_state(QueryState::Planning, around.now + around.timing.planning);
        self.started = Some(around.now);
    }

    fn plan(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        if around.now < self.due {
            return;
        }
        if self.spec.fails_analysis {
            return self.fail(missing_table(), around.now, around.alive);
        }
        if self.nodes(around).is_empty() {
            return self.fail(no_nodes(), around.now, around.alive);
        }
        self.stages = vec![Stage::default(); self.spec.stages.max(1) as usize];
        self.place(around, random);
        self.become_state(QueryState::Starting, around.now + around.timing.starting);
    }

    /// Makes the tasks of a new attempt, in the order of the nodes from a random one on.
    fn place(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        let nodes = self.nodes(around);
        let everywhere = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let wanted = self.spec.tasks_per_stage.unwrap_or(everywhere).max(1);
        let last = self.stages.len().saturating_sub(1);
        let task_retry = self.spec.retry == RetryPolicy::Task;
        for (number, stage) in self.stages.iter_mut().enumerate() {
            let first = random.index(nodes.len());
            for partition in 0..wanted {
                let node = Arc::clone(&nodes[(first + partition as usize) % nodes.len()]);
                let mut task = Task::new(partition, self.attempt, node, around.now);
                task.next_look = around.now + around.timing.task_info_interval / 3;
                if number == last || task_retry {
                    task.to_make = self.spec.pages_per_task;
                }
                stage.tasks.push(task);
            }
        }
    }

    /// The nodes that its tasks may go to.
    fn nodes(&self, around: &Surroundings<'_>) -> Vec<Arc<Node>> {
        let chosen = &self.spec.workers;
        let may = |node: &&Arc<Node>| chosen.is_empty() || chosen.contains(&node.name);
        around.schedulable.iter().filter(may).cloned().collect()
    }

    fn run(&mut self, random: &mut Random) {
        let external = self.spec.retry == RetryPolicy::Task;
        for task in self
            .tasks_mut()
            .filter(|task| task.live.state == TaskState::Planned)
        {
            let kind = if external {
                BufferType::External
            } else {
                BufferType::Partitioned
            };
            task.start(kind, random.bits() >> 1);
        }
        self.state = QueryState::Running;
    }

    fn execute(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        flow(self, around.now, around.step, around.timing, around.alive);
        read_as_client(self, around.step);
        if self.all_done() {
            return self.become_state(QueryState::Finishing, around.now);
        }
        let lost = self
            .tasks()
            .find(|(_, task)| !task.live.state.is_done() && (around.given_up)(&task.node.name));
        if let Some((stage, task)) = lost {
            let failure = host_gone(&self.task_id(stage, task), &task.node, around.timing);
            self.survive(failure, around, random);
        }
    }

    /// A worker is gone with tasks of this query: what the retry policy makes of it.
    fn survive(&mut self, failure: Failure, around: &Surroundings<'_>, random: &mut Random) {
        if self.nodes(around).is_empty() || self.attempt + 1 >= MAX_ATTEMPTS {
            return self.fail(failure, around.now, around.alive);
        }
        match self.spec.retry {
            RetryPolicy::Task => self.retry_tasks(around, random),
            RetryPolicy::Query if self.pages_fetched == 0 => self.retry_query(around, random),
            _ => self.fail(failure, around.now, around.alive),
        }
    }

    fn retry_tasks(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        self.attempt += 1;
        let pages = self.spec.pages_per_task;
        for stage in &mut self.stages {
            let mut again = Vec::new();
            for task in stage
                .tasks
                .iter_mut()
                .filter(|task| !task.live.state.is_done() && (around.given_up)(&task.node.name))
            {
                task.give_up(around.now);
                let at = random.index(around.schedulable.len());
                let node = Arc::clone(&around.schedulable[at]);
                let mut next = Task::new(task.partition, task.attempt + 1, node, around.now);
                next.start(BufferType::External, random.bits() >> 1);
                next.to_make = pages;
                again.push(next);
            }
            stage.tasks.append(&mut again);
        }
    }

    fn retry_query(&mut self, around: &Surroundings<'_>, random: &mut Random) {
        for task in self.tasks_mut().filter(|task| !task.live.state.is_done()) {
            if (around.given_up)(&task.node.name) {
                task.give_up(around.now);
            } else {
                task.end(TaskState::Aborted, BufferState::Aborted, around.now);
            }
        }
        self.attempt += 1;
        self.pages_ready = 0;
        self.place(around, random);
        self.run(random);
    }

    fn deliver(&mut self, around: &Surroundings<'_>) {
        read_as_client(self, around.step);
        if self.pages_ready == 0 {
            self.become_state(QueryState::Finished, around.now);
            self.ended = Some(around.now);
        }
    }

    /// Gives up a query whose remote client has not come back.
    fn mind_client(&mut self, around: &Surroundings<'_>) {
        let silent = around.now.saturating_sub(self.last_contact);
        if self.spec.client == Client::Remote
            && !self.is_over()
            && silent > around.timing.client_timeout
        {
            self.fail(abandoned(&self.id, silent), around.now, around.alive);
        }
    }

    const fn become_state(&mut self, state: QueryState, due: Duration) {
        self.state = state;
        self.due = due;
    }
}

fn no_resources() -> Failure {
    Failure {
        code: 131_072,
        name: "GENERIC_INSUFFICIENT_RESOURCES",
        kind: "INSUFFICIENT_RESOURCES",
        class: "io.trino.spi.TrinoException",
        message: "Insufficient active worker nodes. Waited 5.00m for at least 1 workers, but only 0 workers are active"
            .to_owned(),
    }
}

fn no_nodes() -> Failure {
    Failure {
        code: 65_541,
        name: "NO_NODES_AVAILABLE",
        kind: "INTERNAL_ERROR",
        class: "io.trino.spi.TrinoException",
        message: "No nodes available to run query".to_owned(),
    }
}

fn missing_table() -> Failure {
    Failure {
        code: 46,
        name: "TABLE_NOT_FOUND",
        kind: "USER_ERROR",
        class: "io.trino.spi.TrinoException",
        message: "line 1:15: Table 'tpch.tiny.nope' does not exist".to_owned(),
    }
}

fn abandoned(id: &str, silent: Duration) -> Failure {
    Failure {
        code: 2,
        name: "ABANDONED_QUERY",
        kind: "USER_ERROR",
        class: "io.trino.spi.TrinoException",
        message: format!(
            "Query {id} was abandoned by the client, as it may have exited or stopped checking for query results. It was last seen {} s ago",
            silent.as_secs()
        ),
    }
}

fn host_gone(task: &str, node: &Node, timing: &Timing) -> Failure {
    Failure {
        code: 65_558,
        name: "REMOTE_HOST_GONE",
        kind: "INTERNAL_ERROR",
        class: "io.trino.spi.TrinoTransportException",
        message: format!(
            "Encountered too many errors talking to a worker node. The node may have crashed or be under too much load. This is probably a transient issue, so please retry your query in a few minutes. (getting task status http://{}/v1/task/{task} - failure duration {}s)",
            node.address,
            timing.loss_timeout.as_secs()
        ),
    }
}

/// The failure of a query whose client has cancelled it.
pub(super) fn canceled() -> Failure {
    Failure {
        code: 3,
        name: "USER_CANCELED",
        kind: "USER_ERROR",
        class: "io.trino.spi.TrinoException",
        message: "Query was canceled".to_owned(),
    }
}
