//! Runs the real Helm on the guard's chart and finds things in what it renders. Decides nothing.

use std::io::Write;
use std::process::Output;

use serde_json::Value;

use crate::render::helm;

pub const CHART: &str = "charts/xtrinode-guard";

/// A segment that renders the same each time.
pub const PATH_SECRET: &str = "0123456789abcdef";

/// `helm template` as for a cluster that has ServiceMonitors.
pub fn rendering(extra: &[&str]) -> Output {
    let mut arguments = vec!["template", "guard", CHART, "--namespace", "xtrinode-system"];
    arguments.extend(["--api-versions", "monitoring.coreos.com/v1"]);
    arguments.extend(["--kube-version", "1.30"]);
    arguments.extend(["--set", "webhook.pathSecret=0123456789abcdef"]);
    arguments.extend(extra);
    helm(&arguments)
}

pub fn manifests(extra: &[&str]) -> String {
    let output = rendering(extra);
    assert!(
        output.status.success(),
        "{extra:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub fn render(extra: &[&str]) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&manifests(extra)).expect("YAML");
    objects.into_iter().filter(Value::is_object).collect()
}

/// The objects of a kind, in the order of their names.
pub fn all<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = objects.iter().filter(|it| it["kind"] == kind).collect();
    found.sort_by_key(|object| name(object).to_owned());
    found
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

pub fn config_text(objects: &[Value]) -> &str {
    let map = all(objects, "ConfigMap")[0];
    map.pointer("/data/guard.yaml")
        .and_then(Value::as_str)
        .expect("guard.yaml")
}

/// What is at a place such as `container /image`; null where there is nothing. Of several objects of a kind the first.
pub fn look(objects: &[Value], place: &str) -> Value {
    let (what, pointer) = place.split_once(' ').expect("a place has two words");
    let (kind, prefix) = match what {
        "pod" => ("Deployment", "/spec/template/spec"),
        "container" => ("Deployment", "/spec/template/spec/containers/0"),
        "scrape" => ("ServiceMonitor", "/spec/endpoints/0"),
        kind => (kind, ""),
    };
    let found = if kind == "config" {
        Some(serde_saphyr::from_str(config_text(objects)).expect("the configuration is YAML"))
    } else {
        all(objects, kind).first().copied().cloned()
    };
    found
        .and_then(|found: Value| found.pointer(&format!("{prefix}{pointer}")).cloned())
        .unwrap_or(Value::Null)
}

/// Everything on, with certificates of cert-manager.
const CERT_MANAGER: &str = "
mode: enforce
tls: {mode: certManager, clientCaSecret: a, clientNames: [kube-apiserver]}
coordinators:
  blue: {url: 'http://trino.one.svc:8080', release: blue, workerSelector: {app: w}, coordinatorSelector: {app: c}}
  half: {url: 'http://trino.two.svc:8080', release: half, workerSelector: {app: w}}
  usual: {url: 'https://trino.two.svc:8443', release: usual}
exporter: {url: 'https://exporter.one.svc:8000', tokenSecret: b, caSecret: c}
trino: {auth: {type: basic, username: guard, existingSecret: d}, tls: {caSecret: e, clientCertSecret: f}}
drain: {scheme: https, passwordSecret: g, serverName: w.internal, tls: {caSecret: h, clientCertSecret: i}}
clamp: {enabled: true}
hints: {enabled: true}
operatorIdentity: 'system:serviceaccount:xtrinode-system:operator'
networkPolicy:
  egress: {enabled: true, extra: [{ports: [{port: 3128}]}]}
  webhookFrom: [{ipBlock: {cidr: 10.0.0.0/28}}]
  trinoNamespaces: [one, two]
";

/// Some namespaces only, an address in place of the Service, and a certificate that somebody else makes.
const SECRET: &str = "
mode: enforce
tls: {mode: existingSecret, existingSecret: certificate, caBundle: QUJD}
webhook: {url: 'https://10.0.0.5:8443/', annotations: {a: b}}
bindAddress: '::'
service: {ipFamilyPolicy: PreferDualStack}
rbac: {namespaces: [one, two]}
trino: {auth: {type: bearer, existingSecret: d}}
bounds: {webhook: {timeoutSeconds: 10}}
";

/// Values files for every way of serving; each with what it is called.
pub fn modes() -> Vec<(&'static str, tempfile::NamedTempFile)> {
    let modes = [
        ("the defaults", ""),
        ("enforce, self-managed", "mode: enforce"),
        ("cert-manager and everything else", CERT_MANAGER),
        ("a Secret and Roles", SECRET),
    ];
    modes.map(|(name, text)| (name, values(text))).into()
}

/// A values file with this text.
pub fn values(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it is writable");
    file
}
