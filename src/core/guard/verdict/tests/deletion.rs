//! Rows D: deletions of pods.

use super::eviction::busy;
use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Request};
use crate::core::guard::evidence::Said;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::review::{Identities, Path, read};
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

/// What the API server sends for one pod of a collection: the request has no name.
fn of_a_collection(pod: &str) -> Ask {
    let body = serde_json::json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "u", "operation": "DELETE", "resource": {"resource": "pods"}, "namespace": SPACE,
        "userInfo": {"username": crate::core::guard::staging::USER},
        "oldObject": {"metadata": {"name": pod, "namespace": SPACE, "uid": format!("uid-{pod}")}}}});
    let review = read(
        Path::PodDelete,
        body.to_string().as_bytes(),
        &Identities::default(),
    );
    review.expect("a review").ask.expect("a question")
}

/// `w-0` is at risk, `w-1` was drained.
fn one_of_two() -> Scene {
    let mut scene = busy();
    scene.drain("w-1");
    scene.cycle(&[("w-0", 14)]);
    scene.announced("w-1");
    scene
}

/// `w-0` is at risk, and its removal was first refused so many seconds ago, right before its drain began.
fn long_refused(seconds: u64) -> Scene {
    let mut scene = busy();
    scene.recorded("w-0", seconds);
    scene.refused("w-0", seconds);
    scene
}

/// The node of `w-0` has been away for so many seconds.
fn cut_off(mut scene: Scene, seconds: u64) -> Scene {
    scene.unready("w-0");
    scene.keeps_failing("w-0", &Said::Silent, seconds);
    scene
}

fn by_taint() -> Ask {
    by(Caller::TaintController, delete("w-0"))
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
    .tells("w-0")
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
    .tells("w-0")
    .warns("refused for as long as may be");
    /// The taint-eviction controller asks minutes after a node was lost. That alone frees nobody: the worker may run on and
    /// be connected to its coordinator.
    d5_unreachable_node = Case::waits(cut_off(Scene::deployment(2), 599), by_taint(), Row::Unknown)
        .want("w-0", Cause::Taint)
        .says(&["nothing is known"]);
    d5_unreachable_node_for_as_long_as_may_be =
        Case::allowed(cut_off(Scene::deployment(2), 600), by_taint(), Row::UnknownMax)
            .grant("w-0", GrantKey::Pod, false)
            .tells("w-0")
            .warns("what it holds is not known");
    /// Its coordinator still reads tasks of it.
    d5_unreachable_node_with_tasks = Case::waits(
        {
            let mut scene = cut_off(busy(), 600);
            scene.cycle(&[("w-0", 14)]);
            scene
        },
        by_taint(),
        Row::Busy,
    )
    .want("w-0", Cause::Taint)
    .says(&["14 tasks"]);
    /// cluster-autoscaler that forces is refused like anybody, and whoever drains the worker hears of it.
    d6_autoscaler_by_force = refused(Caller::Other, Cause::Delete);
    d6_autoscaler_by_force_before_its_bound =
        Case::waits(long_refused(1799), ask(), Row::Busy)
            .want("w-0", Cause::Delete)
            .says(&["14 tasks"]);
    d6_autoscaler_by_force_at_its_bound = Case::allowed(long_refused(1800), ask(), Row::MaxBlock)
        .grant("w-0", GrantKey::Pod, true)
        .tells("w-0")
        .warns("14 tasks (34.0 MiB) for 2 queries will be lost");
    /// Karpenter cuts the grace period to what is left of the node's own, down to a second: to a busy worker that is force.
    d6_karpenter_by_force = Case::forbidden(busy(), forced(1), Row::Force)
        .want("w-0", Cause::Delete)
        .says(&["14 tasks", "grace period below its own 5m"]);
    d6_karpenter_by_force_at_its_bound = Case::allowed(long_refused(1800), forced(1), Row::MaxBlock)
        .grant("w-0", GrantKey::Pod, true)
        .tells("w-0")
        .warns("will be lost");
    /// The name comes from the object; each pod is judged alone.
    d7_of_a_collection = Case::allowed(one_of_two(), of_a_collection("w-1"), Row::Drained)
        .grant("w-1", GrantKey::Pod, true);
    d7_of_a_collection_and_busy = Case::waits(one_of_two(), of_a_collection("w-0"), Row::Busy)
        .want("w-0", Cause::Delete)
        .says(&["trino/w-0", "14 tasks"]);
    d7_not_seen_yet = Case::waits(busy(), by_person(of("uid-of-a-later-pod", false, None)), Row::Unknown)
        .says(&["not known yet"]);
    d7_not_opted_in = Case::allowed(
        space(None, false),
        by_person(of("uid-of-a-later-pod", false, None)),
        Row::NotGuarded,
    );
}
