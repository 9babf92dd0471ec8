//! The coordinator: it stays while a query is unfinished, whatever asks for its end, and goes when none is.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::COORDINATOR;
use crate::wait;
use crate::world::{World, is_ready};

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-coordinator",
        stage: Stage::Shared(|world| Box::pin(coordinator(world))),
    }]
}

const TEMPLATE: &str =
    r#"{"spec":{"template":{"metadata":{"annotations":{"tests/changed":"yes"}}}}}"#;
const ROLLING: &str =
    r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#;

const RECREATE: &str = r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#;

async fn coordinator(world: &World) -> Result<()> {
    let mut scene = Scene::busy(world, spec("coordinator")).await?;
    let pod = world
        .ready(scene.namespace(), COORDINATOR, 1)
        .await?
        .remove(0);
    let space = scene.space();
    let patch = |patch: &'static str| {
        [
            "patch",
            &space,
            "deployment",
            "trino-coordinator",
            "-p",
            patch,
        ]
        .map(str::to_owned)
    };
    world.plane.kubectl(&patch(ROLLING)).await?.ok()?;
    let refusal = evict(world, &pod, false).await?;
    say!(
        "  eviction: {}",
        refusal.context("an eviction under load was allowed")?
    );
    let name = pod.name_any();
    let delete = ["delete", "pod", &space, &name].map(str::to_owned);
    for arguments in [&delete[..], &patch(TEMPLATE)[..]] {
        let said = world.plane.kubectl(arguments).await?;
        say!(
            "  $ kubectl {}\n    {}",
            arguments.join(" "),
            said.stderr.trim()
        );
        ensure!(!said.success, "allowed under load: {said:?}");
    }
    scene.calm().await?;
    let refused = evict_until_gone(world, &pod).await?;
    say!("  no query any more; refused {refused} times more");
    let second = successor(world, &scene, &pod).await?;
    world.plane.insist(&patch(TEMPLATE)).await?;
    // Here a cluster's coordinator has one address: the next one starts when the one before it is gone.
    world.plane.kubectl(&patch(RECREATE)).await?.ok()?;
    successor(world, &scene, &second).await?;
    scene.load(2).await?;
    scene.end(world).await
}

/// Waits until another coordinator is the only one, and ready.
async fn successor(world: &World, scene: &Scene, before: &Pod) -> Result<Pod> {
    wait::until("the coordinator's successor", 120, async || {
        let mut pods = world.pods(scene.namespace(), COORDINATOR).await?;
        let whole = pods.len() == 1 && pods[0].uid() != before.uid() && is_ready(&pods[0]);
        Ok(whole.then(|| pods.remove(0)))
    })
    .await
}
