//! What is noticed, and who is told a credential.

use std::time::Duration;

use crate::collect::options::Auth;

use super::*;

/// Beside what `MINIMAL` is warned of.
#[track_caller]
fn notes(more: &str, expected: &[&str]) {
    let notices = with(more).unwrap().notices;
    let mut keys: Vec<_> = notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(keys.pop(), Some("tls.pathSecretFile"));
    assert_eq!(keys, expected, "{more}");
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
    let noticed = |tls: &str| {
        let text = format!("tls: {{selfManaged: {{}}, {tls}}}");
        let notices = whole_text(&text).unwrap().notices;
        notices
            .into_iter()
            .map(|notice| notice.key)
            .collect::<Vec<_>>()
    };
    assert_eq!(noticed("clientCaFile: /ca"), ["tls.clientCaFile"]);
    assert!(noticed("clientCaFile: /ca, clientNames: [a]").is_empty());
    assert!(noticed("pathSecretFile: /segment").is_empty());
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
