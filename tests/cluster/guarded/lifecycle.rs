//! The guard's own life: upgraded and rolled back, its node drained, its certificate replaced, each without an unanswered
//! review; and uninstalled in the middle of a drain, with nothing left behind.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;
use xtrinode::trino::words::NodeState;

use super::installation::{self, NAMESPACE, REPLICAS};
use super::questions::Questions;
use super::scene::{Scene, evict, ours, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::wait;
use crate::world::World;

/// Holds the guard's certificate and its authority.
const SECRET: &str = "xtrinode-guard-tls";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-node-of-a-replica-drained",
            stage: Stage::Plane(|world| Box::pin(own_node_drained(world))),
        },
        Scenario {
            name: "guarded-upgrade-and-rollback",
            stage: Stage::Plane(|world| Box::pin(upgraded(world))),
        },
        Scenario {
            name: "guarded-certificate-replaced",
            stage: Stage::Plane(|world| Box::pin(certificate(world))),
        },
        Scenario {
            name: "guarded-uninstall-leaves-nothing",
            stage: Stage::Plane(|world| Box::pin(uninstalled(world))),
        },
    ]
}

async fn own_node_drained(world: &mut World) -> Result<()> {
    let mut values = installation::values();
    values["nodeSelector"] = json!({});
    installation::with(world, values).await?;
    let scene = Scene::without_guard(world, spec("own-node")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let replica = world.ready(NAMESPACE, REPLICAS, 2).await?.remove(0);
    let node = replica
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.clone());
    let node = node.context("the replica's node")?;
    let questions = Questions::start(world, &scene).await?;
    world
        .plane
        .show(&["drain", &node, "--timeout=120s", "--pod-selector", REPLICAS])
        .await?;
    world.plane.kubectl(&["uncordon", &node]).await?.ok()?;
    world.ready(NAMESPACE, REPLICAS, 2).await?;
    questions.all_answered().await?;
    scene.release(&query).await?;
    scene.end(world).await
}

async fn upgraded(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("upgraded")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let questions = Questions::start(world, &scene).await?;
    let mut values = installation::values();
    values["podAnnotations"]["tests/version"] = "next".into();
    installation::with(world, values).await?;
    old_replicas_gone(world).await?;
    say!("  $ helm rollback guard -n {NAMESPACE} --wait");
    world
        .plane
        .helm(&["rollback", "guard", "-n", NAMESPACE, "--wait"])
        .await?
        .ok()?;
    installation::forget_values(world);
    old_replicas_gone(world).await?;
    questions.all_answered().await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// `helm --wait` is content as soon as the new ones are ready; the old ones still answer then.
async fn old_replicas_gone(world: &World) -> Result<()> {
    world.ready(NAMESPACE, REPLICAS, 2).await.map(drop)
}

/// The certificate is taken out of the Secret, as by somebody who wants another: the leader has its authority sign a new
/// one, and no review falls between. (Without the authority itself reviews fail until the new one is published.)
async fn certificate(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("certified")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let questions = Questions::start(world, &scene).await?;
    let before = served(world).await?.context("a certificate")?;
    let patch = r#"[{"op":"remove","path":"/data/tls.crt"}]"#;
    let secret = [
        "patch",
        "secret",
        SECRET,
        "-n",
        NAMESPACE,
        "--type=json",
        "-p",
        patch,
    ];
    world.plane.show(&secret).await?;
    wait::until("another certificate", 120, async || {
        let now = served(world).await?;
        Ok(now.filter(|now| *now != before).map(drop))
    })
    .await?;
    questions.wait_refused(400).await?;
    questions.all_answered().await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// The certificate in the Secret.
async fn served(world: &World) -> Result<Option<Vec<u8>>> {
    let api = Api::<Secret>::namespaced(world.plane.client.clone(), NAMESPACE);
    let data = api.get(SECRET).await?.data.unwrap_or_default();
    Ok(data.get("tls.crt").map(|bytes| bytes.0.clone()))
}

async fn uninstalled(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("left")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    ensure!(
        evict(world, &victim, false).await?.is_some(),
        "a busy worker went"
    );
    scene.wait_state(&victim, NodeState::Draining).await?;
    say!("  $ helm uninstall guard -n {NAMESPACE}");
    world
        .plane
        .helm(&["uninstall", "guard", "-n", NAMESPACE])
        .await?
        .ok()?;
    *world.guard.get_mut() = None;
    let api = Api::<ValidatingWebhookConfiguration>::all(world.plane.client.clone());
    let left = api.list(&ListParams::default()).await?.items;
    let left: Vec<_> = left
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| name.contains("xtrinode"))
        .collect();
    ensure!(left.is_empty(), "left: {left:?}");
    for pod in scene.workers(world).await? {
        let left = ours(&pod);
        ensure!(left.is_empty(), "{}: {left:?}", pod.name_any());
        ensure!(
            scene.state(&pod) == Some(NodeState::Active),
            "{} was not given back",
            pod.name_any()
        );
    }
    world.ready(NAMESPACE, REPLICAS, 0).await?;
    let leftovers = [
        "get",
        "all,secret,configmap,lease,role,rolebinding",
        "-n",
        NAMESPACE,
        "-o=name",
    ];
    let said = world.plane.kubectl(&leftovers).await?.ok()?;
    say!(
        "  left in {NAMESPACE}: {}",
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    ensure!(!said.contains("guard"), "{said}");
    scene.release(&query).await?;
    scene.end(world).await
}
