//! The API server's clock jumps ahead while a worker is busy. It is not the tests' to change, so everything that the guard
//! stamped before its restart is set back instead: to whoever begins then, that is the same.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use xtrinode::core::guard::time::Time;

use super::installation::{self, GUARD, NAMESPACE, REPLICAS};
use super::scene::{Scene, evict, evict_until_gone, ours, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::WORKERS;
use crate::wait;
use crate::world::World;

/// Longer than every bound on a worker: twice `maxBlock` is an hour.
const JUMP: Duration = Duration::from_secs(7200);

/// So often the busy worker's removal is asked for afterwards, a second apart.
const ASKED: usize = 10;

/// As long as `2026-11-23T05:12:33.123Z`, as the guard writes it.
const STAMP: usize = 24;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-clock-jumps",
        stage: Stage::Plane(|world| Box::pin(jumps(world))),
    }]
}

async fn jumps(world: &mut World) -> Result<()> {
    installation::usual(world).await?;
    let scene = Scene::quiet(world, spec("clock")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.draining(world).await?;
    restart_later(world, &victim).await?;
    wait::until("a review that is answered", 60, async || {
        Ok(evict(world, &victim, true).await.is_ok().then_some(()))
    })
    .await?;
    for round in 0..ASKED {
        let refusal = evict(world, &victim, false).await?;
        let refusal = refusal.context("a busy worker went by a clock that jumped")?;
        if round == 0 {
            say!("  {refusal:.200}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    scene.release(&query).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  its query has ended; refused {refused} times more");
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// Ends both replicas, sets back what they wrote, and starts them again.
async fn restart_later(world: &World, victim: &Pod) -> Result<()> {
    replicas(world, 0).await?;
    set_back(world, victim).await?;
    replicas(world, 2).await?;
    let gaps = wait::until("a gap on the Lease", 60, async || {
        let lease = leases(world).get("xtrinode-guard").await?;
        let told = lease.annotations().get("xtrinode.io/unguarded").cloned();
        Ok(told.filter(|told| told.contains("from")))
    });
    say!("  the Lease says that nobody guarded: {}", gaps.await?);
    Ok(())
}

async fn replicas(world: &World, count: usize) -> Result<()> {
    let number = format!("--replicas={count}");
    let scale = [
        "scale",
        "deployment/xtrinode-guard",
        "-n",
        NAMESPACE,
        &number,
    ];
    world.plane.show(&scale).await?;
    if count > 0 {
        return world.ready(NAMESPACE, REPLICAS, count).await.map(drop);
    }
    wait::until("the end of all replicas", 90, async || {
        let left = world.pods(NAMESPACE, REPLICAS).await?;
        Ok(left.is_empty().then_some(()))
    })
    .await
}

async fn set_back(world: &World, victim: &Pod) -> Result<()> {
    let lease = leases(world).get("xtrinode-guard").await?;
    let renewed = lease.spec.and_then(|spec| spec.renew_time);
    let renewed = renewed.context("a Lease that was renewed")?.0.to_string();
    // A Lease counts microseconds.
    let renewed = earlier(&renewed).context("a time")?.replace('Z', "000Z");
    // As if it had been installed long before.
    let long_ago = json!({"annotations": {"xtrinode.io/unguarded": "[]"}});
    let spec = json!({"renewTime": renewed, "acquireTime": renewed});
    let parameters = PatchParams::default();
    let patch = Patch::Merge(json!({"metadata": long_ago, "spec": spec}));
    leases(world)
        .patch("xtrinode-guard", &parameters, &patch)
        .await?;

    // Nobody else may write them.
    let access = &world.plane.access;
    let guard = access.acting_as(GUARD, &["system:serviceaccounts"]).await?;
    let namespace = victim.namespace().unwrap_or_default();
    let pods = Api::<Pod>::namespaced(guard, &namespace);
    let pod = pods.get(&victim.name_any()).await?;
    let marks = ours(&pod);
    let mut moved = json!({});
    for key in &marks {
        let text = pod.annotations().get(key).context("a mark")?;
        moved[key.as_str()] = Value::from(all_earlier(text));
    }
    ensure!(
        moved.to_string().contains("blocked-since"),
        "marks: {moved}"
    );
    let patch = Patch::Merge(json!({"metadata": {"annotations": moved}}));
    pods.patch(&victim.name_any(), &parameters, &patch).await?;
    say!(
        "  two hours later, by the clock: {} marks on {}",
        marks.len(),
        victim.name_any()
    );
    Ok(())
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.plane.client.clone(), NAMESPACE)
}

fn earlier(stamp: &str) -> Option<String> {
    Some(Time::parse(stamp)?.before(JUMP).to_string())
}

/// A text with every time in it set back.
fn all_earlier(text: &str) -> String {
    let mut moved = text.to_owned();
    for (at, _) in text.char_indices() {
        let stamp = text.get(at..at + STAMP);
        if let Some((stamp, before)) = stamp.and_then(|stamp| Some((stamp, earlier(stamp)?))) {
            moved = moved.replace(stamp, &before);
        }
    }
    moved
}
