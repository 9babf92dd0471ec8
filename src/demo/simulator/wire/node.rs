//! What every node says of itself: `/v1/info`, `/v1/status`, `/metrics`. Built from the model's
//! values; member order and names follow Trino's source and what was seen of 476 and 482.

use serde_json::{Map, Value, json};

use super::time::duration;
use crate::demo::simulator::config::Version;
use crate::demo::simulator::model::Model;
use crate::demo::simulator::model::query::Query;
use crate::demo::simulator::model::worker::Worker;
use crate::trino::words::QueryState;

/// Heap of a simulated node, in bytes.
const HEAP: u64 = 8 * 1024 * 1024 * 1024;

/// Memory pool of a simulated node, in bytes.
const POOL: u64 = HEAP * 7 / 10;

/// `/v1/info` of the coordinator.
#[must_use]
pub fn coordinator_info(model: &Model, version: Version) -> Value {
    let mut info = info(version, true, &duration(model.now()));
    if version == Version::V482 {
        info.insert("coordinatorId".into(), model.coordinator_id().into());
        info.insert("nodeId".into(), "trino-coordinator".into());
        info.insert("state".into(), "ACTIVE".into());
    }
    Value::Object(info)
}

/// `/v1/info` of a worker; 482 adds its node id and state.
#[must_use]
pub fn worker_info(model: &Model, worker: &Worker, version: Version) -> Value {
    let uptime = duration(model.now().saturating_sub(worker.started));
    let mut info = info(version, false, &uptime);
    if version == Version::V482 {
        info.insert("nodeId".into(), worker.node.name.clone().into());
        info.insert("state".into(), worker.state.word().into());
    }
    Value::Object(info)
}

fn info(version: Version, coordinator: bool, uptime: &str) -> Map<String, Value> {
    let mut info = Map::new();
    info.insert("nodeVersion".into(), json!({"version": version.number()}));
    info.insert("environment".into(), "simulator".into());
    info.insert("coordinator".into(), coordinator.into());
    info.insert("starting".into(), false.into());
    info.insert("uptime".into(), uptime.into());
    info
}

/// `/v1/status` of the coordinator, which runs no tasks.
#[must_use]
pub fn coordinator_status(model: &Model, version: Version, address: &str) -> Value {
    let uptime = duration(model.now());
    status(
        "trino-coordinator",
        version,
        true,
        &uptime,
        address,
        &Reservations::default(),
    )
}

/// `/v1/status` of a worker: its memory pool names each task and query that has reserved some.
#[must_use]
pub fn worker_status(model: &Model, worker: &Worker, version: Version) -> Value {
    let reservations = Reservations::of(model, &worker.node.name);
    let uptime = duration(model.now().saturating_sub(worker.started));
    let (name, address) = (&worker.node.name, &worker.node.address);
    status(name, version, false, &uptime, address, &reservations)
}

/// Memory reserved on one worker.
#[derive(Default)]
struct Reservations {
    tasks: Map<String, Value>,
    queries: Map<String, Value>,
    total: u64,
}

impl Reservations {
    fn of(model: &Model, node: &str) -> Self {
        let mut all = Self::default();
        for query in model.queries().filter(|query| !query.is_over()) {
            let mut sum = 0;
            for (stage, task) in query.tasks().filter(|(_, task)| task.node.name == node) {
                let bytes = task.memory(task.live, query.spec.page_bytes);
                if bytes > 0 {
                    all.tasks.insert(query.task_id(stage, task), bytes.into());
                    sum += bytes;
                }
            }
            if sum > 0 {
                all.queries.insert(query.id.clone(), sum.into());
                all.total += sum;
            }
        }
        all
    }
}

fn status(
    name: &str,
    version: Version,
    coordinator: bool,
    uptime: &str,
    address: &str,
    reserved: &Reservations,
) -> Value {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    json!({
        "nodeId": name,
        "nodeVersion": {"version": version.number()},
        "environment": "simulator",
        "coordinator": coordinator,
        "uptime": uptime,
        "externalAddress": host,
        "internalAddress": host,
        "memoryInfo": {
            "availableProcessors": 4,
            "pool": {
                "maxBytes": POOL,
                "reservedBytes": reserved.total,
                "reservedRevocableBytes": 0,
                "queryMemoryReservations": reserved.queries,
                "queryMemoryAllocations": {},
                "queryMemoryRevocableReservations": {},
                "taskMemoryReservations": reserved.tasks,
                "taskMemoryRevocableReservations": {},
                "freeBytes": POOL.saturating_sub(reserved.total),
            },
        },
        "processors": 4,
        "processCpuLoad": 0.05,
        "systemCpuLoad": 0.08,
        "heapUsed": HEAP / 5 + reserved.total,
        "heapAvailable": HEAP,
        "nonHeapUsed": 200_000_000,
    })
}

/// The coordinator's metrics that the exporter reads.
#[must_use]
pub fn coordinator_metrics(model: &Model) -> Vec<(&'static str, u64)> {
    let count = |wanted: &[QueryState]| {
        let counted = model
            .queries()
            .filter(|query| wanted.contains(&query.state));
        counted.count() as u64
    };
    // 476 and 482 were seen to count exactly the queries in state RUNNING.
    let running = [QueryState::Running];
    let queued = [QueryState::Queued];
    vec![
        (
            "trino_execution_name_QueryManager_RunningQueries",
            count(&running),
        ),
        (
            "trino_execution_name_QueryManager_QueuedQueries",
            count(&queued),
        ),
    ]
}

/// A worker's metrics by which the exporter and Prometheus know it.
#[must_use]
pub fn worker_metrics(model: &Model, worker: &Worker) -> Vec<(&'static str, u64)> {
    let tasks = model
        .queries()
        .flat_map(Query::tasks)
        .filter(|(_, task)| task.node.name == worker.node.name);
    let (mut tracked, mut live) = (worker.leaked, worker.leaked);
    for (_, task) in tasks {
        tracked += 1;
        live += u64::from(!task.live.state.is_done());
    }
    vec![
        (
            "trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks",
            live,
        ),
        (
            "trino_execution_name_SqlTaskManager_TrackedTasksCount",
            tracked,
        ),
    ]
}

/// Spells metrics as OpenMetrics; `names` selects some, empty selects all.
#[must_use]
pub fn open_metrics(metrics: &[(&'static str, u64)], names: &[String]) -> String {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let mut text = String::new();
    for (name, value) in metrics.iter().filter(|(name, _)| wanted(name)) {
        text.extend([
            "# TYPE ",
            name,
            " gauge\n",
            name,
            " ",
            &value.to_string(),
            "\n",
        ]);
    }
    text.push_str("# EOF\n");
    text
}
