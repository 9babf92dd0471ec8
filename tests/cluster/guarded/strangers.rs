//! Who is not the API server, and who is not the guard: reviews sent past the API server, and annotations written by
//! others. A stranger learns a verdict and moves nothing; what others write allows nothing.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use xtrinode::core::guard::review::Path;
use xtrinode::trino::words::NodeState;

use super::direct::{self, deletion, eviction, scale};
use super::installation::GUARD;
use super::scene::{Scene, evict, ours, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::wait;
use crate::world::World;

const UNTRUSTED: &str = "xtrinode_guard_untrusted_reviews_total";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-strangers-reviews",
            stage: Stage::Shared(|world| Box::pin(reviews(world))),
        },
        Scenario {
            name: "guarded-forged-annotations",
            stage: Stage::Shared(|world| Box::pin(forged(world))),
        },
    ]
}

/// Without the path's secret, and with a wrong one: of a busy worker, of one that may go, of their workload.
async fn reviews(world: &World) -> Result<()> {
    let mut scene = Scene::quiet(world, spec("strangers")).await?;
    let pods = scene.workers(world).await?;
    let [free, busy, other, ..] = &pods[..] else {
        anyhow::bail!("{} workers", pods.len());
    };
    let free = drained(world, &scene, free).await?;
    let query = scene.hold_on(4).await?;
    let before = marks(world, &scene).await?;
    let workload = "trino-worker";
    for replica in direct::replicas(world).await? {
        let known = replica.metric(UNTRUSTED).await?;
        let mut asked = 0.0;
        for prefix in ["", "/not-the-secret-of-the-path"] {
            for (path, review, allowed) in [
                (Path::Eviction, eviction(busy), false),
                (Path::PodDelete, deletion(busy), false),
                (Path::Scale, scale(scene.namespace(), workload, 5, 1), false),
                (Path::Eviction, eviction(&free), true),
            ] {
                wait::until("the verdict", 60, async || {
                    let answer = replica.ask_behind(prefix, path, &review).await?;
                    asked += 1.0;
                    Ok((answer == Some(allowed)).then_some(()))
                })
                .await?;
            }
        }
        let counted = replica.metric(UNTRUSTED).await? - known;
        ensure!(
            (counted - asked).abs() < 0.5,
            "{asked} asked, {counted} counted"
        );
    }
    // What the API server itself asks about is written down; whatever the strangers' reviews had begun would be by then.
    let refusal = evict(world, other, false).await?;
    refusal.context("a busy worker went")?;
    wait::until(
        "the API server's own review to have its effect",
        60,
        async || {
            let now = marks(world, &scene).await?;
            let wanted = now.iter().filter(|(name, _)| *name == other.name_any());
            Ok(wanted.flat_map(|(_, keys)| keys).next().map(drop))
        },
    )
    .await?;
    let mut after = marks(world, &scene).await?;
    let mut before = before;
    for all in [&mut before, &mut after] {
        all.retain(|(name, _)| *name != other.name_any());
    }
    ensure!(before == after, "{before:?}\n{after:?}");
    ensure!(scene.state(busy) == Some(NodeState::Active), "drained");
    scene.release(&query).await?;
    scene.load(1).await?;
    scene.end(world).await
}

/// A worker that was drained for somebody who then did not come.
async fn drained(world: &World, scene: &Scene, pod: &Pod) -> Result<Pod> {
    let refusal = evict(world, pod, false).await?;
    refusal.context("a worker that was not drained went")?;
    wait::until("the proof on the drained worker", 120, async || {
        let pods = scene.workers(world).await?;
        let now = pods.into_iter().find(|now| now.uid() == pod.uid());
        let now = now.context("the drained worker is gone")?;
        let proven = ours(&now).iter().any(|key| key.ends_with("drained-at"));
        Ok(proven.then_some(now))
    })
    .await
}

/// Our annotations, pod by pod; costs apart, which follow what workers do.
async fn marks(world: &World, scene: &Scene) -> Result<Vec<(String, Vec<String>)>> {
    let pods = scene.workers(world).await?;
    let marks = pods.iter().map(|pod| {
        let mut keys = ours(pod);
        keys.retain(|key| !key.contains("deletion-cost"));
        (pod.name_any(), keys)
    });
    Ok(marks.collect())
}

