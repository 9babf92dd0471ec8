//! How the real HorizontalPodAutoscaler scales down and what it does about a refusal: it asks again at every sync, for
//! as much as before, and says in its status why nothing moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::admission_facts::compare;
use crate::plane::external_metrics::ExternalMetrics;
use crate::plane::webhook::Webhook;
use crate::runner::{Scenario, Stage};
use crate::wait;
use crate::world::World;

const NAMESPACE: &str = "hpa";
const PODS: &str = "app=w";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "a-refused-autoscaler-asks-again",
        stage: Stage::Plane(|world| Box::pin(refused(world))),
    }]
}

async fn refused(world: &mut World) -> Result<()> {
    let metrics = ExternalMetrics::start(&world.plane).await?;
    let outcome = autoscale(world, &metrics).await;
    metrics.stop(&world.plane).await?;
    outcome?;
    world.remove(NAMESPACE).await
}

async fn autoscale(world: &World, metrics: &ExternalMetrics) -> Result<()> {
    metrics.set(4);
    world.plane.namespace(NAMESPACE, &[]).await?;
    world.plane.apply(&objects().to_string()).await?;
    world.ready(NAMESPACE, PODS, 4).await?;
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let judge = move |request: &Value| {
        let refused = request["subResource"] == "scale" && !gate.load(Ordering::Relaxed);
        refused.then(|| "two of the victims are busy".to_owned())
    };
    let webhook = Webhook::start(&world.plane, NAMESPACE, Box::new(judge)).await?;
    metrics.set(2);
    wait::until("three refusals of the autoscaler", 60, async || {
        Ok((webhook.seen().len() >= 3).then_some(()))
    })
    .await?;
    for seen in webhook.seen() {
        ensure!(
            seen.request["object"]["spec"]["replicas"] == 2,
            "{:?}",
            seen.request["object"]
        );
        compare("deployment-scale-down-by-hpa", &seen.request)?;
    }
    world.ready(NAMESPACE, PODS, 4).await?;
    told_why(world).await?;
    open.store(true, Ordering::Relaxed);
    world.ready(NAMESPACE, PODS, 2).await?;
    webhook.stop(&world.plane).await
}

/// The webhook's words stand in the autoscaler's condition.
async fn told_why(world: &World) -> Result<()> {
    let path = "--output=jsonpath={.status.conditions[?(@.type=='AbleToScale')]}";
    let said = world
        .plane
        .kubectl(&["get", "hpa", "w", "--namespace=hpa", path])
        .await?
        .ok()?;
    let condition: Value = serde_json::from_str(&said).context(said)?;
    ensure!(condition["status"] == "False", "{condition}");
    ensure!(condition["reason"] == "FailedUpdateScale", "{condition}");
    let message = condition["message"].as_str().unwrap_or_default();
    ensure!(message.contains("two of the victims are busy"), "{message}");
    Ok(())
}

fn objects() -> Value {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "w"}},
            "template": {
                "metadata": {"labels": {"app": "w"}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "x"}]},
            },
        },
    });
    let metric = json!({"type": "External", "external": {
        "metric": {"name": "wanted-workers"}, "target": {"type": "AverageValue", "averageValue": "1"},
    }});
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "w", "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"},
            "minReplicas": 1, "maxReplicas": 5, "metrics": [metric],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [deployment, scaler]})
}
