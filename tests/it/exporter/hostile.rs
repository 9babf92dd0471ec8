//! Servers that are not a well-behaved Trino: each ends in a named reason, and what was known before stays.

use std::time::Duration;

use xtrinode::core::buffers::wire::WireSnapshot;

use super::harness::{c, detail};
use super::reply::{Body, Reply, gzip};
use super::scene::{DETAIL, LIST, QUERY, Row, Scene, capture, complete, each, held, json};

fn encoded(encoding: &str, body: impl Into<Vec<u8>>) -> Reply {
    Reply::json(body).header(&format!("content-encoding: {encoding}"))
}

// === Transport ===

/// A good body that breaks on its way; every reader gives it the same word.
fn broken(whole: &str) -> Vec<Row> {
    let part = whole.as_bytes()[..whole.len() / 2].to_vec();
    vec![
        (json(&whole[..whole.len() / 2]), "truncated"),
        (json(""), "truncated"),
        (Reply::of(Body::Short(part.clone())), "body"),
        (Reply::of(Body::Unended(part.clone())), "body"),
        (Reply::of(Body::Reset(part)), "body"),
        (encoded("br", "x"), "encoding"),
        (encoded("gzip, gzip", "x"), "encoding"),
        (Reply::html("<html>Log in</html>"), "content_type"),
        (Reply::text("plain"), "content_type"),
        (json("<html>Log in</html>"), "not_json"),
    ]
}

/// The pull reader has no word of its own for these.
fn broken_archives(whole: &str) -> Vec<Row> {
    let good = gzip(whole.as_bytes());
    vec![
        (encoded("gzip", &good[..good.len() / 2]), "body"),
        (encoded("gzip", whole), "body"),
    ]
}

fn good_list() -> String {
    capture("trino-476/list-busy.json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_breaks_on_its_way_keeps_the_last_facts() {
    let whole = held(QUERY);
    let rows = [broken(&whole), broken_archives(&whole)].concat();
    each(DETAIL, "", rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_breaks_on_its_way_keeps_the_last_facts() {
    let whole = good_list();
    let rows = [broken(&whole), broken_archives(&whole)].concat();
    each(LIST, "", rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_reading_breaks_no_worse() {
    tokio::join!(
        each(DETAIL, "strict: true", broken(&held(QUERY))),
        each(LIST, "strict: true", broken(&good_list())),
    );
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

/// 8 MiB of white space in a few KiB: the limit counts what comes out of the archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_archive_of_a_large_body_is_too_large() {
    let bomb = gzip(&vec![b' '; 8 << 20]);
    assert!(bomb.len() < 128 << 10);
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
