//! What the guard may do, as a table: a right more is a decision that somebody takes, here.

use std::fmt::Write as _;

use serde_json::Value;

use crate::render::path_of;

use super::render::{all, modes, name, render};

/// One line a rule: `ROLE[@NAMESPACE]: RESOURCES [NAMES] = VERBS`.
fn table(objects: &[Value]) -> String {
    let mut out = String::new();
    for object in ["ClusterRole", "Role"]
        .iter()
        .flat_map(|kind| all(objects, kind))
    {
        let namespace = object["metadata"]["namespace"].as_str();
        let at = namespace.map_or(String::new(), |namespace| format!("@{namespace}"));
        for rule in object["rules"].as_array().expect("rules") {
            let words = |key: &str| {
                let words = rule[key].as_array().cloned().unwrap_or_default();
                let words = words
                    .iter()
                    .map(|word| word.as_str().unwrap_or("?").to_owned());
                words.collect::<Vec<_>>().join(",")
            };
            let names = match words("resourceNames") {
                names if names.is_empty() => names,
                names => format!(" [{names}]"),
            };
            let (resources, verbs) = (words("resources"), words("verbs"));
            writeln!(out, "{}{at}: {resources}{names} = {verbs}", name(object)).expect("memory");
        }
    }
    out
}

fn told(mode: &str) -> String {
    let modes = modes();
    let (_, file) = modes.iter().find(|it| it.0 == mode).expect("a mode");
    table(&render(&["-f", path_of(file)]))
}

#[test]
fn with_certificates_of_its_own_it_may_patch_its_configurations_and_one_secret_and_make_that_again()
{
    assert_eq!(
        told("the defaults"),
        "\
xtrinode-system-xtrinode-guard: namespaces,nodes = list,watch
xtrinode-system-xtrinode-guard: validatingwebhookconfigurations [xtrinode-guard-audit,xtrinode-guard-enforce] = get,delete,patch
xtrinode-system-xtrinode-guard: pods = get,list,watch,patch
xtrinode-system-xtrinode-guard: pods/eviction = create
xtrinode-system-xtrinode-guard: deployments,statefulsets,replicasets = list,watch
xtrinode-system-xtrinode-guard: events = create
xtrinode-system-xtrinode-guard-override: pods,namespaces = override
xtrinode-system-xtrinode-guard-override: deployments,statefulsets,replicasets = override
xtrinode-guard@xtrinode-system: leases [xtrinode-guard] = get,patch
xtrinode-guard@xtrinode-system: leases = create
xtrinode-guard@xtrinode-system: secrets [xtrinode-guard-tls] = get,update
xtrinode-guard@xtrinode-system: secrets = create
xtrinode-guard-explain@xtrinode-system: services/proxy [http:xtrinode-guard:admin] = get
"
    );
}

#[test]
fn with_cert_manager_it_reads_no_secret_and_completes_nothing() {
    assert_eq!(
        told("cert-manager and everything else"),
        "\
xtrinode-system-xtrinode-guard: namespaces,nodes = list,watch
xtrinode-system-xtrinode-guard: mutatingwebhookconfigurations [xtrinode-guard-clamp] = get,delete
xtrinode-system-xtrinode-guard: validatingwebhookconfigurations [xtrinode-guard-audit,xtrinode-guard-audit-blue,xtrinode-guard-audit-half,xtrinode-guard-enforce,xtrinode-guard-enforce-blue,xtrinode-guard-enforce-half] = get,delete
xtrinode-system-xtrinode-guard: pods = get,list,watch,patch
xtrinode-system-xtrinode-guard: pods/eviction = create
xtrinode-system-xtrinode-guard: deployments,statefulsets,replicasets = list,watch
xtrinode-system-xtrinode-guard: deployments,statefulsets,replicasets = patch
xtrinode-system-xtrinode-guard: events = create
xtrinode-system-xtrinode-guard-override: pods,namespaces = override
xtrinode-system-xtrinode-guard-override: deployments,statefulsets,replicasets = override
xtrinode-guard@xtrinode-system: leases [xtrinode-guard] = get,patch
xtrinode-guard@xtrinode-system: leases = create
xtrinode-guard-explain@xtrinode-system: services/proxy [http:xtrinode-guard:admin] = get
"
    );
}

#[test]
fn with_namespaces_it_may_touch_pods_there_alone() {
    assert_eq!(
        told("a Secret and Roles"),
        "\
xtrinode-system-xtrinode-guard: namespaces,nodes = list,watch
xtrinode-system-xtrinode-guard: validatingwebhookconfigurations [xtrinode-guard-audit,xtrinode-guard-enforce] = get,delete
xtrinode-system-xtrinode-guard-override: pods,namespaces = override
xtrinode-system-xtrinode-guard-override: deployments,statefulsets,replicasets = override
xtrinode-guard@xtrinode-system: leases [xtrinode-guard] = get,patch
xtrinode-guard@xtrinode-system: leases = create
xtrinode-guard-explain@xtrinode-system: services/proxy [http:xtrinode-guard:admin] = get
xtrinode-system-xtrinode-guard@one: pods = get,list,watch,patch
xtrinode-system-xtrinode-guard@one: pods/eviction = create
xtrinode-system-xtrinode-guard@one: deployments,statefulsets,replicasets = list,watch
xtrinode-system-xtrinode-guard@one: events = create
xtrinode-system-xtrinode-guard@two: pods = get,list,watch,patch
xtrinode-system-xtrinode-guard@two: pods/eviction = create
xtrinode-system-xtrinode-guard@two: deployments,statefulsets,replicasets = list,watch
xtrinode-system-xtrinode-guard@two: events = create
"
    );
}

#[test]
fn only_the_pods_that_ask_the_api_have_a_token_and_roles_are_bound_to_them() {
    let objects = render(&[]);
    let token = |kind: &str, pointer: &str| {
        all(&objects, kind)[0]
            .pointer(pointer)
            .cloned()
            .unwrap_or(Value::Null)
    };
    let key = "automountServiceAccountToken";
    assert_eq!(token("ServiceAccount", &format!("/{key}")), false);
    assert_eq!(
        token("Deployment", &format!("/spec/template/spec/{key}")),
        true
    );
    assert_eq!(token("Job", &format!("/spec/template/spec/{key}")), true);
    assert_eq!(token("Pod", &format!("/spec/{key}")), false);
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        assert_eq!(token(kind, "/subjects/0/name"), "xtrinode-guard");
        assert_eq!(token(kind, "/subjects/1"), Value::Null);
    }
    let bound = all(&objects, "ClusterRoleBinding");
    assert_eq!(bound.len(), 1, "who may break the glass is not ours to say");
}
