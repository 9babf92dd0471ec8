//! Rows E: evictions.

use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Request};
use crate::core::guard::evidence::{DrainPower, Said};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::{Cause, GrantKey, Override};
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, by_person, delete, evict};
use crate::trino::words::NodeState::{Active, Draining};

/// Somebody evicts `w-0`.
pub fn ask() -> Ask {
    by_person(evict("w-0"))
}

/// Two workers, and what happened to them.
pub fn with(change: impl FnOnce(&mut Scene)) -> Scene {
    let mut scene = Scene::deployment(2);
    change(&mut scene);
    scene
}

/// `w-0` is at risk, `w-1` serves.
pub fn busy() -> Scene {
    with(|scene| {
        scene.keeps_saying("w-1", Active, 20);
        scene.says("w-0", Active);
        scene.cycle(&[("w-0", 14)]);
    })
}

fn says_that_it_starts(scene: &mut Scene) {
    let state = crate::trino::words::NodeState::Unknown;
    let starting = true;
    scene.look("w-0", Said::State { state, starting });
}

fn starts_without_a_port(scene: &mut Scene) {
    scene.restart("w-0");
    scene.unready("w-0");
    scene.look("w-0", Said::Refused);
}

fn namespace(mode: Option<Mode>, terminating: bool) -> Namespace {
    Namespace {
        mode,
        terminating,
        break_glass: None,
    }
}

fn relaxed(covered: bool) -> Scene {
    with(|scene| {
        scene.power(DrainPower::Forbidden);
        scene.edit("w-0", |pod| pod.pre_stop = covered);
        scene.refused("w-0", 0);
        scene.pass(1);
        scene.calm(10);
    })
}

