//! Fewer workers, by everything that asks for them: kubectl, the real HorizontalPodAutoscaler without and with the clamp,
//! a StatefulSet's scale, a rolling restart.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::installation;
use super::scene::{Scene, spec};
use crate::plane::external_metrics::ExternalMetrics;
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Owner, Spec, WORKERS};
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-deployment-scaled-by-kubectl",
            stage: Stage::Shared(|world| Box::pin(by_kubectl(world))),
        },
        Scenario {
            name: "guarded-stateful-set-scaled",
            stage: Stage::Shared(|world| Box::pin(stateful_set(world))),
        },
        Scenario {
            name: "guarded-rollout-restart",
            stage: Stage::Shared(|world| Box::pin(rollout(world))),
        },
        Scenario {
            name: "guarded-hpa-without-clamp",
            stage: Stage::Plane(|world| Box::pin(autoscaled(world, "hpa-plain", false))),
        },
        Scenario {
            name: "guarded-hpa-with-clamp",
            stage: Stage::Plane(|world| Box::pin(autoscaled(world, "hpa-clamped", true))),
        },
    ]
}

async fn by_kubectl(world: &World) -> Result<()> {
    let scene = Scene::busy(world, spec("scaled")).await?;
    let refusals = scale(world, &scene, 2).await?;
    ensure!(!refusals.is_empty(), "busy workers went without a refusal");
    world.ready(scene.namespace(), WORKERS, 2).await?;
    scene.end(world).await
}

async fn stateful_set(world: &World) -> Result<()> {
    let spec = Spec {
        owner: Owner::StatefulSet,
        workers: 4,
        ..spec("ordinals")
    };
    let scene = Scene::busy(world, spec).await?;
    let refusals = scale(world, &scene, 2).await?;
    ensure!(!refusals.is_empty(), "busy workers went without a refusal");
    world.ready(scene.namespace(), WORKERS, 2).await?;
    scene.end(world).await
}

async fn scale(world: &World, scene: &Scene, replicas: u32) -> Result<Vec<String>> {
    let replicas = format!("--replicas={replicas}");
    let workload = scene.cluster.spec.workload();
    let arguments = ["scale", &scene.space(), workload, &replicas];
    world.plane.insist(&arguments).await
}

async fn rollout(world: &World) -> Result<()> {
    let scene = Scene::busy(world, spec("restarted")).await?;
    let before = scene.workers(world).await?;
    let workload = scene.cluster.spec.workload();
    let restart = ["rollout", "restart", &scene.space(), workload];
    world.plane.show(&restart).await?;
    let status = [
        "rollout",
        "status",
        &scene.space(),
        workload,
        "--timeout=500s",
    ];
    world.plane.show(&status).await?;
    let after = world.ready(scene.namespace(), WORKERS, 5).await?;
    let old = after.iter().filter(|pod| {
        before
            .iter()
            .any(|old| old.metadata.uid == pod.metadata.uid)
    });
    ensure!(old.count() == 0, "old workers are still there");
    scene.end(world).await
}

async fn autoscaled(world: &mut World, namespace: &'static str, clamp: bool) -> Result<()> {
    let mut values = installation::values();
    if clamp {
        values["clamp"]["enabled"] = true.into();
    }
    installation::with(world, values).await?;
    let metrics = ExternalMetrics::start(&world.plane).await?;
    let outcome = autoscale(world, &metrics, namespace, clamp).await;
    metrics.stop(&world.plane).await?;
    outcome
}

async fn autoscale(
    world: &mut World,
    metrics: &ExternalMetrics,
    namespace: &'static str,
    clamp: bool,
) -> Result<()> {
    metrics.set(5);
    let scene = Scene::without_guard(world, spec(namespace)).await?;
    // Three of five workers hold data whose client has stopped: the two idle ones go first, whomever the first request
    // is about; the third may not.
    let query = scene.hold_on(3).await?;
    scene.wait_seen_on(world, 3).await?;
    world.plane.apply(&scaler(namespace).to_string()).await?;
    say!("  the autoscaler's metric falls from 5 to 2; clamp: {clamp}");
    metrics.set(2);
    if clamp {
        world.ready(namespace, WORKERS, 3).await?;
        say!("  clamped to 3");
        scene.event(world, "ClampedScaleDown").await?;
    } else {
        scene.event(world, "FailedRescale").await?;
        let pods = world.ready(namespace, WORKERS, 5).await?;
        say!("  refused, {} are there: all or none", pods.len());
    }
    scene.release(&query).await?;
    world.ready(namespace, WORKERS, 2).await?;
    scene.end(world).await
}

fn scaler(namespace: &str) -> Value {
    let metric = json!({"type": "External", "external": {
        "metric": {"name": "wanted-workers"}, "target": {"type": "AverageValue", "averageValue": "1"},
    }});
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "trino-worker", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "trino-worker"},
            "minReplicas": 1, "maxReplicas": 5, "metrics": [metric],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    })
}
