//! A real coordinator: it stays for a query that waits for its client only, FINISHING included, and when it is paused,
//! since nothing known is no allow. Ended by force it takes its queries with it, and the drains under way come to their end.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::installation::{self, ENFORCE};
use super::scene::{evict, evict_until_gone};
use crate::client::Statement;
use crate::load::WIDE;
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{COORDINATOR, Spec, TrinoOnPlane, WORKERS};
use crate::wait;
use crate::world::{World, is_ready};

const NAMESPACE: &str = "captain";
const SPACE: &str = "--namespace=captain";

/// Its result fits into the coordinator's buffer, and into no single page.
const SMALL: &str = "SELECT * FROM lineitem LIMIT 40000";

/// By the second a worker ends tasks whose coordinator is gone; two minutes by default.
const CONFIG: &str = "task.client.timeout=10s";

const TEMPLATE: &str =
    r#"{"spec":{"template":{"metadata":{"annotations":{"tests/changed":"yes"}}}}}"#;
const ROLLING: &str =
    r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-real-coordinator",
        stage: Stage::RealTrino(|world| Box::pin(coordinator(world))),
    }]
}

async fn coordinator(world: &mut World) -> Result<()> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        workers: 2,
        config: CONFIG,
        ..Spec::new(NAMESPACE)
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    running(world, &cluster).await?;
    finishing(world, &cluster).await?;
    killed(world, &cluster).await?;
    cluster.remove(world).await
}

async fn captain(world: &World) -> Result<Pod> {
    let pods = world.ready(NAMESPACE, COORDINATOR, 1).await?;
    pods.into_iter().next().context("the coordinator")
}

/// Neither an eviction nor a template that makes a second coordinator comes through, paused or not.
async fn running(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let mut held = cluster.client().hold(WIDE.sql).await?;
    let pod = captain(world).await?;
    say!("  a query waits for its client");
    stays(world, &pod, "unfinished quer").await?;
    let patch = |patch| {
        [
            "patch",
            SPACE,
            "deployment",
            "trino-coordinator",
            "-p",
            patch,
        ]
    };
    world.plane.kubectl(&patch(ROLLING)).await?.ok()?;
    let said = world.plane.kubectl(&patch(TEMPLATE)).await?;
    say!("    template: {}", said.stderr.trim());
    ensure!(!said.success, "the template was changed: {said:?}");
    held.stay_alive().await?;
    let worker = world.ready(NAMESPACE, WORKERS, 2).await?.remove(0);
    paused(world, &pod, &worker).await?;
    let rows = held.finish().await?;
    ensure!(rows == WIDE.rows, "{rows} rows instead of {}", WIDE.rows);
    let refused = evict_until_gone(world, &worker).await?;
    say!(
        "    it goes on: the query gives {rows} rows, the worker goes, refused {refused} times more"
    );
    cluster.wait_active(2).await
}

/// The paused coordinator answers nobody: it stays, and so do its workers.
async fn paused(world: &World, pod: &Pod, worker: &Pod) -> Result<()> {
    let name = pod.name_any();
    say!("  $ kill -STOP, of the coordinator");
    world.agent.signal(NAMESPACE, &name, "STOP")?;
    let unknown = unknown(world, pod, worker).await;
    world.agent.signal(NAMESPACE, &name, "CONT")?;
    say!("  $ kill -CONT");
    unknown?;
    captain(world).await.map(drop)
}

/// Both are refused at every try, until what is said of the coordinator is that nothing is known.
async fn unknown(world: &World, pod: &Pod, worker: &Pod) -> Result<()> {
    let mut refused = 0;
    let said = wait::until("a coordinator of which nothing is known", 40, async || {
        let said = evict(world, pod, false).await?;
        let said = said.context("the paused coordinator was let go")?;
        let of_worker = evict(world, worker, false).await?;
        ensure!(of_worker.is_some(), "a worker of a paused coordinator went");
        refused += 1;
        Ok(said.contains("may have unfinished queries").then_some(said))
    })
    .await?;
    say!("    refused {refused} times: {said}");
    Ok(())
}

/// Its tasks have ended; what the client has not read lies in the coordinator.
async fn finishing(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let mut held = cluster.client().hold(SMALL).await?;
    let pod = captain(world).await?;
    state(cluster, &held, "FINISHING").await?;
    say!("  a query is FINISHING");
    stays(world, &pod, "unfinished quer").await?;
    let rows = held.finish().await?;
    ensure!(rows == 40_000, "{rows} rows instead of 40000");
    let refused = evict_until_gone(world, &pod).await?;
    say!("    read to the end: it went, refused {refused} times more");
    next(world, &pod).await?;
    cluster.wait_active(2).await
}

/// SIGKILL, while a worker drains under a query: the query is lost, the drain is not.
async fn killed(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let held = cluster.client().hold(WIDE.sql).await?;
    let pod = captain(world).await?;
    let worker = world.ready(NAMESPACE, WORKERS, 2).await?.remove(0);
    wait::until("a refusal for what the worker holds", 60, async || {
        let refusal = evict(world, &worker, false).await?;
        let refusal = refusal.context("a busy worker went")?;
        Ok(refusal.contains("holds output buffers").then_some(()))
    })
    .await?;
    say!(
        "  $ kill -KILL, of the coordinator under {}, while a worker drains",
        held.id
    );
    world.agent.signal(NAMESPACE, &pod.name_any(), "KILL")?;
    let refused = evict_until_gone(world, &worker).await?;
    say!("    its worker's tasks ended: it went, refused {refused} times more");
    let same = captain(world).await?;
    ensure!(same.uid() == pod.uid(), "the coordinator's pod went, too");
    cluster.wait_active(2).await
}

async fn stays(world: &World, pod: &Pod, words: &str) -> Result<()> {
    let refusal = wait::until("a refusal that says why", 60, async || {
        let refusal = evict(world, pod, false).await?;
        let refusal = refusal.context("the coordinator was let go")?;
        Ok(refusal.contains(words).then_some(refusal))
    })
    .await?;
    say!("    eviction: {refusal}");
    Ok(())
}

async fn state(cluster: &TrinoOnPlane, statement: &Statement, wanted: &str) -> Result<()> {
    wait::until(&format!("a query that is {wanted}"), 60, async || {
        let query = cluster.query(&statement.id).await?;
        Ok((query["state"] == wanted).then_some(()))
    })
    .await
}

/// Waits until another coordinator is ready.
async fn next(world: &World, old: &Pod) -> Result<()> {
    wait::until("the next coordinator", 120, async || {
        let pods = world.pods(NAMESPACE, COORDINATOR).await?;
        let other = pods
            .iter()
            .any(|pod| pod.uid() != old.uid() && is_ready(pod));
        Ok(other.then_some(()))
    })
    .await
}
