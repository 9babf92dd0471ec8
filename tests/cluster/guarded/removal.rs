//! Deletions: of one pod, by force, of a collection, of the workload, of the namespace, of the whole Helm release.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};

use super::scene::{Scene, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{COORDINATOR, Spec, WORKERS};
use crate::wait;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-pod-deletion",
            stage: Stage::Shared(|world| Box::pin(one_pod(world))),
        },
        Scenario {
            name: "guarded-deletion-by-force",
            stage: Stage::Shared(|world| Box::pin(by_force(world))),
        },
        Scenario {
            name: "guarded-collection-deletion",
            stage: Stage::Shared(|world| Box::pin(collection(world))),
        },
        Scenario {
            name: "guarded-workload-deletion",
            stage: Stage::Shared(|world| Box::pin(workload(world))),
        },
        Scenario {
            name: "guarded-namespace-deletion",
            stage: Stage::Shared(|world| Box::pin(namespace(world))),
        },
        Scenario {
            name: "guarded-helm-uninstall-of-trino",
            stage: Stage::Shared(|world| Box::pin(uninstall(world))),
        },
    ]
}

async fn one_pod(world: &World) -> Result<()> {
    let scene = Scene::busy(world, spec("deleted")).await?;
    let victim = scene.workers(world).await?.remove(0).name_any();
    let arguments = ["delete", "pod", &scene.space(), &victim];
    let refusals = world.plane.insist(&arguments).await?;
    ensure!(!refusals.is_empty(), "a busy worker went without a refusal");
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

async fn by_force(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("forced")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0).name_any();
    let arguments = [
        "delete",
        "pod",
        &scene.space(),
        &victim,
        "--force",
        "--grace-period=0",
    ];
    let said = world.plane.kubectl(&arguments).await?;
    say!(
        "  $ kubectl {}\n    {}",
        arguments.join(" "),
        said.stderr.trim()
    );
    ensure!(
        !said.success
            && said.stderr.contains("orbidden")
            && said.stderr.contains("holds output buffers"),
        "{said:?}"
    );
    scene.release(&query).await?;
    world.plane.insist(&arguments).await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// All workers at once, and none of those that replace them: each goes when it may.
async fn collection(world: &World) -> Result<()> {
    let spec = Spec {
        workers: 3,
        ..spec("collected")
    };
    let scene = Scene::busy(world, spec).await?;
    let mark = [
        "label",
        "pod",
        &scene.space(),
        "-l",
        WORKERS,
        "tests/old=yes",
    ];
    world.plane.kubectl(&mark).await?.ok()?;
    let api = Api::<Pod>::namespaced(world.plane.once.clone(), scene.namespace());
    let old = ListParams::default().labels("tests/old=yes");
    let mut refused = 0;
    wait::until("no worker of before", 240, async || {
        if api.list(&old).await?.items.is_empty() {
            return Ok(Some(()));
        }
        match api.delete_collection(&DeleteParams::default(), &old).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 429 => refused += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        Ok(None)
    })
    .await?;
    say!("  the collection's deletion was refused {refused} times");
    ensure!(refused > 0, "busy workers went without a refusal");
    world.ready(scene.namespace(), WORKERS, 3).await?;
    scene.end(world).await
}

/// The workload goes at once, its pods when they may: the guard itself evicts them, since nobody else will come.
async fn workload(world: &World) -> Result<()> {
    let mut scene = Scene::busy(world, spec("ownerless")).await?;
    let arguments = [
        "delete",
        &scene.space(),
        scene.cluster.spec.workload(),
        "--wait=false",
    ];
    world.plane.show(&arguments).await?;
    let left = scene.workers(world).await?;
    ensure!(!left.is_empty(), "busy workers went with their workload");
    scene.calm().await?;
    world.ready(scene.namespace(), WORKERS, 0).await?;
    scene.end(world).await
}

async fn namespace(world: &World) -> Result<()> {
    let mut scene = Scene::busy(world, spec("namespace")).await?;
    let arguments = ["delete", "namespace", scene.namespace(), "--timeout=200s"];
    let said = world.plane.kubectl(&arguments).await?;
    say!(
        "  $ kubectl {}\n    {}",
        arguments.join(" "),
        said.stderr.trim()
    );
    ensure!(!said.success, "a namespace with busy workers went");
    scene.calm().await?;
    let delete = ["delete", &scene.space(), "deployment", "--all"];
    world.plane.show(&delete).await?;
    world.ready(scene.namespace(), WORKERS, 0).await?;
    world.ready(scene.namespace(), COORDINATOR, 0).await?;
    world.plane.insist(&arguments).await?;
    Ok(())
}

async fn uninstall(world: &World) -> Result<()> {
    let chart = world.plane.folder().join("tiny-trino");
    let spec = spec("released");
    write_chart(&chart, &spec.items())?;
    let chart = chart.display().to_string();
    world.plane.namespace("released", spec.labels).await?;
    let install = ["install", "trino", &chart, "-n=released", "--wait"];
    say!("  $ helm install trino tiny-trino -n released --wait");
    world.plane.helm(&install).await?.ok()?;
    let mut scene = Scene::busy(world, spec).await?;
    say!("  $ helm uninstall trino -n released");
    let said = world
        .plane
        .helm(&["uninstall", "trino", "-n=released"])
        .await?;
    say!("    {}", said.stdout.trim());
    said.ok().context("helm uninstall exits 0")?;
    let left = scene.workers(world).await?;
    ensure!(!left.is_empty(), "busy workers went with their release");
    scene.calm().await?;
    world.ready(scene.namespace(), WORKERS, 0).await?;
    world.ready(scene.namespace(), COORDINATOR, 0).await?;
    scene.end(world).await
}

/// A chart of these objects.
fn write_chart(folder: &Path, objects: &[serde_json::Value]) -> Result<()> {
    std::fs::create_dir_all(folder.join("templates"))?;
    let chart = "apiVersion: v2\nname: tiny-trino\nversion: 0.1.0\n";
    std::fs::write(folder.join("Chart.yaml"), chart)?;
    let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
    std::fs::write(folder.join("templates/all.yaml"), documents.join("\n---\n"))?;
    Ok(())
}
