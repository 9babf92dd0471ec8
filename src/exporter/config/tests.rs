//! One vocabulary: a test is the difference from `MINIMAL`.

use super::*;

const MINIMAL: &str = "coordinators: {blue: {url: http://trino:8080, release: trino}}\n";

fn with(more: &str) -> Result<Parsed, Problems> {
    parse(&format!("{MINIMAL}{more}"), &Overrides::default())
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
    assert_eq!(told(parse(text, &Overrides::default())), problems);
}

#[track_caller]
fn notes(more: &str, expected: &[&str]) {
    let notices = with(more).unwrap().notices;
    let keys: Vec<_> = notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(keys, expected);
}

#[test]
fn defaults_are_the_documented_ones() {
    let expected = "  coordinator blue         http://trino:8080/ (release trino)
  Trino authentication     header x-trino-user: trino-buffer-exporter
  Trino TLS                built-in CAs
  worker mapping           auto
  Kubernetes               off
  Prometheus               off
  workers                  HTTP port 8080, metric trino_execution_executor_TaskExecutor_Tasks
  poll every               15s
  request timeout          60s
  stale after              300s
  source lag               3s
  longest answer           4294967296 bytes
  compression              identity
  X-Forwarded-Proto        not sent
  strict parsing           off
  listen on                http://127.0.0.1:8000
  snapshot token           not asked for
  logs                     INFO, auto
  shutdown grace           10s
";
    assert_eq!(summary(&settings("")), expected);
}

