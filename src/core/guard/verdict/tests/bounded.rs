//! Nobody is refused for ever: whatever happens and whatever is known, twice `maxBlock` after a guarded worker's removal was
//! first refused whoever is no operator gets it. Before `maxBlock` nobody is forced.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::properties::{Step, played, said, state, steps};
use crate::core::guard::ask::{Ask, Caller, Outcome, Request, Verdict};
use crate::core::guard::edit;
use crate::core::guard::evidence::Said;
use crate::core::guard::facts::Name;
use crate::core::guard::notes::Notes;
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, delete, evict};
use crate::core::guard::time::Time;

/// Whoever waits for `maxBlock` and starts the clock.
fn caller() -> impl Strategy<Value = Caller> {
    proptest::sample::select(vec![
        Caller::Other,
        Caller::WorkloadController,
        Caller::ControllerManager,
        Caller::GarbageCollector,
        Caller::TaintController,
    ])
}

fn request() -> impl Strategy<Value = Request> {
    let forced = Request::Delete {
        pod: Name::new(SPACE, "w-0"),
        uid: "uid-w-0".to_owned(),
        deleting: false,
        grace: Some(0),
    };
    prop_oneof![Just(evict("w-0")), Just(delete("w-0")), Just(forced)]
}

fn ask() -> impl Strategy<Value = Ask> {
    (caller(), request()).prop_map(|(caller, request)| by(caller, request))
}

/// What comes of a look that a verdict asks for.
fn looked() -> impl Strategy<Value = Said> {
    let starting = false;
    let answer = state().prop_map(move |state| Said::State { state, starting });
    prop_oneof![said(), answer]
}

/// The answer as the webhook gives it: who is to be looked at is, once, and who is to be looked at still is refused.
fn answer(scene: &mut Scene, ask: &Ask, look: &Said) -> Verdict {
    let verdict = scene.judge(ask);
    if !matches!(verdict.outcome, Outcome::Look(_)) {
        return verdict;
    }
    scene.look("w-0", look.clone());
    scene.judge(ask)
}

/// Writes down what a refusal intends, as the webhook does: since when the pod's removal is refused.
fn write(scene: &mut Scene, ask: &Ask, verdict: &Verdict) -> Option<Time> {
    let pod = scene.pod("w-0");
    let edits = verdict.effects.iter();
    let mut edits = edits.filter_map(|effect| edit::want(&scene.view(), ask, &pod, effect));
    let set = edits.next()?.set.into_iter();
    let annotations: BTreeMap<_, _> = set.map(|(key, value)| (key.to_owned(), value)).collect();
    let written = Notes::read(&annotations, &pod.uid);
    scene.edit("w-0", |pod| {
        pod.notes.want = written.want;
        pod.notes.blocked_since = written.blocked_since;
    });
    written.blocked_since
}

fn happen(scene: &mut Scene, steps: Vec<Step>) {
    for step in steps {
        step.happen(scene);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_refusal_is_bounded(
        before in steps(),
        meanwhile in steps(),
        later in steps(),
        (first, last) in (looked(), looked()),
        (refused, retried) in (ask(), ask()),
    ) {
        let mut scene = played(before);
        let verdict = answer(&mut scene, &refused, &first);
        prop_assume!(verdict.outcome != Outcome::Allow);
        let since = write(&mut scene, &refused, &verdict);
        prop_assert_eq!(since, Some(scene.now), "its clock starts: {:?}", verdict);
        let bound = scene.policy.bounds.max_block;
        happen(&mut scene, meanwhile);
        let early = scene.now.since(since.unwrap_or_default()) < bound;
        let verdict = answer(&mut scene, &retried, &first);
        prop_assert!(!(early && verdict.row == Row::MaxBlock), "forced early: {verdict:?}");
        scene.now = scene.now.max(since.unwrap_or_default() + bound * 2);
        let verdict = answer(&mut scene, &retried, &last);
        prop_assert_eq!(&verdict.outcome, &Outcome::Allow, "at the bound: {:?}", verdict);
        happen(&mut scene, later);
        let verdict = answer(&mut scene, &retried, &last);
        prop_assert_eq!(&verdict.outcome, &Outcome::Allow, "after it: {:?}", verdict);
    }
}