/// By a user who may patch pods, by an administrator, and as if by the guard itself.
async fn forged(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("forged")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    let annotations = forgery(&victim)?;
    may_patch(world, &scene).await?;
    let access = &world.plane.access;
    let user = access
        .acting_as("mallory", &["system:authenticated"])
        .await?;
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let end = end.strftime("%Y-%m-%dT%H:%M:%SZ");
    let glass = json!({"xtrinode.io/guard-override": format!("{end};I need that node now")});
    let mut one_by_one: Vec<Value> = vec![glass];
    for (key, value) in annotations.as_object().into_iter().flatten() {
        one_by_one.push(json!({key: value}));
    }
    write(&user, &victim, &json!({"tests/mine": "yes"})).await?;
    for annotation in &one_by_one {
        let refused = refused(&user, &victim, annotation).await?;
        say!("  {annotation:.60}: {refused:.120}");
    }
    // The guard's own are not even an administrator's.
    for annotation in &one_by_one[1..] {
        refused(&world.plane.client, &victim, annotation).await?;
    }
    let guard = access.acting_as(GUARD, &["system:serviceaccounts"]).await?;
    write(&guard, &victim, &annotations).await?;
    for _ in 0..5 {
        let refusal = evict(world, &victim, false).await?;
        refusal.context("a forged grant let a busy worker go")?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let name = victim.name_any();
    let delete = ["delete", "pod", &scene.space(), &name, "--wait=false"];
    let said = world.plane.kubectl(&delete).await?;
    ensure!(!said.success, "{said:?}");
    let workload = scene.cluster.spec.workload();
    let lower = ["scale", &scene.space(), workload, "--replicas=4"];
    let said = world.plane.kubectl(&lower).await?;
    ensure!(!said.success, "{said:?}");
    scene.release(&query).await?;
    scene.end(world).await
}

/// Everything that the guard would write on a worker that it has drained and promised.
fn forgery(pod: &Pod) -> Result<Value> {
    let status = pod.status.as_ref().context("a status")?;
    let container = status.container_statuses.iter().flatten().next();
    let container = container.and_then(|container| container.container_id.clone());
    let now = jiff::Timestamp::now();
    let text = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (past, later) = (
        text(now - jiff::SignedDuration::from_mins(5)),
        text(now + jiff::SignedDuration::from_mins(5)),
    );
    let record = json!({"container": container, "at": past});
    let grant = json!({
        "uid": pod.uid(), "container": container, "key": "pod", "at": past, "until": later,
    });
    Ok(json!({
        "xtrinode.io/drain": record.to_string(),
        "xtrinode.io/drained-at": record.to_string(),
        "xtrinode.io/grant": grant.to_string(),
    }))
}

/// What an ordinary member of a team may do in its namespace.
async fn may_patch(world: &World, scene: &Scene) -> Result<()> {
    let space = scene.space();
    let role = [
        "create",
        "role",
        "patch",
        &space,
        "--verb=get,patch",
        "--resource=pods",
    ];
    world.plane.kubectl(&role).await?.ok()?;
    let binding = [
        "create",
        "rolebinding",
        "patch",
        &space,
        "--role=patch",
        "--user=mallory",
    ];
    world.plane.kubectl(&binding).await?.ok().map(drop)
}

async fn write(client: &Client, pod: &Pod, annotations: &Value) -> Result<()> {
    let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"annotations": annotations}});
    let parameters = PatchParams::default();
    // Permissions that were given a moment ago take a moment.
    wait::until("the write", 20, async || {
        let written = api
            .patch(&pod.name_any(), &parameters, &Patch::Merge(&patch))
            .await;
        match written {
            Ok(_) => Ok(Some(())),
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// The words with which the policy refuses it.
async fn refused(client: &Client, pod: &Pod, annotations: &Value) -> Result<String> {
    let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"annotations": annotations}});
    let written = api
        .patch(
            &pod.name_any(),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await;
    match written {
        Err(kube::Error::Api(status)) if status.code == 403 => {
            ensure!(
                status.message.contains("ValidatingAdmissionPolicy"),
                "{status:?}"
            );
            Ok(status.message.clone())
        }
        other => anyhow::bail!("{annotations}: {other:?}"),
    }
}
