//! The conditions, in CEL, under which the API server asks at all. Decides what never can lose work; everything else
//! is the guard's to judge. An expression that fails would refuse the request, so each asks `has` before it reads.

use k8s_openapi::api::admissionregistration::v1::MatchCondition;

use crate::api::keys;

/// The pod goes already: a second delete changes nothing.
const NOT_TERMINATING: (&str, &str) = (
    "not-terminating",
    "!has(oldObject.metadata.deletionTimestamp)",
);

/// A kubelet reports what has happened.
const NOT_A_KUBELET: (&str, &str) = (
    "not-a-kubelet",
    "!(has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups)",
);

/// They delete what is gone already, or what the review of the namespace has let go.
const NOT_A_COLLECTOR: (&str, &str) = (
    "not-a-collector",
    "!(request.userInfo.username in ['system:serviceaccount:kube-system:pod-garbage-collector', \
'system:serviceaccount:kube-system:namespace-controller'])",
);

/// A rollout moves replicas between ReplicaSets; refused there, it would hang. The pods themselves are guarded. The
/// second name is the controller's where controllers have no accounts of their own.
const NOT_A_ROLLOUT: (&str, &str) = (
    "not-a-rollout",
    "!(request.resource.resource == 'replicasets' && request.userInfo.username in \
['system:serviceaccount:kube-system:deployment-controller', 'system:kube-controller-manager'])",
);

/// Of a `scale` the API server leaves 0 replicas out.
const FEWER_BY_SCALE: (&str, &str) = (
    "fewer-replicas",
    "(has(object.spec) && has(object.spec.replicas) ? object.spec.replicas : 0) < \
(has(oldObject.spec) && has(oldObject.spec.replicas) ? oldObject.spec.replicas : 0)",
);

/// Of a workload nothing said is 1.
const FEWER: &str = "(has(object.spec.replicas) ? object.spec.replicas : 1) < \
(has(oldObject.spec.replicas) ? oldObject.spec.replicas : 1)";

const OTHER_TEMPLATE: &str = "object.spec.template != oldObject.spec.template";

/// Whose workloads an entry is about: a changed template matters for coordinators only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Workers.
    Worker,
    /// Coordinators.
    Coordinator,
    /// Either; the label tells.
    Labelled,
}

/// When the deletion of a pod is asked about.
pub(super) fn pod_delete() -> Vec<MatchCondition> {
    [NOT_TERMINATING, NOT_A_KUBELET, NOT_A_COLLECTOR]
        .map(condition)
        .into()
}

/// When a scale is asked about.
pub(super) fn scale() -> Vec<MatchCondition> {
    vec![condition(FEWER_BY_SCALE)]
}

/// When a change or the deletion of a workload is asked about.
pub(super) fn workload(role: Role) -> Vec<MatchCondition> {
    let fewer = format!("request.operation == 'DELETE' || {FEWER}");
    let loses = match role {
        Role::Worker => fewer,
        Role::Coordinator => format!("{fewer} || {OTHER_TEMPLATE}"),
        Role::Labelled => format!("{fewer} || ({} && {OTHER_TEMPLATE})", is_coordinator()),
    };
    vec![condition(NOT_A_ROLLOUT), condition(("loses-pods", &loses))]
}

/// The label before the change or after it, as selectors of webhooks look at both.
fn is_coordinator() -> String {
    let key = keys::COMPONENT;
    format!(
        "[object, oldObject].exists(it, has(it.metadata.labels) && '{key}' in it.metadata.labels && \
it.metadata.labels['{key}'] == 'coordinator')"
    )
}

fn condition((name, expression): (&str, &str)) -> MatchCondition {
    MatchCondition {
        name: name.to_owned(),
        expression: expression.to_owned(),
    }
}
