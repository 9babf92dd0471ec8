//! What a review takes away, read plainly from its JSON, and whether the rules hold it back where everybody is busy. Says
//! nothing of what is to be allowed: that is for the guard to know, and for its users to wish.

use serde_json::Value;
use xtrinode::core::guard::review::Path;

use super::super::place::{COORDINATOR, SET, SPACE, WORKERS};
use super::LOST;

/// Whether nobody may be told yes: the request would take something that is busy, or a pod that the guard does not know.
pub fn is_held(path: Path, request: &Value) -> bool {
    let is = |operation: &str, resource: &str, sub: &str| {
        let told = text(&request["subResource"]);
        let same = text(&request["resource"]["resource"]) == resource && told == sub;
        text(&request["operation"]) == operation && same
    };
    match path {
        Path::Eviction => is("CREATE", "pods", "eviction") && takes_by_eviction(request),
        Path::PodDelete => is("DELETE", "pods", "") && takes_by_deletion(request),
        Path::Scale => kinds().any(|kind| is("UPDATE", kind, "scale") && lowers(request, kind, 0)),
        Path::Workload => kinds().any(|kind| is("UPDATE", kind, "") && changes(request, kind)),
        Path::Namespace => is("DELETE", "namespaces", "") && name(request) == SPACE,
        // Validation judges again.
        Path::MutateScale => false,
    }
}

/// Whether whoever asks only tries: in the request, in its options, in the options that an eviction carries.
pub fn only_tries(request: &Value) -> bool {
    let in_options = |options: &Value| {
        options["dryRun"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let carried = &request["object"]["deleteOptions"];
    request["dryRun"] == true || in_options(&request["options"]) || in_options(carried)
}

/// All but the lost one are busy. Who names the UID of another pod is told so by the API server.
fn takes_by_eviction(request: &Value) -> bool {
    let meant = &request["object"]["deleteOptions"]["preconditions"]["uid"];
    let workers = WORKERS.into_iter().chain([(COORDINATOR, "uid-c-0")]);
    let mut named =
        workers.filter(|(known, _)| namespace(request) == SPACE && *known == name(request));
    named.any(|(_, uid)| meant.is_null() || meant == uid)
}

/// A deletion carries its pod: what the guard does not know may be busy, too.
fn takes_by_deletion(request: &Value) -> bool {
    let old = &request["oldObject"]["metadata"];
    let lost = (name(request), text(&old["uid"])) == LOST;
    let going = !old["deletionTimestamp"].is_null();
    namespace(request) == SPACE && !lost && !going && !only_finishes(request)
}

/// Kubelets, and the controllers that end what was decided.
fn only_finishes(request: &Value) -> bool {
    let user = text(&request["userInfo"]["username"]);
    let accounts = ["pod-garbage-collector", "namespace-controller"];
    let account = user.strip_prefix("system:serviceaccount:kube-system:");
    is_kubelet(request) || account.is_some_and(|account| accounts.contains(&account))
}

fn is_kubelet(request: &Value) -> bool {
    let groups = request["userInfo"]["groups"].as_array();
    groups.is_some_and(|groups| groups.iter().any(|group| group == "system:nodes"))
}

/// An update of the object itself, where the API server fills in one replica: fewer of them, or another coordinator beside
/// the one with queries.
fn changes(request: &Value, kind: &str) -> bool {
    let of = |object: &str| request[object]["spec"]["template"].clone();
    let coordinator = (kind, namespace(request), name(request)) == ("deployments", SPACE, "c");
    let (old, new) = (
        replicas(request, "oldObject", 1),
        replicas(request, "object", 1),
    );
    let surges = coordinator && new >= old && of("oldObject") != of("object");
    lowers(request, kind, 1) || surges
}

/// Fewer replicas than there are pods, each of which is busy. The deployment controller moves replicas between ReplicaSets;
/// their pods are asked for one by one.
fn lowers(request: &Value, kind: &str, absent: u64) -> bool {
    let (old, new) = (
        replicas(request, "oldObject", absent),
        replicas(request, "object", absent),
    );
    let pods = match (kind, name(request)) {
        ("deployments", "c") => 1,
        ("deployments", "w") | ("statefulsets", "s") => 3,
        ("replicasets", SET) if !moves_replicas(request) => 3,
        _ => 0,
    };
    namespace(request) == SPACE && new < old && new < pods
}

fn moves_replicas(request: &Value) -> bool {
    let user = text(&request["userInfo"]["username"]);
    let account = user.strip_prefix("system:serviceaccount:kube-system:");
    let accounts = [
        "deployment-controller",
        "replicaset-controller",
        "statefulset-controller",
    ];
    let controller = account.is_some_and(|account| accounts.contains(&account));
    !is_kubelet(request) && (controller || user == "system:kube-controller-manager")
}

fn kinds() -> impl Iterator<Item = &'static str> {
    ["deployments", "replicasets", "statefulsets"].into_iter()
}

fn replicas(request: &Value, object: &str, absent: u64) -> u64 {
    request[object]["spec"]["replicas"]
        .as_u64()
        .unwrap_or(absent)
}

/// The request's own, else its object's: collections name nothing.
fn name(request: &Value) -> &str {
    first(request, "name")
}

fn namespace(request: &Value) -> &str {
    first(request, "namespace")
}

fn first<'a>(request: &'a Value, key: &str) -> &'a str {
    let inside = ["oldObject", "object"].map(|object| &request[object]["metadata"][key]);
    let mut all = [&request[key]].into_iter().chain(inside);
    all.find_map(|value| value.as_str().filter(|text| !text.is_empty()))
        .unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
