//! The guard as a user installs it: its chart by real Helm, replicas run by the node agent, the API server in front. One
//! installation serves all scenarios; one that asks for other values upgrades it.

use anyhow::Result;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::door::Door;
use crate::story::say;
use crate::trino_config::ADMIN;
use crate::wait;
use crate::world::World;

/// Of the release.
pub const NAMESPACE: &str = "xtrinode-system";
/// The guard's pods.
pub const REPLICAS: &str =
    "app.kubernetes.io/name=xtrinode-guard,app.kubernetes.io/component=guard";
/// Who they are to the API server.
pub const GUARD: &str = "system:serviceaccount:xtrinode-system:xtrinode-guard";
/// The label of a namespace whose Trino is guarded.
pub const ENFORCE: (&str, &str) = ("xtrinode.io/guard", "enforce");
/// The configuration whose webhooks refuse.
pub const CONFIGURATION: &str = "xtrinode-guard-enforce";

const WEBHOOK_PORT: u16 = 8443;

/// An installed guard.
pub struct Guard {
    door: Door,
    values: Value,
}

/// What the scenarios set beside the chart's defaults: bounds as short as the chart lets them be, the user that the
/// tests' Trino lets drain, a node of its own.
pub fn values() -> Value {
    json!({
        "mode": "enforce",
        "trino": {"auth": {"headerValue": ADMIN}, "pollIntervalSeconds": 1},
        "drain": {"user": ADMIN},
        "bounds": {"drain": {"noticeTimeSeconds": 10}},
        "nodeSelector": {"kubernetes.io/hostname": "node-4"},
        "logging": {"level": "DEBUG"},
    })
}

/// Installs the guard with [`values`], or makes the one that is there have them.
pub async fn usual(world: &World) -> Result<()> {
    with(world, values()).await
}

/// The same with the chart's time for a coordinator to notice a drain: simulated ones are quicker than real ones.
pub async fn patient(world: &World) -> Result<()> {
    let mut values = values();
    values["bounds"]["drain"] = json!({});
    with(world, values).await
}

/// The same with other values.
pub async fn with(world: &World, values: Value) -> Result<()> {
    install(world, values, &[]).await
}

/// The same where others own what the chart now sets: the guard does, when its certificates were its own before.
pub async fn by_force(world: &World, values: Value) -> Result<()> {
    install(world, values, &["--force-conflicts"]).await
}

async fn install(world: &World, values: Value, further: &[&str]) -> Result<()> {
    // Held while it is installed: whoever comes meanwhile waits for it.
    let mut installed = world.guard.lock().await;
    if installed
        .as_ref()
        .is_some_and(|guard| guard.values == values)
    {
        return armed(world).await;
    }
    let door = match installed.take() {
        Some(guard) => guard.door,
        None => {
            let client = world.plane.client.clone();
            Door::open(client, NAMESPACE, REPLICAS, WEBHOOK_PORT).await?
        }
    };
    let mut all = values.clone();
    all["webhook"]["url"] = format!("https://{}", door.address).into();
    let file = world.plane.folder().join("guard-values.json");
    std::fs::write(&file, all.to_string())?;
    let file = file.display().to_string();
    say!(
        "  $ helm upgrade --install guard charts/xtrinode-guard -n {NAMESPACE} --create-namespace --wait {}",
        further.join(" ")
    );
    let arguments = [
        "upgrade",
        "--install",
        "guard",
        "charts/xtrinode-guard",
        "-n",
        NAMESPACE,
        "--create-namespace",
        "--wait",
        "-f",
    ];
    let arguments = arguments.into_iter().chain([file.as_str()]);
    let arguments: Vec<&str> = arguments.chain(further.iter().copied()).collect();
    world.plane.helm(&arguments).await?.ok()?;
    *installed = Some(Guard { door, values });
    armed(world).await
}

/// The next scenario that asks for any values installs them: what is installed now is another's choice.
pub fn forget_values(world: &mut World) {
    if let Some(guard) = world.guard.get_mut() {
        guard.values = Value::Null;
    }
}

/// Waits until no request gets past the guard: each webhook that refuses names an authority and fails closed.
async fn armed(world: &World) -> Result<()> {
    let api = Api::<ValidatingWebhookConfiguration>::all(world.plane.client.clone());
    wait::until("webhooks that fail closed", 120, async || {
        let Some(found) = api.get_opt(CONFIGURATION).await? else {
            return Ok(None);
        };
        let webhooks = found.webhooks.unwrap_or_default();
        let blocking = webhooks
            .iter()
            .filter(|one| !one.name.starts_with("namespace."));
        let mut states = blocking.map(|one| {
            let known = one.client_config.ca_bundle.is_some();
            known && one.failure_policy.as_deref() == Some("Fail")
        });
        Ok((!webhooks.is_empty() && states.all(|armed| armed)).then_some(()))
    })
    .await
}

/// Of the last lines of each replica those that are chosen, for a failure's report.
pub async fn logs(world: &World, lines: usize, chosen: impl Fn(&str) -> bool) -> String {
    let pods = world.pods(NAMESPACE, REPLICAS).await.unwrap_or_default();
    let tails = pods.iter().map(|pod| {
        let tail = world.agent.log(pod, lines);
        let tail: Vec<_> = tail.lines().filter(|line| chosen(line)).collect();
        format!("    {}:\n{}\n", pod.name_any(), tail.join("\n"))
    });
    tails.collect()
}
