//! The kick: after a long refusal, the removal of a drained worker follows at once, and not at its controller's own next
//! try, which by then is far away.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::scene::{Scene, spec};
use crate::plane::webhook::{Seen, Webhook};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::{Owner, Spec, WORKERS};
use crate::wait;
use crate::world::World;

/// A controller counts as far away when so much lay between its last two tries.
const FAR: Duration = Duration::from_secs(20);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-kick-of-a-replica-set",
            stage: Stage::Plane(|world| Box::pin(kick(world, "kicked-set", Owner::Deployment))),
        },
        Scenario {
            name: "guarded-kick-of-a-stateful-set",
            stage: Stage::Plane(|world| {
                Box::pin(kick(world, "kicked-ordinals", Owner::StatefulSet))
            }),
        },
    ]
}

/// A rollout whose old workers hold data: their controller is refused until it has backed off.
async fn kick(world: &mut World, namespace: &'static str, owner: Owner) -> Result<()> {
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
        let tries = tries(&recorder);
        let [.., before, last] = tries.as_slice() else {
            return Ok(None);
        };
        let far = *last - *before >= FAR && last.elapsed() < FAR / 4;
        Ok((far && begun.elapsed() > Duration::from_secs(60)).then_some(()))
    })
    .await?;
    let refused = tries(&recorder);
    let [.., before, last] = refused.as_slice() else {
        anyhow::bail!("no tries");
    };
    let slot = *last + (*last - *before) * 2;
    println!(
        "  refused {} times in {:.0} s, next try due in {:.0} s",
        refused.len(),
        begun.elapsed().as_secs_f64(),
        (slot - Instant::now()).as_secs_f64()
    );
    scene.release(&query).await?;
    let next = wait::until("the controller's next try", 120, async || {
        Ok(tries(&recorder).get(refused.len()).copied())
    })
    .await?;
    println!(
        "  the controller was back {:.0} s before that",
        slot.saturating_duration_since(next).as_secs_f64()
    );
    ensure!(next < slot, "the controller came at its own time");
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