table! {
    e1_pod_gone = Case::allowed(busy(), by_person(evict("w-9")), Row::PodGone);
    e1_namespace_terminating = Case::allowed(
        {
            let mut scene = busy();
            let going = namespace(Some(Mode::Enforce), true);
            scene.world.put_namespace(SPACE.to_owned(), going);
            scene
        },
        ask(),
        Row::NamespaceTerminating,
    );
    e2_not_opted_in = Case::allowed(
        {
            let mut scene = busy();
            scene.world.put_namespace(SPACE.to_owned(), namespace(None, false));
            scene
        },
        ask(),
        Row::NotGuarded,
    );
    e2_no_trino = Case::allowed(
        {
            let mut scene = busy();
            scene.remove("c-0");
            scene.world.drop_workload(Kind::Deployment, &Name::new(SPACE, "c"));
            scene
        },
        ask(),
        Row::NotGuarded,
    );
    e3_other_pod = Case::allowed(
        busy(),
        by_person(Request::Evict {
            pod: Name::new(SPACE, "w-0"),
            precondition: Some("uid-of-an-earlier-pod".to_owned()),
        }),
        Row::OtherPod,
    );
    e3_same_pod = Case::waits(
        busy(),
        by_person(Request::Evict {
            pod: Name::new(SPACE, "w-0"),
            precondition: Some("uid-w-0".to_owned()),
        }),
        Row::Busy,
    )
    .want("w-0", Cause::Evict)
    .says(&["14 tasks"]);
    e4_dead = Case::allowed(
        {
            let mut scene = busy();
            scene.crash("w-0");
            scene
        },
        ask(),
        Row::Dead,
    )
    .grant("w-0", GrantKey::Pod, true);
    e5_break_glass = Case::allowed(
        {
            let mut scene = busy();
            let glass = scene.glass(3600);
            scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
            scene
        },
        ask(),
        Row::BreakGlass,
    )
    .grant("w-0", GrantKey::Pod, false)
    .tells("w-0")
    .warns("the node is on fire, output buffers of 14 tasks (34.0 MiB) for 2 queries will be lost");
    e5_bad_override = Case::waits(
        {
            let mut scene = busy();
            let text = Override::read("tomorrow;the node is on fire");
            scene.edit("w-0", |pod| pod.notes.break_glass = Some(text));
            scene
        },
        ask(),
        Row::BadOverride,
    )
    .want("w-0", Cause::Evict)
    .says(&["xtrinode.io/guard-override", "RFC 3339", "to override"]);
    e5_bad_override_on_a_drained_worker = Case::allowed(
        with(|scene| {
            scene.drained("w-0");
            let text = Override::read("tomorrow;the node is on fire");
            scene.edit("w-0", |pod| pod.notes.break_glass = Some(text));
        }),
        ask(),
        Row::Drained,
    )
    .grant("w-0", GrantKey::Pod, true);
    /// Nobody passes because of who he is.
    e6_our_own_eviction = Case::waits(busy(), by(Caller::Guard, evict("w-0")), Row::Busy)
        .says(&["14 tasks"]);
    /// A grant justifies nothing.
    e7_granted_and_busy = Case::waits(
        {
            let mut scene = busy();
            scene.granted("w-0", GrantKey::Pod);
            scene
        },
        ask(),
        Row::Busy,
    )
    .want("w-0", Cause::Evict)
    .says(&["14 tasks"]);
    /// The container that the grant was given for may have been followed by one that the cache does not know.
    e4_granted_and_dead = Case::allowed(
        with(|scene| {
            scene.crash("w-0");
            scene.granted("w-0", GrantKey::Pod);
        }),
        ask(),
        Row::Dead,
    )
    .grant("w-0", GrantKey::Pod, true);
    /// The garbage collector's deletes name a version: what is written anew each time would refuse each of them.
    e4_granted_dead_and_collected = Case::allowed(
        with(|scene| {
            scene.crash("w-0");
            scene.granted("w-0", GrantKey::Pod);
        }),
        by(Caller::GarbageCollector, delete("w-0")),
        Row::Dead,
    );
    /// Asked again at once, nothing is written twice.
    e7_granted_and_drained = Case::allowed(
        with(|scene| {
            scene.drained("w-0");
            scene.granted("w-0", GrantKey::Pod);
        }),
        ask(),
        Row::Drained,
    );
    e8_drained = Case::allowed(with(|scene| scene.drained("w-0")), ask(), Row::Drained)
        .grant("w-0", GrantKey::Pod, true);
    e8_drained_and_not_looked_at = Case::looks(
        with(|scene| {
            scene.drained("w-0");
            scene.pass(3);
        }),
        ask(),
        Row::Unproven,
        &["w-0"],
    )
    .want("w-0", Cause::Evict)
    .says(&["drained"]);
    e8_leaked_tasks = Case::allowed(
        with(|scene| {
            scene.calm(1);
            scene.recorded("w-0", 0);
            for _ in 0..601 {
                scene.pass(1);
                scene.says("w-0", Draining);
                scene.cycle(&[]);
            }
        }),
        ask(),
        Row::Leaked,
    )
    .grant("w-0", GrantKey::Pod, true)
    .warns("belong to no query");
    e9_relaxed = Case::allowed(relaxed(true), ask(), Row::Relaxed)
        .grant("w-0", GrantKey::Pod, true)
        .warns("preStop");
    e9_relaxed_unsafe = Case::allowed(relaxed(false), ask(), Row::RelaxedUnsafe)
        .grant("w-0", GrantKey::Pod, true)
        .warns("a query may fail");
    e9_never_refused = Case::waits(
        {
            let mut scene = relaxed(true);
            scene.edit("w-0", |pod| pod.notes.blocked_since = None);
            scene
        },
        ask(),
        Row::Idle,
    )
    .want("w-0", Cause::Evict)
    .says(&["may not drain it and waits until it is idle"]);
    e10_not_drained = Case::waits(with(|scene| scene.calm(20)), ask(), Row::Idle)
        .want("w-0", Cause::Evict)
        .says(&["holds nothing", "Eviction triggered evacuation", "let go in 1h"]);
    e10_draining = Case::waits(
        with(|scene| {
            scene.recorded("w-0", 0);
            scene.keeps_saying("w-0", Draining, 40);
            scene.refused("w-0", 41);
        }),
        ask(),
        Row::Draining,
    )
    .want("w-0", Cause::Evict)
    .says(&[
        "is draining",
        "Eviction triggered evacuation: draining for 40s",
        "refused for 41s",
        "let go in 59m19s at the latest",
    ]);
    e10_drain_unproven = Case::waits(with(|scene| scene.drain("w-0")), ask(), Row::Unproven)
        .want("w-0", Cause::Evict)
        .says(&["coordinator is still to confirm"]);
    e10_returning = Case::waits(
        with(|scene| {
            scene.drained("w-0");
            let now = scene.now;
            scene.edit("w-0", |pod| pod.notes.returning = Some(now));
        }),
        ask(),
        Row::Returning,
    )
    .want("w-0", Cause::Evict)
    .says(&["going back to work"]);
    e11_active_output_buffers = Case::waits(
        {
            let mut scene = busy();
            scene.recorded("w-0", 0);
            scene.refused("w-0", 0);
            scene.says("w-0", Draining);
            scene.pass(40);
            scene
        },
        ask(),
        Row::Busy,
    )
    .want("w-0", Cause::Evict)
    .says(&[
        "worker trino/w-0 holds output buffers of 14 tasks (34.0 MiB) for 2 queries (as of 40s ago)",
        "Eviction triggered evacuation: draining for 40s",
        "refused for 40s; let go in 59m20s at the latest",
        "kubectl annotate -n trino pod w-0 'xtrinode.io/guard-override=<RFC 3339 end>;<reason>'",
    ]);
    e12_max_block_reached = Case::allowed(
        {
            let mut scene = busy();
            scene.recorded("w-0", 1800);
            scene.refused("w-0", 1800);
            scene
        },
        ask(),
        Row::MaxBlock,
    )
    .grant("w-0", GrantKey::Pod, true)
    .tells("w-0")
    .warns("output buffers of 14 tasks (34.0 MiB) for 2 queries will be lost");
    /// The operator neither starts nor profits from bounds.
    e12_the_operator_waits = Case::waits(
        {
            let mut scene = busy();
            scene.recorded("w-0", 7200);
            scene.refused("w-0", 7200);
            scene
        },
        by(Caller::Operator, evict("w-0")),
        Row::Busy,
    )
    .wanting("w-0", Cause::Evict, None, false)
    .says(&["refused for 2h", "no bound holds for this caller"]);
    e13_state_unknown = Case::waits(with(|_| {}), ask(), Row::Unknown)
        .want("w-0", Cause::Evict)
        .says(&["nothing is known", "a drain is requested", "let go in 1h"]);
    e14_unknown_max_reached = Case::allowed(
        with(|scene| {
            scene.unready("w-0");
            scene.keeps_failing("w-0", &Said::Silent, 600);
        }),
        ask(),
        Row::UnknownMax,
    )
    .grant("w-0", GrantKey::Pod, false)
    .tells("w-0")
    .warns("what it holds is not known");
    e14_unproven_for_as_long_as_may_be = Case::allowed(
        with(|scene| {
            scene.drain("w-0");
            let drained = crate::trino::words::NodeState::Drained;
            scene.keeps_saying("w-0", drained, 600);
        }),
        ask(),
        Row::UnknownMax,
    )
    .grant("w-0", GrantKey::Pod, true)
    .tells("w-0")
    .warns("could not confirm");
    e15_starting_without_a_port = Case::allowed(
        with(starts_without_a_port),
        ask(),
        Row::Starting,
    )
    .grant("w-0", GrantKey::Pod, true);
    /// It may have gone on since.
    e15_starting_and_not_looked_at = Case::looks(
        with(|scene| {
            starts_without_a_port(scene);
            scene.pass(3);
        }),
        ask(),
        Row::Starting,
        &["w-0"],
    )
    .want("w-0", Cause::Evict)
    .says(&["starting"]);
    /// It may serve, and be given work, before it hears that it is to end.
    e15_says_that_it_starts = Case::waits(
        with(|scene| {
            scene.restart("w-0");
            says_that_it_starts(scene);
        }),
        ask(),
        Row::Starting,
    )
    .says(&["starting"])
    .want("w-0", Cause::Evict);
    e15_starting_for_as_long_as_may_be = Case::allowed(
        with(|scene| {
            scene.restart("w-0");
            scene.pass(600);
            says_that_it_starts(scene);
        }),
        ask(),
        Row::Starting,
    )
    .grant("w-0", GrantKey::Pod, true);
    e15_starting_for_nearly_as_long = Case::waits(
        with(|scene| {
            scene.restart("w-0");
            scene.pass(599);
            says_that_it_starts(scene);
        }),
        ask(),
        Row::Starting,
    )
    .want("w-0", Cause::Evict)
    .says(&["starting"]);
    /// The same verdict with the same effects, of each case here: what is asked decides, and not who only tries. Where a
    /// dry-run's effects are left out is `guard::webhook`; its tests of the same number show that.
    e16_dry_run = Case::waits(busy(), Ask { dry_run: true, ..ask() }, Row::Busy)
        .want("w-0", Cause::Evict)
        .says(&["14 tasks"]);
    e16_dry_run_of_an_allow = Case::allowed(
        with(|scene| scene.drained("w-0")),
        Ask { dry_run: true, ..ask() },
        Row::Drained,
    )
    .grant("w-0", GrantKey::Pod, true);
}
