//! Rows W and N: deletions of workloads and namespaces.

use super::eviction::busy;
use super::{Case, table};
use crate::core::guard::ask::{Ask, Request};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::GrantKey;
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::by_person;

fn deletion(name: &str, orphan: bool) -> Ask {
    by_person(Request::DeleteWorkload {
        kind: Kind::Deployment,
        workload: Name::new(SPACE, name),
        orphan,
    })
}

fn namespace() -> Ask {
    let name = SPACE.to_owned();
    by_person(Request::DeleteNamespace { name })
}

/// Everything in the namespace may go.
fn free() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.crash("w-1");
    scene.drained("w-0");
    scene.list(0);
    scene.pass(5);
    scene.list(0);
    scene.says("w-0", crate::trino::words::NodeState::Drained);
    scene
}

fn put(scene: &mut Scene, change: impl FnOnce(&mut Namespace)) {
    let mut namespace = Namespace {
        mode: Some(Mode::Enforce),
        ..Namespace::default()
    };
    change(&mut namespace);
    scene.world.put_namespace(SPACE.to_owned(), namespace);
}

table! {
    /// Never refused, or `helm uninstall` would end half-way.
    w1_pods_held = Case::allowed(busy(), deletion("w", false), Row::WorkloadDeleted)
        .warns("2 of its pods have or may have work");
    w1_coordinator_held = Case::allowed(
        {
            let mut scene = busy();
            scene.list(3);
            scene
        },
        deletion("c", false),
        Row::WorkloadDeleted,
    )
    .warns("1 of its pods");
    w1_nothing_held = Case::allowed(free(), deletion("w", false), Row::WorkloadDeleted);
    w1_not_guarded = Case::allowed(busy(), deletion("elsewhere", false), Row::WorkloadNotGuarded);
    w2_orphaned = Case::allowed(busy(), deletion("w", true), Row::Orphaned);
    /// Nobody is asked again for what goes with it.
    n1_namespace_safe = Case::allowed(free(), namespace(), Row::NamespaceSafe)
        .grant("c-0", GrantKey::Pod, true)
        .grant("w-0", GrantKey::Pod, true)
        .grant("w-1", GrantKey::Pod, true);
    n1_not_opted_in = Case::allowed(
        {
            let mut scene = busy();
            put(&mut scene, |namespace| namespace.mode = None);
            scene
        },
        namespace(),
        Row::NamespaceSafe,
    );
    n1_break_glass_warns = Case::allowed(
        {
            let mut scene = free();
            let glass = scene.glass(600);
            scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
            scene
        },
        namespace(),
        Row::NamespaceSafe,
    )
    .grant("c-0", GrantKey::Pod, true)
    .grant("w-0", GrantKey::Pod, false)
    .grant("w-1", GrantKey::Pod, true)
    .tells_as("w-0", Row::BreakGlass)
    .warns("the node is on fire");
    n1_going_already = Case::allowed(
        {
            let mut scene = busy();
            put(&mut scene, |namespace| namespace.terminating = true);
            scene
        },
        namespace(),
        Row::NamespaceTerminating,
    );
    n2_namespace_busy = Case::forbidden(busy(), namespace(), Row::NamespaceBusy)
        .says(&["3 Trino pods", "delete the workloads first", "xtrinode.io/guard-override"]);
    /// DRAINED when last looked at is not DRAINED now.
    n2_drained_and_not_looked_at = Case::looks(
        {
            let mut scene = free();
            scene.pass(3);
            scene.list(0);
            scene
        },
        namespace(),
        Row::NamespaceBusy,
        &["w-0"],
    )
    .says(&["1 Trino pods"]);
}
