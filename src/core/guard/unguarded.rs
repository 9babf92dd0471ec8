//! Why the guard has nothing to say about something that a person expected it to guard. For `explain` only: no verdict
//! rests on it.

use crate::api::keys;

use super::class::View;
use super::facts::Name;
use super::facts::pod::ClusterId;
use super::facts::workload::Kind;

/// What was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// A pod.
    Pod(&'a Name),
    /// A workload.
    Workload(Kind, &'a Name),
}

/// The reason, where there is one.
#[must_use]
pub fn why(view: &View, about: About) -> Option<String> {
    let (About::Pod(name) | About::Workload(_, name)) = about;
    let namespace = name.namespace.as_str();
    if view.mode(namespace).is_none() {
        return Some(format!(
            "namespace {namespace} did not opt in: kubectl label namespace {namespace} {}=enabled",
            keys::GUARD
        ));
    }
    let here = |name: &Name| name.namespace == namespace;
    if !view.world.pods().any(|pod| here(&pod.name)) {
        return Some(format!(
            "namespace {namespace} opted in, and no pod in it is labelled {}=worker or coordinator, or named under coordinators in the guard's values: there is nothing to guard",
            keys::COMPONENT
        ));
    }
    let Some(cluster) = cluster(view, about) else {
        let kind = match about {
            About::Pod(_) => "pod",
            About::Workload(kind, _) => kind.word(),
        };
        return Some(format!(
            "no guarded {kind} {name} is known: one is labelled {}=worker or coordinator, or named under coordinators in the guard's values",
            keys::COMPONENT
        ));
    };
    (!view.is_cluster(cluster)).then(|| {
        format!(
            "release {cluster} has no coordinator that the guard knows: give it and its workers the same {}, or name it under coordinators in the guard's values",
            keys::INSTANCE
        )
    })
}

fn cluster<'a>(view: &View<'a>, about: About) -> Option<&'a ClusterId> {
    match about {
        About::Pod(name) => Some(&view.world.pod(name)?.cluster),
        About::Workload(kind, name) => Some(&view.world.workload(kind, name)?.cluster),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::place::Namespace;
    use crate::core::guard::facts::workload::Kind;
    use crate::core::guard::plan::scene::{SPACE, Scene};

    fn about(scene: &Scene, namespace: &str, pod: &str) -> Option<String> {
        why(&scene.view(), About::Pod(&Name::new(namespace, pod)))
    }

    fn about_workload(scene: &Scene, name: &str) -> Option<String> {
        let name = Name::new(SPACE, name);
        why(&scene.view(), About::Workload(Kind::Deployment, &name))
    }

    #[test]
    fn whoever_is_guarded_needs_no_reason() {
        let scene = Scene::deployment(1);
        assert_eq!(about(&scene, SPACE, "w-0"), None);
        assert_eq!(about_workload(&scene, "w"), None);
    }

    #[test]
    fn each_missing_step_is_named() {
        let mut scene = Scene::deployment(1);
        let says = |scene: &Scene, namespace: &str, pod: &str, words: &str| {
            let told = about(scene, namespace, pod).unwrap_or_default();
            assert!(told.contains(words), "{told}");
        };
        says(
            &scene,
            "other",
            "x",
            "did not opt in: kubectl label namespace other xtrinode.io/guard=enabled",
        );
        says(&scene, SPACE, "x", "no guarded pod trino/x is known");
        let told = about_workload(&scene, "x").unwrap_or_default();
        let words = "no guarded deployment trino/x is known";
        assert!(told.to_lowercase().contains(words), "{told}");
        let mode = scene.view().mode(SPACE);
        let opted = Namespace {
            mode,
            ..Namespace::default()
        };
        scene.world.put_namespace("empty".to_owned(), opted);
        says(&scene, "empty", "x", "there is nothing to guard");
        scene.remove("c-0");
        scene
            .world
            .drop_workload(Kind::Deployment, &Name::new(SPACE, "c"));
        says(
            &scene,
            SPACE,
            "w-0",
            "has no coordinator that the guard knows",
        );
    }
}
