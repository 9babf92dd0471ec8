//! The kick: after a long refusal, the removal of a drained worker follows at once, and not at its controller's own next
//! try, which by then is far away. Beside each kicked workload stands its twin, whose pods the guard may not write to: it
//! shows when the controller comes without a kick.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::installation::GUARD;
use super::scene::{Scene, ours, spec};
use crate::plane::webhook::{Seen, Webhook};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Owner, Spec};
use crate::wait;
use crate::world::World;

/// The block lasts at least so long.
const LONG: Duration = Duration::from_secs(60);

/// At the end of the block every controller's own next try is at least so far away: longer than a drain takes to end and
/// to be proven.
const FAR: Duration = Duration::from_secs(30);

/// The label of the namespaces whose pods the guard may not write to.
const SILENCED: &str = "tests/guard-may-write=no";

const POLICY: &str = "tests-no-kick";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-kick",
        stage: Stage::Shared(|world| Box::pin(kick(world))),
    }]
}

/// A workload whose old pods are refused to its controller.
struct Blocked {
    scene: Scene,
    query: String,
    recorder: Webhook,
}

async fn kick(world: &World) -> Result<()> {
    world.plane.apply(&policy().to_string()).await?;
    let sets = beside_its_twin(world, ("kicked-set", "twin-set"), Owner::Deployment);
    let names = ("kicked-ordinals", "twin-ordinals");
    let ordinals = beside_its_twin(world, names, Owner::StatefulSet);
    tokio::try_join!(sets, ordinals)?;
    let kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding";
    let delete = ["delete", kinds, POLICY];
    world.plane.kubectl(&delete).await?.ok().map(drop)
}

/// Two equal workloads, restarted and refused at the same moments, so that their controllers keep the same times.
async fn beside_its_twin(
    world: &World,
    (kicked, twin): (&'static str, &'static str),
    owner: Owner,
) -> Result<()> {
    let kicked = Blocked::prepare(world, kicked, owner);
    let twin = Blocked::prepare(world, twin, owner);
    let (kicked, twin) = tokio::try_join!(kicked, twin)?;
    let begun = Instant::now();
    tokio::try_join!(kicked.restart(world), twin.restart(world))?;
    wait::until("controllers that have backed off", 400, async || {
        let far = kicked.is_far() && twin.is_far();
        Ok((far && begun.elapsed() > LONG).then_some(()))
    })
    .await?;
    twin.silence(world).await?;
    one_is_kicked(world, &kicked, &twin).await?;
    twin.keeps_its_own_time().await?;
    kicked.end(world).await?;
    twin.end(world).await
}

