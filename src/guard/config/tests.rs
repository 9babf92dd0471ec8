//! One vocabulary: a test is the difference from `MINIMAL`, in a pod that knows its names.

use std::time::Duration;

use super::*;
use crate::collect::options::Auth;
use crate::core::guard::policy::Policy;

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

#[track_caller]
fn notes(more: &str, expected: &[&str]) {
    let notices = with(more).unwrap().notices;
    let keys: Vec<_> = notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(keys, expected, "{more}");
}

const DEFAULTS: &str = "  mode                     audit
  release                  xtrinode-guard in xtrinode-system
  replica                  guard-0
  leader's Lease           xtrinode-guard, held 15s, renewed every 5s
  webhook configurations   xtrinode-guard-*
  webhooks                 https://127.0.0.1:8443
  admin                    http://127.0.0.1:9090
  called through           the Service
  review timeout           5s, answered within 4s
  certificate              own authority in Secret xtrinode-guard-tls, Service xtrinode-guard, valid 31536000s, authority 315360000s
  client certificates      not asked for
  path secret              none
  namespaces               all namespaces
  discovery                on
  exporter                 none
  Trino authentication     header x-trino-user: xtrinode-guard
  Trino TLS                built-in CAs
  X-Forwarded-Proto        not sent
  workers' port            8080
  poll every               5s
  request timeout          60s
  drain                    over http, user xtrinode-guard, no password
  fresh                    10s
  lost                     60s
  quiet                    10s
  drain.noticeTime         15s
  drain.expected           240s
  maxBlock                 1800s
  coordinator.maxBlock     1800s
  preemption.maxBlock      120s
  unknownMax               600s
  grantTtl                 120s
  abandonAfter             1200s
  leakAfter                600s
  overrideMax              86400s
  floor                    drain at most 25 %, at least 1 active
  hints                    off
  clamp                    off
  drain on cordon          on
  deletion candidates      off
  operator                 none
  logs                     INFO, auto
  lame duck                15s
  shutdown grace           10s
";

#[test]
fn defaults_are_the_documented_ones() {
    let parsed = with("").unwrap();
    assert_eq!(summary(&parsed.settings), DEFAULTS);
    assert_eq!(parsed.settings.policy, Policy::default());
    assert_eq!(parsed.notices, []);
}

const EXAMPLE: &str = include_str!("../../../examples/guard/guard.yaml");

/// It needs no pod around it.
#[test]
fn the_example_is_exactly_the_defaults() {
    let parsed = parse(EXAMPLE, &Overrides::default(), &OwnPod::default()).unwrap();
    assert_eq!(summary(&parsed.settings), DEFAULTS);
    assert_eq!(parsed.settings.policy, Policy::default());
    assert_eq!(parsed.notices, []);
}

