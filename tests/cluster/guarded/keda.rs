//! Real KEDA through the guard: its jump from three workers to none while a query runs, demand that comes back, its
//! HorizontalPodAutoscaler's step to one, and none in the end.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use xtrinode::trino::words::NodeState;

use super::installation;
use super::scene::{Scene, ours, spec};
use crate::plane::keda::Keda;
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::wait;
use crate::world::World;

/// Seconds for which KEDA's autoscaler waits before it makes anything less; at first so long that KEDA itself is faster.
const PATIENT: u32 = 300;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-keda",
        stage: Stage::Shared(|world| Box::pin(with_keda(world))),
    }]
}

/// Two stories at once: demand that asks for more workers than there are, and demand that makes KEDA fall silent only.
async fn with_keda(world: &World) -> Result<()> {
    installation::usual(world).await?;
    let keda = Keda::start(&world.plane).await?;
    let outcome = tokio::try_join!(raised(world, &keda), silent(world, &keda));
    keda.stop(&world.plane).await?;
    outcome.map(drop)
}

async fn raised(world: &World, keda: &Keda) -> Result<()> {
    let scene = scaled(world, keda, "keda").await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    to_zero(world, &scene, keda).await?;
    say!("  keda: new demand: four workers are wanted");
    keda.set("keda", 4);
    given_back(world, &scene, 4).await?;
    say!("  keda: less demand: one is wanted, of KEDA's HorizontalPodAutoscaler");
    world.plane.apply(&scaler(keda, "keda", 0)).await?;
    keda.set("keda", 1);
    scene.event(world, "FailedRescale").await?;
    scene.release(&query).await?;
    world.ready("keda", WORKERS, 1).await?;
    say!("  keda: no demand: none is wanted");
    keda.set("keda", 0);
    world.ready("keda", WORKERS, 0).await?;
    scene.event(world, "KEDAScaleTargetDeactivated").await?;
    scene.end(world).await
}

async fn silent(world: &World, keda: &Keda) -> Result<()> {
    let scene = scaled(world, keda, "keda-silent").await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    to_zero(world, &scene, keda).await?;
    heard_three_times(world, &scene).await?;
    say!("  keda-silent: new demand: three workers are wanted, as there are");
    keda.set("keda-silent", 3);
    given_back(world, &scene, 3).await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// Three workers that KEDA wants.
async fn scaled(world: &World, keda: &Keda, namespace: &'static str) -> Result<Scene> {
    keda.set(namespace, 3);
    let spec = Spec {
        workers: 3,
        ..spec(namespace)
    };
    let scene = Scene::without_guard(world, spec).await?;
    world.plane.apply(&scaler(keda, namespace, PATIENT)).await?;
    let space = scene.space();
    let active = "--output=jsonpath={.status.conditions[?(@.type=='Active')].status}";
    let get = ["get", "scaledobject", "trino-worker", &space, active];
    wait::until("a ScaledObject that is active", 60, async || {
        let said = world.plane.kubectl(&get).await?.ok()?;
        Ok((said == "True").then_some(()))
    })
    .await?;
    Ok(scene)
}

/// No demand: KEDA asks for none at all, is refused, and all but one of the workers drain.
async fn to_zero(world: &World, scene: &Scene, keda: &Keda) -> Result<()> {
    let name = scene.namespace();
    say!("  {name}: no demand while a query runs: KEDA wants none of three");
    keda.set(name, 0);
    scene
        .event(world, "KEDAScaleTargetDeactivationFailed")
        .await?;
    let refusal = last_refusal(world, scene).await?;
    say!("    {refusal}");
    ensure!(refusal.contains("from 3 to 0"), "not all at once");
    ensure!(
        refusal.contains("scale.guard.xtrinode.io"),
        "not by the guard"
    );
    wait::until("all but one to drain", 60, async || {
        let pods = scene.workers(world).await?;
        let draining = |pod: &&Pod| scene.state(pod) == Some(NodeState::Draining);
        Ok((pods.iter().filter(draining).count() == 2).then_some(()))
    })
    .await?;
    let pods = world.ready(scene.namespace(), WORKERS, 3).await?;
    let active = |pod: &&Pod| scene.state(pod) == Some(NodeState::Active);
    ensure!(
        pods.iter().filter(active).count() == 1,
        "the last one drains, too"
    );
    Ok(())
}

/// What KEDA was told last.
async fn last_refusal(world: &World, scene: &Scene) -> Result<String> {
    let field = "--field-selector=reason=KEDAScaleTargetDeactivationFailed";
    let note = "--output=jsonpath={.items[-1:].note}";
    let get = ["get", "events.events.k8s.io", &scene.space(), field, note];
    world.plane.kubectl(&get).await?.ok()
}

/// Waits until some pod was refused three times as the guard writes it down, which is how it knows a caller's rhythm.
async fn heard_three_times(world: &World, scene: &Scene) -> Result<()> {
    let mut heard = std::collections::BTreeSet::new();
    wait::until("three refusals written down", 180, async || {
        for pod in scene.workers(world).await? {
            let want = pod.annotations().get("xtrinode.io/drain-requested");
            heard.extend(want.map(|want| (pod.name_any(), want.clone())));
        }
        let times = |name: &str| heard.iter().filter(|(of, _)| of == name).count();
        Ok(heard.iter().any(|(name, _)| times(name) >= 3).then_some(()))
    })
    .await
}

/// Waits until this many workers serve again and nothing of a drain is left on any.
async fn given_back(world: &World, scene: &Scene, count: usize) -> Result<()> {
    let what = format!("{count} workers without a trace of a drain");
    let pods = wait::until(&what, 400, async || {
        let pods = scene.workers(world).await?;
        let whole = pods.iter().all(|pod| is_untouched(scene, pod));
        Ok((whole && pods.len() == count).then_some(pods))
    })
    .await?;
    say!(
        "  {}: {} workers are ACTIVE, nothing is left on their pods",
        scene.namespace(),
        pods.len()
    );
    Ok(())
}

fn is_untouched(scene: &Scene, pod: &Pod) -> bool {
    let marks = ours(pod)
        .into_iter()
        .filter(|key| !key.contains("deletion-cost"));
    marks.count() == 0 && scene.state(pod) == Some(NodeState::Active)
}

fn scaler(keda: &Keda, namespace: &str, patience: u32) -> String {
    let trigger = json!({"type": "metrics-api", "metadata": {
        "url": keda.url(namespace), "valueLocation": "value", "targetValue": "1",
    }});
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": patience}});
    let scaler: Value = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "trino-worker", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"name": "trino-worker"},
            "minReplicaCount": 0, "maxReplicaCount": 5, "pollingInterval": 3, "cooldownPeriod": 1,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": [trigger],
        },
    });
    scaler.to_string()
}
