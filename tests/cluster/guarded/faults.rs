//! What fails in the middle of a drain: the leading replica, both replicas, what one of them hears, the API server, its
//! store, the exporter, the coordinator. Protection may cost time then, never a query; whoever is told that nobody answers
//! comes back.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};
use xtrinode::core::guard::review::Path;
use xtrinode::trino::words::NodeState;

use super::direct::{self, Replica, eviction};
use super::installation::{self, NAMESPACE, REPLICAS};
use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::exporter_on_plane::{self, EXPORTER};
use crate::node_agent::liar::{Lie, MAY_LIE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{COORDINATOR, Spec, WORKERS};
use crate::wait;
use crate::world::{World, is_ready};

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
            name: "guarded-coordinator-paused-mid-drain",
            stage: Stage::Shared(|world| Box::pin(paused(world))),
        },
        Scenario {
            name: "guarded-coordinator-restarted-mid-drain",
            stage: Stage::Shared(|world| Box::pin(restarted(world))),
        },
        Scenario {
            name: "guarded-leader-hears-nothing-mid-drain",
            stage: Stage::Plane(|world| Box::pin(deaf(world))),
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
    strike_mid_drain(world, scene, fault).await
}

/// The exporter is killed, comes back, and falls silent: the guard's own collector goes on, and stops when it speaks again.
async fn without_exporter(world: &mut World) -> Result<()> {
    installation::usual(world).await?;
    let mut scene = Scene::without_guard(world, spec("streamed")).await?;
    let url = exporter_on_plane::install(world, &scene.cluster).await?;
    exporter_on_plane::token(world, NAMESPACE).await?;
    let mut values = installation::values();
    values["exporter"] = serde_json::json!({"url": url, "tokenSecret": exporter_on_plane::READERS});
    installation::with(world, values).await?;
    supplied(world, &scene, ("exporter", "own")).await?;
    scene.load(3).await?;
    let node = drain_begins(world, &scene).await?;
    signal_exporter(world, &scene, "KILL").await?;
    restarted_exporter(world, &scene).await?;
    signal_exporter(world, &scene, "STOP").await?;
    supplied(world, &scene, ("own", "exporter")).await?;
    drain_ends(world, &scene, &node).await?;
    signal_exporter(world, &scene, "CONT").await?;
    supplied(world, &scene, ("exporter", "own")).await?;
    scene.end(world).await
}

async fn signal_exporter(world: &World, scene: &Scene, signal: &str) -> Result<()> {
    let pods = world.pods(scene.namespace(), EXPORTER).await?;
    let exporter = pods.first().context("an exporter")?.name_any();
    say!("  $ kill -{signal} the exporter");
    world.agent.signal(scene.namespace(), &exporter, signal)
}

async fn restarted_exporter(world: &World, scene: &Scene) -> Result<()> {
    let restarts = |pod: &Pod| {
        let status = pod.status.as_ref()?.container_statuses.as_ref()?;
        Some(status.first()?.restart_count)
    };
    wait::until("the exporter's next container", 60, async || {
        let pods = world.pods(scene.namespace(), EXPORTER).await?;
        let back = pods
            .iter()
            .any(|pod| restarts(pod) > Some(0) && is_ready(pod));
        Ok(back.then_some(()))
    })
    .await
}

