//! The configurations of an installation: one for each mode, one more for each cluster with labels of its own, and the
//! clamp's. Decides how entries are spread over objects.

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::core::guard::facts::place::Mode;

use super::conditions::Role;
use super::options::{Options, Trust};
use super::selectors::Own;
use super::{entries, names, selectors};

/// Every webhook configuration of an installation.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhooks {
    /// What is judged.
    pub validating: Vec<ValidatingWebhookConfiguration>,
    /// What is changed; `None` unless scale-downs are clamped.
    pub mutating: Option<MutatingWebhookConfiguration>,
}

/// The configurations that these options ask for.
#[must_use]
pub fn webhooks(options: &Options) -> Webhooks {
    let mut validating = Vec::new();
    for mode in [Mode::Audit, Mode::Enforce] {
        validating.push(usual(options, mode));
        let own = options.clusters.iter();
        validating.extend(own.map(|cluster| of_cluster(options, mode, cluster)));
    }
    Webhooks {
        validating,
        mutating: options.clamp.then(|| clamp(options)),
    }
}

fn usual(options: &Options, mode: Mode) -> ValidatingWebhookConfiguration {
    let objects = selectors::usual;
    configuration(
        options,
        names::validating(&options.prefix, mode, None).name,
        vec![
            entries::eviction(options, mode),
            entries::pod_delete(options, mode, objects()),
            entries::scale(options, mode),
            entries::workload(options, mode, Role::Labelled, objects()),
            entries::namespace(options, mode),
        ],
    )
}

/// Evictions, scales and namespaces are asked about whatever their labels, so that only the rest is here.
fn of_cluster(options: &Options, mode: Mode, cluster: &Own) -> ValidatingWebhookConfiguration {
    let roles = [
        (1, Role::Worker, &cluster.workers),
        (2, Role::Coordinator, &cluster.coordinators),
    ];
    let mut found = Vec::new();
    for (number, role, labels) in roles {
        let Some(labels) = labels else { continue };
        let objects = || selectors::labelled(labels);
        let pods = entries::pod_delete(options, mode, objects());
        let workloads = entries::workload(options, mode, role, objects());
        found.extend([pods, workloads].map(|entry| entries::numbered(entry, number)));
    }
    let name = names::validating(&options.prefix, mode, Some(&cluster.name)).name;
    configuration(options, name, found)
}

fn configuration(
    options: &Options,
    name: String,
    webhooks: Vec<ValidatingWebhook>,
) -> ValidatingWebhookConfiguration {
    ValidatingWebhookConfiguration {
        metadata: metadata(options, name),
        webhooks: Some(webhooks),
    }
}

fn clamp(options: &Options) -> MutatingWebhookConfiguration {
    MutatingWebhookConfiguration {
        metadata: metadata(options, names::clamp(&options.prefix).name),
        webhooks: Some(vec![entries::clamp(options)]),
    }
}

fn metadata(options: &Options, name: String) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", "xtrinode-guard"),
        ("app.kubernetes.io/part-of", "xtrinode"),
    ];
    let injected = match &options.trust {
        Trust::CertManager(certificate) => Some(certificate.clone()),
        Trust::Leader | Trust::Bundle(_) | Trust::Public => None,
    };
    let key = "cert-manager.io/inject-ca-from".to_owned();
    ObjectMeta {
        name: Some(name),
        labels: Some(owned(labels)),
        annotations: injected.map(|certificate| BTreeMap::from([(key, certificate)])),
        ..ObjectMeta::default()
    }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
