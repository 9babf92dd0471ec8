//! How people name pods, workloads, namespaces and Services on the command line. Says what is allowed.

use std::fmt;

use crate::api::dns;

/// `NAMESPACE/POD`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// `NAMESPACE/KIND/NAME`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// Its namespace.
    pub namespace: String,
    /// `deployment`, `statefulset` or `replicaset`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// What can be let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One pod.
    Pod(PodName),
    /// All pods of a workload.
    Workload(WorkloadName),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(PodName { namespace, name }) => write!(f, "{namespace}/{name}"),
            Self::Workload(WorkloadName {
                namespace,
                kind,
                name,
            }) => write!(f, "{namespace}/{kind}/{name}"),
        }
    }
}

/// A pod, as kubectl and `guard status` print it.
pub(super) fn pod(text: &str) -> Result<PodName, String> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, name] if are_names(namespace, name) => Ok(PodName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("give NAMESPACE/POD, for example trino/trino-worker-3".to_owned()),
    }
}

/// A workload; kinds as kubectl abbreviates them.
pub(super) fn workload(text: &str) -> Result<WorkloadName, String> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, kind, name] if are_names(namespace, name) => Ok(WorkloadName {
            namespace: namespace.to_owned(),
            kind: kind_of(kind)?,
            name: name.to_owned(),
        }),
        _ => Err("give NAMESPACE/deployment/NAME (also statefulset, replicaset)".to_owned()),
    }
}

/// Either of them.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let forms = "give NAMESPACE/POD or NAMESPACE/deployment/NAME (also statefulset)";
    match text.split('/').count() {
        3 => workload(text).map(Target::Workload),
        _ => pod(text).map(Target::Pod).map_err(|_| forms.to_owned()),
    }
}

/// A namespace.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let allowed = "give a Kubernetes namespace: 1 to 63 of a-z, 0-9 and -, not at the ends";
    named(text, dns::is_label, allowed)
}

/// A Service.
pub(super) fn service(text: &str) -> Result<String, String> {
    let allowed = "give the name of a Service: 1 to 63 of a-z, 0-9 and -, beginning with a letter and not ending with -";
    named(text, dns::is_service, allowed)
}

/// `NAMESPACE/NAME` of a Certificate.
pub(super) fn certificate(text: &str) -> Result<String, String> {
    let whole = |text: &str| {
        let parts = text.split_once('/');
        parts.is_some_and(|(namespace, name)| are_names(namespace, name))
    };
    let allowed = "give the namespace and the name of a Certificate: NAMESPACE/NAME";
    named(text, whole, allowed)
}

fn named(text: &str, is_one: impl Fn(&str) -> bool, allowed: &str) -> Result<String, String> {
    if is_one(text) {
        return Ok(text.to_owned());
    }
    Err(allowed.to_owned())
}

fn are_names(namespace: &str, name: &str) -> bool {
    dns::is_label(namespace) && dns::is_subdomain(name)
}

fn kind_of(word: &str) -> Result<&'static str, String> {
    match word {
        "deploy" | "deployment" | "deployments" => Ok("deployment"),
        "sts" | "statefulset" | "statefulsets" => Ok("statefulset"),
        "rs" | "replicaset" | "replicasets" => Ok("replicaset"),
        other => Err(format!(
            "{other:?} is no kind of workload: give deployment, statefulset or replicaset"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_understood_or_explained() {
        let found = pod("trino/w-1.a").expect("a pod");
        assert_eq!((&*found.namespace, &*found.name), ("trino", "w-1.a"));
        for wrong in ["w-1", "/w", "a/b/c", "trino/", "a b/c", "a/b?c"] {
            assert!(pod(wrong).expect_err(wrong).contains("NAMESPACE/POD"));
        }
    }

    #[test]
    fn workloads_are_understood_or_explained() {
        let found = workload("trino/deploy/w").expect("one");
        assert_eq!(
            (&*found.namespace, found.kind, &*found.name),
            ("trino", "deployment", "w")
        );
        let told = |text| workload(text).expect_err(text);
        assert!(told("trino/pod/w").contains("statefulset"));
        assert!(told("trino/w").contains("NAMESPACE/deployment/NAME"));
    }

    #[test]
    fn whoever_names_neither_a_pod_nor_a_workload_hears_of_both() {
        for right in ["trino/w-1", "trino/statefulset/w"] {
            assert_eq!(target(right).expect(right).to_string(), right);
        }
        for wrong in ["foo", "a/b/c/d", "A/b"] {
            let told = target(wrong).expect_err(wrong);
            assert!(
                told.contains("NAMESPACE/POD or NAMESPACE/deployment/NAME"),
                "{told}"
            );
        }
        assert!(
            target("trino/pod/w")
                .expect_err("a pod")
                .contains("no kind")
        );
    }

    #[test]
    fn what_goes_into_manifests_is_a_name() {
        for (read, right, wrong) in [
            (
                namespace as fn(&str) -> Result<String, String>,
                "0-a",
                "X Y",
            ),
            (service, "a-0", "A_B"),
            (certificate, "a/b.c", "a/b c"),
        ] {
            assert_eq!(read(right), Ok(right.to_owned()));
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
