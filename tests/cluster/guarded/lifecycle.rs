//! The guard's own life: upgraded and rolled back in the middle of a drain, its node drained, each without an unanswered
//! review; records of a later version; and its leave, by uninstalling it or by a namespace's label, with nothing left behind.

use anyhow::{Result, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use xtrinode::trino::words::NodeState;

use super::installation::{self, ENFORCE, GUARD, NAMESPACE, REPLICAS};
use super::questions::Questions;
use super::scene::{
    Scene, evict_until_gone, hints, ours, spec, spec_on_one_node, spec_on_own_nodes,
};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::WORKERS;
use crate::wait;
use crate::world::World;

/// Looks, a second apart, for longer than the 60 s after which an unwanted drain is taken back.
const CALM_LOOKS: usize = 70;

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
            name: "guarded-records-of-a-later-version",
            stage: Stage::Plane(|world| Box::pin(later_version(world))),
        },
        Scenario {
            name: "guarded-namespace-leaves",
            stage: Stage::Plane(|world| Box::pin(namespace_leaves(world))),
        },
        Scenario {
            name: "guarded-uninstall-leaves-nothing",
            stage: Stage::Plane(|world| Box::pin(uninstalled(world))),
        },
    ]
}

/// One after the other, with the idle workers beside them, which are drained meanwhile.
async fn own_node_drained(world: &mut World) -> Result<()> {
    let mut values = installation::values();
    values["nodeSelector"] = json!({});
    installation::with(world, values).await?;
    let scene = Scene::without_guard(world, spec_on_own_nodes("own-node")).await?;
    let beside = Scene::without_guard(world, spec("own-node-too")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let questions = Questions::start(world, &scene).await?;
    for node in nodes_of_replicas(world).await? {
        let drain = ["drain", &node, "--timeout=300s", "--delete-emptydir-data"];
        world.plane.show(&drain).await?;
        world.plane.kubectl(&["uncordon", &node]).await?.ok()?;
        world.ready(NAMESPACE, REPLICAS, 2).await?;
    }
    world.ready(beside.namespace(), WORKERS, 5).await?;
    questions.all_answered().await?;
    scene.release(&query).await?;
    beside.end(world).await?;
    scene.end(world).await
}

async fn nodes_of_replicas(world: &World) -> Result<Vec<String>> {
    let replicas = world.ready(NAMESPACE, REPLICAS, 2).await?;
    let node = |pod: Pod| pod.spec.and_then(|spec| spec.node_name);
    let nodes: Vec<_> = replicas.into_iter().filter_map(node).collect();
    ensure!(
        nodes.len() == 2 && nodes[0] != nodes[1],
        "two replicas on two nodes: {nodes:?}"
    );
    Ok(nodes)
}

/// In the middle of a drain of the node that holds every worker.
async fn upgraded(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec_on_one_node("upgraded")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let node = scene.cluster.spec.node(1);
    let drain = ["drain", &node, "--timeout=600s"];
    let renewed = async {
        let victim = drained_first(world, &scene).await?;
        let questions = Questions::start(world, &scene).await?;
        upgrade_and_roll_back(world).await?;
        questions.all_answered().await?;
        ensure!(
            scene.state(&victim) == Some(NodeState::Draining),
            "the drain was not kept"
        );
        scene.release(&query).await
    };
    let (drained, renewed) = tokio::join!(world.plane.show(&drain), renewed);
    installation::forget_values(world);
    renewed?;
    drained?;
    world.ready(scene.namespace(), WORKERS, 3).await?;
    scene.end(world).await
}

/// The worker that whoever drains its node is waiting for.
async fn drained_first(world: &World, scene: &Scene) -> Result<Pod> {
    wait::until("a worker that drains", 60, async || {
        let mut pods = scene.workers(world).await?.into_iter();
        Ok(pods.find(|pod| scene.state(pod) == Some(NodeState::Draining)))
    })
    .await
}

async fn upgrade_and_roll_back(world: &World) -> Result<()> {
    let mut values = installation::values();
    values["podAnnotations"]["tests/version"] = "next".into();
    installation::with(world, values).await?;
    old_replicas_gone(world).await?;
    say!("  $ helm rollback guard -n {NAMESPACE} --wait --force-conflicts");
    // The first revision of all says Ignore where the leader has set Fail since.
    let rollback = [
        "rollback",
        "guard",
        "-n",
        NAMESPACE,
        "--wait",
        "--force-conflicts",
    ];
    world.plane.helm(&rollback).await?.ok()?;
    old_replicas_gone(world).await
}

/// What a replica of the next version would write: further fields, and words that this one does not know.
async fn later_version(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("skewed")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.draining(world).await?;
    let access = &world.plane.access;
    let guard = access.acting_as(GUARD, &["system:serviceaccounts"]).await?;
    let pods = Api::<Pod>::namespaced(guard, scene.namespace());
    let now = pods.get(&victim.name_any()).await?;
    let mut annotations = serde_json::Map::new();
    for (key, text) in now.annotations() {
        // Times and costs are no records.
        if let Ok(Value::Object(mut record)) = serde_json::from_str(text) {
            record.insert("later".into(), json!({"field": [1, null]}));
            if record.contains_key("cause") {
                record.insert("cause".into(), "later-word".into());
            }
            annotations.insert(key.clone(), Value::Object(record).to_string().into());
        }
    }
    say!("  {} records with more in them", annotations.len());
    ensure!(annotations.len() >= 2, "{:?}", now.annotations());
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    pods.patch(&victim.name_any(), &PatchParams::default(), &patch)
        .await?;
    // Longer than it takes to take back what nobody wants.
    for _ in 0..CALM_LOOKS {
        let state = scene.state(&victim);
        ensure!(state == Some(NodeState::Draining), "taken back: {state:?}");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    scene.release(&query).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  drained and let go; refused {refused} times more");
    scene.end(world).await
}

/// From enforce to audit, and without the label: what was begun is taken back either way.
async fn namespace_leaves(world: &mut World) -> Result<()> {
    let mut values = installation::values();
    values["hints"]["enabled"] = true.into();
    installation::with(world, values).await?;
    let scene = Scene::without_guard(world, spec("leaving")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    for label in ["xtrinode.io/guard=audit", "xtrinode.io/guard-"] {
        let victim = scene.draining(world).await?;
        wait::until("hints on busy workers", 60, async || {
            let pods = scene.workers(world).await?;
            Ok(pods.iter().any(|pod| !hints(pod).is_empty()).then_some(()))
        })
        .await?;
        let relabel = ["label", "--overwrite", "namespace", scene.namespace()];
        let relabel = [relabel.as_slice(), &[label]].concat();
        world.plane.show(&relabel).await?;
        // The rule's own bound.
        wait::until("a namespace without anything of ours", 60, async || {
            let pods = scene.workers(world).await?;
            let clean = |pod: &Pod| ours(pod).is_empty() && hints(pod).is_empty();
            let back = scene.state(&victim) == Some(NodeState::Active);
            Ok((back && pods.iter().all(clean)).then_some(()))
        })
        .await?;
        say!("  nothing is left, and {} works again", victim.name_any());
        let (key, value) = ENFORCE;
        let enforce = format!("{key}={value}");
        let relabel = [
            "label",
            "--overwrite",
            "namespace",
            scene.namespace(),
            &enforce,
        ];
        world.plane.kubectl(&relabel).await?.ok()?;
        scene.wait_seen(world).await?;
    }
    scene.release(&query).await?;
    scene.end(world).await
}

/// `helm --wait` is content as soon as the new ones are ready; the old ones still answer then.
async fn old_replicas_gone(world: &World) -> Result<()> {
    world.ready(NAMESPACE, REPLICAS, 2).await.map(drop)
}

async fn uninstalled(world: &mut World) -> Result<()> {
    let mut values = installation::values();
    values["hints"]["enabled"] = true.into();
    installation::with(world, values).await?;
    let scene = Scene::without_guard(world, spec("left")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    scene.draining(world).await?;
    // Not asked for again: what it wrote stays until somebody takes it back.
    let fewer = [
        "scale",
        &scene.space(),
        scene.cluster.spec.workload(),
        "--replicas=4",
    ];
    ensure!(
        !world.plane.kubectl(&fewer).await?.success,
        "a busy worker went"
    );
    wait::until(
        "a drain, a hint and a cost to leave behind",
        90,
        async || {
            let pods = scene.workers(world).await?;
            let cost = |pod: &Pod| ours(pod).iter().any(|key| key.contains("deletion-cost"));
            let hinted = pods.iter().any(|pod| !hints(pod).is_empty());
            Ok((hinted && pods.iter().any(cost)).then_some(()))
        },
    )
    .await?;
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
        let (left, hints) = (ours(&pod), hints(&pod));
        ensure!(
            left.is_empty() && hints.is_empty(),
            "{}: {left:?} {hints:?}",
            pod.name_any()
        );
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
