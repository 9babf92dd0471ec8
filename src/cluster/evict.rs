//! The guard's own evictions: for those whose callers never come back. Posts the request itself, since kube spells the
//! field of the delete options in a way that the server ignores. Decides nothing.

use std::time::Duration;

use kube::api::PostParams;
use kube::core::Request;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::core::guard::facts::pod::Pod;

use super::client::Kubernetes;
use super::failure::{Failure, Permission};
use super::resource::PODS;

/// How an eviction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// The pod is being deleted; in a dry run it would be.
    Done,
    /// A disruption budget, or a webhook, ours included, refuses it for now: its words.
    Refused(String),
    /// There is no such pod any more, or another one has its name.
    Gone,
    /// It is not known whether it is being deleted, or it can't be.
    Failed(Failure),
}

/// Evicts this pod and no other of its name. A dry run is said in both places that the server and webhooks look at. Where
/// another pod has its name, the server tries for about ten seconds before it says so: a shorter `limit` ends in
/// [`Evicted::Failed`], and nothing is evicted.
pub async fn evict(kubernetes: &Kubernetes, pod: &Pod, dry_run: bool, limit: Duration) -> Evicted {
    let namespace = Some(pod.name.namespace.as_str());
    let permission = Permission::new("create", PODS, namespace).on("eviction");
    let parameters = PostParams {
        dry_run,
        ..PostParams::default()
    };
    let body = eviction(pod, dry_run).to_string().into_bytes();
    let request = Request::new(PODS.path(namespace));
    let request = request.create_subresource("eviction", &pod.name.name, &parameters, body);
    match kubernetes
        .call::<IgnoredAny>(&permission, request, limit)
        .await
    {
        Ok(_) => Evicted::Done,
        Err(Failure::TooManyRequests(message)) => Evicted::Refused(message),
        Err(Failure::NotFound(_) | Failure::Conflict(_)) => Evicted::Gone,
        Err(failure) => Evicted::Failed(failure),
    }
}

fn eviction(pod: &Pod, dry_run: bool) -> Value {
    let mut options = json!({"preconditions": {"uid": pod.uid}});
    if dry_run {
        options["dryRun"] = json!(["All"]);
    }
    json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name.name, "namespace": pod.name.namespace},
        "deleteOptions": options,
    })
}

#[cfg(test)]
mod tests {
    use super::super::stub::{self, Answer};
    use super::*;

    async fn ended(answer: Answer, dry_run: bool) -> (Evicted, Vec<stub::Asked>) {
        let stub = stub::Stub::new(move |_| answer.clone());
        let pod = stub::pod("w-1", "7");
        let evicted = evict(&stub.kubernetes(), &pod, dry_run, stub::LIMIT).await;
        (evicted, stub.asked())
    }

    fn ok() -> Answer {
        Answer::json(json!({"kind": "Status", "status": "Success"}))
    }

    #[tokio::test]
    async fn it_names_the_pod_by_uid_in_words_that_the_server_reads() {
        let (evicted, asked) = ended(ok(), false).await;
        assert_eq!((evicted, asked.len()), (Evicted::Done, 1));
        assert_eq!(asked[0].method, "POST");
        assert_eq!(asked[0].path, "/api/v1/namespaces/trino/pods/w-1/eviction");
        let options = json!({"preconditions": {"uid": "uid-w-1"}});
        assert_eq!(asked[0].body["deleteOptions"], options);
        assert_eq!(
            asked[0].body["metadata"],
            json!({"name": "w-1", "namespace": "trino"})
        );
        assert_eq!(asked[0].query.get("dryRun"), None);
    }

    #[tokio::test]
    async fn a_dry_run_is_said_in_both_places() {
        let (evicted, asked) = ended(ok(), true).await;
        assert_eq!(evicted, Evicted::Done);
        assert_eq!(asked[0].body["deleteOptions"]["dryRun"], json!(["All"]));
        assert_eq!(
            asked[0].query.get("dryRun").map(String::as_str),
            Some("All")
        );
    }

    #[tokio::test]
    async fn answers_are_told_apart() {
        let by = async |code| ended(Answer::status(code, "words"), false).await;
        let (refused, asked) = by(429).await;
        assert_eq!(refused, Evicted::Refused("words".to_owned()));
        assert_eq!(
            asked.len(),
            1,
            "a refusal is an answer: it is not tried again"
        );
        assert_eq!(by(404).await.0, Evicted::Gone);
        assert_eq!(by(409).await.0, Evicted::Gone);
        assert!(
            matches!(by(403).await.0, Evicted::Failed(Failure::Forbidden { permission, .. })
            if permission.to_string() == "create pods/eviction in namespace trino")
        );
        assert!(matches!(
            by(500).await.0,
            Evicted::Failed(Failure::Refused { code: 500, .. })
        ));
    }
}
