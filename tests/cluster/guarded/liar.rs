//! Workers that lie about themselves while they hold data: whatever one says of itself, its coordinator says that it has
//! tasks, and so it stays. Answers that are none, or have no end, cost the guard a moment and no memory.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt as _};

use super::installation::{NAMESPACE, REPLICAS};
use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::node_agent::liar::{Lie, MAY_LIE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::Spec;
use crate::world::World;

/// Everybody is asked for so often, two seconds apart: longer than noticeTime, and than several proofs take.
const ROUNDS: usize = 9;

/// What the chart lets a replica have, in MiB.
const MEMORY: u64 = 512;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-liars",
        stage: Stage::Shared(|world| Box::pin(liars(world))),
    }]
}

async fn liars(world: &World) -> Result<()> {
    let spec = Spec {
        workers: 8,
        annotations: &[(MAY_LIE, "yes")],
        ..spec("liars")
    };
    let scene = Scene::quiet(world, spec).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let pods = scene.workers(world).await?;
    let before = restarts(world).await?;
    let lies = lies(&pods)?;
    for (pod, lie) in &lies {
        world.agent.lie(pod, Some(*lie));
    }
    for round in 1..=ROUNDS {
        nobody_goes(world, &scene, &lies, round == ROUNDS).await?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    ensure!(
        restarts(world).await? == before,
        "a replica of the guard ended"
    );
    for pod in world.ready(NAMESPACE, REPLICAS, 2).await? {
        let resident = world.agent.resident_mib(NAMESPACE, &pod.name_any())?;
        say!("  {} holds {resident} MiB", pod.name_any());
        ensure!(resident < MEMORY, "{} grows", pod.name_any());
    }
    for pod in &pods {
        world.agent.lie(pod, None);
    }
    scene.release(&query).await?;
    for pod in &pods[..2] {
        let refused = evict_until_gone(world, pod).await?;
        say!("  honest again: {} refused {refused} times", pod.name_any());
    }
    scene.end(world).await
}

/// One worker each.
fn lies(pods: &[Pod]) -> Result<Vec<(&Pod, Lie)>> {
    let first = pods.first().context("a worker")?;
    let lies = [
        Lie::State("DRAINED"),
        Lie::Deaf("ACTIVE"),
        Lie::Starting,
        // The one that says DRAINED.
        Lie::As(address(first)?),
        Lie::Garbage,
        Lie::Huge,
        Lie::Endless,
        Lie::Slow,
    ];
    ensure!(pods.len() == lies.len(), "{} workers", pods.len());
    Ok(pods.iter().zip(lies).collect())
}

fn address(pod: &Pod) -> Result<SocketAddr> {
    let status = pod.status.as_ref();
    let address = status.and_then(|status| status.pod_ip.as_deref());
    Ok(SocketAddr::new(
        address.context("a pod's address")?.parse()?,
        8080,
    ))
}

/// By eviction, by deletion, by a lower number.
async fn nobody_goes(world: &World, scene: &Scene, lies: &[(&Pod, Lie)], loud: bool) -> Result<()> {
    let api = Api::<Pod>::namespaced(world.plane.once.clone(), scene.namespace());
    for (pod, lie) in lies {
        let refusal = evict(world, pod, false).await?;
        let refusal = refusal.with_context(|| format!("{lie:?} was evicted with its tasks"))?;
        let deleted = api.delete(&pod.name_any(), &DeleteParams::default()).await;
        ensure!(deleted.is_err(), "{lie:?} was deleted with its tasks");
        if loud {
            say!("  {lie:?}: {refusal:.150}");
        }
    }
    let workload = scene.cluster.spec.workload();
    for replicas in ["--replicas=7", "--replicas=0"] {
        let scale = ["scale", &scene.space(), workload, replicas];
        let said = world.plane.kubectl(&scale).await?;
        ensure!(!said.success, "{replicas}: {said:?}");
    }
    Ok(())
}

/// How often each replica's container was started again.
async fn restarts(world: &World) -> Result<Vec<(String, i32)>> {
    let pods = world.ready(NAMESPACE, REPLICAS, 2).await?;
    let restarts = pods.iter().map(|pod| {
        let statuses = pod.status.iter().flat_map(|status| {
            let statuses = status.container_statuses.iter().flatten();
            statuses.map(|container| container.restart_count)
        });
        (pod.name_any(), statuses.sum())
    });
    Ok(restarts.collect())
}
