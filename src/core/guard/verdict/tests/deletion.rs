//! Rows D: deletions of pods.

use super::eviction::busy;
use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Request};
use crate::core::guard::evidence::Said;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, by_person, delete};

fn ask() -> Ask {
    by_person(delete("w-0"))
}

fn of(uid: &str, deleting: bool, grace: Option<u64>) -> Request {
    Request::Delete {
        pod: Name::new(SPACE, "w-0"),
        uid: uid.to_owned(),
        deleting,
        grace,
    }
}

fn forced(grace: u64) -> Ask {
    by_person(of("uid-w-0", false, Some(grace)))
}

fn refused(caller: Caller, cause: Cause) -> Case {
    Case::waits(busy(), by(caller, delete("w-0")), Row::Busy)
        .want("w-0", cause)
        .says(&["14 tasks", "let go in"])
}

fn drained() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.drained("w-0");
    scene
}

fn space(mode: Option<Mode>, terminating: bool) -> Scene {
    let mut scene = busy();
    let namespace = Namespace {
        mode,
        terminating,
        break_glass: None,
    };
    scene.world.put_namespace(SPACE.to_owned(), namespace);
    scene
}

table! {
    d1_deleting = Case::allowed(busy(), by_person(of("uid-w-0", true, Some(0))), Row::Deleting);
    d1_known_to_be_deleting = Case::allowed(
        {
            let mut scene = busy();
            let now = scene.now;
            scene.edit("w-0", |pod| pod.deleting = Some(now));
            scene
        },
        ask(),
        Row::Deleting,
    );
    d2_kubelet = Case::allowed(busy(), by(Caller::Kubelet, delete("w-0")), Row::Finisher);
    d2_pod_collector = Case::allowed(busy(), by(Caller::PodCollector, delete("w-0")), Row::Finisher);
    d2_namespace_controller =
        Case::allowed(busy(), by(Caller::NamespaceController, delete("w-0")), Row::Finisher);
    d2_namespace_terminating =
        Case::allowed(space(Some(Mode::Enforce), true), ask(), Row::NamespaceTerminating);
    d3_force_on_a_busy_worker = Case::forbidden(busy(), forced(0), Row::Force)
        .want("w-0", Cause::Delete)
        .says(&["14 tasks", "grace period below its own 5m", "to override"]);
    d3_shorter_than_its_own = Case::forbidden(busy(), forced(299), Row::Force)
        .want("w-0", Cause::Delete)
        .says(&["14 tasks"]);
    d3_its_own = Case::waits(busy(), forced(300), Row::Busy)
        .want("w-0", Cause::Delete)
        .says(&["14 tasks"]);
    d3_force_on_an_unknown_worker = Case::forbidden(Scene::deployment(2), forced(0), Row::Force)
        .want("w-0", Cause::Delete)
        .says(&["nothing is known"]);
    d3_force_on_a_drained_worker = Case::allowed(drained(), forced(0), Row::Drained)
        .grant("w-0", GrantKey::Pod, true);
    d3_force_under_break_glass = Case::allowed(
        {
            let mut scene = busy();
            let glass = scene.glass(600);
            scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
            scene
        },
        forced(0),
        Row::BreakGlass,
    )
    .grant("w-0", GrantKey::Pod, false)
    .warns("will be lost");
    d4_workload_controller = refused(Caller::WorkloadController, Cause::Controller);
    d4_garbage_collector = refused(Caller::GarbageCollector, Cause::Collector);
    d4_controller_manager = refused(Caller::ControllerManager, Cause::Controller);
    d5_taint_eviction = refused(Caller::TaintController, Cause::Taint);
    d5_preemption = Case::waits(busy(), by(Caller::Scheduler, delete("w-0")), Row::Busy)
        .want("w-0", Cause::Preemption)
        .says(&["14 tasks", "let go in 1h at the latest"]);
    /// Twice its own bound is not the pod's last one: enough others still have to serve.
    d5_preemption_of_the_last_that_serves = Case::waits(
        {
            let mut scene = busy();
            scene.keeps_failing("w-1", &Said::Silent, 30);
            scene.cycle(&[("w-0", 14)]);
            scene.refused("w-0", 600);
            scene
        },
        by(Caller::Scheduler, delete("w-0")),
        Row::Busy,
    )
    .want("w-0", Cause::Preemption)
    .says(&["14 tasks"]);
    d5_preemption_at_its_bound = Case::allowed(
        {
            let mut scene = busy();
            scene.refused("w-0", 120);
            scene
        },
        by(Caller::Scheduler, delete("w-0")),
        Row::MaxBlock,
    )
    .grant("w-0", GrantKey::Pod, true)
    .warns("refused for as long as may be");
    /// Karpenter after its own grace period, cluster-autoscaler when it forces: deletions like any other.
    d6_autoscaler_by_force = refused(Caller::Other, Cause::Delete);
    /// The name comes from the object; each pod is judged alone.
    d7_of_a_collection = Case::allowed(drained(), ask(), Row::Drained).grant("w-0", GrantKey::Pod, true);
    d7_not_seen_yet = Case::waits(busy(), by_person(of("uid-of-a-later-pod", false, None)), Row::Unknown)
        .says(&["not known yet"]);
    d7_not_opted_in = Case::allowed(
        space(None, false),
        by_person(of("uid-of-a-later-pod", false, None)),
        Row::NotGuarded,
    );
}
