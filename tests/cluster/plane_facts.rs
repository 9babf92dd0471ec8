//! Scenarios about the control plane and the node agent themselves: what the guard's tests rest on is true here.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

use crate::runner::{Scenario, Stage};
use crate::wait;
use crate::world::{World, is_ready};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "pods-run-end-and-restart",
            stage: Stage::Plane(|world| Box::pin(pods_live(world))),
        },
        Scenario {
            name: "pods-outlive-the-control-plane",
            stage: Stage::Plane(|world| Box::pin(control_plane_fails(world))),
        },
    ]
}

const SLEEPERS: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleepers, namespace: sleepers}
spec:
  replicas: 2
  selector: {matchLabels: {app: sleepers}}
  template:
    metadata: {labels: {app: sleepers}}
    spec:
      terminationGracePeriodSeconds: 5
      containers: [{name: sleeper, image: nothing}]
";

async fn pods_live(world: &mut World) -> Result<()> {
    world.plane.namespace("sleepers", &[]).await?;
    world.plane.apply(SLEEPERS).await?;
    let first = world.ready("sleepers", "app=sleepers", 2).await?;
    ensure!(address(&first[0]) != address(&first[1]));
    a_killed_process_comes_back(world, &first[0]).await?;
    a_deleted_pod_is_replaced(world, &first[1]).await?;
    world
        .plane
        .kubectl(&[
            "scale",
            "-n=sleepers",
            "deployment/sleepers",
            "--replicas=0",
        ])
        .await?
        .ok()?;
    world.ready("sleepers", "app=sleepers", 0).await?;
    world.remove("sleepers").await
}

/// The API server ends and comes back, the store stands still for a while: processes run on, and afterwards pods are
/// made and removed as before.
async fn control_plane_fails(world: &mut World) -> Result<()> {
    world.plane.namespace("sleepers", &[]).await?;
    world.plane.apply(SLEEPERS).await?;
    let before = world.ready("sleepers", "app=sleepers", 2).await?;
    let pid = world.agent.pid("sleepers", &before[0].name_any())?;
    world.plane.apiserver.kill()?;
    world.plane.apiserver.start()?;
    world.plane.wait_ready().await?;
    world.plane.etcd.signal("STOP")?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.plane.etcd.signal("CONT")?;
    world.plane.wait_ready().await?;
    world
        .plane
        .kubectl(&["delete", "-n=sleepers", "pod", &before[1].name_any()])
        .await?
        .ok()?;
    let after = world.ready("sleepers", "app=sleepers", 2).await?;
    ensure!(after.iter().any(|pod| pod.uid() == before[0].uid()));
    ensure!(world.agent.pid("sleepers", &before[0].name_any())? == pid);
    world.remove("sleepers").await
}

/// Same pod, another container.
async fn a_killed_process_comes_back(world: &World, pod: &Pod) -> Result<()> {
    world.agent.signal("sleepers", &pod.name_any(), "KILL")?;
    let back = wait::until("a restarted container", 60, async || {
        let pods = world.pods("sleepers", "app=sleepers").await?;
        let same = pods.into_iter().find(|other| other.uid() == pod.uid());
        Ok(same.filter(|same| is_ready(same) && container(same) != container(pod)))
    })
    .await?;
    ensure!(address(&back) == address(pod));
    ensure!(restarts(&back) == restarts(pod) + 1);
    Ok(())
}

/// Another pod, while the old one's process is gone.
async fn a_deleted_pod_is_replaced(world: &World, pod: &Pod) -> Result<()> {
    let process = format!("/proc/{}", world.agent.pid("sleepers", &pod.name_any())?);
    ensure!(std::path::Path::new(&process).exists());
    world
        .plane
        .kubectl(&["delete", "-n=sleepers", "pod", &pod.name_any()])
        .await?
        .ok()?;
    ensure!(!std::path::Path::new(&process).exists());
    let now = world.ready("sleepers", "app=sleepers", 2).await?;
    ensure!(now.iter().all(|other| other.uid() != pod.uid()));
    Ok(())
}

fn container(pod: &Pod) -> Option<&str> {
    status(pod)?.container_id.as_deref()
}

fn restarts(pod: &Pod) -> i32 {
    status(pod).map_or(0, |status| status.restart_count)
}

fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref()
}

fn status(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}
