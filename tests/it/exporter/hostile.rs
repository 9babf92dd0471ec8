//! Servers that are not a well-behaved Trino: each ends in a named reason, and what was known before stays.

use std::time::Duration;

use futures::future::join_all;
use xtrinode::core::buffers::wire::WireSnapshot;

use super::harness::{c, detail, reason};
use super::reply::{Body, Reply, gzip};
use super::scene::{
    DETAIL, LIST, QUERY, Scene, capture, complete, coordinator, held, held_by, info, list, running,
    watch_fast,
};

/// A bad answer and the word for it.
type Row = (Reply, &'static str);

/// Each row against an exporter of its own, all at once.
async fn each(path: &str, more: &str, rows: Vec<Row>) {
    let row = async |(reply, word): Row| {
        let scene = Scene::good(more).await;
        scene.fake.on(path, reply);
        scene.refused(word).await;
        scene.exporter.stop().await;
    };
    join_all(rows.into_iter().map(row)).await;
}

fn json(body: &str) -> Reply {
    Reply::json(body)
}

fn encoded(encoding: &str, body: impl Into<Vec<u8>>) -> Reply {
    Reply::json(body).header(&format!("content-encoding: {encoding}"))
}

// === Transport ===

/// Answers that break on their way; every path and reader gives them the same word.
fn broken() -> Vec<Row> {
    let whole = held(QUERY);
    let part = whole.as_bytes()[..1000].to_vec();
    let good = gzip(whole.as_bytes());
    vec![
        (Reply::of(Body::Short(part.clone())), "body"),
        (Reply::of(Body::Unended(part.clone())), "body"),
        (Reply::of(Body::Reset(part)), "body"),
        (encoded("br", "x"), "encoding"),
        (encoded("gzip, gzip", "x"), "encoding"),
        (Reply::html("<html>Log in</html>"), "content_type"),
        (Reply::text("plain"), "content_type"),
        (json("<html>Log in</html>"), "not_json"),
        (json(""), "truncated"),
        (json(&whole[..1000]), "truncated"),
        (encoded("gzip", &good[..good.len() / 2]), "body"),
        (encoded("gzip", whole), "body"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_breaks_on_its_way_keeps_the_last_facts() {
    each(DETAIL, "", broken()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_breaks_on_its_way_keeps_the_last_facts() {
    each(LIST, "", broken()).await;
}

/// The pull reader meets the end of the data itself, so its words for a broken archive are others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_reading_breaks_no_worse() {
    let mut rows = broken();
    rows.truncate(10);
    each(DETAIL, "strict: true", rows.clone()).await;
    each(LIST, "strict: true", rows).await;
}

#[tokio::test]
async fn no_http_at_all_is_said_to_be_that() {
    let rows: Vec<Row> = vec![
        (
            Reply::of(Body::Raw(b"\x15\x03\x03\0\x02\x02\x50".to_vec())),
            "no_answer",
        ),
        (Reply::of(Body::Raw(Vec::new())), "no_answer"),
    ];
    each(DETAIL, "", rows.clone()).await;
    each(LIST, "", rows).await;
}

#[tokio::test]
async fn an_archive_nobody_asked_for_is_read_all_the_same() {
    for more in ["", "strict: true"] {
        let scene = Scene::good(more).await;
        for coding in ["gzip", "GZIP", "x-gzip"] {
            scene
                .fake
                .on(DETAIL, encoded(coding, gzip(held(QUERY).as_bytes())));
            let times = scene.fake.asked(DETAIL).len() + 2;
            scene.fake.until_asked(DETAIL, times).await;
            let seen = scene.exporter.until("a complete cycle", complete).await;
            scene.nothing_lost(&seen).await;
            assert_eq!(c(&seen).problem, None, "{coding}");
        }
        scene.exporter.stop().await;
    }
}

// === Time and size ===

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_for_ever_ends_with_its_time() {
    let slow = || {
        vec![
            (Reply::of(Body::Drip(Duration::from_millis(100))), "timeout"),
            (Reply::of(Body::Never), "timeout"),
        ]
    };
    let more = "requestTimeoutSeconds: 1";
    let strict = "requestTimeoutSeconds: 1\nstrict: true";
    tokio::join!(
        each(DETAIL, more, slow()),
        each(LIST, more, slow()),
        each(DETAIL, strict, slow()),
        each("/v1/info", more, slow()),
    );
}

#[tokio::test]
async fn a_timeout_says_which() {
    let scene = Scene::good("requestTimeoutSeconds: 1").await;
    scene.fake.on(DETAIL, Reply::of(Body::Never));
    let seen = scene.refused("timeout").await;
    assert!(detail(&seen).contains("within 1 s"), "{}", detail(&seen));
    super::harness::eventually("the client goes", || scene.fake.left() >= 1).await;
    scene.exporter.stop().await;
}

/// What the kernel buffers between two sockets, and what was on its way: far less than an endless body.
const BUFFERED: u64 = 32 << 20;

const LIMIT: &str = "maxResponseBytes: 131072";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_left_at_the_limit() {
    let endless = || Reply::of(Body::Endless(vec![b' '; 16 << 10]));
    for (path, more) in [(DETAIL, ""), (LIST, ""), (DETAIL, "\nstrict: true")] {
        let scene = Scene::good(&format!("{LIMIT}{more}")).await;
        let before = scene.fake.sent();
        scene.fake.on(path, endless());
        scene.refused("too_large").await;
        scene.fake.on(path, Reply::refusal(500));
        super::harness::eventually("the client goes", || scene.fake.left() >= 1).await;
        let bodies = scene.fake.left();
        assert!((scene.fake.sent() - before) / bodies < BUFFERED);
        scene.exporter.stop().await;
    }
}

/// 64 MiB of white space in about 64 KiB: the limit counts what comes out of the archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_archive_of_a_large_body_is_too_large() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let rows = || vec![(encoded("gzip", bomb.clone()), "too_large")];
    let strict = format!("{LIMIT}\nstrict: true");
    let asked = format!("{LIMIT}\ncompression: gzip");
    tokio::join!(
        each(DETAIL, LIMIT, rows()),
        each(LIST, &asked, rows()),
        each(DETAIL, &strict, rows()),
    );
}

#[tokio::test]
async fn the_small_documents_are_bounded_too() {
    let scene = Scene::good("").await;
    let endless = Reply::of(Body::Endless(vec![b' '; 16 << 10]));
    scene.fake.on("/v1/info", endless);
    super::harness::eventually("the client goes", || scene.fake.left() >= 2).await;
    let seen = scene.exporter.until("a complete cycle", complete).await;
    scene.nothing_lost(&seen).await;
    scene.exporter.stop().await;
}

// === Status ===

fn refusals() -> Vec<Row> {
    let status = |code| Reply::refusal(code);
    vec![
        (status(401), "unauthorized"),
        (status(406), "forwarded_header"),
        (status(418), "status"),
        (status(429), "too_many_requests"),
        (status(500), "server_error"),
        (status(503), "server_error"),
        (status(204), "status"),
        (
            status(302).header("location: http://127.0.0.1:1/"),
            "redirect",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_has_its_word() {
    let mut rows = refusals();
    rows.push((Reply::refusal(403), "forbidden"));
    each(DETAIL, "", rows.clone()).await;
    rows.push((Reply::refusal(404), "not_found"));
    each(LIST, "", rows).await;
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let scene = Scene::good("").await;
    for (reply, said) in [
        (Reply::refusal(401), "trinoAuth"),
        (Reply::refusal(403), "grant this user to view all queries"),
        (Reply::refusal(406), "http-server.process-forwarded"),
        (Reply::refusal(404), "no coordinator here"),
        (
            Reply::html("<html>Log in</html>"),
            "answered text/html, expected JSON (status 200 OK)",
        ),
        (
            Reply::refusal(307).header("location: https://login.example.com/?state=abc"),
            "it points to https://login.example.com",
        ),
    ] {
        scene.fake.on(LIST, reply);
        let told = |s: &WireSnapshot| detail(s).contains(said);
        let seen = scene.exporter.until(said, told).await;
        assert!(!detail(&seen).contains("abc"), "{}", detail(&seen));
        scene.nothing_lost(&seen).await;
    }
    scene.exporter.stop().await;
}

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
            (json(r#"[{"queryId":"a"}]"#), "missing_key"),
            (
                json(r#"[{"queryId":null,"state":"RUNNING"}]"#),
                "missing_key",
            ),
            (json(r#"[{"queryId":7,"state":"RUNNING"}]"#), "wrong_type"),
            (json("[5]"), "wrong_type"),
            (json("[{}"), "truncated"),
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
    let doubted = |s: &WireSnapshot| reason(s) == Some("not_found");
    let seen = scene.exporter.until("doubt", doubted).await;
    assert_ne!(c(&seen).state, "complete");
    for _ in 0..3 {
        let asked = scene.fake.asked(LIST).len();
        scene.fake.until_asked(LIST, asked + 2).await;
        assert!(!complete(&scene.exporter.snapshot().await));
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
        "",
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
async fn a_list_that_shows_less_than_the_coordinator_counts_is_hidden() {
    let fake = coordinator(&[]).await;
    fake.on("/metrics", running(3));
    let exporter = watch_fast(&fake.url, "").await;
    let doubted = |s: &WireSnapshot| c(s).up == Some(true) && c(s).visibility != "visible";
    let seen = exporter.until("doubt", doubted).await;
    assert!(seen.workers.is_empty());
    assert!(!fake.asked("/metrics").is_empty());
    exporter.stop().await;
}
