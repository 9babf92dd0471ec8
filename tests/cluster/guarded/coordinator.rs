//! The coordinator: it stays while a query is unfinished, whatever asks for its end, and goes when none is.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;

use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::COORDINATOR;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-coordinator",
        stage: Stage::Plane(|world| Box::pin(coordinator(world))),
    }]
}

const TEMPLATE: &str =
    r#"{"spec":{"template":{"metadata":{"annotations":{"tests/changed":"yes"}}}}}"#;
const ROLLING: &str =
    r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#;

async fn coordinator(world: &mut World) -> Result<()> {
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
    println!(
        "  eviction: {}",
        refusal.context("an eviction under load was allowed")?
    );
    let name = pod.name_any();
    let delete = ["delete", "pod", &space, &name].map(str::to_owned);
    for arguments in [&delete[..], &patch(TEMPLATE)[..]] {
        let said = world.plane.kubectl(arguments).await?;
        println!(
            "  $ kubectl {}\n    {}",
            arguments.join(" "),
            said.stderr.trim()
        );
        ensure!(!said.success, "allowed under load: {said:?}");
    }
    scene.calm().await?;
    let refused = evict_until_gone(world, &pod).await?;
    println!("  no query any more; refused {refused} times more");
    world.ready(scene.namespace(), COORDINATOR, 1).await?;
    world.plane.insist(&patch(TEMPLATE)).await?;
    world.ready(scene.namespace(), COORDINATOR, 1).await?;
    scene.load(2).await?;
    scene.end(world).await
}
