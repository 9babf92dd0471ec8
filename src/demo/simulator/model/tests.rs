//! The model against what real Trino was seen to do.

use std::time::Duration;

use super::Model;
use super::query::Query;
use crate::demo::simulator::config::SimulatorConfig;
use crate::demo::simulator::spec::{Client, QuerySpec};
use crate::trino::words::{BufferState, BufferType, NodeState, QueryState, RetryPolicy, TaskState};

fn cluster(workers: usize) -> Model {
    let mut model = Model::new(&SimulatorConfig::default());
    for port in 0..workers {
        model.add_worker(format!("127.0.1.1:{}", 9000 + port));
    }
    model
}

fn run(model: &mut Model, seconds: u64) {
    model.advance(model.now() + Duration::from_secs(seconds));
}

fn held() -> QuerySpec {
    QuerySpec {
        client: Client::Held,
        ..QuerySpec::default()
    }
}

fn query<'a>(model: &'a Model, id: &str) -> &'a Query {
    model.query(id).expect("known query")
}

#[test]
fn a_held_client_fills_every_buffer_to_its_limit_and_a_page() {
    let mut model = cluster(2);
    let id = model.submit(QuerySpec {
        stages: 3,
        pages_per_task: 2000,
        ..held()
    });
    run(&mut model, 60);
    let query = query(&model, &id);
    assert_eq!(query.state, QueryState::Running);
    for (stage, task) in query.tasks() {
        let info = task.seen;
        assert_eq!(
            (info.pages, query.bytes(info)),
            (40, 34_000_000),
            "stage {stage}"
        );
        assert_eq!(
            (info.state, info.buffer),
            (TaskState::Running, BufferState::NoMoreBuffers)
        );
    }
}

#[test]
fn a_fast_client_gets_every_page_and_the_query_finishes() {
    let mut model = cluster(3);
    let id = model.submit(QuerySpec {
        stages: 2,
        pages_per_task: 50,
        client: Client::Paced(1000.0),
        ..QuerySpec::default()
    });
    run(&mut model, 30);
    let query = query(&model, &id);
    assert_eq!(
        (query.state, query.pages_fetched),
        (QueryState::Finished, 150)
    );
    assert!(
        query
            .tasks()
            .all(|(_, t)| t.seen.state == TaskState::Finished && t.seen.pages == 0)
    );
}

#[test]
fn a_small_result_waits_in_the_coordinator_as_finishing() {
    let mut model = cluster(2);
    let id = model.submit(QuerySpec {
        pages_per_task: 2,
        ..held()
    });
    run(&mut model, 20);
    assert_eq!(query(&model, &id).state, QueryState::Finishing);
    model.set_client(&id, Client::Paced(10.0));
    run(&mut model, 2);
    assert_eq!(query(&model, &id).state, QueryState::Finished);
}

#[test]
fn the_coordinator_sees_tasks_late() {
    let mut model = cluster(1);
    let id = model.submit(held());
    let mut behind = 0;
    for _ in 0..100 {
        model.advance(model.now() + super::STEP);
        let differs = |(_, task): (usize, &super::task::Task)| task.live != task.seen;
        behind += query(&model, &id).tasks().filter(|t| differs(*t)).count();
    }
    assert!(behind > 0, "the copy was never behind");
}

#[test]
fn a_drain_takes_grace_then_the_last_task_then_grace() {
    let mut model = cluster(2);
    let name = model.workers()[0].node.name.clone();
    model
        .set_worker_state(&name, NodeState::Draining)
        .expect("ACTIVE to DRAINING");
    let state = |model: &Model| model.worker(&name).expect("worker").state;
    run(&mut model, 9);
    assert_eq!(state(&model), NodeState::Draining);
    run(&mut model, 2);
    assert_eq!(state(&model), NodeState::Drained);
    model
        .set_worker_state(&name, NodeState::Active)
        .expect("back to ACTIVE");
    assert_eq!(state(&model), NodeState::Active);
    assert!(model.set_worker_state(&name, NodeState::Drained).is_err());
}

