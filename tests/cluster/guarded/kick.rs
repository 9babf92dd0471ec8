//! The kick: after a long refusal, the removal of a drained worker follows at once, and not at its controller's own next
//! try, which by then is far away.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::Value;

use super::scene::{Scene, ours, spec};
use crate::plane::webhook::{Seen, Webhook};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Owner, Spec, WORKERS};
use crate::wait;
use crate::world::World;

/// After so many refusals a controller's own next try is at least 80 s after the one before (5 ms, doubled each time).
const BACKED_OFF: usize = 15;

/// The block lasts at least so long.
const LONG: Duration = Duration::from_secs(60);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-kick-of-a-replica-set",
            stage: Stage::Shared(|world| Box::pin(kick(world, "kicked-set", Owner::Deployment))),
        },
        Scenario {
            name: "guarded-kick-of-a-stateful-set",
            stage: Stage::Shared(|world| {
                Box::pin(kick(world, "kicked-ordinals", Owner::StatefulSet))
            }),
        },
    ]
}

/// A rollout whose old workers hold data: their controller is refused until it has backed off.
async fn kick(world: &World, namespace: &'static str, owner: Owner) -> Result<()> {
    let spec = Spec {
        owner,
        workers: 2,
        ..spec(namespace)
    };
    let scene = Scene::quiet(world, spec).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let recorder = Webhook::start(&world.plane, namespace, Box::new(|_| None)).await?;
    let workload = scene.cluster.spec.workload();
    world
        .plane
        .show(&["rollout", "restart", &scene.space(), workload])
        .await?;
    let begun = Instant::now();
    wait::until("a controller that has backed off", 240, async || {
        let far = tries(&recorder).len() >= BACKED_OFF;
        Ok((far && begun.elapsed() > LONG).then_some(()))
    })
    .await?;
    say!(
        "  refused {} times in {:.0} s",
        tries(&recorder).len(),
        begun.elapsed().as_secs_f64()
    );
    scene.release(&query).await?;
    let drained = wait::until("a worker that is drained", 120, async || {
        let pods = scene.workers(world).await?;
        let is_drained = |pod: &Pod| ours(pod).iter().any(|key| key.ends_with("drained-at"));
        Ok(pods.into_iter().find(is_drained))
    })
    .await?;
    let kicked = Instant::now();
    wait::until("the kicked worker's removal", 10, async || {
        let pods = scene.workers(world).await?;
        let same = pods.iter().find(|pod| pod.uid() == drained.uid());
        let stays = same.is_some_and(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok((!stays).then_some(()))
    })
    .await?;
    say!(
        "  removed {:.2} s after the kick",
        kicked.elapsed().as_secs_f64()
    );
    world
        .plane
        .show(&[
            "rollout",
            "status",
            &scene.space(),
            workload,
            "--timeout=300s",
        ])
        .await?;
    world.ready(namespace, WORKERS, 2).await?;
    recorder.stop(&world.plane).await?;
    scene.end(world).await.context("the end")
}

fn tries(recorder: &Webhook) -> Vec<Instant> {
    let seen = recorder.seen();
    let own = seen.iter().filter(|seen| by_controller(&seen.request));
    own.map(|seen: &Seen| seen.at).collect()
}

fn by_controller(request: &Value) -> bool {
    let user = request["userInfo"]["username"].as_str();
    request["resource"]["resource"] == "pods"
        && user.is_some_and(|user| user.ends_with("set-controller"))
}
