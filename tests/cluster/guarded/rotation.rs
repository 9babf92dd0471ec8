//! Certificates that change while reviews come in: the leaf, its authority, files that somebody replaces. No review falls
//! between. And the loss of everything: nobody is let go until the guard has made itself a new authority.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use serde_json::{Value, json};

use super::direct::{self, NAME, Replica};
use super::installation::{self, NAMESPACE};
use super::questions::Questions;
use super::scene::{Scene, spec};
use super::storm::Storm;
use crate::plane::certs::{Authority, Pair};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::wait;
use crate::world::World;

/// Holds the guard's certificate and its authority.
const OWN: &str = "xtrinode-guard-tls";
/// Holds the certificate that the test makes.
const FILES: &str = "guard-files";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-certificates-of-its-own",
            stage: Stage::Plane(|world| Box::pin(of_its_own(world))),
        },
        Scenario {
            name: "guarded-certificates-from-files",
            stage: Stage::Plane(|world| Box::pin(from_files(world))),
        },
    ]
}

/// A new leaf; a new authority, step by step; and nothing at all.
async fn of_its_own(world: &World) -> Result<()> {
    let mut values = installation::values();
    values["logging"]["level"] = "INFO".into();
    // As short as they may be: what a rotation waits for is a part of that.
    values["tls"]["selfManaged"] = json!({
        "certificateValiditySeconds": 3600, "authorityValiditySeconds": 3600,
    });
    installation::with(world, values).await?;
    let scene = Scene::without_guard(world, spec("certificates")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let (questions, storm) = storms(world, &scene).await?;
    say!("  the leaf is taken away");
    renewed(world, async || take(world, &["tls.crt"]).await).await?;
    say!("  the authority's key is taken away: another authority is needed");
    let old = entry(world, "ca.crt").await?.context("an authority")?;
    renewed(world, async || take(world, &["ca.key"]).await).await?;
    let next = entry(world, "next-ca.crt").await?.context("the next one")?;
    say!("  both replicas serve what the next authority has signed");
    ensure!(
        bundle(world).await?.matches("BEGIN").count() == 2,
        "the old authority is not trusted any more"
    );
    renewed(world, async || age(world, &next).await).await?;
    wait::until("the old authority's end", 120, async || {
        let gone = !bundle(world).await?.contains(old.trim());
        Ok((gone && bundle(world).await?.contains(next.trim())).then_some(()))
    })
    .await?;
    say!("  the next authority is the only one");
    questions.wait_more(100).await?;
    questions.all_answered().await?;
    storm.all_answered().await?;
    lost(world, &scene).await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// Files of a Secret: another leaf, another authority, and a pair that does not fit.
async fn from_files(world: &World) -> Result<()> {
    let (one, other) = (Authority::new("one")?, Authority::new("other")?);
    world.plane.namespace(NAMESPACE, &[]).await?;
    put(world, &leaf(&one)?).await?;
    let mut values = installation::values();
    values["logging"]["level"] = "INFO".into();
    let authorities = STANDARD.encode(format!("{}{}", one.pem, other.pem));
    values["tls"] = json!({
        "mode": "existingSecret", "existingSecret": FILES, "caBundle": authorities,
    });
    installation::by_force(world, values).await?;
    let scene = Scene::without_guard(world, spec("files")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let (questions, storm) = storms(world, &scene).await?;
    say!("  another leaf of the same authority");
    renewed(world, async || put(world, &leaf(&one)?).await).await?;
    say!("  a leaf of the other authority");
    renewed(world, async || put(world, &leaf(&other)?).await).await?;
    say!("  a leaf with somebody else's key: the one before stays");
    let mut broken = leaf(&one)?;
    broken.key = leaf(&other)?.key;
    reloads(world, "error", async || put(world, &broken).await).await?;
    questions.wait_more(100).await?;
    questions.all_answered().await?;
    storm.all_answered().await?;
    scene.release(&query).await?;
    scene.end(world).await?;
    say!("  back to its own, without anybody's help");
    installation::usual(world).await?;
    let space = format!("--namespace={NAMESPACE}");
    let delete = ["delete", "secret", &space, FILES];
    world.plane.kubectl(&delete).await?.ok().map(drop)
}

async fn storms(world: &World, scene: &Scene) -> Result<(Questions, Storm)> {
    let questions = Questions::start(world, scene).await?;
    Ok((questions, Storm::start(world, scene).await?))
}

/// Does something, and waits until both replicas serve another certificate than before.
async fn renewed(world: &World, act: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    reloads(world, "ok", act).await
}

async fn reloads(world: &World, result: &str, act: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let series = format!("xtrinode_guard_tls_reloads_total{{result=\"{result}\"}}");
    let replicas = direct::replicas(world).await?;
    let before = counts(&replicas, &series).await?;
    act().await?;
    wait::until(
        "both replicas to look at the new certificate",
        180,
        async || {
            let now = counts(&replicas, &series).await?;
            let all = now.iter().zip(&before).all(|(now, before)| now > before);
            Ok(all.then_some(()))
        },
    )
    .await
}

async fn counts(replicas: &[Replica], series: &str) -> Result<Vec<f64>> {
    let mut counts = Vec::new();
    for replica in replicas {
        counts.push(replica.metric(series).await?);
    }
    Ok(counts)
}

fn secrets(world: &World) -> Api<Secret> {
    Api::namespaced(world.plane.client.clone(), NAMESPACE)
}

/// One entry of the guard's own Secret.
async fn entry(world: &World, key: &str) -> Result<Option<String>> {
    let secret = secrets(world).get_opt(OWN).await?;
    let data: BTreeMap<String, ByteString> = secret.and_then(|one| one.data).unwrap_or_default();
    let found = data
        .get(key)
        .map(|bytes| String::from_utf8(bytes.0.clone()));
    Ok(found.transpose()?)
}

/// Takes entries out of the guard's own Secret.
async fn take(world: &World, keys: &[&str]) -> Result<()> {
    let steps = keys
        .iter()
        .map(|key| json!({"op": "remove", "path": format!("/data/{key}")}));
    let patch: json_patch::Patch = serde_json::from_value(steps.collect::<Vec<Value>>().into())?;
    secrets(world)
        .patch(OWN, &PatchParams::default(), &Patch::Json::<()>(patch))
        .await?;
    Ok(())
}

/// The authorities that the API server trusts.
async fn bundle(world: &World) -> Result<String> {
    let webhook = direct::eviction_webhook(&world.plane.client).await?;
    let bundle = webhook.client_config.ca_bundle.unwrap_or_default();
    Ok(String::from_utf8(bundle.0)?)
}

/// A leaf of the next authority that looks two hours old: by then no replica serves anything else, so that the old
/// authority may go. Waiting for that takes a tenth of the authority's life, six minutes at least.
async fn age(world: &World, next: &str) -> Result<()> {
    let key = entry(world, "next-ca.key").await?.context("its key")?;
    let issuer = Issuer::from_ca_cert_pem(next, KeyPair::from_pem(&key)?)?;
    let hour = std::time::Duration::from_secs(3600);
    let mut params = CertificateParams::new([NAME, "127.0.0.1"].map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "guard");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = std::time::SystemTime::now();
    params.not_before = (now - 2 * hour).into();
    params.not_after = (now + 4 * hour).into();
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &issuer)?.pem();
    let data = json!({"data": {
        "tls.crt": STANDARD.encode(cert), "tls.key": STANDARD.encode(key.serialize_pem()),
    }});
    secrets(world)
        .patch(OWN, &PatchParams::default(), &Patch::Merge(data))
        .await?;
    Ok(())
}

/// Without its Secret the guard begins anew. Until the API server trusts what it serves nobody is let go.
async fn lost(world: &World, scene: &Scene) -> Result<()> {
    say!("  the whole Secret is lost");
    let old = entry(world, "ca.crt").await?.context("an authority")?;
    let deletion = DeleteParams::default();
    secrets(world).delete(OWN, &deletion).await?;
    let pod = scene.workers(world).await?.remove(0);
    let api = Api::<k8s_openapi::api::core::v1::Pod>::namespaced(
        world.plane.once.clone(),
        scene.namespace(),
    );
    let dry = EvictParams {
        post_options: PostParams {
            dry_run: true,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    let (mut unanswered, mut in_a_row) = (0, 0);
    let name = pod.metadata.name.context("a name")?;
    let healed = wait::until("a guard that has healed", 120, async || {
        match api.evict(&name, &dry).await {
            Err(kube::Error::Api(status)) if status.code == 429 => in_a_row += 1,
            Err(kube::Error::Api(status)) if is_unanswered(&status) => {
                (unanswered, in_a_row) = (unanswered + 1, 0);
            }
            other => bail!("neither refused nor unanswered: {other:?}"),
        }
        let anew = entry(world, "ca.crt").await?.is_some_and(|new| new != old);
        // Longer than replicas need to see a new certificate.
        Ok((anew && in_a_row > 60).then_some(()))
    })
    .await;
    healed.with_context(|| format!("{unanswered} not answered, the last {in_a_row} refused"))?;
    say!("  healed by itself; {unanswered} reviews were not answered, none was allowed");
    Ok(())
}

fn is_unanswered(status: &Status) -> bool {
    status.code == 500 && status.message.contains("failed calling webhook")
}

fn leaf(authority: &Authority) -> Result<Pair> {
    authority.issue("guard", &[NAME, "127.0.0.1"])
}

/// Replaces the Secret of the files.
async fn put(world: &World, pair: &Pair) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": FILES, "namespace": NAMESPACE},
        "stringData": {"tls.crt": pair.cert, "tls.key": pair.key},
    });
    world.plane.apply(&secret.to_string()).await
}