/// Whoever adds a key puts it into both.
#[test]
fn the_example_names_every_key() {
    let example = whole_text(EXAMPLE).unwrap().lines;
    let everything = whole_text(EVERYTHING).unwrap().lines;
    for key in sections::KEYS {
        assert!(
            example.contains_key(key) && everything.contains_key(key),
            "{key}"
        );
    }
    // Told in comments: one of two ways, and entries that nobody has by default.
    let told = |key: &str| key.starts_with("tls.files.") || key.starts_with("coordinators.");
    for key in everything.keys().filter(|key| !told(key)) {
        assert!(example.contains_key(key), "{key}");
    }
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

#[test]
fn every_key_arrives() {
    let parsed = whole_text(EVERYTHING).unwrap();
    let expected = "  mode                     enforce
  release                  watch in watchers
  replica                  watch-7
  leader's Lease           watch-leader, held 30s, renewed every 7.5s
  webhook configurations   trino-watch-*
  webhooks                 https://[::]:443
  admin                    http://[::]:0
  called through           https://10.0.0.5:8443/guard
  review timeout           10s, answered within 8.5s
  certificate              in /crt, key in /key
  client certificates      kube-apiserver, apiserver, CA in /client-ca
  path secret              in /segment
  namespaces               data, lake
  discovery                off
  coordinator blue         http://blue.data.svc:8080/ (release blue, namespace data), workers app=trino,example.com/role=worker, coordinator app=trino,example.com/role=head
  coordinator green        https://green.example:8443/trino (release green, namespace lake), workers app.kubernetes.io/component=worker,app.kubernetes.io/instance=green, coordinator app.kubernetes.io/component=coordinator,app.kubernetes.io/instance=green
  exporter                 https://exporter.example/, token in /token, CA in /exporter-ca
  Trino authentication     basic, user me, password in /p
  Trino TLS                CA in /trino-ca
  X-Forwarded-Proto        https
  workers' port            8443
  poll every               500ms
  request timeout          30s
  drain                    over https, user drainer, password in /drain, certificates for worker.trino, CA in /workers-ca, with a client certificate
  fresh                    3s
  lost                     30s
  quiet                    4s
  drain.noticeTime         10s
  drain.expected           60s
  maxBlock                 3600s
  coordinator.maxBlock     7200s
  preemption.maxBlock      60s
  unknownMax               300s
  grantTtl                 90s
  abandonAfter             1020s
  leakAfter                120s
  overrideMax              3600s
  floor                    drain at most 50 %, at least 2 active
  hints                    on, held at most 900s
  clamp                    on
  drain on cordon          off
  deletion candidates      on
  operator                 system:serviceaccount:xtrinode-system:operator
  logs                     DEBUG, text
  lame duck                0ns
  shutdown grace           20s
";
    assert_eq!(summary(&parsed.settings), expected);
}

#[test]
fn null_means_default_everywhere() {
    let nulls = sections::KEYS.iter().filter(|key| **key != "tls");
    let lines: Vec<_> = nulls.map(|key| format!("{key}: null")).collect();
    assert_eq!(summary(&settings(&lines.join("\n"))), DEFAULTS);
    let inner =
        "bounds: {drain: ~, webhook: {timeoutSeconds: ~}}\nexporter: {url: ~}\nfloor: {share: }\n";
    assert_eq!(summary(&settings(inner)), DEFAULTS);
}

#[test]
fn flags_beat_the_file() {
    let overrides = Overrides {
        log_level: Some("ERROR".parse().unwrap()),
        log_format: Some("json".parse().unwrap()),
        bind_address: Some("0.0.0.0".parse().unwrap()),
        webhook_port: Some(1),
        admin_port: Some(2),
    };
    let text = format!("{MINIMAL}webhookPort: 7\nadminPort: 8\nlogging: {{level: DEBUG}}\n");
    let shown = summary(&parse(&text, &overrides, &own()).unwrap().settings);
    for expected in ["https://0.0.0.0:1\n", "http://0.0.0.0:2\n", "ERROR, json\n"] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[test]
fn the_file_beats_what_the_pod_says() {
    let settings = settings("namespace: other\nreplicaId: me\n");
    let own = settings.installation;
    assert_eq!(
        (own.namespace.as_str(), own.replica.as_str()),
        ("other", "me")
    );
}

#[test]
fn outside_a_pod_names_are_needed() {
    let outside = parse(MINIMAL, &Overrides::default(), &OwnPod::default());
    assert_eq!(
        told(outside),
        "c: namespace: missing; outside a pod nothing else tells it, give the namespace of the release
c: replicaId: missing; set the variable POD_NAME, or give a name that no other replica has"
    );
}

#[test]
fn every_problem_is_told_at_once() {
    refuses_all(
        "mode: strict
tls: {}
webhookPort: 70000
web_hook_url: x
leaderElection: {leaseName: A}
bounds: {freshSeconds: 0, abandonAfterSeconds: 600}
coordinators:
  blue: {url: ftp://blue, release: r, workerSelector: {}}
floor: {share: 101}
operatorIdentity: operator
",
        "c:1: mode: \"strict\" is not allowed; give one of audit, enforce
c:2: tls: one of files and selfManaged is needed: tls: {files: {certFile: FILE, keyFile: FILE}} or tls: {selfManaged: {}}
c:3: webhookPort: \"70000\" is not allowed; give a port from 0 to 65535
c:4: web_hook_url: unknown key; did you mean webhookUrl?
c:5: leaderElection.leaseName: \"A\" is not allowed; give a Kubernetes name: 1 to 253 of a-z, 0-9, - and ., each part between dots beginning and ending with a letter or digit
c:6: bounds.freshSeconds: \"0\" is not allowed; give a number of seconds from 1 to 300
c:6: bounds.abandonAfterSeconds: \"600\" is not allowed; give a number of seconds from 1020 to 86400
c:8: coordinators.blue.url: \"ftp://blue\" is not allowed; the scheme must be http or https; give http://HOST:PORT or https://HOST:PORT
c:8: coordinators.blue.workerSelector: must hold one label at least, for example {app: trino-worker}; without any it would mean every pod
c:9: floor.share: \"101\" is not allowed; give a whole number from 0 to 100
c:10: operatorIdentity: \"operator\" is not allowed; give the user name of a ServiceAccount: system:serviceaccount:NAMESPACE:NAME",
    );
}

#[test]
fn an_empty_file_is_told_what_it_needs() {
    refuses_all(
        "# nothing\n",
        "c: the file is empty; it needs at least tls: {selfManaged: {}} or tls: {files: {certFile: ..., keyFile: ...}}",
    );
}

#[test]
fn a_certificate_comes_from_one_place() {
    let both = "tls: {selfManaged: {}, files: {certFile: /c, keyFile: /k}}\n";
    refuses_all(
        both,
        "c:1: tls.selfManaged: not allowed beside tls.files; keep one",
    );
    for none in ["tls: {files: {}}", "tls: {files: {certFile: ~}}"] {
        refuses_all(none, "c:1: tls.files: certFile and keyFile are needed");
    }
    refuses_all(
        "tls: {files: {certFile: /c}}",
        "c:1: tls.files.keyFile: missing; tls.files.certFile needs it",
    );
    refuses_all("tls: yes", "c:1: tls: must be a map of keys and values");
    refuses_all(
        "mode: audit",
        "c: tls: one of files and selfManaged is needed: tls: {files: {certFile: FILE, keyFile: FILE}} or tls: {selfManaged: {}}",
    );
    refuses_all(
        "tls: {selfManaged: {}, clientNames: [a]}",
        "c:1: tls.clientCaFile: missing; tls.clientNames needs it",
    );
    refuses_all(
        "tls: {selfManaged: {}, clientCaFile: /c, clientNames: ['']}",
        "c:1: tls.clientNames: a name must not be empty",
    );
    refuses(
        "webhookUrl: http://10.0.0.5:8443\n",
        "c:2: webhookUrl: \"http://10.0.0.5:8443/\" is not allowed; the API server calls webhooks over https only",
    );
}

#[test]
fn bounds_that_contradict_each_other_are_problems() {
    let cases = [
        (
            "bounds: {freshSeconds: 60}",
            "c:2: bounds.lostSeconds: 60 is not allowed; give more than bounds.freshSeconds, which is 60",
        ),
        (
            "bounds: {webhook: {deadlineSeconds: 5}}",
            "c:2: bounds.webhook.timeoutSeconds: 5 is not allowed; give more than bounds.webhook.deadlineSeconds, which is 5",
        ),
        (
            "bounds: {drain: {expectedSeconds: 14.5}}",
            "c:2: bounds.drain.expectedSeconds: 14.5 is not allowed; give at least bounds.drain.noticeTimeSeconds, which is 15",
        ),
        (
            "bounds: {preemption: {maxBlockSeconds: 3600}}",
            "c:2: bounds.maxBlockSeconds: 1800 is not allowed; give at least bounds.preemption.maxBlockSeconds, which is 3600",
        ),
        (
            "bounds: {unknownMaxSeconds: 59}",
            "c:2: bounds.unknownMaxSeconds: 59 is not allowed; give at least bounds.lostSeconds, which is 60",
        ),
        (
            "bounds: {leakAfterSeconds: 9}",
            "c:2: bounds.leakAfterSeconds: 9 is not allowed; give at least twice trino.pollIntervalSeconds, which is 10",
        ),
        (
            "leaderElection: {renewIntervalSeconds: 7}",
            "c:2: leaderElection.leaseDurationSeconds: 15 is not allowed; give at least 16: twice leaderElection.renewIntervalSeconds, and the 2 s that a worker may take to answer",
        ),
    ];
    for (text, problem) in cases {
        refuses(text, problem);
    }
    refuses_all(
        "tls: {selfManaged: {authorityValiditySeconds: 86400}}",
        "c:1: tls.selfManaged.authorityValiditySeconds: 86400 is not allowed; give at least tls.selfManaged.certificateValiditySeconds, which is 31536000",
    );
}

/// The least and the most, and what lies just beyond.
#[test]
fn bounds_have_limits_of_their_own() {
    let fine = [
        "bounds: {drain: {noticeTimeSeconds: 10}}",
        "bounds: {abandonAfterSeconds: 1020}",
        "bounds: {overrideMaxSeconds: 86400}",
        "bounds: {maxBlockSeconds: 604800}",
        "bounds: {webhook: {timeoutSeconds: 30}}",
        "floor: {share: 0, minActive: 10000}",
    ];
    for text in fine {
        settings(text);
    }
    let wrong = [
        (
            "bounds: {drain: {noticeTimeSeconds: 9.9}}",
            "a number of seconds from 10 to 300",
        ),
        (
            "bounds: {abandonAfterSeconds: 1019}",
            "a number of seconds from 1020 to 86400",
        ),
        (
            "bounds: {overrideMaxSeconds: 86401}",
            "a number of seconds from 60 to 86400",
        ),
        (
            "bounds: {maxBlockSeconds: 604801}",
            "a number of seconds from 1 to 604800",
        ),
        (
            "bounds: {maxBlockSeconds: .inf}",
            "a number of seconds from 1 to 604800",
        ),
        (
            "bounds: {webhook: {timeoutSeconds: 31}}",
            "a whole number of seconds from 1 to 30",
        ),
        (
            "bounds: {webhook: {timeoutSeconds: 4.5}}",
            "a whole number of seconds from 1 to 30",
        ),
        ("floor: {minActive: 0}", "a whole number from 1 to 10000"),
        ("floor: {minActive: 1.5}", "a whole number from 1 to 10000"),
        ("deletionCandidate: yes", "true or false"),
    ];
    for (text, allowed) in wrong {
        let told = told(with(text));
        assert!(
            told.ends_with(&format!("is not allowed; give {allowed}")),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn what_follows_from_another_problem_is_not_told_again() {
    let cases = [
        (
            "bounds: {freshSeconds: 60, lostSeconds: x}",
            "bounds.lostSeconds",
        ),
        ("webhookPort: 9090\nadminPort: x", "adminPort"),
        (
            "discovery: {enabled: false}\ncoordinators: {a: {url: x, release: a}}",
            "coordinators.a.url",
        ),
        (
            "namespaces: [A]\ncoordinators: {a: {url: http://a.b.svc, release: a}}",
            "namespaces",
        ),
        (
            "coordinators: {a: {url: http://a, release: a, namespace: A}}",
            "coordinators.a.namespace",
        ),
        ("drain: {passwordFile: /p, scheme: ftp}", "drain.scheme"),
        ("trino: {auth: {type: bearer}}", "trino.auth.tokenFile"),
    ];
    for (text, key) in cases {
        let problems = with(text).unwrap_err();
        let keys: Vec<_> = problems.list().iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, [key], "{text}");
    }
}

#[test]
fn there_is_something_to_guard() {
    let nothing = "c:2: discovery.enabled: false leaves nothing to guard, since coordinators names no cluster";
    refuses("discovery: {enabled: false}", nothing);
    refuses(
        "discovery: {enabled: false}\ncoordinators: {default: ~}",
        nothing,
    );
    settings(&format!("{BLUE}discovery: {{enabled: false}}\n"));
    settings("coordinators: {default: ~}");
}

#[test]
fn ports_differ() {
    refuses(
        "adminPort: 8443",
        "c:2: adminPort: 8443 is the webhookPort; give another",
    );
    settings("adminPort: 0\nwebhookPort: 0\n");
}

#[test]
fn our_own_and_the_systems_namespaces_are_never_guarded() {
    let own = "is the guard's own namespace, which is never guarded; run Trino in another";
    refuses(
        "namespaces: [xtrinode-system]",
        &format!("c:2: namespaces: \"xtrinode-system\" {own}"),
    );
    refuses(
        "namespaces: [a, kube-system]",
        "c:2: namespaces: \"kube-system\" is never guarded; run Trino in another",
    );
    refuses(
        "coordinators: {a: {url: http://t.xtrinode-system.svc, release: a}}",
        &format!("c:2: coordinators.a.namespace: \"xtrinode-system\" {own}"),
    );
    refuses(
        &format!("{BLUE}namespaces: [lake]\n"),
        "c:2: coordinators.blue.namespace: \"data\" is not among namespaces; add it there",
    );
    settings(&format!("{BLUE}namespaces: [lake, data]\n"));
}

#[test]
fn clusters_are_told_apart() {
    refuses(
        "coordinators: {a: {url: http://10.0.0.1:8080, release: a}}",
        "c:2: coordinators.a.namespace: missing; the url does not tell it, give the namespace of this Trino's pods",
    );
    let twins =
        "a: {url: http://a.x.svc, release: r}, b: {url: http://b, release: r, namespace: x}";
    refuses(
        &format!("coordinators: {{{twins}}}"),
        "c:2: coordinators.b.release: \"r\" is already the release of a in namespace \"x\"; each cluster needs its own",
    );
    settings(
        "coordinators: {a: {url: http://a.x.svc, release: r}, b: {url: http://b.y.svc, release: r}}",
    );
    let selectors = "workerSelector: {app: t}, coordinatorSelector: {app: t}";
    refuses(
        &format!("coordinators: {{a: {{url: http://a.x.svc, release: r, {selectors}}}}}"),
        "c:2: coordinators.a.workerSelector: the same labels as coordinatorSelector; nothing tells the two apart",
    );
    for (selector, key, said) in [
        (
            "app=t",
            "workerSelector",
            "must be a map of keys and values",
        ),
        (
            "{a b: t}",
            "workerSelector.a b",
            "the key is not allowed; give the key of a label",
        ),
        (
            "{app: a b}",
            "workerSelector.app",
            "\"a b\" is not allowed; give the value of a label",
        ),
        ("{app: [t]}", "workerSelector.app", "must be a single value"),
    ] {
        let text = format!(
            "coordinators: {{a: {{url: http://a.x.svc, release: r, workerSelector: {selector}}}}}"
        );
        let told = told(with(&text));
        let start = format!("c:2: coordinators.a.{key}: {said}");
        assert!(told.starts_with(&start), "{told}");
    }
}

#[test]
fn a_password_goes_to_workers_over_verified_tls_only() {
    refuses(
        "drain: {passwordFile: /p}",
        "c:2: drain.passwordFile: a password goes to workers over verified TLS only; set drain.scheme: https, or leave it out",
    );
    refuses(
        "drain: {passwordFile: /p, scheme: https, tls: {insecureSkipVerify: true}}",
        "c:2: drain.passwordFile: a password goes to workers over verified TLS only; set drain.tls.insecureSkipVerify: false, or leave it out",
    );
    settings("drain: {passwordFile: /p, scheme: https}");
    for setting in ["tls: {caFile: /c}", "serverName: worker"] {
        let told = told(with(&format!("drain: {{{setting}}}")));
        assert!(told.contains("has no effect over http"), "{told}");
    }
    refuses(
        "drain: {user: 'a:b'}",
        "c:2: drain.user: \"a:b\" is not allowed; give a user name without colons and control characters",
    );
    refuses(
        "drain: {user: grün}",
        "c:2: drain.user: \"grün\" is not allowed; give visible ASCII characters",
    );
}

#[test]
fn risks_are_noticed() {
    notes(BLUE, &[]);
    notes(
        "bounds: {maxBlockSeconds: 239}",
        &["bounds.maxBlockSeconds"],
    );
    notes("bounds: {maxBlockSeconds: 240}", &[]);
    notes(
        "trino: {pollIntervalSeconds: 11}",
        &["trino.pollIntervalSeconds"],
    );
    notes(
        "trino: {tls: {insecureSkipVerify: true}}",
        &["trino.tls.insecureSkipVerify"],
    );
    notes(
        "drain: {tls: {insecureSkipVerify: true}, scheme: https}",
        &["drain.tls.insecureSkipVerify"],
    );
    notes(
        "exporter: {url: http://e, tokenFile: /t}",
        &["exporter.url"],
    );
    notes("exporter: {url: http://e}", &[]);
    let bearer = format!("{BLUE}trino: {{auth: {{type: bearer, tokenFile: /t}}");
    notes(
        &format!("{bearer}}}"),
        &["trino.auth.type", "coordinators.blue.url"],
    );
    notes(
        &format!("{bearer}, forwardedProto: https}}"),
        &["trino.auth.type"],
    );
    notes(
        &format!("{bearer}, forwardedProto: https}}\ndiscovery: {{enabled: false}}"),
        &[],
    );
    let any = whole_text("tls: {selfManaged: {}, clientCaFile: /ca}").unwrap();
    assert_eq!(any.notices[0].key, "tls.clientCaFile");
}

#[test]
fn what_may_hold_a_credential_is_not_repeated() {
    for text in [
        "exporter: {url: http://u:hunter2@h}",
        "webhookUrl: https://h?t=hunter2",
        "trino: {auth: {headerValue: \"hunter2\\n\"}}",
        "drain: {password: hunter2}",
    ] {
        let told = told(with(text));
        assert!(!told.contains("hunter2"), "{told}");
    }
    let keyed = settings("trino: {auth: {headerName: X-Key, headerValue: hunter2}}");
    assert!(!summary(&keyed).contains("hunter2") && !format!("{keyed:?}").contains("hunter2"));
}

#[test]
fn collectors_get_what_the_file_says() {
    let settings = whole_text(EVERYTHING).unwrap().settings;
    let blue = target(&settings.clusters[0]);
    assert_eq!(
        (blue.spec.release.as_str(), blue.spec.namespace.as_str()),
        ("blue", "data")
    );
    let options = collector_options(&settings, blue, Origin::Named);
    assert_eq!(
        options.coordinators[0].url.as_str(),
        "http://blue.data.svc:8080/"
    );
    assert_eq!(options.poll_interval, Duration::from_millis(500));
    assert_eq!(options.stale_after, Duration::from_secs(30));
    assert_eq!(options.worker_http_port, 8443);
    assert_eq!(options.trino.timeout, Duration::from_secs(30));
    assert_eq!(options.trino.forwarded_proto.as_deref(), Some("https"));
    assert_eq!(options.trino.tls.ca, Some("/trino-ca".into()));
    assert!(options.kubernetes.is_none() && options.prometheus.is_none());
}

/// Anybody who may create pods can have one discovered.
#[test]
fn strangers_are_told_a_name_and_nothing_else() {
    let sent = |settings: &Settings, url: &str, origin| {
        let mut target = target(&settings.clusters[0]);
        target.url = url.parse().unwrap();
        match collector_options(settings, target, origin).trino.auth {
            Auth::Header { name, value } => format!("{name}: {}", value.to_str().unwrap()),
            Auth::Basic { .. } => "password".to_owned(),
            Auth::Bearer { .. } => "token".to_owned(),
            Auth::None => "nothing".to_owned(),
        }
    };
    for (auth, named, discovered) in [
        ("headerValue: me", "x-trino-user: me", "x-trino-user: me"),
        (
            "headerName: X-Key, headerValue: k",
            "x-key: k",
            "x-trino-user: xtrinode-guard",
        ),
        (
            "type: basic, username: me, passwordFile: /p",
            "password",
            "x-trino-user: me",
        ),
        (
            "type: basic, usernameFile: /u, passwordFile: /p",
            "password",
            "x-trino-user: xtrinode-guard",
        ),
        (
            "type: bearer, tokenFile: /t",
            "token",
            "x-trino-user: xtrinode-guard",
        ),
    ] {
        let mut settings = settings(&format!("{BLUE}trino: {{auth: {{{auth}}}}}\n"));
        let (plain, tls) = ("http://10.0.0.1:8080", "https://10.0.0.1:8443");
        assert_eq!(sent(&settings, plain, Origin::Named), named);
        assert_eq!(sent(&settings, plain, Origin::Discovered), discovered);
        assert_eq!(sent(&settings, tls, Origin::Discovered), named);
        settings.trino.tls.insecure_skip_verify = true;
        assert_eq!(sent(&settings, tls, Origin::Discovered), discovered);
    }
}
