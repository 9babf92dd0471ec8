//! What reaches the API server, how often, and what happens when it does not take it.

use serde_json::json;

use super::super::stub::{Answer, LIMIT, Stub, pod};
use super::*;

fn news(name: &str, reason: &'static str) -> News {
    News {
        about: About::pod(&pod(name, "1")),
        reason,
        action: "Drain",
        warning: false,
        note: "Began to drain".to_owned(),
    }
}

/// Hands news over, waits until so many requests were made, and stops the sender.
async fn told(stub: &Stub, all: Vec<News>, requests: usize) -> Herald {
    let (herald, sender) = Herald::new(&stub.kubernetes(), "guard-0".to_owned(), Clock::start());
    for news in all {
        herald.tell(news);
    }
    let stop = CancellationToken::new();
    let task = tokio::spawn(sender.run(stop.clone()));
    let wait = async {
        while stub.asked().len() < requests {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("requests");
    stop.cancel();
    task.await.expect("no panic");
    herald
}

fn taker() -> Stub {
    Stub::new(|asked| Answer::json(asked.body.clone()))
}

#[tokio::test]
async fn an_event_names_its_object_and_who_says_it() {
    let stub = taker();
    told(&stub, vec![news("a", "DrainStarted")], 1).await;
    let asked = &stub.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/apis/events.k8s.io/v1/namespaces/trino/events")
    );
    let body = &asked.body;
    assert_eq!(
        body["regarding"],
        json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "namespace": "trino", "uid": "uid-a"})
    );
    assert_eq!(
        (&body["reason"], &body["action"], &body["type"]),
        (&json!("DrainStarted"), &json!("Drain"), &json!("Normal"))
    );
    assert_eq!(
        (&body["reportingController"], &body["reportingInstance"]),
        (&json!("xtrinode-guard"), &json!("guard-0"))
    );
    assert_eq!(body["note"], "Began to drain");
}

#[tokio::test]
async fn the_same_news_is_told_once() {
    let stub = taker();
    let all = vec![
        news("a", "Blocked"),
        news("a", "Blocked"),
        news("a", "Drained"),
        news("b", "Blocked"),
        news("a", "Blocked"),
        news("c", "Last"),
    ];
    told(&stub, all, 4).await;
    let told: Vec<_> = stub
        .asked()
        .into_iter()
        .map(|asked| {
            format!(
                "{}/{}",
                asked.body["regarding"]["name"], asked.body["reason"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(told, ["a/Blocked", "a/Drained", "b/Blocked", "c/Last"]);
}

#[tokio::test]
async fn a_refusal_does_not_stop_the_next() {
    let stub = Stub::new(|_| Answer::status(403, "no"));
    told(&stub, vec![news("a", "Blocked"), news("b", "Blocked")], 2).await;
}

#[tokio::test]
async fn nobody_ever_waits_for_the_queue() {
    let (herald, _sender) =
        Herald::new(&taker().kubernetes(), "guard-0".to_owned(), Clock::start());
    for _ in 0..QUEUE + 7 {
        herald.tell(news("a", "Blocked"));
    }
    assert_eq!(herald.dropped(), 7);
}

#[test]
fn silence_ends_after_a_while() {
    let mut quiet = Quiet::default();
    let at = |seconds| Moment::new(Duration::from_secs(seconds));
    assert!(quiet.admits(&news("a", "Blocked"), at(0)));
    assert!(!quiet.admits(&news("a", "Blocked"), at(419)));
    assert!(quiet.admits(&news("a", "Blocked"), at(420)));
}

#[test]
fn what_was_told_long_ago_is_forgotten() {
    let mut quiet = Quiet::default();
    let at = |seconds| Moment::new(Duration::from_secs(seconds));
    for index in 0..QUEUE {
        assert!(quiet.admits(&news(&index.to_string(), "Blocked"), at(0)));
    }
    assert!(quiet.admits(&news("one more", "Blocked"), at(1000)));
    assert_eq!(quiet.told.len(), 1);
}

#[test]
fn a_long_note_is_cut_between_characters() {
    assert_eq!(shortened("short"), "short");
    let long = format!("{}é", "x".repeat(NOTE - 1));
    assert_eq!(shortened(&long).len(), NOTE - 1);
}

#[test]
fn a_namespaces_event_stands_in_it() {
    let reference = About::namespace("trino").reference();
    assert_eq!(
        (reference.name.as_deref(), reference.namespace.as_deref()),
        (Some("trino"), Some("trino"))
    );
    assert_eq!(reference.uid, None);
}
