//! Against a simulated cluster: what is published is what workers hold, and what happens when things go away.

use xtrinode::core::buffers::wire::WireSnapshot;
use xtrinode::demo::simulator::{
    Access, Bind, Client, QuerySpec, Simulator, SimulatorConfig, Timing, Users, Version,
};
use xtrinode::trino::words::RetryPolicy;

use super::harness::{at_risk, c, detail, reason, total, watch, watch_with};

async fn cluster(change: impl FnOnce(&mut SimulatorConfig)) -> Simulator {
    let mut config = SimulatorConfig {
        bind: Bind::Ports,
        timing: Timing {
            task_info_interval: std::time::Duration::from_millis(100),
            ..Timing::default()
        },
        ..SimulatorConfig::default()
    };
    change(&mut config);
    Simulator::start(config).await.unwrap()
}

/// A query whose client does not read: every worker's buffer fills up and stays full.
fn held(retry: RetryPolicy) -> QuerySpec {
    QuerySpec {
        retry,
        client: Client::Held,
        pages_per_second: 2000.0,
        ..QuerySpec::default()
    }
}

fn full(workers: usize) -> impl Fn(&WireSnapshot) -> bool {
    move |s| {
        c(s).visibility == "visible"
            && s.workers.len() == workers
            && s.workers.iter().all(|w| w.held.buffered_bytes > 30_000_000)
    }
}

#[tokio::test]
async fn both_wire_shapes_show_what_workers_hold() {
    for version in [Version::V476, Version::V482] {
        let simulator = cluster(|config| config.version = version).await;
        let id = simulator.submit(held(RetryPolicy::None));
        let exporter = watch(&simulator.coordinator_uri()).await;
        let snapshot = exporter.until("full buffers", full(3)).await;
        assert_eq!(c(&snapshot).state, "complete");
        assert_eq!(c(&snapshot).visibility, "visible");
        assert_eq!(c(&snapshot).version.as_deref(), Some(version.number()));
        assert!(
            snapshot
                .workers
                .iter()
                .all(|w| w.held.tasks_at_risk.none.holding == 1)
        );
        assert!(
            snapshot
                .workers
                .iter()
                .all(|w| w.namespace == "trino" && w.mapping == "nodeId")
        );
        simulator.resume(&id, 100_000.0);
        let idle = |s: &WireSnapshot| s.workers.len() == 3 && total(s, at_risk) == 0;
        let snapshot = exporter.until("idle workers", idle).await;
        assert_eq!(total(&snapshot, |w| w.held.buffered_bytes), 0);
        exporter.stop().await;
    }
}

#[tokio::test]
async fn metrics_are_the_snapshot() {
    let simulator = cluster(|_| {}).await;
    simulator.submit(held(RetryPolicy::None));
    let exporter = watch(&simulator.coordinator_uri()).await;
    let snapshot = exporter.until("full buffers", full(3)).await;
    let metrics = exporter.metrics().await;
    let own = [("coordinator", "c"), ("release", "blue")];
    for worker in &snapshot.workers {
        let pod = [
            ("pod", worker.pod.as_str()),
            ("namespace", "trino"),
            ("release", "blue"),
        ];
        let value = |name| metrics.get(name, &pod);
        assert_eq!(
            value("trino_worker_output_buffered_bytes"),
            Some(worker.held.buffered_bytes as f64)
        );
        assert_eq!(
            value("trino_worker_output_buffered_pages"),
            Some(worker.held.buffered_pages as f64)
        );
        assert_eq!(
            value("trino_worker_output_pages_sent"),
            Some(worker.held.pages_sent as f64)
        );
        assert_eq!(value("trino_worker_active_output_buffers"), Some(1.0));
        assert_eq!(value("trino_worker_external_buffers"), Some(0.0));
        let at_risk = [&pod[..], &[("grade", "holding"), ("retry", "none")]].concat();
        assert_eq!(
            metrics.get("trino_worker_tasks_at_risk", &at_risk),
            Some(1.0)
        );
    }
    assert_eq!(metrics.count("trino_worker_tasks_at_risk"), 3 * 6);
    assert_eq!(metrics.get("trino_buffer_exporter_up", &own), Some(1.0));
    let state = |name, state| metrics.get(name, &[&own[..], &[("state", state)]].concat());
    assert_eq!(
        state("trino_buffer_exporter_coordinator_state", "complete"),
        Some(1.0)
    );
    assert_eq!(
        state("trino_buffer_exporter_coordinator_state", "unknown"),
        Some(0.0)
    );
    assert_eq!(
        state("trino_buffer_exporter_visibility", "visible"),
        Some(1.0)
    );
    assert_eq!(state("trino_buffer_exporter_queries", "RUNNING"), Some(1.0));
    assert!(
        metrics
            .get("trino_buffer_exporter_snapshot_age_seconds", &own)
            .unwrap()
            < 60.0
    );
    assert_eq!(
        metrics.get("trino_buffer_exporter_source_lag_seconds", &own),
        Some(3.0)
    );
    assert!(
        metrics
            .get("trino_buffer_exporter_read_bytes_total", &own)
            .unwrap()
            > 1000.0
    );
    exporter.stop().await;
}

