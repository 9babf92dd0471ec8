//! What is refused, and in which words.

use super::*;

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
