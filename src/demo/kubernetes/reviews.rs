//! AdmissionReviews as an API server sends them. Builds JSON; a test holds every field against recorded
//! reviews of a real server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects::NAMESPACE;
use crate::api::keys;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::Workload;

/// Who asks, as the API server authenticated him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user name.
    pub name: &'static str,
    /// His groups.
    pub groups: &'static [&'static str],
}

/// The review of a pod's eviction.
#[must_use]
pub fn eviction(uid: &str, by: Identity, pod: &Pod) -> Value {
    let kind = json!({"group": "policy", "version": "v1", "kind": "Eviction"});
    let what = What {
        kind,
        resource: json!({"group": "", "version": "v1", "resource": "pods"}),
        sub: Some("eviction"),
        operation: "CREATE",
    };
    let object = json!({
        "kind": "Eviction",
        "apiVersion": "policy/v1",
        "metadata": {"name": pod.name.name, "namespace": pod.name.namespace},
    });
    let options = json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"});
    what.review(uid, by, &pod.name.name, (object, Value::Null), &options)
}

/// The review of a pod's deletion.
#[must_use]
pub fn deletion(
    uid: &str,
    by: Identity,
    pod: &Pod,
    annotations: &BTreeMap<String, String>,
) -> Value {
    let what = What {
        kind: json!({"group": "", "version": "v1", "kind": "Pod"}),
        resource: json!({"group": "", "version": "v1", "resource": "pods"}),
        sub: None,
        operation: "DELETE",
    };
    let options = json!({
        "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/v1",
        "gracePeriodSeconds": pod.grace.as_secs(),
    });
    let before = whole_pod(pod, annotations);
    what.review(uid, by, &pod.name.name, (Value::Null, before), &options)
}

/// The review of another number of replicas for a Deployment, through its `scale`.
#[must_use]
pub fn scale(uid: &str, by: Identity, workload: &Workload, replicas: u32) -> Value {
    let what = What {
        kind: json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}),
        resource: json!({"group": "apps", "version": "v1", "resource": "deployments"}),
        sub: Some("scale"),
        operation: "UPDATE",
    };
    let object = |replicas: u32| {
        // The server leaves 0 out.
        let spec = if replicas == 0 {
            json!({})
        } else {
            json!({"replicas": replicas})
        };
        json!({
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                "name": workload.name.name,
                "namespace": workload.name.namespace,
                "uid": workload.uid,
                "resourceVersion": workload.resource_version,
                "creationTimestamp": workload.created.to_string(),
            },
            "spec": spec,
            "status": {"replicas": workload.replicas, "selector": selector()},
        })
    };
    let objects = (object(replicas), object(workload.replicas));
    let options = json!({"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1"});
    what.review(uid, by, &workload.name.name, objects, &options)
}

/// What is done to what.
struct What {
    kind: Value,
    resource: Value,
    sub: Option<&'static str>,
    operation: &'static str,
}

impl What {
    fn review(
        &self,
        uid: &str,
        by: Identity,
        name: &str,
        (object, before): (Value, Value),
        options: &Value,
    ) -> Value {
        let mut review = json!({
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": {
                "uid": uid,
                "kind": self.kind,
                "resource": self.resource,
                "requestKind": self.kind,
                "requestResource": self.resource,
                "name": name,
                "namespace": NAMESPACE,
                "operation": self.operation,
                "userInfo": {"username": by.name, "groups": by.groups},
                "object": object,
                "oldObject": before,
                "dryRun": false,
                "options": options,
            },
        });
        if let Some(sub) = self.sub {
            review["request"]["subResource"] = sub.into();
            review["request"]["requestSubResource"] = sub.into();
        }
        review
    }
}

/// The pod as the server shows it, without what nobody reads.
fn whole_pod(pod: &Pod, annotations: &BTreeMap<String, String>) -> Value {
    let mut metadata = json!({
        "name": pod.name.name,
        "namespace": pod.name.namespace,
        "uid": pod.uid,
        "resourceVersion": pod.resource_version,
        "creationTimestamp": pod.created.to_string(),
        "labels": labels(pod),
    });
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    if let Some(owner) = &pod.owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1",
            "kind": owner.kind.word(),
            "name": owner.name,
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": {
            "containers": [{"name": role(pod), "image": "trino"}],
            "nodeName": pod.node,
            "terminationGracePeriodSeconds": pod.grace.as_secs(),
        },
        "status": {"phase": format!("{:?}", pod.phase), "podIP": pod.ip},
    })
}

