//! One webhook for each question: which operations on which resources, on which path, and what happens while nobody
//! answers. Decides the entries; `webhooks` puts them together.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, RuleWithOperations, ServiceReference, ValidatingWebhook, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::core::guard::facts::place::Mode;
use crate::core::guard::review::Path;

use super::conditions::{self, Role};
use super::options::{Options, Reach, Trust};
use super::selectors;

/// What every webhook's name ends with. Messages of a refusal begin with the whole name.
const DOMAIN: &str = "guard.xtrinode.io";

const SCALES: [&str; 3] = [
    "deployments/scale",
    "statefulsets/scale",
    "replicasets/scale",
];

const WORKLOADS: [&str; 3] = ["deployments", "statefulsets", "replicasets"];

/// Whether an outage of ours refuses what an entry asks about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outage {
    /// In enforce mode.
    Blocks,
    /// In no mode.
    Passes,
}

/// Evictions. The object is not the pod, so that no selector of its labels applies.
pub(super) fn eviction(options: &Options, mode: Mode) -> ValidatingWebhook {
    let rules = vec![rule(&["CREATE"], "", &["pods/eviction"], "Namespaced")];
    entry(Path::Eviction, Outage::Blocks, rules, options, mode)
}

/// Deletions of pods.
pub(super) fn pod_delete(
    options: &Options,
    mode: Mode,
    objects: LabelSelector,
) -> ValidatingWebhook {
    let rules = vec![rule(&["DELETE"], "", &["pods"], "Namespaced")];
    ValidatingWebhook {
        object_selector: Some(objects),
        match_conditions: Some(conditions::pod_delete()),
        ..entry(Path::PodDelete, Outage::Blocks, rules, options, mode)
    }
}

/// Scale-downs. A scale has no labels of its workload.
pub(super) fn scale(options: &Options, mode: Mode) -> ValidatingWebhook {
    ValidatingWebhook {
        match_conditions: Some(conditions::scale()),
        ..entry(Path::Scale, Outage::Blocks, scale_rules(), options, mode)
    }
}

/// Changes and deletions of workloads.
pub(super) fn workload(
    options: &Options,
    mode: Mode,
    role: Role,
    objects: LabelSelector,
) -> ValidatingWebhook {
    let rules = vec![rule(
        &["UPDATE", "DELETE"],
        "apps",
        &WORKLOADS,
        "Namespaced",
    )];
    ValidatingWebhook {
        object_selector: Some(objects),
        match_conditions: Some(conditions::workload(role)),
        ..entry(Path::Workload, Outage::Blocks, rules, options, mode)
    }
}

/// Deletions of namespaces. The selector looks at the labels of the namespace itself.
pub(super) fn namespace(options: &Options, mode: Mode) -> ValidatingWebhook {
    let rules = vec![rule(&["DELETE"], "", &["namespaces"], "Cluster")];
    entry(Path::Namespace, Outage::Passes, rules, options, mode)
}

/// Scale-downs that are made smaller. Validation judges the result again, so an outage lets them pass to it.
pub(super) fn clamp(options: &Options) -> MutatingWebhook {
    let (path, mode) = (Path::MutateScale, Mode::Enforce);
    MutatingWebhook {
        admission_review_versions: versions(),
        client_config: client(options, path),
        failure_policy: Some(policy(Outage::Passes, options, mode)),
        match_conditions: Some(conditions::scale()),
        match_policy: Some("Equivalent".to_owned()),
        name: format!("{}.{DOMAIN}", path.word()),
        namespace_selector: Some(selectors::namespaces(options, mode)),
        object_selector: None,
        reinvocation_policy: Some("Never".to_owned()),
        rules: Some(scale_rules()),
        side_effects: "NoneOnDryRun".to_owned(),
        timeout_seconds: Some(seconds(options.timeout)),
    }
}

/// The entry for one role of a cluster with labels of its own: `pod-delete.…` becomes `pod-delete-1.…`.
pub(super) fn numbered(entry: ValidatingWebhook, number: usize) -> ValidatingWebhook {
    let word = entry.name.trim_end_matches(DOMAIN).trim_end_matches('.');
    ValidatingWebhook {
        name: format!("{word}-{number}.{DOMAIN}"),
        ..entry
    }
}

fn entry(
    path: Path,
    outage: Outage,
    rules: Vec<RuleWithOperations>,
    options: &Options,
    mode: Mode,
) -> ValidatingWebhook {
    ValidatingWebhook {
        admission_review_versions: versions(),
        client_config: client(options, path),
        failure_policy: Some(policy(outage, options, mode)),
        match_conditions: None,
        match_policy: Some("Equivalent".to_owned()),
        name: format!("{}.{DOMAIN}", path.word()),
        namespace_selector: Some(selectors::namespaces(options, mode)),
        object_selector: None,
        rules: Some(rules),
        side_effects: "NoneOnDryRun".to_owned(),
        timeout_seconds: Some(seconds(options.timeout)),
    }
}

/// With an authority of our own nobody trusts us yet, and every call would fail: the leader sets `Fail` once its
/// chain was verified.
fn policy(outage: Outage, options: &Options, mode: Mode) -> String {
    let trusted = !matches!(options.trust, Trust::Leader);
    let blocks = outage == Outage::Blocks && mode == Mode::Enforce && trusted;
    if blocks { "Fail" } else { "Ignore" }.to_owned()
}

fn client(options: &Options, path: Path) -> WebhookClientConfig {
    let secret = options.path_secret.as_ref();
    let secret = secret.map_or(String::new(), |secret| format!("/{}", secret.expose()));
    let path = format!("{secret}{}", path.url());
    let ca_bundle = match &options.trust {
        Trust::Bundle(pem) => Some(ByteString(pem.clone())),
        Trust::Leader | Trust::CertManager(_) | Trust::Public => None,
    };
    let (service, url) = match &options.reach {
        Reach::Service { name } => (Some(service(name, path, options)), None),
        Reach::Url(base) => {
            let base = base.as_str().trim_end_matches('/');
            (None, Some(format!("{base}{path}")))
        }
    };
    WebhookClientConfig {
        ca_bundle,
        service,
        url,
    }
}

fn service(name: &str, path: String, options: &Options) -> ServiceReference {
    ServiceReference {
        name: name.to_owned(),
        namespace: options.namespace.clone(),
        path: Some(path),
        port: Some(443),
    }
}

fn scale_rules() -> Vec<RuleWithOperations> {
    vec![rule(&["UPDATE"], "apps", &SCALES, "Namespaced")]
}

fn rule(operations: &[&str], group: &str, resources: &[&str], scope: &str) -> RuleWithOperations {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    RuleWithOperations {
        api_groups: words(&[group]),
        api_versions: words(&["v1"]),
        operations: words(operations),
        resources: words(resources),
        scope: Some(scope.to_owned()),
    }
}

fn versions() -> Vec<String> {
    vec!["v1".to_owned()]
}

/// The configuration allows 1 to 30.
fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}
