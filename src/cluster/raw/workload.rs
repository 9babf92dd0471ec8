//! Deployments, ReplicaSets and StatefulSets, reduced to what decisions need. What they run is read from their pod
//! template, since that is what their pods will be labelled with.

use serde::Deserialize;

use crate::cluster::selection::Selection;
use crate::core::guard::facts::workload::{Kind, Workload};

use super::tuning::{Complaint, tuning};
use super::{Meta, Object, or_default};

/// A Deployment, ReplicaSet or StatefulSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawWorkload {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    replicas: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    template: Template,
    #[serde(deserialize_with = "or_default")]
    strategy: Strategy,
    #[serde(deserialize_with = "or_default")]
    ordinals: Ordinals,
    #[serde(deserialize_with = "or_default")]
    update_strategy: Update,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    #[serde(deserialize_with = "or_default")]
    metadata: Meta,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Strategy {
    r#type: Option<String>,
}

/// A StatefulSet's `spec.updateStrategy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Update {
    r#type: Option<String>,
    #[serde(deserialize_with = "or_default")]
    rolling_update: Rolling,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Rolling {
    #[serde(deserialize_with = "or_default")]
    partition: i64,
}

impl Update {
    fn rolls_from(&self) -> u32 {
        match self.r#type.as_deref() {
            Some("OnDelete") => u32::MAX,
            _ => count(self.rolling_update.partition),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Ordinals {
    #[serde(deserialize_with = "or_default")]
    start: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    update_revision: Option<String>,
}

impl Object for RawWorkload {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// A workload's facts, and what is wrong with its annotations; `None` where it runs nothing of Trino's.
#[must_use]
pub fn workload(
    kind: Kind,
    raw: &RawWorkload,
    selection: &Selection,
) -> Option<(Workload, Vec<Complaint>)> {
    let meta = &raw.metadata;
    let (role, cluster) =
        selection.identify(&meta.namespace, &raw.spec.template.metadata.labels)?;
    let (tuning, complaints) = tuning(meta);
    let workload = Workload {
        kind,
        name: meta.full_name(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        role,
        cluster,
        replicas: count(raw.spec.replicas.unwrap_or(1)),
        owner: meta.owner().map(|owner| owner.uid),
        created: meta.created(),
        deleting: meta.deleting().is_some() && !meta.is_orphaning(),
        recreate: raw.spec.strategy.r#type.as_deref() == Some("Recreate"),
        ordinal_start: count(raw.spec.ordinals.start),
        update_revision: raw.status.update_revision.clone(),
        rolls_from: raw.spec.update_strategy.rolls_from(),
        tuning,
    };
    Some((workload, complaints))
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::pod::Role;
    use serde_json::{Value, json};

    fn raw(value: Value) -> RawWorkload {
        serde_json::from_value(value).expect("a workload")
    }

    fn labelled(mut spec: Value) -> Value {
        spec["template"] = json!({"metadata": {"labels": {
            "app.kubernetes.io/component": "worker", "app.kubernetes.io/instance": "blue"}}});
        spec
    }

    fn read(kind: Kind, spec: Value) -> Workload {
        let raw = raw(
            json!({"metadata": {"name": "w", "namespace": "trino", "uid": "u"}, "spec": labelled(spec)}),
        );
        workload(kind, &raw, &Selection::default())
            .expect("Trino's")
            .0
    }

    #[test]
    fn a_recorded_deployment_is_read() {
        let text = include_str!("../../../tests/data/admission-1.36/deployment-delete.json");
        let raw: RawWorkload = super::super::reviewed(text);
        assert!(
            workload(Kind::Deployment, &raw, &Selection::default()).is_none(),
            "no label says Trino"
        );
        let entry = crate::cluster::selection::Entry {
            role: Role::Worker,
            release: "rec".to_owned(),
            namespace: None,
            selector: crate::cluster::selector::parse("app=w").expect("a selector"),
        };
        let selection = Selection {
            entries: vec![entry],
            ..Selection::default()
        };
        let (read, complaints) = workload(Kind::Deployment, &raw, &selection).expect("named");
        assert!(complaints.is_empty());
        assert_eq!(
            (read.name.to_string(), read.role),
            ("rec/w".to_owned(), Role::Worker)
        );
        assert_eq!(read.cluster.to_string(), "rec/rec");
        assert!(!read.uid.is_empty() && !read.resource_version.is_empty());
        assert!(read.created.as_millis() > 0 && !read.deleting && !read.recreate);
        assert_eq!(read.owner, None);
    }

    #[test]
    fn a_recorded_replica_set_names_its_deployment() {
        let text = include_str!(
            "../../../tests/data/admission-1.36/replicaset-update-by-deployment-controller.json"
        );
        let mut raw: RawWorkload = super::super::reviewed(text);
        let labels = &mut raw.spec.template.metadata.labels;
        labels.insert(
            "app.kubernetes.io/component".to_owned(),
            "worker".to_owned(),
        );
        let (read, _) = workload(Kind::ReplicaSet, &raw, &Selection::default()).expect("labelled");
        assert!(read.owner.is_some_and(|uid| !uid.is_empty()));
    }

    #[test]
    fn defaults_are_those_of_the_api() {
        let bare = read(Kind::Deployment, json!({}));
        assert_eq!(
            (bare.replicas, bare.recreate, bare.ordinal_start),
            (1, false, 0)
        );
        assert_eq!(read(Kind::Deployment, json!({"replicas": 0})).replicas, 0);
        assert_eq!(read(Kind::Deployment, json!({"replicas": -3})).replicas, 0);
        assert!(read(Kind::Deployment, json!({"strategy": {"type": "Recreate"}})).recreate);
        let set = read(
            Kind::StatefulSet,
            json!({"replicas": 5, "ordinals": {"start": 7}}),
        );
        assert_eq!((set.replicas, set.ordinal_start), (5, 7));
    }

    #[test]
    fn a_stateful_set_says_which_pods_it_replaces_itself() {
        let from = |update: Value| {
            let spec = json!({"updateStrategy": update});
            read(Kind::StatefulSet, spec).rolls_from
        };
        assert_eq!(from(json!({"type": "RollingUpdate"})), 0);
        assert_eq!(
            from(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})),
            2
        );
        assert_eq!(from(json!({"type": "OnDelete"})), u32::MAX);
        assert_eq!(read(Kind::StatefulSet, json!({})).rolls_from, 0);
    }

    #[test]
    fn what_leaves_its_pods_behind_does_not_take_them_with_it() {
        let of = |finalizers: Value| {
            let raw = raw(json!({
                "metadata": {"name": "w", "deletionTimestamp": "2026-11-23T00:00:00Z", "finalizers": finalizers},
                "spec": labelled(json!({}))}));
            workload(Kind::Deployment, &raw, &Selection::default())
                .expect("Trino's")
                .0
                .deleting
        };
        assert!(of(json!([])) && of(json!(["foregroundDeletion"])) && of(Value::Null));
        assert!(!of(json!(["orphan"])));
    }

    #[test]
    fn annotations_that_are_wrong_are_told() {
        let raw = raw(json!({
            "metadata": {"name": "w", "annotations": {"xtrinode.io/max-block": "long"}},
            "spec": labelled(json!({})), "status": {"updateRevision": "w-2"}}));
        let (read, complaints) =
            workload(Kind::StatefulSet, &raw, &Selection::default()).expect("Trino's");
        assert_eq!((read.tuning.max_block, complaints.len()), (None, 1));
        assert_eq!(read.update_revision.as_deref(), Some("w-2"));
    }
}