fn labels(pod: &Pod) -> Value {
    json!({
        keys::COMPONENT: role(pod),
        keys::INSTANCE: pod.cluster.release,
        "pod-template-hash": pod.revision,
    })
}

const fn role(pod: &Pod) -> &'static str {
    match pod.role {
        Role::Worker => "worker",
        Role::Coordinator => "coordinator",
    }
}

fn selector() -> String {
    format!("{}=worker", keys::COMPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::ask::{Caller, Request};
    use crate::core::guard::review::{Identities, Path, read};
    use crate::core::guard::time::Time;
    use crate::demo::kubernetes::objects;

    const CONTROLLER: Identity = Identity {
        name: "system:serviceaccount:kube-system:replicaset-controller",
        groups: &["system:serviceaccounts"],
    };

    fn pod() -> (Workload, Pod) {
        let now = Time::parse("2026-11-22T02:47:05Z").expect("a time");
        let deployment = objects::deployment(4, now);
        let set = objects::replica_set(&deployment, "abc", now);
        let pod = objects::worker(&set, "trino-worker-abc-x", now);
        (deployment, pod)
    }

    fn recorded(name: &str) -> Value {
        let root = env!("CARGO_MANIFEST_DIR");
        let text = std::fs::read(format!("{root}/tests/data/admission-1.36/{name}.json"));
        serde_json::from_slice(&text.expect("a recording")).expect("JSON")
    }

    /// The paths of all fields, as `request/object/kind`; what a user's own objects are called is left out.
    fn fields(value: &Value, path: &str, into: &mut Vec<String>) {
        let free = ["/labels", "/annotations"];
        if free.iter().any(|end| path.ends_with(end)) {
            return;
        }
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    fields(member, &format!("{path}/{key}"), into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fields(item, path, into)),
            _ => into.push(path.to_owned()),
        }
    }

    fn has_no_field_that_is_not_recorded(ours: &Value, name: &str) {
        let (mut own, mut real) = (Vec::new(), Vec::new());
        fields(ours, "", &mut own);
        fields(&recorded(name), "", &mut real);
        let strange: Vec<_> = own.iter().filter(|path| !real.contains(path)).collect();
        assert!(own.len() > 10 && strange.is_empty(), "{name}: {strange:?}");
    }

    #[test]
    fn reviews_have_the_fields_of_a_real_servers() {
        let (deployment, pod) = pod();
        let none = BTreeMap::new();
        has_no_field_that_is_not_recorded(&eviction("u", CONTROLLER, &pod), "eviction");
        let deleted = deletion("u", CONTROLLER, &pod, &none);
        has_no_field_that_is_not_recorded(&deleted, "pod-delete");
        has_no_field_that_is_not_recorded(
            &scale("u", CONTROLLER, &deployment, 3),
            "deployment-scale",
        );
    }

    #[test]
    fn the_guard_reads_in_them_what_was_asked() {
        let (deployment, pod) = pod();
        let ask = |path, review: Value| {
            let bytes = serde_json::to_vec(&review).expect("JSON");
            let review = read(path, &bytes, &Identities::default()).expect("a review");
            review.ask.expect("a question")
        };
        let none = BTreeMap::new();
        let deleted = ask(Path::PodDelete, deletion("u", CONTROLLER, &pod, &none));
        assert_eq!(deleted.caller, Caller::WorkloadController);
        let evicted = ask(Path::Eviction, eviction("u", CONTROLLER, &pod)).request;
        assert!(matches!(evicted, Request::Evict { pod: name, .. } if name == pod.name));
        let scaled = ask(Path::Scale, scale("u", CONTROLLER, &deployment, 0)).request;
        assert!(matches!(scaled, Request::Scale { old: 4, new: 0, .. }));
    }
}
