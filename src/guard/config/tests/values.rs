//! What a right file comes to.

use crate::core::guard::policy::Policy;

use super::*;

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
    assert_eq!(parsed.notices.len(), 1, "{:?}", parsed.notices);
}

const EXAMPLE: &str = include_str!("../../../../examples/guard/guard.yaml");

/// It needs no pod around it.
#[test]
fn the_example_is_exactly_the_defaults() {
    let parsed = parse(EXAMPLE, &Overrides::default(), &OwnPod::default()).unwrap();
    assert_eq!(summary(&parsed.settings), DEFAULTS);
    assert_eq!(parsed.settings.policy, Policy::default());
    assert_eq!(parsed.notices.len(), 1, "{:?}", parsed.notices);
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
