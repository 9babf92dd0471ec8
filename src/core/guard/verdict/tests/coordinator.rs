//! Rows K: whatever takes a coordinator away.

use std::time::Duration;

use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Request};
use crate::core::guard::evidence::Said;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Role;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::{Cause, GrantKey, Override};
use crate::core::guard::plan::scene::{SPACE, Scene, cluster};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, by_person, delete, evict, scale_of};
use crate::trino::words::NodeState::Active;

fn ask() -> Ask {
    by_person(evict("c-0"))
}

fn template() -> Ask {
    template_of("c", true)
}

fn template_of(name: &str, surge: bool) -> Ask {
    by_person(Request::Template {
        kind: Kind::Deployment,
        workload: Name::new(SPACE, name),
        surge,
    })
}

fn down() -> Ask {
    by_person(scale_of(Kind::Deployment, "c", 1, 0))
}

/// Three unfinished queries, as listed now.
fn busy() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.list(3);
    scene
}

/// None, in two lists.
fn idle() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.list(0);
    scene.pass(5);
    scene.list(0);
    scene
}

fn with(mut scene: Scene, change: impl FnOnce(&mut Scene)) -> Scene {
    change(&mut scene);
    scene
}

fn under_glass(scene: &mut Scene) {
    let glass = scene.glass(600);
    scene.edit("c-0", |pod| pod.notes.break_glass = Some(glass));
}

/// A younger coordinator beside it.
fn second(scene: &mut Scene, ready: bool) {
    let mut pod = scene.pod_of(Kind::Deployment, "c", "c-1");
    pod.role = Role::Coordinator;
    let now = Some(scene.now);
    pod.created = scene.now;
    pod.container.as_mut().expect("a container").started = now;
    (pod.ready, pod.ready_changed) = (ready, now);
    scene.world.put_pod(pod);
}

