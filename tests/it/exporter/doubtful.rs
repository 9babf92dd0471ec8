//! Answers that are whole and well-sent and still can't be believed: documents, lists and coordinators that contradict
//! themselves or each other.

use xtrinode::core::buffers::wire::WireSnapshot;

use super::harness::{c, detail, reason};
use super::reply::{Body, Reply};
use super::scene::{
    DETAIL, LIST, QUERY, Row, Scene, capture, complete, coordinator, each, held, held_by, info,
    json, list, running, watch_fast,
};

// === Documents ===

fn nested(depth: usize) -> String {
    let open = r#"{"subStages":["#.repeat(depth);
    format!(r#"{{"outputStage":{open}{}}}"#, "]}".repeat(depth))
}

fn doubtful_documents() -> Vec<Row> {
    let stage = r#""outputStage":{"tasks":[]}"#;
    let claims = held(QUERY).replace(r#""totalTasks":2"#, r#""totalTasks":3"#);
    let nobody = held(QUERY).replace(r#""queryId":"#, r#""id":"#);
    vec![
        (json(&nested(600)), "too_deep"),
        (
            json(&format!(r#"{{"queryId":"{}"}}"#, "a".repeat(1 << 20))),
            "string_too_long",
        ),
        (json(r#"{"queryId":5}"#), "wrong_type"),
        (json(r#"{"queryStats":{"totalTasks":"2"}}"#), "wrong_type"),
        (json(r#"{"outputStage":{"tasks":{}}}"#), "wrong_type"),
        (json(r#"{"queryStats":{"totalTasks":-1}}"#), "bad_number"),
        (json(&format!("{{{stage},{stage}}}")), "duplicate_key"),
        (json(r#"{"queryId" "q"}"#), "syntax"),
        (json(&format!("{}x", held(QUERY))), "trailing_data"),
        (json(&capture("trino-476/running-pruned.json")), "pruned"),
        (json(&claims), "task_count"),
        (json(&capture("trino-476/flushing.json")), "other_query"),
        (json(&nobody), "other_query"),
        (json("{}"), "other_query"),
        (json(&format!(r#"{{"queryId":"{QUERY}"}}"#)), "no_state"),
        (
            json(&format!(r#"{{"queryId":"{QUERY}","state":"RUNNING"}}"#)),
            "task_count",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_proves_nothing_keeps_the_last_facts() {
    each(DETAIL, "", doubtful_documents()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_reading_gives_the_same_words() {
    each(DETAIL, "strict: true", doubtful_documents()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strange_list_keeps_the_last_facts() {
    let rows = || -> Vec<Row> {
        vec![
            (json("{}"), "wrong_type"),
            (json(r#"{"error":"no"}"#), "wrong_type"),
            (json(r#"[{"state":"RUNNING"}]"#), "missing_key"),
            (
                json(r#"[{"queryId":null,"state":"RUNNING"}]"#),
                "missing_key",
            ),
            (json(r#"[{"queryId":7,"state":"RUNNING"}]"#), "wrong_type"),
            (json("[5]"), "wrong_type"),
            (json("["), "truncated"),
            (json("null"), "not_json"),
        ]
    };
    tokio::join!(each(LIST, "", rows()), each(LIST, "strict: true", rows()));
}

/// A document may say anything: no label breaks out of its line, no sum overflows.
#[tokio::test]
async fn wild_values_are_published_as_what_they_are() {
    let name = r#"w\"} 1\ntrino_worker_output_buffered_bytes{pod=\"x"#;
    let wild = held(QUERY)
        .replace("worker-0", name)
        .replace("34010033", "18446744073709551615")
        .replace("34001807", "18446744073709551615");
    let fake = coordinator(&[QUERY]).await;
    fake.on(DETAIL, json(&wild));
    let exporter = watch_fast(&fake.url, "").await;
    let seen = exporter.until("a complete cycle", complete).await;
    let pods: Vec<_> = seen.workers.iter().map(|w| w.pod.as_str()).collect();
    assert!(pods.contains(&"worker-1"), "{pods:?}");
    let metrics = exporter.metrics().await;
    assert_eq!(metrics.count("trino_worker_output_buffered_bytes"), 2);
    assert_eq!(
        metrics.get("trino_worker_output_buffered_bytes", &[("pod", "worker-1")]),
        Some(u64::MAX as f64)
    );
    exporter.stop().await;
}

// === Queries ===

fn other(number: u32) -> String {
    format!("20261122_022841_{number:05}_js5gy")
}

#[tokio::test]
async fn queries_that_vanish_are_no_failure() {
    let scene = Scene::good("").await;
    let (left, purged) = (other(1), other(2));
    scene
        .fake
        .on(&format!("/v1/query/{left}"), Reply::refusal(404));
    scene
        .fake
        .on(&format!("/v1/query/{purged}"), Reply::refusal(410));
    let with = list(&[QUERY, &left, &purged]);
    scene.fake.in_turn(LIST, vec![with, list(&[QUERY])]);
    for id in [&left, &purged] {
        scene.fake.until_asked(&format!("/v1/query/{id}"), 1).await;
    }
    let times = scene.fake.asked(LIST).len() + 4;
    scene.fake.until_asked(LIST, times).await;
    let seen = scene.exporter.snapshot().await;
    assert!(complete(&seen), "{seen:#?}");
    scene.nothing_lost(&seen).await;
    let metrics = scene.exporter.metrics().await;
    let gone = metrics.get(
        "trino_buffer_exporter_queries_skipped_total",
        &[("reason", "gone")],
    );
    assert!(gone >= Some(2.0), "{gone:?}");
    assert_eq!(
        metrics.count("trino_buffer_exporter_queries_failed_total"),
        0
    );
    scene.exporter.stop().await;
}

/// A proxy that knows `/v1/query` and nothing below it: the list goes on showing what is said to be gone.
#[tokio::test]
async fn a_query_that_is_listed_again_was_not_gone() {
    let scene = Scene::good("").await;
    scene.fake.on(DETAIL, Reply::refusal(404));
    let doubted = |s: &WireSnapshot| reason(s) == Some("still_listed");
    let seen = scene.exporter.until("doubt", doubted).await;
    assert_ne!(c(&seen).state, "complete");
    for _ in 0..3 {
        let asked = scene.fake.asked(LIST).len();
        scene.fake.until_asked(LIST, asked + 2).await;
        let seen = scene.exporter.snapshot().await;
        assert!(!complete(&seen));
        scene.nothing_lost(&seen).await;
    }
    scene.fake.on(DETAIL, json(&held(QUERY)));
    let seen = scene.exporter.until("a complete cycle", complete).await;
    assert_eq!(held_by(&seen), held_by(&scene.good));
    scene.exporter.stop().await;
}

#[tokio::test]
async fn one_failing_query_does_not_stop_the_others() {
    let second = other(1);
    let scene = Scene::with(&[QUERY, &second], "").await;
    assert_eq!(scene.good.workers[0].held.queries, 2);
    scene
        .fake
        .on(&format!("/v1/query/{second}"), Reply::refusal(500));
    scene.refused("server_error").await;
    let reads = scene.fake.asked(DETAIL).len();
    scene.fake.until_asked(DETAIL, reads + 3).await;
    let ended = held(QUERY).replace(r#""state":"RUNNING""#, r#""state":"FINISHED""#);
    scene.fake.on(DETAIL, json(&ended));
    let one_left = |s: &WireSnapshot| s.workers.iter().all(|w| w.held.queries == 1);
    let seen = scene.exporter.until("the good one's end", one_left).await;
    assert_eq!(c(&seen).state, "partial");
    scene.exporter.stop().await;
}

#[tokio::test]
async fn the_reason_stays_while_a_failed_query_rests() {
    let scene = Scene::good("requestTimeoutSeconds: 0.5").await;
    scene.fake.on(DETAIL, Reply::of(Body::Never));
    scene.refused("timeout").await;
    let reads = scene.fake.asked(DETAIL).len();
    let lists = scene.fake.asked(LIST).len();
    scene.fake.until_asked(LIST, lists + 4).await;
    assert_eq!(scene.fake.asked(DETAIL).len(), reads, "it rests");
    let resting = scene.exporter.snapshot().await;
    assert_eq!(
        (c(&resting).state.as_str(), reason(&resting)),
        ("partial", Some("timeout"))
    );
    scene.exporter.stop().await;
}

#[tokio::test]
async fn an_id_that_could_change_the_path_is_never_sent() {
    let scene = Scene::good("").await;
    for id in [
        "../../v1/cluster",
        "a/b",
        "a?pruned=true",
        "a#b",
        "%2e%2e",
        "a b",
    ] {
        scene.fake.on(LIST, list(&[QUERY, id]));
        let lists = scene.fake.asked(LIST).len();
        scene.fake.until_asked(LIST, lists + 2).await;
        let seen = scene
            .exporter
            .until("a refusal", |s| c(s).state == "partial")
            .await;
        scene.nothing_lost(&seen).await;
    }
    for asked in scene.fake.asked("/") {
        let known = ["/v1/info", "/v1/status", "/metrics", LIST, DETAIL];
        let path = asked.target.split('?').next().unwrap();
        assert!(known.contains(&path), "{}", asked.target);
    }
    scene.refused("unexpected").await;
    scene.exporter.stop().await;
}

// === Coordinators ===

#[tokio::test]
async fn strangers_are_named() {
    let change = |key: &str, value: serde_json::Value| {
        let mut info = info();
        info[key] = value;
        Reply::json(info.to_string())
    };
    for (reply, word) in [
        (change("coordinator", false.into()), "not_a_coordinator"),
        (change("starting", true.into()), "starting"),
    ] {
        let scene = Scene::good("").await;
        scene.fake.on("/v1/info", reply);
        scene.refused(word).await;
        scene.exporter.stop().await;
    }
}

#[tokio::test]
async fn several_coordinators_behind_one_url_are_noticed() {
    let scene = Scene::good("").await;
    let foreign = "20261122_022841_00000_other";
    scene
        .fake
        .on(&format!("/v1/query/{foreign}"), json(&held(foreign)));
    scene
        .fake
        .in_turn(LIST, vec![list(&[QUERY]), list(&[foreign])]);
    let noticed = |s: &WireSnapshot| reason(s) == Some("several_coordinators");
    let seen = scene.exporter.until("suspicion", noticed).await;
    assert!(detail(&seen).contains("gateway"), "{}", detail(&seen));
    assert_ne!(c(&seen).state, "complete");
    let metrics = scene.exporter.metrics().await;
    let failures = metrics.get(
        "trino_buffer_exporter_list_failures_total",
        &[("reason", "several_coordinators")],
    );
    assert!(failures >= Some(1.0), "{failures:?}");
    scene.exporter.stop().await;
}

#[tokio::test]
async fn a_list_that_shows_less_than_the_coordinator_counts_is_doubted() {
    let fake = coordinator(&[]).await;
    fake.on("/metrics", running(3));
    let exporter = watch_fast(&fake.url, "").await;
    let doubted = |s: &WireSnapshot| c(s).up == Some(true) && c(s).visibility != "visible";
    let seen = exporter.until("doubt", doubted).await;
    assert!(seen.workers.is_empty());
    assert!(!fake.asked("/metrics").is_empty());
    exporter.stop().await;
}
