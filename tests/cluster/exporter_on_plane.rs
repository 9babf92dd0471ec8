//! The exporter's chart, installed by real Helm on the control plane: the node agent runs our own program with the
//! chart's arguments, ConfigMap, Secret and service account, and it names the worker pods that hold data.

use anyhow::{Context as _, Result, ensure};
use xtrinode::core::buffers::wire::WireSnapshot;

use crate::load::{Load, WIDE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino::Version;
use crate::trino_config::ADMIN;
use crate::trino_on_plane::{INSTANCE, Owner, Spec, TrinoOnPlane};
use crate::world::World;
use crate::{exporter, http, wait};

const NAMESPACE: &str = "exporter";
const TOKEN: &str = "a-token-for-readers";
/// The Secret that holds it.
pub const READERS: &str = "readers";
/// The exporter's pods.
pub const EXPORTER: &str = "app.kubernetes.io/name=trino-buffer-exporter";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "exporter-chart-runs-on-the-plane",
        stage: Stage::RealTrino(|world| Box::pin(chart_runs(world))),
    }]
}

async fn chart_runs(world: &mut World) -> Result<()> {
    let spec = Spec {
        version: Version::Flat,
        owner: Owner::StatefulSet,
        workers: 2,
        ..Spec::new(NAMESPACE)
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    let url = install(world, &cluster).await?;
    let load = Load::start(&cluster.client(), 1, WIDE);
    let seen = snapshot_with_data(&url).await?;
    let mut pods: Vec<&str> = seen
        .workers
        .iter()
        .map(|worker| worker.pod.as_str())
        .collect();
    pods.sort_unstable();
    ensure!(pods == ["trino-worker-0", "trino-worker-1"], "{seen:?}");
    for worker in &seen.workers {
        ensure!(
            worker.mapping == "kubernetes" && worker.namespace == NAMESPACE,
            "{worker:?}"
        );
    }
    ensure!(http::get(&format!("{url}/v1/snapshot"), &[]).await?.status == 401);
    let report = load.finish().await?;
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    world.remove(NAMESPACE).await
}

/// The Secret with the readers' token, in a namespace that needs it.
pub async fn token(world: &World, namespace: &str) -> Result<()> {
    let literal = format!("--from-literal=token={TOKEN}");
    let create = [
        "create", "secret", "generic", READERS, "-n", namespace, &literal,
    ];
    world.plane.kubectl(&create).await?.ok().map(drop)
}

/// Installs the chart in a cluster's namespace; gives the exporter's URL.
pub async fn install(world: &World, cluster: &TrinoOnPlane) -> Result<String> {
    let namespace = cluster.spec.namespace;
    token(world, namespace).await?;
    let values = [
        format!("namespace={namespace}"),
        format!("coordinators.default.url={}", cluster.url),
        format!("coordinators.default.namespace={namespace}"),
        format!("coordinators.default.release={INSTANCE}"),
        format!("trinoAuth.headerValue={ADMIN}"),
        "prometheus.url=".into(),
        "workerMapping=kubernetes".into(),
        "kubernetes.enabled=true".into(),
        "pollIntervalSeconds=1".into(),
        format!("snapshot.existingSecret={READERS}"),
    ];
    let mut arguments = vec![
        "install",
        "exporter",
        "charts/trino-buffer-exporter",
        "-n",
        namespace,
        "--wait",
    ];
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    say!("  $ helm {}", arguments.join(" "));
    world.plane.helm(&arguments).await?.ok()?;
    let pods = world.ready(namespace, EXPORTER, 1).await?;
    let status = pods.first().and_then(|pod| pod.status.as_ref());
    let address = status.and_then(|status| status.pod_ip.as_deref());
    Ok(format!(
        "http://{}:8000",
        address.context("the exporter's address")?
    ))
}

/// The first snapshot in which every worker holds something.
async fn snapshot_with_data(url: &str) -> Result<WireSnapshot> {
    let authorization = format!("Bearer {TOKEN}");
    wait::until(
        "a snapshot in which both workers hold data",
        60,
        async || {
            let answer = http::get(
                &format!("{url}/v1/snapshot"),
                &[("Authorization", &authorization)],
            )
            .await?;
            let snapshot: WireSnapshot = serde_json::from_value(answer.json()?)?;
            let holds = |worker| exporter::at_risk(worker) > 0;
            let whole = snapshot.workers.len() == 2 && snapshot.workers.iter().all(holds);
            Ok(whole.then_some(snapshot))
        },
    )
    .await
}