table! {
    k1_break_glass = Case::allowed(with(busy(), under_glass), ask(), Row::CoordinatorBreakGlass)
        .grant("c-0", GrantKey::Pod, false)
        .tells("c-0")
        .warns("the node is on fire, 3 queries will fail");
    k1_bad_override = Case::waits(
        with(busy(), |scene| {
            let text = Override::read("nonsense");
            scene.edit("c-0", |pod| pod.notes.break_glass = Some(text));
        }),
        ask(),
        Row::BadOverride,
    )
    .want("c-0", Cause::Evict)
    .says(&["does not count"]);
    k1_bad_override_on_an_idle_coordinator = Case::allowed(
        with(idle(), |scene| {
            let text = Override::read("nonsense");
            scene.edit("c-0", |pod| pod.notes.break_glass = Some(text));
        }),
        ask(),
        Row::CoordinatorIdle,
    )
    .grant("c-0", GrantKey::Pod, true);
    k1_scale_under_break_glass =
        Case::allowed(with(busy(), under_glass), down(), Row::CoordinatorBreakGlass)
            .warns("the node is on fire, 3 queries will fail");
    k2_not_running = Case::allowed(with(busy(), |scene| scene.crash("c-0")), ask(), Row::CoordinatorDead)
        .grant("c-0", GrantKey::Pod, true);
    k2_refusing_and_not_ready = Case::allowed(
        with(busy(), |scene| {
            scene.unready("c-0");
            scene.keeps_failing("c-0", &Said::Refused, 60);
        }),
        ask(),
        Row::CoordinatorDead,
    )
    .grant("c-0", GrantKey::Pod, true);
    k2_refused_once_a_minute_ago = Case::waits(
        with(busy(), |scene| {
            scene.unready("c-0");
            scene.look("c-0", Said::Refused);
            scene.pass(60);
        }),
        ask(),
        Row::CoordinatorUnknown,
    )
    .want("c-0", Cause::Evict)
    .says(&["1m old"]);
    k2_deleted_already = Case::allowed(
        with(busy(), |scene| {
            let now = scene.now;
            scene.edit("c-0", |pod| pod.deleting = Some(now));
        }),
        ask(),
        Row::Deleting,
    );
    k2_template_without_a_pod = Case::allowed(
        with(busy(), |scene| scene.remove("c-0")),
        template(),
        Row::CoordinatorDead,
    );
    k3_unfinished_queries = Case::waits(
        with(busy(), |scene| {
            scene.refused("c-0", 300);
            scene.pass(5);
        }),
        ask(),
        Row::CoordinatorBusy,
    )
    .want("c-0", Cause::Evict)
    .says(&[
        "coordinator trino/c-0 has 3 unfinished queries (as of 5s ago)",
        "refused for 5m5s",
        "let go in 24m55s at the latest",
        "kubectl annotate -n trino pod c-0",
    ]);
    /// An old list still counts while the kubelet calls it Ready.
    k3_an_old_list = Case::waits(with(busy(), |scene| scene.pass(3600)), ask(), Row::CoordinatorBusy)
        .want("c-0", Cause::Evict)
        .says(&["as of 1h ago"]);
    k3_deletion = Case::waits(busy(), by(Caller::GarbageCollector, delete("c-0")), Row::CoordinatorBusy)
        .want("c-0", Cause::Collector)
        .says(&["3 unfinished queries"]);
    k3_scale = Case::waits(busy(), down(), Row::CoordinatorBusy)
        .want("c-0", Cause::Scale)
        .says(&["3 unfinished queries"]);
    /// K1 to K5 judge it, rollout or not.
    k3_scale_in_a_rollout = Case::waits(
        with(busy(), |scene| {
            for name in ["c-1", "c-2"] {
                scene.put(crate::core::guard::facts::workload::Workload {
                    owner: Some("uid-c".to_owned()),
                    role: Role::Coordinator,
                    ..crate::core::guard::plan::scene::workload(Kind::ReplicaSet, name, 1)
                });
            }
        }),
        down(),
        Row::CoordinatorBusy,
    )
    .want("c-0", Cause::Scale)
    .says(&["3 unfinished queries"]);
    k3_template = Case::waits(busy(), template(), Row::CoordinatorBusy)
        .want("c-0", Cause::Delete)
        .says(&["3 unfinished queries"]);
    k3_template_that_recreates = Case::allowed(busy(), template_of("c", false), Row::WorkloadNotGuarded);
    k3_template_that_no_longer_recreates = Case::waits(
        with(busy(), |scene| scene.tune(Kind::Deployment, "c", |workload| workload.recreate = true)),
        template(),
        Row::CoordinatorBusy,
    )
    .want("c-0", Cause::Delete)
    .says(&["3 unfinished queries"]);
    k3_template_of_workers = Case::allowed(
        busy(),
        template_of("w", true),
        Row::WorkloadNotGuarded,
    );
    k3_max_block_reached = Case::allowed(
        with(busy(), |scene| scene.refused("c-0", 1800)),
        ask(),
        Row::CoordinatorMaxBlock,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("3 queries will fail");
    k3_scale_at_the_bound = Case::allowed(
        with(busy(), |scene| scene.refused("c-0", 1800)),
        down(),
        Row::CoordinatorMaxBlock,
    )
    .warns("3 queries will fail");
    k3_its_own_max_block = Case::waits(
        with(busy(), |scene| {
            scene.refused("c-0", 1800);
            scene.tune(Kind::Deployment, "c", |workload| {
                workload.tuning.max_block = Some(Duration::from_secs(3600));
            });
        }),
        ask(),
        Row::CoordinatorBusy,
    )
    .want("c-0", Cause::Evict)
    .says(&["let go in 30m at the latest"]);
    k3_the_operator_waits = Case::waits(
        with(busy(), |scene| scene.refused("c-0", 7200)),
        by(Caller::Operator, scale_of(Kind::Deployment, "c", 1, 0)),
        Row::CoordinatorBusy,
    )
    .wanting("c-0", Cause::Scale, None, false)
    .says(&["no bound holds for this caller"]);
    k3_preemption = Case::allowed(
        with(busy(), |scene| scene.refused("c-0", 120)),
        by(Caller::Scheduler, delete("c-0")),
        Row::CoordinatorMaxBlock,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("3 queries will fail");
    k4_none_in_two_lists = Case::allowed(idle(), ask(), Row::CoordinatorIdle)
        .grant("c-0", GrantKey::Pod, true);
    /// The old coordinator goes as replaced afterwards, and nobody is told any more.
    k3_template_at_the_bound = Case::allowed(
        with(busy(), |scene| scene.refused("c-0", 1800)),
        template(),
        Row::CoordinatorMaxBlock,
    )
    .tells("c-0")
    .warns("3 queries will fail");
    k4_template = Case::allowed(idle(), template(), Row::CoordinatorIdle);
    k4_scale = Case::allowed(idle(), down(), Row::CoordinatorIdle);
    k4_nothing_goes = Case::allowed(
        busy(),
        by_person(scale_of(Kind::Deployment, "c", 2, 1)),
        Row::ScaleSafe,
    );
    k4_looking_again = Case::waits(
        with(Scene::deployment(2), |scene| scene.list(0)),
        ask(),
        Row::CoordinatorIdleOnce,
    )
    .want("c-0", Cause::Evict)
    .says(&["looked at once more"]);
    k4_looking_again_at_the_bound = Case::allowed(
        with(Scene::deployment(2), |scene| {
            scene.list(0);
            scene.refused("c-0", 1800);
        }),
        ask(),
        Row::CoordinatorMaxBlock,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("seen once only");
    k4_lists_of_the_container_before = Case::waits(
        with(idle(), |scene| {
            scene.restart("c-0");
            scene.pass(6);
            scene.list(0);
        }),
        ask(),
        Row::CoordinatorIdleOnce,
    )
    .want("c-0", Cause::Evict)
    .says(&["looked at once more"]);
    k4_short_lists_apart = Case::allowed(
        with(idle(), |scene| {
            scene.restart("c-0");
            for _ in 0..12 {
                scene.pass(1);
                scene.list(0);
            }
        }),
        ask(),
        Row::CoordinatorIdle,
    )
    .grant("c-0", GrantKey::Pod, true);
    k5_never_read = Case::waits(Scene::deployment(2), ask(), Row::CoordinatorUnknown)
        .want("c-0", Cause::Evict)
        .says(&["never read", "let go in 30m at the latest", "to override"]);
    k5_an_old_empty_list = Case::waits(with(idle(), |scene| scene.pass(11)), ask(), Row::CoordinatorUnknown)
        .want("c-0", Cause::Evict)
        .says(&["11s old"]);
    /// An old list counts only while the kubelet calls it Ready: from then on it is unknown, and unknownMax runs.
    k5_an_old_list_and_not_ready = Case::allowed(
        with(busy(), |scene| {
            scene.unready("c-0");
            scene.keeps_failing("c-0", &Said::Silent, 600);
        }),
        ask(),
        Row::CoordinatorUnknownMax,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("10m old");
    k5_its_own_unknown_max = Case::allowed(
        with(Scene::deployment(2), |scene| {
            scene.unready("c-0");
            scene.tune(Kind::Deployment, "c", |workload| {
                workload.tuning.unknown_max = Some(Duration::from_secs(60));
            });
            scene.keeps_failing("c-0", &Said::Silent, 60);
        }),
        ask(),
        Row::CoordinatorUnknownMax,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("never read");
    k5_ready_and_unreachable = Case::waits(
        with(Scene::deployment(2), |scene| scene.keeps_failing("c-0", &Said::Silent, 700)),
        ask(),
        Row::CoordinatorUnknown,
    )
    .want("c-0", Cause::Evict)
    .says(&["never read"]);
    k5_unknown_at_max_block = Case::allowed(
        with(Scene::deployment(2), |scene| {
            scene.says("c-0", Active);
            scene.refused("c-0", 1800);
        }),
        ask(),
        Row::CoordinatorUnknownMax,
    )
    .grant("c-0", GrantKey::Pod, false)
    .tells("c-0")
    .warns("never read");
    /// Of two coordinators one is read: what it lists says nothing about the other's queries.
    k5_the_list_of_another = Case::waits(
        with(idle(), |scene| {
            second(scene, true);
            scene.pass(1);
            let now = scene.now;
            scene.edit("c-0", |pod| pod.ready_changed = Some(now));
        }),
        ask(),
        Row::CoordinatorUnknown,
    )
    .want("c-0", Cause::Evict)
    .says(&["coordinator trino/c-0"]);
    /// Behind a configured address either may have answered.
    k5_the_list_of_one_of_two = Case::waits(
        with(idle(), |scene| {
            second(scene, false);
            scene.world.put_external_coordinator(cluster());
        }),
        ask(),
        Row::CoordinatorUnknown,
    )
    .want("c-0", Cause::Evict)
    .says(&["coordinator trino/c-0"]);
    k6_replaced = Case::allowed(with(busy(), |scene| second(scene, true)), ask(), Row::CoordinatorReplaced)
        .warns("a younger one is Ready");
    k6_the_younger_one = Case::waits(
        with(busy(), |scene| second(scene, true)),
        by_person(evict("c-1")),
        Row::CoordinatorUnknown,
    )
    .want("c-1", Cause::Evict)
    .says(&["coordinator trino/c-1"]);
    /// Its predecessor was made by a clock that has gone back since.
    k6_the_younger_one_by_an_earlier_stamp = Case::waits(
        with(busy(), |scene| {
            second(scene, true);
            let ahead = scene.now + Duration::from_secs(900);
            scene.edit("c-0", |pod| pod.created = ahead);
        }),
        by_person(evict("c-1")),
        Row::CoordinatorUnknown,
    )
    .want("c-1", Cause::Evict)
    .says(&["coordinator trino/c-1"]);
    k6_the_younger_one_is_not_ready =
        Case::waits(with(busy(), |scene| second(scene, false)), ask(), Row::CoordinatorBusy)
            .want("c-0", Cause::Evict)
            .says(&["3 unfinished queries"]);
}
