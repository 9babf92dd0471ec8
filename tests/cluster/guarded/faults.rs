//! What fails in the middle of a drain: the leading replica, both replicas, the API server, its store. Protection may cost
//! time then, never a query; whoever is told that nobody answers comes back.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt as _};
use xtrinode::trino::words::NodeState;

use super::installation::{self, NAMESPACE, REPLICAS};
use super::scene::{Scene, spec};
use crate::exporter_on_plane::{self, EXPORTER};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::WORKERS;
use crate::wait;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-leader-killed-mid-drain",
            stage: Stage::Plane(|world| Box::pin(disturbed(world, "leader", Fault::Leader))),
        },
        Scenario {
            name: "guarded-both-replicas-killed-mid-drain",
            stage: Stage::Plane(|world| Box::pin(disturbed(world, "both", Fault::Both))),
        },
        Scenario {
            name: "guarded-api-server-restarted-mid-drain",
            stage: Stage::Plane(|world| Box::pin(disturbed(world, "api", Fault::ApiServer))),
        },
        Scenario {
            name: "guarded-exporter-killed-mid-drain",
            stage: Stage::Plane(|world| Box::pin(without_exporter(world))),
        },
        Scenario {
            name: "guarded-store-stands-still-mid-drain",
            stage: Stage::Plane(|world| Box::pin(disturbed(world, "store", Fault::Store))),
        },
    ]
}

/// What fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Leader,
    Both,
    ApiServer,
    Exporter,
    Store,
}

async fn disturbed(world: &mut World, namespace: &'static str, fault: Fault) -> Result<()> {
    let scene = Scene::busy(world, spec(namespace)).await?;
    strike_mid_drain(world, scene, fault).await
}

/// The guard's own collector goes on where the exporter's stream breaks off.
async fn without_exporter(world: &mut World) -> Result<()> {
    installation::usual(world).await?;
    let mut scene = Scene::without_guard(world, spec("streamed")).await?;
    let url = exporter_on_plane::install(world, &scene.cluster).await?;
    exporter_on_plane::token(world, NAMESPACE).await?;
    let mut values = installation::values();
    values["exporter"] = serde_json::json!({"url": url, "tokenSecret": exporter_on_plane::READERS});
    installation::with(world, values).await?;
    scene.load(3).await?;
    strike_mid_drain(world, scene, Fault::Exporter).await
}

async fn strike_mid_drain(world: &mut World, scene: Scene, fault: Fault) -> Result<()> {
    let before = scene.workers(world).await?;
    let victim = before.first().context("a worker")?.clone();
    let node = victim.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let node = node.context("its node")?;
    let refusal = super::scene::evict(world, &victim, false).await?;
    ensure!(refusal.is_some(), "a busy worker went");
    scene.wait_state(&victim, NodeState::Draining).await?;
    say!("  {} drains; now: {fault:?}", victim.name_any());
    strike(world, &scene, fault).await?;
    world
        .plane
        .insist(&["drain", &node, "--timeout=300s"])
        .await?;
    world.plane.kubectl(&["uncordon", &node]).await?.ok()?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    world.ready(NAMESPACE, REPLICAS, 2).await?;
    scene.end(world).await
}

async fn strike(world: &mut World, scene: &Scene, fault: Fault) -> Result<()> {
    match fault {
        Fault::Leader => {
            let leader = leader(world).await?;
            // With its pod: the same pod's next container has the same name, and leads on under the same Lease.
            let kill = [
                "delete",
                "pod",
                &leader,
                "-n",
                NAMESPACE,
                "--force",
                "--grace-period=0",
            ];
            world.plane.show(&kill).await?;
            wait::until("another leader", 60, async || {
                Ok((self::leader(world).await? != leader).then_some(()))
            })
            .await
        }
        Fault::Both => {
            for pod in world.ready(NAMESPACE, REPLICAS, 2).await? {
                world.agent.signal(NAMESPACE, &pod.name_any(), "KILL")?;
            }
            Ok(())
        }
        Fault::ApiServer => {
            world.plane.apiserver.kill()?;
            world.plane.apiserver.start()?;
            world.plane.wait_ready().await
        }
        Fault::Exporter => {
            let scale = [
                "scale",
                &scene.space(),
                "deployment",
                "-l",
                EXPORTER,
                "--replicas=0",
            ];
            world.plane.show(&scale).await?;
            world.ready(scene.namespace(), EXPORTER, 0).await.map(drop)
        }
        Fault::Store => {
            world.plane.etcd.signal("STOP")?;
            tokio::time::sleep(std::time::Duration::from_secs(20)).await;
            world.plane.etcd.signal("CONT")?;
            world.plane.wait_ready().await
        }
    }
}

/// Who leads, by the Lease.
async fn leader(world: &World) -> Result<String> {
    let api = Api::<Lease>::namespaced(world.plane.client.clone(), NAMESPACE);
    let lease = api.get("xtrinode-guard").await?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity);
    holder.context("nobody leads")
}
