//! How controllers come back after a refusal, and that a write to one of their pods makes them come back at once: the
//! guard's kick rests on it. Four workloads are refused a removal; two of them are kicked, their twins are not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::plane::webhook::{Seen, Webhook};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::wait;
use crate::world::World;

const NAMESPACE: &str = "kick";

/// A controller counts as far away when it has let so much time pass between two tries; the next gap is twice as long.
const FAR: Duration = Duration::from_secs(15);

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "a-written-pod-brings-its-controller-back",
        stage: Stage::Shared(|world| Box::pin(kick(world))),
    }]
}

async fn kick(world: &World) -> Result<()> {
    world.plane.namespace(NAMESPACE, &[]).await?;
    world.plane.apply(&workloads()).await?;
    for name in NAMES {
        world.ready(NAMESPACE, &format!("app={name}"), 2).await?;
    }
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let webhook = Webhook::start(
        &world.plane,
        NAMESPACE,
        Box::new(move |request| {
            let refused = by_controller(request) && !gate.load(Ordering::Relaxed);
            refused.then(|| "not yet".to_owned())
        }),
    )
    .await?;
    for kind in ["deployment", "statefulset"] {
        let space = format!("--namespace={NAMESPACE}");
        let arguments = ["scale", &space, kind, "--all", "--replicas=1"];
        world.plane.kubectl(&arguments).await?.ok()?;
    }
    wait_far(&webhook).await?;
    open.store(true, Ordering::Relaxed);
    for (kicked, twin) in [("rs-kicked", "rs-twin"), ("sts-kicked", "sts-twin")] {
        kick_one(world, &webhook, kicked, twin).await?;
    }
    webhook.stop(&world.plane).await?;
    world.remove(NAMESPACE).await
}

const NAMES: [&str; 4] = ["rs-kicked", "rs-twin", "sts-kicked", "sts-twin"];

fn workloads() -> String {
    let one = |name: &&str| {
        let kind = if name.starts_with("rs") {
            "Deployment"
        } else {
            "StatefulSet"
        };
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "x"}]},
                },
            },
        });
        if kind == "StatefulSet" {
            workload["spec"]["serviceName"] = "s".into();
        }
        workload
    };
    let items: Vec<Value> = NAMES.iter().map(one).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Waits until every controller has long waits between its tries, and none of them is about to try.
async fn wait_far(webhook: &Webhook) -> Result<()> {
    wait::until("all controllers to have backed off", 240, async || {
        let tries = tries(&webhook.seen());
        let far = |name: &&str| {
            let times = tries.get(*name).map(Vec::as_slice).unwrap_or_default();
            let [.., before, last] = times else {
                return false;
            };
            *last - *before >= FAR && last.elapsed() < FAR
        };
        Ok(NAMES.iter().all(far).then_some(()))
    })
    .await
}

/// Writes to one pod; its controller removes exactly that pod, while its twin's has not tried again.
async fn kick_one(world: &World, webhook: &Webhook, kicked: &str, twin: &str) -> Result<()> {
    let twin_before = count(webhook, twin);
    let pods = world.ready(NAMESPACE, &format!("app={kicked}"), 2).await?;
    // Of a StatefulSet only the highest ordinal can go; of a ReplicaSet the cheapest.
    let pod = pods
        .iter()
        .max_by_key(|pod| pod.name_any())
        .context("a pod")?;
    let api = Api::<Pod>::namespaced(world.plane.client.clone(), NAMESPACE);
    let cost = json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-100"}}});
    let begun = Instant::now();
    api.patch(
        &pod.name_any(),
        &PatchParams::default(),
        &Patch::Merge(cost),
    )
    .await?;
    wait::until("the kicked pod's removal", 10, async || {
        let seen = webhook.seen();
        let allowed = seen.iter().find(|seen| seen.allowed && app(seen) == kicked);
        Ok(allowed.cloned())
    })
    .await
    .and_then(|seen| {
        say!(
            "  {kicked}: deleted {:.2} s after the write",
            (seen.at - begun).as_secs_f64()
        );
        ensure!(
            seen.request["name"] == pod.name_any().as_str(),
            "{}",
            seen.request["name"]
        );
        Ok(())
    })?;
    ensure!(
        count(webhook, twin) == twin_before,
        "{twin} was tried again without a kick"
    );
    Ok(())
}

fn count(webhook: &Webhook, name: &str) -> usize {
    webhook
        .seen()
        .iter()
        .filter(|seen| app(seen) == name)
        .count()
}

/// The times of each workload's removals of pods by its controller.
fn tries(seen: &[Seen]) -> HashMap<String, Vec<Instant>> {
    let mut tries: HashMap<String, Vec<Instant>> = HashMap::new();
    for seen in seen {
        tries.entry(app(seen).to_owned()).or_default().push(seen.at);
    }
    tries
}

/// The workload whose controller removes a pod of it; nothing of other reviews.
fn app(seen: &Seen) -> &str {
    if !by_controller(&seen.request) {
        return "";
    }
    seen.request["oldObject"]["metadata"]["labels"]["app"]
        .as_str()
        .unwrap_or_default()
}

/// Whether a ReplicaSet's or StatefulSet's controller removes a pod.
fn by_controller(request: &Value) -> bool {
    let user = request["userInfo"]["username"].as_str();
    request["resource"]["resource"] == "pods"
        && user.is_some_and(|user| user.ends_with("set-controller"))
}
