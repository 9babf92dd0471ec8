//! How pages move: scanning tasks make them, consumers pull them, the coordinator pulls the
//! root's, the client takes them from there. A full buffer stops whoever fills it, so a client
//! that stops reading fills every stage up to its limit. Nothing here changes a query's state.

use std::time::Duration;

use super::query::Query;
use super::task::{BUFFER_LIMIT, Task};
use crate::demo::simulator::config::Timing;
use crate::demo::simulator::spec::Client;
use crate::trino::words::{RetryPolicy, TaskState};

/// Pages that one consumer pulls from one producer in one step, at most.
const PULL: u64 = 8;

/// Tells whether a node's process runs.
pub(super) type Alive<'a> = dyn Fn(&str) -> bool + 'a;

/// Moves the pages of one query on by `step`.
pub(super) fn flow(
    query: &mut Query,
    now: Duration,
    step: Duration,
    timing: &Timing,
    alive: &Alive<'_>,
) {
    if query.spec.retry == RetryPolicy::Task {
        spool(query, now, step, timing, alive);
    } else {
        feed_coordinator(query, alive);
        for consumer in 0..query.stages.len().saturating_sub(1) {
            feed_stage(query, consumer, alive);
        }
        if let Some(last) = query.stages.len().checked_sub(1) {
            make_pages(query, last, step, alive);
        }
        finish_stages(query, now, timing, alive);
    }
    for task in query.tasks_mut().filter(|task| alive(&task.node.name)) {
        task.be_seen(now, timing.task_info_interval);
    }
}

/// Lets a client inside the simulator take its pages.
pub(super) fn read_as_client(query: &mut Query, step: Duration) {
    let Client::Paced(rate) = query.spec.client else {
        return;
    };
    query.client_credit = (query.client_credit + rate * step.as_secs_f64()).min(rate.max(1.0));
    while query.client_credit >= 1.0 && query.pages_ready > 0 {
        query.client_credit -= 1.0;
        query.pages_ready -= 1;
        query.pages_fetched += 1;
    }
}

/// The coordinator pulls from the root tasks while its own buffer has room.
fn feed_coordinator(query: &mut Query, alive: &Alive<'_>) {
    let page = query.spec.page_bytes.max(1);
    let Some(root) = query.stages.first_mut() else {
        return;
    };
    for task in root.tasks.iter_mut().filter(|task| works(task, alive)) {
        for _ in 0..PULL {
            if query.pages_ready * page >= BUFFER_LIMIT || !task.take_page() {
                break;
            }
            query.pages_ready += 1;
        }
    }
}

/// The tasks of stage `consumer` pull from the stage below and pass on what they pulled.
fn feed_stage(query: &mut Query, consumer: usize, alive: &Alive<'_>) {
    let page = query.spec.page_bytes;
    let (above, below) = query.stages.split_at_mut(consumer + 1);
    let (Some(above), Some(below)) = (above.last_mut(), below.first_mut()) else {
        return;
    };
    let mut sources: Vec<_> = below
        .tasks
        .iter_mut()
        .filter(|task| works(task, alive))
        .collect();
    for task in above.tasks.iter_mut().filter(|task| works(task, alive)) {
        sources.retain(|source| source.live.pages > 0);
        for source in &mut sources {
            for _ in 0..PULL {
                if task.is_full(page) || !source.take_page() {
                    break;
                }
                task.add_page();
            }
            if task.is_full(page) {
                break;
            }
        }
    }
}

/// The tasks of a scanning stage make pages at their rate until they are full or done.
fn make_pages(query: &mut Query, stage: usize, step: Duration, alive: &Alive<'_>) {
    let (page, rate) = (query.spec.page_bytes, query.spec.pages_per_second);
    let Some(stage) = query.stages.get_mut(stage) else {
        return;
    };
    for task in stage.tasks.iter_mut().filter(|task| works(task, alive)) {
        task.credit = (task.credit + rate * step.as_secs_f64()).min(rate.max(1.0));
        while task.credit >= 1.0 && task.to_make > 0 && !task.is_full(page) {
            task.credit -= 1.0;
            task.to_make -= 1;
            task.add_page();
        }
    }
}

/// Tasks whose input is used up flush; flushed ones end.
fn finish_stages(query: &mut Query, now: Duration, timing: &Timing, alive: &Alive<'_>) {
    let mut input_over = true;
    for stage in query.stages.iter_mut().rev() {
        for task in stage.tasks.iter_mut().filter(|task| works(task, alive)) {
            if input_over && task.to_make == 0 {
                task.finish_when_flushed(now, timing.acknowledge);
            }
        }
        input_over = input_over && stage.is_finished();
    }
}

/// Fault-tolerant execution: stages run one after another, each writes to the exchange outside.
fn spool(query: &mut Query, now: Duration, step: Duration, timing: &Timing, alive: &Alive<'_>) {
    let Some(running) = (0..query.stages.len())
        .rev()
        .find(|s| !query.stages[*s].is_finished())
    else {
        return;
    };
    make_pages(query, running, step, alive);
    let stage = &mut query.stages[running];
    for task in stage.tasks.iter_mut().filter(|task| works(task, alive)) {
        if task.to_make == 0 {
            task.finish_when_flushed(now, timing.acknowledge);
        }
    }
    if running == 0 && stage.is_finished() {
        let finished = stage
            .tasks
            .iter()
            .filter(|t| t.live.state == TaskState::Finished);
        query.pages_ready += finished.map(|t| t.live.added).sum::<u64>();
    }
}

/// Whether a task is up and running on a node that lives.
fn works(task: &Task, alive: &Alive<'_>) -> bool {
    matches!(task.live.state, TaskState::Running | TaskState::Flushing) && alive(&task.node.name)
}
