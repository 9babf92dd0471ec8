//! Wrong values are refused before anything is installed, with a reason that names them.

use crate::render::with_set;

use super::render::rendering;

/// Why Helm refuses these values.
fn refusal(extra: &[&str]) -> String {
    let output = rendering(extra);
    assert!(!output.status.success(), "{extra:?} was accepted");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn values_that_the_schema_does_not_know_are_refused() {
    let cases = [
        ("bogus=1", "additional properties 'bogus'"),
        ("mode=off", "'/mode'"),
        ("tls.mode=none", "'/tls/mode'"),
        ("webhook.url=http://a", "'/webhook/url'"),
        ("webhook.pathSecret=short", "'/webhook/pathSecret'"),
        (
            "webhook.pathSecret=0123456789ABCDEF",
            "'/webhook/pathSecret'",
        ),
        (
            "bounds.abandonAfterSeconds=600",
            "'/bounds/abandonAfterSeconds'",
        ),
        (
            "bounds.overrideMaxSeconds=90000",
            "'/bounds/overrideMaxSeconds'",
        ),
        (
            "bounds.drain.noticeTimeSeconds=5",
            "'/bounds/drain/noticeTimeSeconds'",
        ),
        (
            "bounds.webhook.timeoutSeconds=31",
            "'/bounds/webhook/timeoutSeconds'",
        ),
        ("floor.minActive=0", "'/floor/minActive'"),
        ("coordinators.Blue.url=http://b", "'Blue'"),
        (
            "coordinators.b.url=http://b:1",
            "missing property 'release'",
        ),
        ("operatorIdentity=admin", "'/operatorIdentity'"),
        ("replicas=0", "'/replicas'"),
        (
            "tls.certManager.issuerRef.kind=Issuer",
            "'/tls/certManager/issuerRef'",
        ),
        (
            "networkPolicy.trinoNamespaces={A}",
            "'/networkPolicy/trinoNamespaces/0'",
        ),
        ("policy=null", "missing property 'policy'"),
    ];
    for (set, reason) in cases {
        let said = refusal(&with_set(&[set]));
        assert!(said.contains(reason), "{set:?}: {said}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_all_at_once() {
    let said = refusal(&with_set(&[
        "adminPort=8443",
        "hostNetwork=true",
        "networkPolicy.trinoNamespaces={trino}",
        "serviceAccount.create=false",
        "discovery.enabled=false",
        "tls.existingSecret=s",
        "tls.caBundle=QUJD",
        "tls.clientNames={a}",
        "trino.auth.type=basic",
        "drain.passwordSecret=s",
        "terminationGracePeriodSeconds=25",
        "bounds.webhook.deadlineSeconds=5",
        "rbac.namespaces={xtrinode-system}",
    ]));
    for reason in [
        "adminPort is 8443, which is webhook.port",
        "networkPolicy.trinoNamespaces lets the guard's pods in, and with hostNetwork",
        "serviceAccount.create is false and serviceAccount.name is empty",
        "discovery.enabled is false and coordinators is empty",
        "tls.existingSecret is set but tls.mode is selfManaged",
        "tls.caBundle is set but tls.mode is selfManaged",
        "tls.clientNames needs tls.clientCaSecret",
        "trino.auth.type is basic, which needs trino.auth.existingSecret",
        "a password goes to workers over verified TLS only",
        "terminationGracePeriodSeconds is 25, which must exceed lameDuckSeconds and shutdownGraceSeconds together (25)",
        "bounds.webhook.timeoutSeconds is 5, which must exceed bounds.webhook.deadlineSeconds (5)",
        "rbac.namespaces has xtrinode-system, the guard's own namespace",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

#[test]
fn some_values_need_others() {
    let needs = |set: &str| refusal(&with_set(&[set]));
    assert!(needs("tls.mode=existingSecret").contains("which needs tls.existingSecret"));
    assert!(needs("trino.auth.headerName=X-Me").contains("the header X-Me needs a value"));
    let said = refusal(&["--namespace", "kube-system"]);
    assert!(
        said.contains("the release's namespace is kube-system"),
        "{said}"
    );
}
