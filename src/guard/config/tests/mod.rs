//! One vocabulary: a test is the difference from `MINIMAL`, in a pod that knows its names.

use super::*;

mod problems;
mod trust;
mod values;

const MINIMAL: &str = "tls: {selfManaged: {}}\n";

/// A cluster that has all it needs, on line 2.
const BLUE: &str = "coordinators: {blue: {url: http://trino.data.svc:8080, release: trino}}\n";

fn own() -> OwnPod {
    OwnPod {
        name: Some("guard-0".to_owned()),
        namespace: Some("xtrinode-system".to_owned()),
    }
}

fn whole_text(text: &str) -> Result<Parsed, Problems> {
    parse(text, &Overrides::default(), &own())
}

fn with(more: &str) -> Result<Parsed, Problems> {
    whole_text(&format!("{MINIMAL}{more}"))
}

fn settings(more: &str) -> Settings {
    with(more).unwrap().settings
}

fn told(result: Result<Parsed, Problems>) -> String {
    result.unwrap_err().in_file("c").to_string()
}

/// The file `MINIMAL` + `more` has exactly this one problem.
#[track_caller]
fn refuses(more: &str, problem: &str) {
    assert_eq!(told(with(more)), problem);
}

/// The whole `text` has exactly these problems.
#[track_caller]
fn refuses_all(text: &str, problems: &str) {
    assert_eq!(told(whole_text(text)), problems);
}

/// Each key of the file with another value than its default.
const EVERYTHING: &str = "
mode: enforce
bindAddress: '::'
webhookPort: 443
adminPort: 0
tls:
  files: {certFile: /crt, keyFile: /key}
  clientCaFile: /client-ca
  clientNames: [kube-apiserver, apiserver]
  pathSecretFile: /segment
webhookUrl: https://10.0.0.5:8443/guard
release: watch
namespace: watchers
replicaId: watch-7
webhookConfigurationPrefix: trino-watch
leaderElection: {leaseName: watch-leader, leaseDurationSeconds: 30, renewIntervalSeconds: 7.5}
namespaces: [data, lake, data]
discovery: {enabled: false}
coordinators:
  green: {url: https://green.example:8443/trino, release: green, namespace: lake}
  blue:
    url: 'http://blue.data.svc:8080'
    release: blue
    workerSelector: {app: trino, example.com/role: worker}
    coordinatorSelector: {app: trino, example.com/role: head}
  default:
exporter: {url: https://exporter.example, tokenFile: /token, caFile: /exporter-ca}
trino:
  auth: {type: basic, username: me, passwordFile: /p}
  tls: {caFile: /trino-ca}
  forwardedProto: https
  workerHttpPort: 8443
  pollIntervalSeconds: 0.5
  requestTimeoutSeconds: 30
drain:
  user: drainer
  passwordFile: /drain
  scheme: https
  serverName: Worker.trino
  tls: {caFile: /workers-ca, certFile: /crt, keyFile: /key}
bounds:
  freshSeconds: 3
  lostSeconds: 30
  quietSeconds: 4
  drain: {noticeTimeSeconds: 10, expectedSeconds: 60}
  maxBlockSeconds: 3.6e+03
  coordinator: {maxBlockSeconds: 7200}
  preemption: {maxBlockSeconds: 60}
  unknownMaxSeconds: 300
  grantTtlSeconds: 90
  abandonAfterSeconds: 1020
  leakAfterSeconds: 120
  overrideMaxSeconds: 3600
  webhook: {timeoutSeconds: 10, deadlineSeconds: 8.5}
floor: {share: 50, minActive: 2}
hints: {enabled: true, maxHoldSeconds: 900}
clamp: {enabled: true}
cordon: {earlyDrain: false}
deletionCandidate: true
operatorIdentity: system:serviceaccount:xtrinode-system:operator
logging: {level: debug, format: text}
lameDuckSeconds: 0
shutdownGraceSeconds: 20
";