#[test]
fn a_draining_worker_keeps_its_tasks_and_gets_new_ones_until_it_is_noticed() {
    let mut model = cluster(2);
    let name = model.workers()[0].node.name.clone();
    let first = model.submit(QuerySpec {
        pages_per_task: 2000,
        ..held()
    });
    run(&mut model, 10);
    model
        .set_worker_state(&name, NodeState::Draining)
        .expect("draining");
    run(&mut model, 6);
    let late = model.submit(held());
    run(&mut model, 120);
    let uses = |id: &str| {
        query(&model, id)
            .tasks()
            .any(|(_, task)| task.node.name == name)
    };
    assert!(uses(&first) && !uses(&late));
    assert_eq!(
        model.worker(&name).expect("worker").state,
        NodeState::Draining
    );
    model.cancel(&first);
    run(&mut model, 6);
    assert_eq!(
        model.worker(&name).expect("worker").state,
        NodeState::Drained
    );
}

#[test]
fn a_leaked_task_keeps_a_worker_draining_and_belongs_to_no_query() {
    let mut model = cluster(2);
    let name = model.workers()[0].node.name.clone();
    assert!(model.leak_task(&name) && !model.leak_task("nobody"));
    model
        .set_worker_state(&name, NodeState::Draining)
        .expect("draining");
    run(&mut model, 600);
    let worker = model.worker(&name).expect("worker");
    assert_eq!(worker.state, NodeState::Draining);
    assert_eq!(model.queries().count(), 0);
}

#[test]
fn a_query_goes_to_the_workers_that_it_names() {
    let mut model = cluster(3);
    let name = model.workers()[1].node.name.clone();
    let id = model.submit(QuerySpec {
        workers: vec![name.clone()],
        ..held()
    });
    let nobody = model.submit(QuerySpec {
        workers: vec!["nobody".to_owned()],
        ..held()
    });
    run(&mut model, 10);
    let tasks = query(&model, &id).tasks().map(|(_, task)| &task.node.name);
    assert_eq!(tasks.collect::<Vec<_>>(), [&name]);
    let failure = query(&model, &nobody).failure.as_ref().map(|f| f.name);
    assert_eq!(failure, Some("NO_NODES_AVAILABLE"));
}

#[test]
fn what_does_not_fit_into_the_coordinator_stays_on_the_worker_as_flushing() {
    let mut model = cluster(1);
    let id = model.submit(QuerySpec {
        pages_per_task: 60,
        ..held()
    });
    run(&mut model, 20);
    let task = query(&model, &id).tasks().next().expect("a task").1;
    assert_eq!(
        (task.seen.state, task.seen.buffer, task.seen.pages),
        (TaskState::Flushing, BufferState::Flushing, 20)
    );
}

#[test]
fn the_coordinator_notices_draining_only_at_its_next_poll() {
    let mut model = cluster(1);
    run(&mut model, 7);
    let name = model.workers()[0].node.name.clone();
    model
        .set_worker_state(&name, NodeState::Draining)
        .expect("draining");
    assert!(model.worker(&name).expect("worker").is_schedulable());
    run(&mut model, 5);
    assert!(!model.worker(&name).expect("worker").is_schedulable());
}

#[test]
fn the_loss_of_a_worker_fails_a_query_after_a_minute_and_its_buffer_stays_in_the_document() {
    let mut model = cluster(2);
    let id = model.submit(QuerySpec {
        pages_per_task: 2000,
        ..held()
    });
    run(&mut model, 20);
    let name = model.workers()[0].node.name.clone();
    assert!(model.kill_worker(&name));
    run(&mut model, 55);
    assert_eq!(query(&model, &id).state, QueryState::Running);
    run(&mut model, 6);
    let query = query(&model, &id);
    assert_eq!(
        query.failure.as_ref().map(|f| f.name),
        Some("REMOTE_HOST_GONE")
    );
    let lost = query
        .tasks()
        .find(|(_, task)| task.node.name == name)
        .expect("its task")
        .1;
    assert_eq!(
        (lost.seen.state, lost.seen.pages, lost.seen.version),
        (TaskState::Failed, 40, i64::MAX)
    );
    assert_eq!(lost.seen.buffer, BufferState::NoMoreBuffers);
}

#[test]
fn a_finishing_query_survives_the_loss_of_its_worker() {
    let mut model = cluster(2);
    let id = model.submit(QuerySpec {
        pages_per_task: 2,
        ..held()
    });
    run(&mut model, 20);
    let name = model.workers()[0].node.name.clone();
    model.kill_worker(&name);
    run(&mut model, 120);
    assert_eq!(query(&model, &id).state, QueryState::Finishing);
}