/// Both are free at the same moment; one goes, before its controller would have come by itself, and nobody has come for
/// the other.
async fn one_is_kicked(world: &World, kicked: &Blocked, twin: &Blocked) -> Result<()> {
    let (own, name) = (kicked.own_try()?, kicked.scene.namespace());
    let (tries, twins) = (kicked.tries().len(), twin.tries().len());
    let before = kicked.scene.workers(world).await?;
    tokio::try_join!(
        kicked.scene.release(&kicked.query),
        twin.scene.release(&twin.query)
    )?;
    let victim = wait::until("a worker that is drained", 120, async || {
        let pods = kicked.scene.workers(world).await?;
        let is_drained = |pod: &Pod| ours(pod).iter().any(|key| key.ends_with("drained-at"));
        // One that is seen leaving was drained a moment ago.
        let leaves = |pod: &&Pod| {
            let now = pods.iter().find(|now| now.uid() == pod.uid());
            now.is_none_or(|now| is_drained(now) || now.metadata.deletion_timestamp.is_some())
        };
        Ok(before.iter().find(leaves).cloned())
    })
    .await?;
    let seen = Instant::now();
    wait::until("the kicked worker's removal", 60, async || {
        let pods = kicked.scene.workers(world).await?;
        let same = pods.iter().find(|pod| pod.uid() == victim.uid());
        let stays = same.is_some_and(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok((!stays).then_some(()))
    })
    .await?;
    let gone = Instant::now();
    say!(
        "  {name}: removed {:.2} s after the kick, {:.0} s before its controller's own try",
        (gone - seen).as_secs_f64(),
        own.saturating_duration_since(gone).as_secs_f64()
    );
    ensure!(gone < own, "{name}: the kick came after the own try");
    ensure!(
        kicked.tries().len() > tries,
        "{name}: gone without its controller"
    );
    ensure!(
        twin.tries().len() == twins,
        "{}: its controller came without a kick",
        twin.scene.namespace()
    );
    Ok(())
}

impl Blocked {
    async fn prepare(world: &World, namespace: &'static str, owner: Owner) -> Result<Self> {
        let spec = Spec {
            owner,
            workers: 2,
            ..spec(namespace)
        };
        let scene = Scene::quiet(world, spec).await?;
        let query = scene.hold().await?;
        scene.wait_seen(world).await?;
        let recorder = Webhook::start(&world.plane, namespace, Box::new(|_| None)).await?;
        Ok(Self {
            scene,
            query,
            recorder,
        })
    }

    /// Begins the rollout whose old workers are refused.
    async fn restart(&self, world: &World) -> Result<()> {
        let workload = self.scene.cluster.spec.workload();
        let restart = ["rollout", "restart", &self.scene.space(), workload];
        world.plane.show(&restart).await
    }

    /// When its controller has tried to remove a pod.
    fn tries(&self) -> Vec<Instant> {
        let seen = self.recorder.seen();
        let own = seen.iter().filter(|seen| by_controller(&seen.request));
        own.map(|seen: &Seen| seen.at).collect()
    }

    /// When its controller tries again by itself at the earliest.
    fn own_try(&self) -> Result<Instant> {
        due(&self.tries()).context("none of the controller's pauses was recognised yet")
    }

    fn is_far(&self) -> bool {
        self.own_try()
            .is_ok_and(|own| own.saturating_duration_since(Instant::now()) > FAR)
    }

    /// From here on the guard's writes to its pods are refused.
    async fn silence(&self, world: &World) -> Result<()> {
        let label = ["label", "namespace", self.scene.namespace(), SILENCED];
        world.plane.kubectl(&label).await?.ok()?;
        let pod = self.scene.workers(world).await?.remove(0);
        let guard = world
            .plane
            .access
            .acting_as(GUARD, &["system:serviceaccounts"])
            .await?;
        wait::until("a guard that may not write", 60, async || {
            let written = touch(&guard, &pod).await;
            Ok(written.is_err().then_some(()))
        })
        .await
    }

    /// Nobody comes for a minute more, or until its controller's own time.
    async fn keeps_its_own_time(&self) -> Result<()> {
        let (own, tries) = (self.own_try()?, self.tries().len());
        let name = self.scene.namespace();
        let end = own.min(Instant::now() + LONG);
        let next = wait::until("the end of the twin's pause", 120, async || {
            let next = self.tries().get(tries).copied();
            Ok((next.is_some() || Instant::now() > end).then_some(next))
        })
        .await?;
        ensure!(
            next.is_none_or(|next| next >= own),
            "{name}: its controller came before its time"
        );
        let left = own.saturating_duration_since(Instant::now()).as_secs();
        say!("  {name}: nobody came early; its controller's own time is in {left} s");
        Ok(())
    }

    async fn end(self, world: &World) -> Result<()> {
        self.recorder.stop(&world.plane).await?;
        self.scene.end(world).await
    }
}

/// After so many failures a pause is long enough, 5 to 41 s, to be told from the gap between two events.
const TELLING: RangeInclusive<u32> = 11..=14;
/// What a try itself takes, beside its pause.
const TAKES: Duration = Duration::from_millis(500);

/// When the tries' controller comes by itself: its work queue pauses longer after each failure. Events of its pods make it
/// try meanwhile, which counts as a failure and puts off nothing.
fn due(tries: &[Instant]) -> Option<Instant> {
    let pairs = tries.windows(2).enumerate();
    let mut known =
        pairs.filter_map(|(index, pair)| Some((index + 1, failures(pair[1] - pair[0])?)));
    let (begun, before) = known.next()?;
    let mut due = *tries.get(begun)?;
    for (failures, at) in (before + 1..).zip(tries.iter().skip(begun)) {
        let next = *at + paused(failures);
        due = if *at < due { due.min(next) } else { next };
    }
    Some(due)
}

/// After how many failures the queue pauses for so long.
fn failures(pause: Duration) -> Option<u32> {
    TELLING.into_iter().find(|failures| {
        let paused = paused(*failures);
        (paused..paused + TAKES).contains(&pause)
    })
}

/// The pause after so many failures: 5 ms after the first, doubled by each, a thousand seconds at most.
fn paused(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    Duration::from_millis(5)
        .saturating_mul(factor)
        .min(Duration::from_secs(1000))
}

/// A write as the guard's, without any effect.
async fn touch(guard: &Client, pod: &Pod) -> kube::Result<Pod> {
    let api = Api::<Pod>::namespaced(guard.clone(), &pod.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"annotations": {"tests/touched": "yes"}}});
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    api.patch(&pod.name_any(), &parameters, &Patch::Merge(patch))
        .await
}

/// Refuses what the guard writes to pods of the silenced namespaces.
fn policy() -> Value {
    let (key, value) = SILENCED.split_once('=').unwrap_or_default();
    let group = "admissionregistration.k8s.io/v1";
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"],
    });
    let policy = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": POLICY},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {key: value}}, "resourceRules": [rule],
            },
            "validations": [{"expression": format!("request.userInfo.username != '{GUARD}'")}],
        },
    });
    let binding = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": POLICY},
        "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]})
}

fn by_controller(request: &Value) -> bool {
    let user = request["userInfo"]["username"].as_str();
    request["resource"]["resource"] == "pods"
        && user.is_some_and(|user| user.ends_with("set-controller"))
}
