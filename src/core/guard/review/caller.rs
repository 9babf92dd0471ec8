//! Who asks: identities of Kubernetes' own controllers, in both forms in which they appear.

use std::borrow::Cow;

use crate::core::guard::ask::Caller;

/// Identities that configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    /// The operator's user name, `system:serviceaccount:NAMESPACE:NAME`.
    pub operator: Option<String>,
    /// Our own.
    pub guard: Option<String>,
}

const NODES: &str = "system:nodes";
const CONTROLLERS: &str = "system:serviceaccount:kube-system:";

impl Identities {
    /// Who a user is.
    #[must_use]
    pub fn caller(&self, user: &str, groups: &[Cow<str>]) -> Caller {
        if groups.iter().any(|group| group == NODES) {
            return Caller::Kubelet;
        }
        if self.operator.as_deref() == Some(user) {
            return Caller::Operator;
        }
        if self.guard.as_deref() == Some(user) {
            return Caller::Guard;
        }
        match user {
            "system:kube-scheduler" => Caller::Scheduler,
            "system:kube-controller-manager" => Caller::ControllerManager,
            _ => user
                .strip_prefix(CONTROLLERS)
                .map_or(Caller::Other, controller),
        }
    }
}

/// A controller with a service account of its own.
fn controller(name: &str) -> Caller {
    match name {
        "pod-garbage-collector" => Caller::PodCollector,
        "namespace-controller" => Caller::NamespaceController,
        "replicaset-controller" | "statefulset-controller" | "deployment-controller" => {
            Caller::WorkloadController
        }
        "generic-garbage-collector" => Caller::GarbageCollector,
        // Taint eviction runs under the node controller's account.
        "node-controller" | "taint-eviction-controller" => Caller::TaintController,
        _ => Caller::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, groups: &[&'static str]) -> Caller {
        let operator = Some("system:serviceaccount:xtrinode-system:xtrinode-operator".to_owned());
        let guard = Some("system:serviceaccount:xtrinode-system:guard".to_owned());
        let groups: Vec<_> = groups.iter().map(|group| Cow::Borrowed(*group)).collect();
        Identities { operator, guard }.caller(user, &groups)
    }

    #[test]
    fn controllers_are_known_in_both_forms() {
        let account = |name: &str| format!("{CONTROLLERS}{name}");
        assert_eq!(
            of("system:kube-controller-manager", &[]),
            Caller::ControllerManager
        );
        assert_eq!(
            of(&account("replicaset-controller"), &[]),
            Caller::WorkloadController
        );
        assert_eq!(
            of(&account("statefulset-controller"), &[]),
            Caller::WorkloadController
        );
        assert_eq!(
            of(&account("generic-garbage-collector"), &[]),
            Caller::GarbageCollector
        );
        assert_eq!(
            of(&account("namespace-controller"), &[]),
            Caller::NamespaceController
        );
        assert_eq!(
            of(&account("pod-garbage-collector"), &[]),
            Caller::PodCollector
        );
        assert_eq!(
            of(&account("node-controller"), &[]),
            Caller::TaintController
        );
        assert_eq!(
            of(&account("horizontal-pod-autoscaler"), &[]),
            Caller::Other
        );
        assert_eq!(of("system:kube-scheduler", &[]), Caller::Scheduler);
    }

    #[test]
    fn kubelets_are_known_by_their_group() {
        assert_eq!(
            of("system:node:n1", &[NODES, "system:authenticated"]),
            Caller::Kubelet
        );
        assert_eq!(
            of("system:node:n1", &["system:authenticated"]),
            Caller::Other
        );
    }

    #[test]
    fn names_of_other_namespaces_are_nobody() {
        let other = "system:serviceaccount:evil:replicaset-controller";
        assert_eq!(of(other, &[]), Caller::Other);
        let operator = "system:serviceaccount:xtrinode-system:xtrinode-operator";
        assert_eq!(of(operator, &[]), Caller::Operator);
    }
}
