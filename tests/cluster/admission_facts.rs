//! What the guard's recorded reviews say is what this API server sends: each situation of `tests/data/admission-1.36`
//! is brought about again, and the new review has the same form as the recorded one.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::plane::webhook::{Seen, Webhook};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::world::World;

const NAMESPACE: &str = "reviews";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "reviews-are-as-recorded",
        stage: Stage::Shared(|world| Box::pin(reviews(world))),
    }]
}

/// What the recordings had: a Deployment `w`, a StatefulSet `s`, three seconds of grace.
const WORKLOADS: &str = r"
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: w, namespace: reviews}
  spec:
    replicas: 4
    selector: {matchLabels: {app: w}}
    template:
      metadata: {labels: {app: w}}
      spec: {terminationGracePeriodSeconds: 3, containers: [{name: t, image: x}]}
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: s, namespace: reviews}
  spec:
    replicas: 2
    serviceName: s
    selector: {matchLabels: {app: s}}
    template:
      metadata: {labels: {app: s}}
      spec: {terminationGracePeriodSeconds: 3, containers: [{name: t, image: x}]}
";

async fn reviews(world: &World) -> Result<()> {
    world.plane.namespace(NAMESPACE, &[]).await?;
    world.plane.apply(WORKLOADS).await?;
    world.ready(NAMESPACE, "app=s", 2).await?;
    let webhook = Webhook::start(&world.plane, NAMESPACE, Box::new(|_| None)).await?;
    let mut recorder = Recorder {
        world,
        webhook: &webhook,
        compared: 0,
    };
    recorder.evictions().await?;
    recorder.deletions().await?;
    recorder.scales().await?;
    recorder.whole_objects().await?;
    say!(
        "  {} situations compared with their recordings",
        recorder.compared
    );
    webhook.stop(&world.plane).await
}

struct Recorder<'a> {
    world: &'a World,
    webhook: &'a Webhook,
    compared: usize,
}

impl Recorder<'_> {
    async fn evictions(&mut self) -> Result<()> {
        let pod = &self.pods().await?[0];
        let plain = Value::Null;
        self.evict(pod, "?dryRun=All", &plain, "eviction-dry-run-in-options")
            .await?;
        let in_body = json!({"dryRun": ["All"]});
        self.evict(pod, "", &in_body, "eviction-dry-run-in-body")
            .await?;
        ensure!(
            self.pods()
                .await?
                .iter()
                .any(|other| other.uid() == pod.uid()),
            "a dry run has evicted the pod"
        );
        self.evict(pod, "", &plain, "eviction").await?;
        // The allowed eviction itself is no DELETE; the kubelet's last word is.
        self.expect_after(0, "pod-delete-by-kubelet", |request| {
            request["userInfo"]["username"]
                .as_str()
                .is_some_and(|user| user.starts_with("system:node:"))
        })
        .await
    }

    async fn evict(
        &mut self,
        pod: &Pod,
        query: &str,
        options: &Value,
        recorded: &str,
    ) -> Result<()> {
        let name = pod.name_any();
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction{query}");
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "deleteOptions": options,
        });
        let from = self.webhook.seen().len();
        let request = ::http::Request::post(path)
            .header("content-type", "application/json")
            .body(eviction.to_string().into_bytes())?;
        self.world.plane.client.request_text(request).await?;
        self.expect_after(from, recorded, |request| {
            request["subResource"] == "eviction"
        })
        .await
    }

    async fn deletions(&mut self) -> Result<()> {
        let pods = self.pods().await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["delete", "pod", &pods[0].name_any()])
            .await?;
        let by_admin = |request: &Value| request["userInfo"]["username"] == "admin";
        self.expect_after(from, "pod-delete", by_admin).await?;
        let pods = self.pods().await?;
        let name = pods[0].name_any();
        let from = self.webhook.seen().len();
        self.kubectl(&["delete", "pod", &name, "--grace-period=0", "--force"])
            .await?;
        self.expect_after(from, "pod-delete-grace-0-first-review", by_admin)
            .await?;
        let forced: Vec<Seen> = self.webhook.seen().split_off(from);
        // The last one: where the kubelet writes the status at that moment, the first comes twice.
        let second = forced
            .iter()
            .filter(|seen| by_admin(&seen.request) && seen.request["name"] == name.as_str())
            .skip(1)
            .last()
            .context("a second review of the forced deletion")?;
        self.compare("pod-delete-grace-0-second-review", &second.request)?;
        let from = self.webhook.seen().len();
        self.collection().await?;
        self.expect_after(from, "pod-delete-collection-no-name", by_admin)
            .await
    }

    async fn collection(&self) -> Result<()> {
        self.pods().await?;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Ds");
        let options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        let request = ::http::Request::delete(path)
            .header("content-type", "application/json")
            .body(options.to_string().into_bytes())?;
        self.world.plane.client.request_text(request).await?;
        Ok(())
    }

    async fn scales(&mut self) -> Result<()> {
        let pods = self.pods().await?;
        let owner = pods[0].owner_references().first().context("an owner")?;
        let replica_set = format!("replicaset/{}", owner.name);
        let from = self.webhook.seen().len();
        self.kubectl(&["scale", "deployment/w", "--replicas=3", "--dry-run=server"])
            .await?;
        let is_scale = |request: &Value| request["subResource"] == "scale";
        self.expect_after(from, "deployment-scale-dry-run", is_scale)
            .await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["scale", "deployment/w", "--replicas=3"])
            .await?;
        self.expect_after(from, "deployment-scale", is_scale)
            .await?;
        self.expect_after(
            from,
            "replicaset-update-by-deployment-controller",
            |request| request["resource"]["resource"] == "replicasets",
        )
        .await?;
        self.expect_after(
            from,
            "pod-delete-by-replicaset-controller-service-account",
            |request| {
                request["userInfo"]["username"]
                    .as_str()
                    .is_some_and(|user| user.ends_with(":replicaset-controller"))
            },
        )
        .await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["scale", &replica_set, "--replicas=2"])
            .await?;
        self.expect_after(from, "replicaset-scale", is_scale)
            .await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["scale", "statefulset/s", "--replicas=1"])
            .await?;
        self.expect_after(from, "statefulset-scale", is_scale).await
    }

    async fn whole_objects(&mut self) -> Result<()> {
        let from = self.webhook.seen().len();
        let replicas = "--patch={\"spec\":{\"replicas\":2}}";
        self.kubectl(&["patch", "deployment", "w", replicas])
            .await?;
        let is_deployment = |request: &Value| request["resource"]["resource"] == "deployments";
        self.expect_after(from, "deployment-update-replicas", |request| {
            is_deployment(request) && request["userInfo"]["username"] == "admin"
        })
        .await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["delete", "deployment", "w"]).await?;
        self.expect_after(from, "deployment-delete", |request| {
            is_deployment(request) && request["operation"] == "DELETE"
        })
        .await?;
        let from = self.webhook.seen().len();
        self.kubectl(&["delete", "namespace", NAMESPACE]).await?;
        self.expect_after(from, "namespace-delete", |request| {
            request["resource"]["resource"] == "namespaces"
        })
        .await
    }

    /// The pods of `w` once all four, or what a scale has left, are there.
    async fn pods(&self) -> Result<Vec<Pod>> {
        self.world.ready(NAMESPACE, "app=w", 4).await
    }

    async fn kubectl(&self, arguments: &[&str]) -> Result<()> {
        let space = format!("--namespace={NAMESPACE}");
        let mut all = arguments.to_vec();
        all.push(&space);
        self.world.plane.kubectl(&all).await?.ok().map(drop)
    }

    /// Waits for a review that is meant, among those from a number on, and compares it.
    async fn expect_after(
        &mut self,
        from: usize,
        recorded: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let found = crate::wait::until(recorded, 60, async || {
            let seen = self.webhook.seen();
            let mut new = seen.into_iter().skip(from).map(|seen| seen.request);
            Ok(new.find(&wanted))
        })
        .await?;
        self.compare(recorded, &found)
    }

    fn compare(&mut self, recorded: &str, request: &Value) -> Result<()> {
        compare(recorded, request)?;
        self.compared += 1;
        Ok(())
    }
}

