//! The real collector reading the simulated cluster: what it finds is what the simulator holds.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use xtrinode::collect::Collector;
use xtrinode::collect::options::{Access, Auth, Options, Peer, Target, TlsFiles};
use xtrinode::core::buffers::identity::Mapping;
use xtrinode::core::buffers::snapshot::CoordinatorSpec;
use xtrinode::demo::simulator::{QuerySpec, Simulator, Version};
use xtrinode::trino::words::RetryPolicy;
use xtrinode::web::tls::install_provider;

use super::{held, start};

/// The collector as the exporter runs it, pods by node id.
fn collector(simulator: &Simulator, stop: &CancellationToken) -> Collector {
    let access = Access {
        peer: Peer::Trino,
        auth: Auth::Header {
            name: "x-trino-user".parse().expect("name"),
            value: "u".parse().expect("value"),
        },
        tls: TlsFiles::default(),
        timeout: Duration::from_secs(30),
        gzip: false,
        forwarded_proto: None,
    };
    let spec = CoordinatorSpec {
        name: "c".into(),
        release: "r".into(),
        namespace: "n".into(),
    };
    let url = simulator.coordinator_uri().parse().expect("url");
    let options = Options {
        coordinators: vec![Target { spec, url }],
        trino: access,
        poll_interval: Duration::from_millis(50),
        stale_after: Duration::from_secs(300),
        max_response_bytes: 1 << 30,
        strict: true,
        mapping: Mapping::NodeId,
        kubernetes: None,
        prometheus: None,
        worker_http_port: 8080,
    };
    let (collector, tasks) = Collector::prepare(&options, stop);
    for (_, task) in tasks.sources.into_iter().chain(tasks.pollers) {
        tokio::spawn(task);
    }
    collector
}

/// What the coordinator last heard, summed by worker: bytes and tasks at risk.
fn truth(simulator: &Simulator) -> BTreeMap<String, (u64, u64)> {
    let mut sums = BTreeMap::<String, (u64, u64)>::new();
    for query in simulator
        .queries()
        .iter()
        .filter(|query| query.spec.retry != RetryPolicy::Task)
    {
        for (_, task) in query.tasks().filter(|(_, task)| !task.seen.state.is_done()) {
            let sum = sums.entry(task.node.name.clone()).or_default();
            sum.0 += query.bytes(task.seen);
            sum.1 += 1;
        }
    }
    sums
}

#[tokio::test]
async fn the_real_collector_reads_both_wire_shapes_and_finds_the_truth() {
    install_provider();
    for version in [Version::V476, Version::V482] {
        let simulator = start(|config| {
            config.version = version;
            config.document_bytes = 500_000;
        })
        .await;
        for stages in 1..=4 {
            simulator.submit(QuerySpec { stages, ..held() });
        }
        simulator.submit(QuerySpec {
            retry: RetryPolicy::Query,
            pages_per_task: 20,
            ..held()
        });
        simulator.submit(QuerySpec {
            retry: RetryPolicy::Task,
            ..held()
        });
        simulator.submit(QuerySpec {
            fails_analysis: true,
            ..held()
        });
        simulator.advance(Duration::from_secs(30));
        let stop = CancellationToken::new();
        let collector = collector(&simulator, &stop);
        collector
            .wait_for(Duration::ZERO, Duration::from_secs(60))
            .await;
        let snapshot = collector.board.snapshot();
        let coordinator = &snapshot.coordinators[0];
        assert_eq!(coordinator.problem, None);
        assert_eq!(
            (coordinator.coverage.word(), coordinator.visibility.word()),
            ("complete", "visible")
        );
        assert_eq!(coordinator.version.as_deref(), Some(version.number()));
        let found: BTreeMap<_, _> = snapshot
            .workers
            .iter()
            .map(|w| {
                (
                    w.pod.clone(),
                    (w.held.bytes, w.held.none.total() + w.held.query.total()),
                )
            })
            .collect();
        assert_eq!(found, truth(&simulator), "{version:?}");
        assert!(found.values().any(|(bytes, _)| *bytes > 34_000_000));
        assert!(
            snapshot
                .workers
                .iter()
                .any(|worker| worker.held.external > 0)
        );
        stop.cancel();
        simulator.shutdown().await;
    }
}
