//! docs/metrics-guard.md and the registered metrics are the same list.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use crate::core::guard::facts::place::Mode;
use crate::core::guard::notes::{Cause, Want};
use crate::core::guard::plan::scene::Scene;
use crate::process::exposition::Exposition;
use crate::process::metrics::Metrics;

use super::counters::{Answered, At, Counters, Lost, Outcome, Reason};
use super::gauges::Gauges;
use super::state::{Atlas, State};
use crate::cluster::calendar::Calendar;

/// Registered where the certificate, the configurations and the build are at hand.
const ELSEWHERE: [&str; 4] = [
    "xtrinode_guard_fail_open",
    "xtrinode_guard_tls_certificate_not_after_timestamp_seconds",
    "xtrinode_guard_tls_reloads_total",
    "xtrinode_guard_build_info",
];

fn documented() -> BTreeSet<(String, String)> {
    let page = include_str!("../../docs/metrics-guard.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let pairs = rows.map(|row| {
        let mut cells = row.split(" | ");
        let name = cells.next().expect("a name").trim_end_matches('`');
        (name.to_owned(), cells.next().expect("a type").to_owned())
    });
    pairs.collect()
}

fn state() -> State {
    let mut scene = Scene::deployment(2);
    let now = Calendar::start().now();
    scene.edit("w-0", |pod| {
        pod.notes.blocked_since = Some(now);
        pod.notes.want = Some(Want {
            at: now,
            since: now,
            cause: Cause::Evict,
            by: "admin".to_owned(),
            number: None,
        });
    });
    let atlas = Atlas::Held(Arc::new(RwLock::new(scene.world)));
    State::new(atlas, scene.policy, Calendar::start())
}

fn touched() -> Counters {
    let counters = Counters::default();
    let answered = Answered {
        path: "eviction",
        verdict: "deny",
        reason: "ActiveOutputBuffers",
    };
    counters.verdicts.get_or_create(&answered).inc();
    let at = At { path: "eviction" };
    counters.seconds.get_or_create(&at).observe(0.001);
    counters
        .grants
        .get_or_create(&Outcome { outcome: "done" })
        .inc();
    counters
        .drains
        .get_or_create(&Outcome { outcome: "drained" })
        .inc();
    let reason = Reason {
        reason: "MaxBlockReached",
    };
    counters.forced.get_or_create(&reason).inc();
    counters
        .write_failures
        .get_or_create(&Reason { reason: "want" })
        .inc();
    counters
        .deaths
        .get_or_create(&Lost { tasks_lost: "yes" })
        .inc();
    counters
}

#[test]
fn documented_metrics_are_registered_and_registered_ones_documented() {
    let mut metrics = Metrics::default();
    touched().register(&mut metrics);
    metrics.register_collector(Box::new(Gauges {
        state: state(),
        mode: Mode::Enforce,
        leads: Arc::new(AtomicBool::new(true)),
    }));
    let page = metrics.render(Exposition::Prometheus).expect("a page");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let pairs = types.map(|line| line.split_once(' ').expect("name and type"));
    let served: BTreeSet<_> = pairs
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let documented = documented();
    let unknown: Vec<_> = served.difference(&documented).collect();
    assert!(
        unknown.is_empty(),
        "registered and not documented: {unknown:?}"
    );
    let missing = documented
        .difference(&served)
        .map(|(name, _)| name.as_str());
    let missing: Vec<_> = missing.filter(|name| !ELSEWHERE.contains(name)).collect();
    // Nothing is known of the scene's cluster, so there is no age.
    assert_eq!(missing, ["xtrinode_guard_state_age_seconds"]);
    assert!(
        page.contains("xtrinode_guard_blocked_pods{cluster="),
        "{page}"
    );
}
