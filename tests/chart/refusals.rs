//! Wrong values are refused before anything is installed, with a reason that names them.

use crate::render::{rendering, with_set};

/// Why Helm refuses these values.
fn refusal(set: &[&str]) -> String {
    let output = rendering(&with_set(set));
    assert!(!output.status.success(), "{set:?} was accepted");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn values_that_the_schema_does_not_know_are_refused() {
    let cases: [(&[&str], &str); 12] = [
        (&["bogus=1"], "additional properties 'bogus'"),
        (&["image.tags=1"], "additional properties 'tags'"),
        (&["trinoAuth.tpye=basic"], "additional properties 'tpye'"),
        (&["trinoAuth.type=digest"], "'/trinoAuth/type'"),
        (
            &["coordinators.default.uri=x"],
            "additional properties 'uri'",
        ),
        (
            &["coordinators.b.url=http://b:1"],
            "missing property 'release'",
        ),
        (
            &["coordinators.default.url=ftp://b"],
            "'/coordinators/default/url'",
        ),
        (&["metricsPort=70000"], "'/metricsPort'"),
        (&["pollIntervalSeconds=-1"], "'/pollIntervalSeconds'"),
        (&["resources.limits.cpus=1"], "'cpus'"),
        (&["logging.level=LOUD"], "'/logging/level'"),
        (
            &["serviceMonitor=null"],
            "missing property 'serviceMonitor'",
        ),
    ];
    for (set, reason) in cases {
        let said = refusal(set);
        assert!(said.contains(reason), "{set:?}: {said}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_all_at_once() {
    let said = refusal(&[
        "coordinators.b.url=http://b:1",
        "coordinators.b.release=trino",
        "trinoAuth.type=basic",
        "prometheus.auth.type=bearer",
        "workerMapping=kubernetes",
        "staleAfterSeconds=3",
        "shutdownGraceSeconds=30",
    ]);
    for reason in [
        "coordinators.default.release repeats trino of coordinators.b",
        "trinoAuth.type is basic, which needs trinoAuth.existingSecret",
        "prometheus.auth.type is bearer, which needs prometheus.auth.existingSecret",
        "workerMapping is kubernetes, which needs kubernetes.enabled",
        "staleAfterSeconds is 3, less than pollIntervalSeconds (15)",
        "terminationGracePeriodSeconds is 30, which must exceed shutdownGraceSeconds (30)",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert!(refusal(&["trinoAuth.headerName=X-Me"]).contains("the header X-Me needs a value"));
    assert!(refusal(&["coordinators.default=null"]).contains("coordinators is empty"));
    assert!(
        refusal(&["workerMapping=prometheus", "prometheus.url="]).contains("needs prometheus.url")
    );
}