#[tokio::test]
async fn retry_policies_stand_apart() {
    let simulator = cluster(|_| {}).await;
    simulator.submit(held(RetryPolicy::Query));
    simulator.submit(QuerySpec {
        pages_per_second: 1.0,
        ..held(RetryPolicy::Task)
    });
    let exporter = watch(&simulator.coordinator_uri()).await;
    let seen = |s: &WireSnapshot| {
        s.workers.len() == 3
            && s.workers
                .iter()
                .all(|w| w.held.tasks_at_risk.query.holding == 1 && w.held.external_buffers > 0)
    };
    let snapshot = exporter.until("both kinds", seen).await;
    assert_eq!(total(&snapshot, |w| w.held.tasks_at_risk.none.holding), 0);
    assert_eq!(
        total(&snapshot, |w| w.held.queries),
        3,
        "one query at risk on each worker"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn a_user_who_may_not_see_queries_gets_no_zeros() {
    let simulator = cluster(|config| {
        config.access = Access {
            view_queries: Users::only(["admin"]),
            ..Access::default()
        };
    })
    .await;
    simulator.submit(held(RetryPolicy::None));
    let exporter = watch(&simulator.coordinator_uri()).await;
    let doubted = |s: &WireSnapshot| c(s).up == Some(true) && c(s).visibility != "visible";
    let snapshot = exporter.until("doubt", doubted).await;
    assert!(
        snapshot.workers.is_empty(),
        "an empty list proves nothing: {snapshot:#?}"
    );
    let metrics = exporter.metrics().await;
    assert_eq!(metrics.count("trino_worker_output_buffered_bytes"), 0);
    exporter.stop().await;
}

#[tokio::test]
async fn where_metrics_are_forbidden_workers_are_asked() {
    let simulator = cluster(|config| {
        config.access = Access {
            read_system: Users::only([]),
            ..Access::default()
        };
    })
    .await;
    simulator.submit(held(RetryPolicy::None));
    let exporter = watch(&simulator.coordinator_uri()).await;
    let snapshot = exporter.until("full buffers", full(3)).await;
    assert_ne!(c(&snapshot).visibility, "hidden");
    exporter.stop().await;
}

#[tokio::test]
async fn a_worker_that_died_keeps_its_series_while_its_query_lives() {
    let simulator = cluster(|_| {}).await;
    simulator.submit(held(RetryPolicy::None));
    let exporter = watch(&simulator.coordinator_uri()).await;
    let snapshot = exporter.until("full buffers", full(3)).await;
    let victim = snapshot.workers[0].pod.clone();
    assert!(simulator.kill_worker(&victim));
    for _ in 0..3 {
        let (_, body) = exporter.get("/v1/snapshot?maxAge=0s").await;
        assert!(body.contains(&victim), "{body}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn a_restarted_coordinator_drops_old_facts() {
    let simulator = cluster(|_| {}).await;
    simulator.submit(held(RetryPolicy::None));
    let exporter = watch(&simulator.coordinator_uri()).await;
    exporter.until("full buffers", full(3)).await;
    simulator.restart_coordinator();
    let empty = |s: &WireSnapshot| total(s, at_risk) == 0;
    exporter.until("no old facts", empty).await;
    exporter.stop().await;
}

#[tokio::test]
async fn a_worker_is_no_coordinator() {
    let simulator = cluster(|_| {}).await;
    let worker = simulator.workers()[0].uri.clone();
    let exporter = watch(&worker).await;
    let snapshot = exporter.first_cycle().await;
    assert_eq!(reason(&snapshot), Some("not_a_coordinator"));
    assert!(detail(&snapshot).contains("worker"));
    assert_eq!(c(&snapshot).state, "unknown");
    exporter.stop().await;
}

#[tokio::test]
async fn strict_and_gzip_see_the_same() {
    for more in [
        "strict: true",
        "compression: gzip",
        "strict: true\ncompression: gzip",
    ] {
        let simulator = cluster(|_| {}).await;
        simulator.submit(held(RetryPolicy::None));
        let exporter = watch_with(&simulator.coordinator_uri(), more).await;
        exporter.until("full buffers", full(3)).await;
        exporter.stop().await;
    }
}

#[tokio::test]
async fn one_dead_coordinator_does_not_stop_the_others() {
    let simulator = cluster(|_| {}).await;
    simulator.submit(held(RetryPolicy::None));
    let yaml = format!(
        "coordinators:\n  c: {{url: {}, release: blue}}\n  dead: {{url: http://127.0.0.1:1, release: green}}\n",
        simulator.coordinator_uri()
    );
    let exporter = super::harness::start(&yaml).await;
    let snapshot = exporter.until("full buffers", full(3)).await;
    let dead = |s: &WireSnapshot| s.coordinators["dead"].up == Some(false);
    assert!(dead(&snapshot) || dead(&exporter.until("a dead one", dead).await));
    let dead = &exporter.snapshot().await.coordinators["dead"];
    assert_eq!(
        dead.problem.as_ref().map(|p| p.reason.as_str()),
        Some("connect")
    );
    exporter.stop().await;
}