/// Waits until both replicas hear of the cluster from the one, and no more from the other.
async fn supplied(world: &World, scene: &Scene, (from, not_from): (&str, &str)) -> Result<()> {
    let what = format!("replicas that hear from {from} alone");
    wait::until(&what, 150, async || {
        for replica in direct::replicas(world).await? {
            let of =
                |supplier: &str| scene.series("xtrinode_guard_supplied", ("supplier", supplier));
            let heard = (
                replica.metric(&of(from)).await?,
                replica.metric(&of(not_from)).await?,
            );
            if heard != (1.0, 0.0) {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    say!(
        "  both replicas hear of {} from {from} alone",
        scene.namespace()
    );
    Ok(())
}

async fn strike_mid_drain(world: &mut World, scene: Scene, fault: Fault) -> Result<()> {
    let node = drain_begins(world, &scene).await?;
    say!("  now: {fault:?}");
    strike(world, fault).await?;
    drain_ends(world, &scene, &node).await?;
    scene.end(world).await
}

/// Has a busy worker refused, so that it drains. Gives its node.
async fn drain_begins(world: &World, scene: &Scene) -> Result<String> {
    let victim = scene.draining(world).await?;
    say!("  {} drains", victim.name_any());
    let node = victim.spec.and_then(|spec| spec.node_name);
    node.context("its node")
}

async fn drain_ends(world: &World, scene: &Scene, node: &str) -> Result<()> {
    let drain = ["drain", node, "--timeout=300s"];
    world.plane.insist(&drain).await?;
    world.plane.kubectl(&["uncordon", node]).await?.ok()?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    world.ready(NAMESPACE, REPLICAS, 2).await.map(drop)
}

/// So often a removal is asked for while nobody can say what is left on the worker.
const BLIND: usize = 12;

/// A coordinator that does not answer: what its workers say of themselves is not enough.
async fn paused(world: &World) -> Result<()> {
    let spec = Spec {
        annotations: &[(MAY_LIE, "yes")],
        ..spec("paused")
    };
    let scene = Scene::quiet(world, spec).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.draining(world).await?;
    let coordinator = world.ready(scene.namespace(), COORDINATOR, 1).await?;
    let coordinator = coordinator.first().context("a coordinator")?;
    say!(
        "  {} drains; now its coordinator is paused",
        victim.name_any()
    );
    world.agent.lie(coordinator, Some(Lie::Silent));
    scene.release(&query).await?;
    scene.wait_state(&victim, NodeState::Drained).await?;
    for round in 1..=BLIND {
        let refusal = evict(world, &victim, false).await?;
        let refusal = refusal.context("a worker went that nobody had proven drained")?;
        if round == BLIND {
            say!("  DRAINED: {refusal:.160}");
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    world.agent.lie(coordinator, None);
    let refused = evict_until_gone(world, &victim).await?;
    say!("  its coordinator goes on; refused {refused} times more");
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// A new coordinator knows nothing of the old one's queries, which have failed with it; the drain ends all the same.
async fn restarted(world: &World) -> Result<()> {
    let mut scene = Scene::quiet(world, spec("coordinator-restarted")).await?;
    scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.draining(world).await?;
    scene.simulator.stop_coordinator();
    say!(
        "  {} drains; now its coordinator is killed",
        victim.name_any()
    );
    for _ in 0..3 {
        let refusal = evict(world, &victim, false).await?;
        refusal.context("a worker went that nobody had proven drained")?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    scene.simulator.start_coordinator().await?;
    scene.load(3).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  another one is there; refused {refused} times more");
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// Nothing of the API server's reaches the leading replica any more: another one leads, and what the deaf one remembers
/// lets nobody go; in the end it says itself that it can't judge.
async fn deaf(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("deaf")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.draining(world).await?;
    let leader = leader(world).await?;
    let replicas = direct::replicas(world).await?;
    let deaf = replicas.iter().find(|replica| replica.name == leader);
    let deaf = deaf.context("the leader")?;
    say!("  {} drains; now {leader} hears nothing", victim.name_any());
    world.agent.hold_wire(NAMESPACE, &leader, true);
    let outcome = hears_nothing(world, &scene, (deaf, &victim, &query)).await;
    world.agent.hold_wire(NAMESPACE, &leader, false);
    outcome?;
    world.ready(NAMESPACE, REPLICAS, 2).await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

async fn hears_nothing(
    world: &World,
    scene: &Scene,
    (deaf, victim, query): (&Replica, &Pod, &str),
) -> Result<()> {
    wait::until("another leader", 90, async || {
        Ok((leader(world).await? != deaf.name).then_some(()))
    })
    .await?;
    scene.release(query).await?;
    let mut gone = false;
    let (mut refused, mut unable, mut silent) = (0, 0, 0);
    wait::until("a replica that knows that it is deaf", 240, async || {
        match deaf.ask(Path::Eviction, &eviction(victim)).await {
            Ok(Some(false)) => refused += 1,
            Ok(None) => unable += 1,
            Ok(Some(true)) => anyhow::bail!("a deaf replica let a worker go"),
            // On a machine that is busy elsewhere a handshake may take too long; no answer lets nobody go.
            Err(_) => silent += 1,
        }
        // Its caller asks one replica after the other, and comes back.
        let asked = evict(world, victim, false).await;
        gone |= matches!(asked, Ok(None)) || is_gone(&asked);
        let pods = world.pods(NAMESPACE, REPLICAS).await?;
        let same = pods.iter().find(|pod| pod.name_any() == deaf.name);
        let unready = same.is_none_or(|pod| !is_ready(pod));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Ok((gone && unready).then_some(()))
    })
    .await?;
    ensure!(refused + unable > 0, "it was never asked: {silent} tries");
    say!(
        "  asked directly it refused {refused} times, could not judge {unable} times and gave no answer {silent} times; the other one let go"
    );
    Ok(())
}

fn is_gone(asked: &Result<Option<String>>) -> bool {
    let error = asked.as_ref().err();
    let error = error.and_then(|error| error.downcast_ref::<kube::Error>());
    matches!(error, Some(kube::Error::Api(status)) if status.code == 404)
}

async fn strike(world: &mut World, fault: Fault) -> Result<()> {
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
