//! What fails in the middle of a drain: the leading replica, both replicas, the API server, its store. Protection may cost
//! time then, never a query; whoever is told that nobody answers comes back.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt as _};
use xtrinode::trino::words::NodeState;

use super::installation::{NAMESPACE, REPLICAS};
use super::scene::{Scene, spec};
use crate::runner::{Scenario, Stage};
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
    Store,
}

async fn disturbed(world: &mut World, namespace: &'static str, fault: Fault) -> Result<()> {
    let scene = Scene::busy(world, spec(namespace)).await?;
    let before = scene.workers(world).await?;
    let victim = before.first().context("a worker")?.clone();
    let node = victim.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let node = node.context("its node")?;
    let refusal = super::scene::evict(world, &victim, false).await?;
    ensure!(refusal.is_some(), "a busy worker went");
    scene.wait_state(&victim, NodeState::Draining).await?;
    println!("  {} drains; now: {fault:?}", victim.name_any());
    strike(world, fault).await?;
    world
        .plane
        .insist(&["drain", &node, "--timeout=300s"])
        .await?;
    world.plane.kubectl(&["uncordon", &node]).await?.ok()?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    world.ready(NAMESPACE, REPLICAS, 2).await?;
    scene.end(world).await
}

async fn strike(world: &mut World, fault: Fault) -> Result<()> {
    match fault {
        Fault::Leader => {
            let leader = leader(world).await?;
            world.agent.signal(NAMESPACE, &leader, "KILL")?;
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
