//! What people type beside kubectl: `explain` against what a server dry-run of the same request is told, `guard status`, and
//! break-glass by `guard release`, in enforce and in audit mode.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::Value;

use super::installation::{NAMESPACE, REPLICAS};
use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::tool::{self, Said};
use crate::trino_on_plane::COORDINATOR;
use crate::wait;
use crate::world::World;

const ADMIN_PORT: u16 = 9090;
const REASON: &str = "the disk below it fails";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-command-line",
        stage: Stage::Shared(|world| Box::pin(command_line(world))),
    }]
}

async fn command_line(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("command-line")).await?;
    scene.hold().await?;
    scene.wait_seen(world).await?;
    let person = Person::new(world, &scene).await?;
    let mut workers = scene.workers(world).await?;
    let (victim, other) = (workers.remove(0), workers.remove(0));
    person.finds(&victim, false).await?;
    ensure!(
        evict(world, &victim, false).await?.is_some(),
        "a busy worker went"
    );
    person.sees_blocked(&victim).await?;
    // The other one, since the first is given back where nobody enforces.
    scene.mode(world, "audit").await?;
    person.finds(&other, true).await?;
    scene.mode(world, "enforce").await?;
    person.finds(&other, false).await?;
    person.releases(&victim).await?;
    evict_until_gone(world, &victim).await?;
    person.hears_of(&victim).await?;
    let coordinator = world.pods(scene.namespace(), COORDINATOR).await?;
    let coordinator = coordinator.first().context("a coordinator")?;
    person.releases(coordinator).await?;
    evict_until_gone(world, coordinator).await?;
    person.hears_of(coordinator).await?;
    scene.end(world).await
}

impl Scene {
    async fn mode(&self, world: &World, mode: &str) -> Result<()> {
        let label = format!("xtrinode.io/guard={mode}");
        let arguments = [
            "label",
            "--overwrite",
            "namespace",
            self.namespace(),
            &label,
        ];
        world.plane.show(&arguments).await
    }
}

/// Somebody with a kubeconfig and a way to one replica's admin port. The plane's API server passes nothing on to loopback
/// addresses, so they don't go through it.
struct Person<'a> {
    world: &'a World,
    scene: &'a Scene,
    guard: String,
}

impl<'a> Person<'a> {
    async fn new(world: &'a World, scene: &'a Scene) -> Result<Self> {
        let replica = world.ready(NAMESPACE, REPLICAS, 2).await?.remove(0);
        let address = replica.status.and_then(|status| status.pod_ip);
        let address = address.context("a replica's address")?;
        let guard = format!("http://{address}:{ADMIN_PORT}");
        Ok(Self {
            world,
            scene,
            guard,
        })
    }

    async fn types(&self, arguments: &[&str]) -> Result<Said> {
        say!("  $ xtrinode {}", arguments.join(" "));
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtrinode"));
        command
            .args(arguments)
            .env("KUBECONFIG", &self.world.plane.access.kubeconfig);
        let said = tokio::task::spawn_blocking(move || tool::run(command, "")).await??;
        for line in said.stdout.lines().chain(said.stderr.lines()).take(3) {
            say!("    {line:.200}");
        }
        Ok(said)
    }

    async fn explains(&self, arguments: &[&str]) -> Result<Said> {
        let arguments = [&["explain"], arguments, &["--guard-url", &self.guard]].concat();
        self.types(&arguments).await
    }

    /// Each request is explained as the API server's dry-run of it is answered, once the guard knows the mode.
    async fn finds(&self, pod: &Pod, allowed: bool) -> Result<()> {
        let (name, space) = (pod.name_any(), self.scene.space());
        let full = format!("{}/{name}", self.scene.namespace());
        let workload = format!(
            "{}/{}",
            self.scene.namespace(),
            self.scene.cluster.spec.workload()
        );
        let deletion = ["delete", "pod", &name, &space, "--dry-run=server"];
        wait::until("a guard that knows the mode", 30, async || {
            let told = self.world.plane.kubectl(&deletion).await?;
            Ok((told.success == allowed).then_some(()))
        })
        .await?;
        let scale = [
            "scale",
            self.scene.cluster.spec.workload(),
            &space,
            "--replicas=2",
            "--dry-run=server",
        ];
        let dry_runs = [
            evict(self.world, pod, true).await?.is_none(),
            self.world.plane.kubectl(&deletion).await?.success,
            self.world.plane.kubectl(&scale).await?.success,
        ];
        let explained = [
            self.explains(&["evict", &full]).await?,
            self.explains(&["delete", &full]).await?,
            self.explains(&["scale", &workload, "--to", "2"]).await?,
        ];
        for (dry_run, told) in dry_runs.into_iter().zip(&explained) {
            ensure!(dry_run == allowed && told.success == allowed, "{told:?}");
            ensure!(told.stdout.contains("holds output buffers"), "{told:?}");
            let audited = told.stdout.contains("allowed in audit mode");
            ensure!(audited == allowed, "{told:?}");
        }
        Ok(())
    }

    async fn sees_blocked(&self, pod: &Pod) -> Result<()> {
        wait::until("a status that shows it", 30, async || {
            let arguments = ["guard", "status", "-o", "json", "--guard-url", &self.guard];
            let status: Value = serde_json::from_str(&self.types(&arguments).await?.ok()?)?;
            let blocked = status["blocked"].as_array().into_iter().flatten();
            let mut names = blocked.filter_map(|blocked| blocked["pod"].as_str());
            Ok(names.any(|name| name == pod.name_any()).then_some(()))
        })
        .await
    }

    async fn releases(&self, pod: &Pod) -> Result<()> {
        let full = format!("{}/{}", self.scene.namespace(), pod.name_any());
        let released = ["guard", "release", &full, "--reason", REASON, "--for", "1h"];
        self.types(&released).await?.ok()?;
        wait::until("an explanation that names it", 30, async || {
            let told = self.explains(&["evict", &full]).await?;
            Ok((told.success && told.stdout.contains(REASON)).then_some(()))
        })
        .await
    }

    /// An Event says that it went by an order.
    async fn hears_of(&self, pod: &Pod) -> Result<()> {
        let field = format!(
            "--field-selector=reason=BreakGlassUsed,regarding.name={}",
            pod.name_any()
        );
        let arguments = [
            "get",
            "events.events.k8s.io",
            &self.scene.space(),
            &field,
            "-o=name",
        ];
        wait::until("an Event BreakGlassUsed", 30, async || {
            let said = self.world.plane.kubectl(&arguments).await?.ok()?;
            Ok((!said.trim().is_empty()).then_some(()))
        })
        .await
    }
}