#[test]
fn every_key_arrives() {
    let text = "
coordinators:
  green: {url: https://green.example:8443/trino, release: green, namespace: data}
  blue: {url: 'http://blue:8080', release: \"blue\"}
  default:
prometheus:
  url: https://prometheus.example
  auth: {type: basic, username: scraper, passwordFile: /p}
  tls: {caFile: /ca, certFile: /crt, keyFile: /key, insecureSkipVerify: true}
trinoAuth: {type: bearer, tokenFile: /token}
tls: {caFile: /trino-ca}
workerMapping: kubernetes
kubernetes: {enabled: true, namespaces: [a, b, a], podSelector: app=trino}
workerHttpPort: 8443
ipToPodMetric: jvm_threads
pollIntervalSeconds: 0.5
requestTimeoutSeconds: 30
staleAfterSeconds: 120
taskInfoUpdateIntervalSeconds: 1.5
maxResponseBytes: 1GiB
compression: gzip
forwardedProto: https
strict: true
bindAddress: '::'
metricsPort: 0
serverTls: {certFile: /crt, keyFile: /key}
snapshot: {tokenFile: /snapshot}
logging: {level: debug, format: text}
shutdownGraceSeconds: 0
";
    let parsed = parse(text, &Overrides::default()).unwrap();
    let expected = "  coordinator blue         http://blue:8080/ (release blue)
  coordinator green        https://green.example:8443/trino (release green, namespace data)
  Trino authentication     bearer token in /token
  Trino TLS                CA in /trino-ca
  worker mapping           kubernetes
  Kubernetes               pods app=trino in a, b
  Prometheus               https://prometheus.example/, basic, user scraper, password in /p, CA in /ca, with a client certificate, NOT VERIFIED
  workers                  HTTP port 8443, metric jvm_threads
  poll every               500ms
  request timeout          30s
  stale after              120s
  source lag               1.5s
  longest answer           1073741824 bytes
  compression              gzip
  X-Forwarded-Proto        https
  strict parsing           on
  listen on                https://[::]:0
  snapshot token           in /snapshot
  logs                     DEBUG, text
  shutdown grace           0ns
";
    assert_eq!(summary(&parsed.settings), expected);
}

#[test]
fn null_means_default_everywhere() {
    let nulls = super::sections::KEYS
        .iter()
        .filter(|key| **key != "coordinators");
    let text = nulls
        .map(|key| format!("{key}: null"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(summary(&settings(&text)), summary(&settings("")));
    let inner =
        "prometheus: {url: ~, auth: ~}\nlogging: {level: , format: ~}\ntls: {caFile: null}\n";
    assert_eq!(summary(&settings(inner)), summary(&settings("")));
}

#[test]
fn flags_beat_the_file() {
    let overrides = Overrides {
        log_level: Some("ERROR".parse().unwrap()),
        log_format: Some("json".parse().unwrap()),
        strict: true,
        metrics_port: Some(9000),
        bind_address: Some("0.0.0.0".parse().unwrap()),
    };
    let text = format!("{MINIMAL}metricsPort: 1\nstrict: false\nlogging: {{level: DEBUG}}\n");
    let shown = summary(&parse(&text, &overrides).unwrap().settings);
    for expected in [
        "http://0.0.0.0:9000\n",
        "ERROR, json\n",
        "strict parsing           on\n",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    refuses_all(
        "coordinators:
  blue: {url: ftp://blue, release: r}
  green: {url: http://green, release: r}
  red: {release: red}
pollIntervalSeconds: -3
metricsPort: 70000
poll_interval_secs: 4
trinoAuth: {type: basic, username: me}
",
        "c:2: coordinators.blue.url: \"ftp://blue\" is not allowed; the scheme must be http or https; give http://HOST:PORT or https://HOST:PORT
c:3: coordinators.green.release: \"r\" is already the release of blue; each needs its own
c:4: coordinators.red.url: missing; give for example http://trino.trino.svc:8080
c:5: pollIntervalSeconds: \"-3\" is not allowed; give a number of seconds from 0.1 to 3600, for example 15 or 0.5
c:6: metricsPort: \"70000\" is not allowed; give a port from 0 to 65535
c:7: poll_interval_secs: unknown key; did you mean pollIntervalSeconds?
c:8: trinoAuth.passwordFile: missing; trinoAuth.type basic needs it",
    );
}

#[test]
fn unknown_keys_say_what_was_meant_and_hide_their_value() {
    refuses(
        "PollIntervalSecond: 3\n",
        "c:2: PollIntervalSecond: unknown key; did you mean pollIntervalSeconds?",
    );
    refuses(
        "logging: {colour: red}\n",
        "c:2: logging.colour: unknown key; allowed here: level, format",
    );
    refuses(
        "trinoAuth: {passwordFil: hunter2}\n",
        "c:2: trinoAuth.passwordFil: unknown key; did you mean passwordFile?",
    );
    refuses(
        "trinoAuth:\n  password: hunter2\n",
        "c:3: trinoAuth.password: unknown key; did you mean passwordFile?",
    );
}

#[test]
fn what_may_hold_a_credential_is_not_repeated() {
    let url = told(parse(
        "coordinators: {a: {url: http://u:hunter2@h, release: a}, b: {url: 'http://h?t=hunter2', release: b}}",
        &Overrides::default(),
    ));
    assert!(
        url.contains("(not shown)") && !url.contains("hunter2"),
        "{url}"
    );
    let header = told(with("trinoAuth: {headerValue: \"hunter2\\n\"}\n"));
    assert!(
        header.contains("headerValue: the value (not shown)") && !header.contains("hunter2"),
        "{header}"
    );
    let keyed = settings("trinoAuth: {headerName: X-Key, headerValue: hunter2}\n");
    assert!(!summary(&keyed).contains("hunter2"));
    assert!(!format!("{keyed:?}").contains("hunter2"));
}

#[test]
fn coordinators_are_needed_and_whole() {
    let needed =
        "at least one is needed: coordinators: {NAME: {url: http://HOST:PORT, release: RELEASE}}";
    refuses_all("strict: true", &format!("c: coordinators: {needed}"));
    refuses_all("coordinators: {}", &format!("c:1: coordinators: {needed}"));
    refuses_all(
        "coordinators: {default: null}",
        &format!("c:1: coordinators: {needed}"),
    );
    refuses_all(
        "coordinators: [a]",
        "c:1: coordinators: must be a map of keys and values",
    );
    refuses_all(
        "coordinators: {a: http://b}",
        "c:1: coordinators.a: must be a map of keys and values",
    );
    refuses_all(
        "coordinators: {'': {url: http://b, release: r, namespace: B}}",
        "c:1: coordinators.: the name is not allowed; give 1 to 253 characters without control characters or outer spaces
c:1: coordinators..namespace: \"B\" is not allowed; give a Kubernetes namespace: 1 to 63 of a-z, 0-9 and -, not at the ends",
    );
    refuses_all(
        "coordinators: {a: {url: http://b, release: ''}}",
        "c:1: coordinators.a.release: \"\" is not allowed; give 1 to 253 characters without control characters or outer spaces",
    );
}

#[test]
fn an_empty_or_odd_document_is_explained() {
    let empty =
        "c: the file is empty; it needs at least coordinators: {NAME: {url: ..., release: ...}}";
    for text in [
        "",
        "\n\n",
        "# only a comment\n",
        "---\n",
        "null\n",
        "\u{feff}",
    ] {
        refuses_all(text, empty);
    }
    refuses_all("a b c", "c:1: the file must be a map of keys and values");
    refuses_all("[a]", "c:1: the file must be a map of keys and values");
    refuses_all(
        &format!("{MINIMAL}---\na: b\n"),
        "c:2: a second document begins here; one file holds one document",
    );
}

#[test]
fn yaml_we_do_not_take_is_named() {
    refuses(
        "strict: true\nstrict: false\n",
        "c:3: strict: given twice, first on line 2; keep one",
    );
    refuses(
        "logging: {level: &l INFO}\n",
        "c:2: anchors (&name) are not supported; write the value out where it is used",
    );
    refuses(
        "logging: {level: *l}\n",
        "c:2: aliases (*name) are not supported; write the value out",
    );
    refuses(
        "strict: !!bool true\n",
        "c:2: tags (!name) are not supported; the key decides how its value is read",
    );
    refuses("? [a]\n: b\n", "c:2: a key must be plain text");
    let tab = told(with("logging:\n\tlevel: INFO\n"));
    assert!(
        tab.starts_with("c:3: not valid YAML at column ") && tab.contains("tab"),
        "{tab}"
    );
    let open = told(with("logging: {level: INFO\n"));
    assert!(open.contains("not valid YAML"), "{open}");
    let deep = told(with(&format!("tls: {}\n", "[".repeat(100_000))));
    assert!(deep.starts_with("c:2: not valid YAML"), "{deep}");
}

#[test]
fn wrong_shapes_are_named() {
    refuses(
        "strict: [true]\n",
        "c:2: strict: must be a single value, not a list or a map",
    );
    refuses(
        "kubernetes: {namespaces: a}\n",
        "c:2: kubernetes.namespaces: must be a list, for example [a, b]",
    );
    refuses(
        "kubernetes: {namespaces: [{a: b}]}\n",
        "c:2: kubernetes.namespaces: must be a list of single values",
    );
    refuses("tls: true\n", "c:2: tls: must be a map of keys and values");
    refuses(
        "strict: yes\n",
        "c:2: strict: \"yes\" is not allowed; give true or false",
    );
    refuses(
        "bindAddress: localhost\n",
        "c:2: bindAddress: \"localhost\" is not allowed; give an IP address, for example 127.0.0.1, 0.0.0.0 or ::",
    );
    refuses(
        "compression: zstd\n",
        "c:2: compression: \"zstd\" is not allowed; give one of identity, gzip",
    );
    refuses(
        "forwardedProto: ftp\n",
        "c:2: forwardedProto: \"ftp\" is not allowed; give one of \"\", https, http",
    );
    refuses(
        "logging: {level: TRACE}\n",
        "c:2: logging.level: \"TRACE\" is not allowed; give DEBUG, INFO, WARNING or ERROR, in any case",
    );
}

#[test]
fn authentication_names_what_it_lacks() {
    refuses(
        "trinoAuth: {type: bearer}\n",
        "c:2: trinoAuth.tokenFile: missing; trinoAuth.type bearer needs it",
    );
    refuses(
        "trinoAuth: {type: basic, passwordFile: /p}\n",
        "c:2: trinoAuth.username: missing; trinoAuth.type basic needs a user name: set usernameFile, username or headerValue",
    );
    refuses(
        "trinoAuth: {type: basic, username: 'a:b', passwordFile: /p}\n",
        "c:2: trinoAuth.username: \"a:b\" is not allowed; give a user name without colons and control characters",
    );
    refuses(
        "trinoAuth: {headerName: X-Key}\n",
        "c:2: trinoAuth.headerValue: missing; the header x-key needs a value",
    );
    refuses(
        "prometheus: {url: http://p, auth: {type: basic, usernameFile: /u}}\n",
        "c:2: prometheus.auth.passwordFile: missing; prometheus.auth.type basic needs it",
    );
    refuses(
        "serverTls: {certFile: /c}\n",
        "c:2: serverTls.keyFile: missing; serverTls.certFile needs it",
    );
    refuses(
        "tls: {keyFile: /k}\n",
        "c:2: tls.certFile: missing; tls.keyFile needs it",
    );
}

#[test]
fn the_user_of_basic_falls_back_in_order() {
    let user = |more: &str| match settings(&format!(
        "trinoAuth: {{type: basic, passwordFile: /p, {more}}}\n"
    ))
    .trino_auth
    {
        TrinoAuth::Basic(basic) => basic.user,
        other => panic!("{other:?}"),
    };
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(
        user("headerValue: h"),
        UserName {
            file: None,
            otherwise: name("h")
        }
    );
    assert_eq!(
        user("headerValue: h, username: u"),
        UserName {
            file: None,
            otherwise: name("u")
        }
    );
    assert_eq!(
        user("usernameFile: /u"),
        UserName {
            file: Some("/u".into()),
            otherwise: None
        }
    );
}

#[test]
fn contradictions_are_problems() {
    refuses(
        "workerMapping: kubernetes\n",
        "c:2: workerMapping: this mapping needs kubernetes.enabled: true; set it, or use auto",
    );
    refuses(
        "workerMapping: prometheus\n",
        "c:2: workerMapping: this mapping needs prometheus.url; set it, or use auto",
    );
    refuses(
        "pollIntervalSeconds: 600\n",
        "c: staleAfterSeconds: 300 is not allowed; give at least pollIntervalSeconds, which is 600",
    );
    // What follows from another problem is not told a second time.
    refuses(
        "pollIntervalSeconds: 15\nstaleAfterSeconds: x\n",
        "c:3: staleAfterSeconds: \"x\" is not allowed; give a number of seconds from 0.1 to 86400, for example 15 or 0.5",
    );
}

#[test]
fn risks_are_noticed() {
    notes("trinoAuth: {headerValue: me}\n", &[]);
    notes("", &["trinoAuth.headerValue"]);
    notes(
        "trinoAuth: {type: bearer, tokenFile: /t}\n",
        &["coordinators.blue.url"],
    );
    notes(
        "trinoAuth: {type: bearer, tokenFile: /t}\nforwardedProto: https\n",
        &[],
    );
    let insecure = "trinoAuth: {headerValue: me}\ntls: {insecureSkipVerify: true}\n";
    notes(insecure, &["tls.insecureSkipVerify"]);
    let prometheus = "trinoAuth: {headerValue: me}\nprometheus: {url: http://p, auth: {type: bearer, tokenFile: /t}}\n";
    notes(prometheus, &["prometheus.url"]);
    let twins = "{a: {url: http://t, release: a}, b: {url: http://t, release: b}}";
    let text = format!("coordinators: {twins}\ntrinoAuth: {{headerValue: me}}\n");
    let notices = parse(&text, &Overrides::default()).unwrap().notices;
    assert_eq!(notices[0].message, "the same url as that of a");
}

#[test]
fn a_user_name_ends_at_a_colon_wherever_it_comes_from() {
    refuses(
        "trinoAuth: {type: basic, passwordFile: /p, headerValue: 'a:b'}\n",
        "c:2: trinoAuth.headerValue: the value (not shown) is not allowed; give a user name without colons and control characters",
    );
    settings("trinoAuth: {type: basic, passwordFile: /p, headerValue: 'a:b', username: c}\n");
}