/// Fails where a review differs from the recording of its situation in what the guard decides by.
pub fn compare(recorded: &str, request: &Value) -> Result<()> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/data/admission-1.36/{recorded}.json");
    let file = std::fs::read_to_string(&path).context(path)?;
    let recording: Value = serde_json::from_str(&file)?;
    let (now, then) = (essence(request), essence(&recording["request"]));
    for key in ESSENTIALS {
        let (now, then) = (&now[key], &then[key]);
        ensure!(
            now == then,
            "{recorded}: {key} is {now}, recorded was {then}"
        );
    }
    Ok(())
}

/// The members of `essence`.
const ESSENTIALS: [&str; 11] = [
    "keys",
    "kind",
    "resource",
    "subResource",
    "requestKind",
    "operation",
    "dryRun",
    "hasName",
    "object",
    "oldObject",
    "options",
];

/// What the guard decides by; names, times and versions differ from run to run.
fn essence(request: &Value) -> Value {
    let mut options = request["options"].clone();
    // They name the moment's object; the kubelet that was recorded sent none, real ones do.
    if let Some(options) = options.as_object_mut() {
        options.remove("preconditions");
    }
    // The first recordings were made with another controller identity and grace.
    if options["gracePeriodSeconds"] == 1 {
        options["gracePeriodSeconds"] = 3.into();
    }
    let subject = |object: &Value| {
        json!({
            "kind": object["kind"],
            "hasUid": object["metadata"]["uid"].is_string(),
            "terminating": object["metadata"]["deletionTimestamp"].is_string(),
            "deleteOptions": object["deleteOptions"],
            "spec": if object["kind"] == "Scale" { keys(&object["spec"]) } else { Value::Null },
            "selector": object["kind"] == "Scale" && object["status"]["selector"].is_string(),
        })
    };
    json!({
        "keys": keys(request),
        "kind": request["kind"],
        "resource": request["resource"],
        "subResource": request["subResource"],
        "requestKind": request["requestKind"],
        "operation": request["operation"],
        "dryRun": request["dryRun"],
        "hasName": request["name"].is_string(),
        "object": subject(&request["object"]),
        "oldObject": subject(&request["oldObject"]),
        "options": options,
    })
}

fn keys(object: &Value) -> Value {
    let keys = object.as_object().into_iter().flatten();
    keys.map(|(key, _)| key.as_str()).collect()
}