#[test]
fn retry_task_writes_outside_and_survives_a_loss() {
    let mut model = cluster(3);
    let id = model.submit(QuerySpec {
        retry: RetryPolicy::Task,
        stages: 2,
        pages_per_task: 400,
        ..held()
    });
    run(&mut model, 3);
    let all_external = query(&model, &id)
        .tasks()
        .all(|(_, t)| t.live.kind == BufferType::External);
    assert!(all_external);
    let name = model.workers()[0].node.name.clone();
    model.kill_worker(&name);
    run(&mut model, 120);
    let query = query(&model, &id);
    assert_eq!(query.state, QueryState::Finishing);
    assert!(
        query
            .tasks()
            .any(|(_, t)| t.attempt == 1 && t.live.state == TaskState::Finished)
    );
    assert!(
        query
            .tasks()
            .any(|(_, t)| t.live.pages > 0 && query.bytes(t.live) == 0)
    );
}

#[test]
fn retry_query_starts_again_while_nothing_was_fetched() {
    let mut model = cluster(3);
    let id = model.submit(QuerySpec {
        retry: RetryPolicy::Query,
        pages_per_task: 2000,
        ..held()
    });
    run(&mut model, 20);
    let name = model.workers()[0].node.name.clone();
    model.kill_worker(&name);
    run(&mut model, 70);
    let query = query(&model, &id);
    assert_eq!((query.state, query.attempt), (QueryState::Running, 1));
    assert!(
        query
            .tasks()
            .all(|(_, t)| t.attempt == 0 || t.node.name != name)
    );
}

#[test]
fn without_a_worker_a_query_waits_five_minutes() {
    let mut model = cluster(0);
    let id = model.submit(held());
    run(&mut model, 299);
    assert_eq!(query(&model, &id).state, QueryState::Queued);
    run(&mut model, 2);
    let name = query(&model, &id).failure.as_ref().map(|f| f.name);
    assert_eq!(name, Some("GENERIC_INSUFFICIENT_RESOURCES"));
}

#[test]
fn an_abandoned_query_fails_after_the_client_timeout() {
    let mut model = cluster(1);
    let id = model.submit(QuerySpec {
        pages_per_task: 2000,
        ..QuerySpec::default()
    });
    run(&mut model, 302);
    assert_eq!(
        query(&model, &id).failure.as_ref().map(|f| f.name),
        Some("ABANDONED_QUERY")
    );
}

#[test]
fn ended_queries_are_forgotten_only_when_old_and_many() {
    let mut config = SimulatorConfig::default();
    config.timing.max_history = 2;
    let mut model = Model::new(&config);
    model.add_worker("127.0.1.1:9000".to_owned());
    for _ in 0..5 {
        let id = model.submit(held());
        model.cancel(&id);
    }
    run(&mut model, 800);
    assert_eq!(model.queries().count(), 5);
    run(&mut model, 200);
    assert_eq!(model.queries().count(), 2);
}

#[test]
fn a_restarted_coordinator_has_another_id_and_no_queries() {
    let mut model = cluster(1);
    let before = model.submit(held());
    model.restart_coordinator();
    let after = model.submit(held());
    let suffix = crate::trino::ids::coordinator_suffix;
    assert!(suffix(&before).is_some() && suffix(&before) != suffix(&after));
    assert_eq!(model.queries().count(), 1);
}

#[test]
fn a_new_coordinator_knows_nobody_who_is_lost_and_takes_the_others_for_active() {
    let mut model = cluster(2);
    let names: Vec<_> = model
        .workers()
        .iter()
        .map(|it| it.node.name.clone())
        .collect();
    let drains = model.set_worker_state(&names[0], NodeState::Draining);
    assert_eq!(drains, Ok(()));
    run(&mut model, 60);
    assert!(!model.worker(&names[0]).expect("worker").is_schedulable());
    model.kill_worker(&names[1]);
    model.restart_coordinator();
    assert!(model.worker(&names[0]).expect("worker").is_schedulable());
    assert!(model.worker(&names[1]).is_none());
    run(&mut model, 60);
    assert!(!model.worker(&names[0]).expect("worker").is_schedulable());
}

#[test]
fn the_same_seed_gives_the_same_cluster() {
    let run_once = || {
        let mut model = cluster(4);
        let id = model.submit(QuerySpec {
            client: Client::Paced(7.0),
            ..QuerySpec::default()
        });
        run(&mut model, 9);
        format!("{:?}{:?}", model.workers(), query(&model, &id))
    };
    assert_eq!(run_once(), run_once());
}
