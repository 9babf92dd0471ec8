//! Rows G: it may go, and that was not written down; or there was no time to look, to ask or to write.

use super::eviction::{ask, busy, with};
use super::scale::drained;
use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Outcome, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::Cause;
use crate::core::guard::plan::scene::Scene;
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, by_person, delete, evict, scale};
use crate::core::guard::verdict::{late, outrun, unwritten};

/// `w-0` may go, with a grant; its removal was first refused so long ago.
fn free(refused: Option<u64>) -> Scene {
    with(|scene| {
        scene.crash("w-0");
        if let Some(seconds) = refused {
            scene.refused("w-0", seconds);
        }
    })
}

fn too_late(view: &View, ask: &Ask, _: Verdict) -> Verdict {
    late(view, ask)
}

fn of_a_drained_worker_not_looked_at() -> Scene {
    with(|scene| {
        scene.drained("w-0");
        scene.pass(3);
    })
}

table! {
    /// The taint-eviction controller does not come back: what it was refused is written down.
    g1_lost_race = Case::waits(free(None), by(Caller::TaintController, delete("w-0")), Row::LostRace)
        .after(outrun)
        .want("w-0", Cause::Taint)
        .says(&["other requests", "try again"]);
    g1_lost_race_for_a_number = Case::waits(
        drained(Kind::Deployment, &["w-3"]),
        by_person(scale(Kind::Deployment, 5, 4)),
        Row::LostRace,
    )
    .after(outrun)
    .wanting("w-3", Cause::Scale, Some(4), true)
    .says(&["other requests"]);
    g1_a_refusal_is_no_lost_race = Case::waits(busy(), ask(), Row::Busy)
        .after(outrun)
        .want("w-0", Cause::Evict)
        .says(&["14 tasks"]);
    g1_lost_race_after_the_final_bound = Case::allowed(free(Some(3600)), ask(), Row::MaxBlock)
        .after(outrun)
        .tells("w-0")
        .warns("refused for as long as may be");
    /// No bound holds for the operator.
    g1_lost_race_of_the_operator =
        Case::waits(free(Some(7200)), by(Caller::Operator, evict("w-0")), Row::LostRace)
            .after(outrun)
            .wanting("w-0", Cause::Evict, None, false)
            .says(&["other requests"]);
    g2_grant_not_written = Case::waits(free(None), ask(), Row::GrantNotWritten)
        .after(unwritten)
        .want("w-0", Cause::Evict)
        .says(&["could not write down", "try again"]);
    g2_grant_not_written_after_the_final_bound =
        Case::allowed(free(Some(3600)), ask(), Row::MaxBlock)
            .after(unwritten)
            .tells("w-0")
            .warns("refused for as long as may be");
    g3_not_in_time = Case::waits(free(None), ask(), Row::NotInTime)
        .after(too_late)
        .want("w-0", Cause::Evict)
        .says(&["could not decide in time", "try again"]);
    g3_not_in_time_after_the_final_bound = Case::allowed(free(Some(3600)), ask(), Row::MaxBlock)
        .after(too_late)
        .tells("w-0")
        .warns("refused for as long as may be");
    g3_late_for_a_refusal = Case::waits(busy(), ask(), Row::Busy)
        .after(too_late)
        .want("w-0", Cause::Evict)
        .says(&["14 tasks"]);
    g3_late_for_what_needs_no_grant = Case::allowed(
        {
            let mut scene = busy();
            let now = scene.now;
            scene.edit("w-0", |pod| pod.deleting = Some(now));
            scene
        },
        by_person(delete("w-0")),
        Row::Deleting,
    )
    .after(too_late);
    g3_no_time_to_look = Case::waits(of_a_drained_worker_not_looked_at(), ask(), Row::Unproven)
        .after(too_late)
        .want("w-0", Cause::Evict)
        .says(&["drained"]);
    /// Whether it is gone only the API server knows.
    g3_no_time_to_ask_for_an_absent_pod =
        Case::waits(busy(), by_person(evict("w-9")), Row::Unknown)
            .after(too_late)
            .says(&["not known yet"]);
}

/// The same cases with time to decide: being late is what refuses them.
#[test]
fn in_time_they_would_not_be_refused() {
    let looked = of_a_drained_worker_not_looked_at().judge(&ask());
    assert!(matches!(looked.outcome, Outcome::Look(_)), "{looked:?}");
    let absent = busy().judge(&by_person(evict("w-9")));
    assert_eq!(absent.outcome, Outcome::Allow, "asked for first");
    assert_eq!(free(None).judge(&ask()).outcome, Outcome::Allow);
}

#[test]
fn no_race_puts_off_the_final_bound() {
    let late = |seconds| {
        let scene = free(Some(seconds));
        outrun(&scene.view(), &ask(), scene.judge(&ask())).outcome
    };
    assert_eq!(late(3599), Outcome::Wait);
    assert_eq!(late(3600), Outcome::Allow);
}
