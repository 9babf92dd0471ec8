//! Why the guard has nothing to say about something that a person expected it to guard. For `explain` only: no verdict
//! rests on it.

use crate::api::keys;

use super::class::View;
use super::facts::Name;

/// The reason, where there is one. `pod` is the pod that was asked about, if it was a pod.
#[must_use]
pub fn why(view: &View, namespace: &str, pod: Option<&Name>) -> Option<String> {
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
    let name = pod?;
    let Some(pod) = view.world.pod(name) else {
        return Some(format!(
            "no guarded pod {name} is known: one is labelled {}=worker or coordinator, or named under coordinators in the guard's values",
            keys::COMPONENT
        ));
    };
    (!view.is_cluster(&pod.cluster)).then(|| {
        format!(
            "release {} has no coordinator that the guard knows: give it and its workers the same {}, or name it under coordinators in the guard's values",
            pod.cluster,
            keys::INSTANCE
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::place::Namespace;
    use crate::core::guard::facts::workload::Kind;
    use crate::core::guard::plan::scene::{SPACE, Scene};

    fn about(scene: &Scene, namespace: &str, pod: &str) -> Option<String> {
        why(&scene.view(), namespace, Some(&Name::new(namespace, pod)))
    }

    #[test]
    fn whoever_is_guarded_needs_no_reason() {
        let scene = Scene::deployment(1);
        assert_eq!(about(&scene, SPACE, "w-0"), None);
        assert_eq!(why(&scene.view(), SPACE, None), None);
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
