//! A drain that is called off a moment after its worker's removal was allowed: the removal may still come, so the worker
//! is given back only when it can't any more.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::json;
use xtrinode::core::guard::bounds::ALLOWED;
use xtrinode::core::guard::notes::Notes;
use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::NodeState;

use super::scene::{Scene, evict, ours, spec_on_own_nodes};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::wait;
use crate::world::World;

/// What Kubernetes says itself once the guard lets a pod go that a budget keeps.
const BUDGET: &str = "disruption budget";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-give-back-waits-for-a-grant",
        stage: Stage::Shared(|world| Box::pin(given_back(world))),
    }]
}

async fn given_back(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec_on_own_nodes("granted")).await?;
    // Asked after the guard: an allowed eviction leaves a grant, and the pod.
    world.plane.apply(&budget(scene.namespace())).await?;
    let victim = scene.workers(world).await?.remove(0);
    let node = victim.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let node = node.context("its node")?;
    world.plane.show(&["cordon", &node]).await?;
    allowed(world, &victim).await?;
    say!("  the guard allows the eviction, a budget refuses it");
    world.plane.show(&["uncordon", &node]).await?;
    let first = grant(world, &scene, &victim).await?.context("a grant")?;
    let last = renewed(world, &scene, &victim, first).await?;
    say!("  allowed again after the node was uncordoned");
    let begun = returning(world, &scene, &victim, last).await?;
    say!(
        "  given back {:.0} s after the last allow",
        begun.since(last).as_secs_f64()
    );
    ensure!(begun.since(last) >= ALLOWED, "given back during an allow");
    scene.wait_state(&victim, NodeState::Active).await?;
    wait::until("a pod without annotations of ours", 60, async || {
        let left = ours(&of(world, &scene, &victim).await?);
        Ok(left
            .iter()
            .all(|key| key.ends_with("deletion-cost"))
            .then_some(()))
    })
    .await?;
    let refusal = evict(world, &victim, false).await?.unwrap_or_default();
    ensure!(!refusal.contains(BUDGET), "it still may go: {refusal}");
    say!("  nothing is left on it, it is ACTIVE, and to evict it is refused: {refusal}");
    let free = ["delete", "pdb", "workers", &scene.space()];
    world.plane.kubectl(&free).await?.ok()?;
    scene.end(world).await
}

fn budget(namespace: &str) -> String {
    let labels = json!({"app.kubernetes.io/component": "worker"});
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "workers", "namespace": namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": labels}},
    })
    .to_string()
}

/// Evicts until only the budget refuses.
async fn allowed(world: &World, pod: &Pod) -> Result<()> {
    wait::until("an eviction that the guard allows", 120, async || {
        let refusal = evict(world, pod, false).await?;
        let refusal = refusal.context("the budget let it go")?;
        Ok(refusal.contains(BUDGET).then_some(()))
    })
    .await
}

/// Goes on evicting until the grant is a new one, as long as it takes.
async fn renewed(world: &World, scene: &Scene, pod: &Pod, first: Time) -> Result<Time> {
    wait::until("a grant that was renewed", 60, async || {
        evict(world, pod, false).await?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        Ok(grant(world, scene, pod).await?.filter(|at| *at > first))
    })
    .await
}

async fn of(world: &World, scene: &Scene, pod: &Pod) -> Result<Pod> {
    let mut pods = scene.workers(world).await?.into_iter();
    let same = pods.find(|other| other.uid() == pod.uid());
    same.context("the worker went")
}

async fn notes(world: &World, scene: &Scene, pod: &Pod) -> Result<Notes> {
    let pod = of(world, scene, pod).await?;
    Ok(Notes::read(
        pod.annotations(),
        &pod.uid().unwrap_or_default(),
    ))
}

/// When the removal was allowed last.
async fn grant(world: &World, scene: &Scene, pod: &Pod) -> Result<Option<Time>> {
    let notes = notes(world, scene, pod).await?;
    Ok(notes.grant.map(|grant| grant.at))
}

/// When giving back began. The allow before it stays the last one.
async fn returning(world: &World, scene: &Scene, pod: &Pod, last: Time) -> Result<Time> {
    wait::until("the worker to be given back", 180, async || {
        let notes = notes(world, scene, pod).await?;
        let same = notes.grant.is_none_or(|grant| grant.at == last);
        ensure!(same, "somebody else asked");
        Ok(notes.returning)
    })
    .await
}
