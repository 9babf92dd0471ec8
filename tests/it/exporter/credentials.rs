//! Who the exporter says it is, to whom, and whom it trusts. Secrets reach the server they are for and nothing else:
//! no redirect's target, no worker, no log, no page.

use std::fs;

use futures::future::join_all;

use super::super::binary;
use super::fake::{Asked, Fake};
use super::folder::Folder;
use super::harness::{detail, reason};
use super::reply::Reply;
use super::scene::{DETAIL, LIST, QUERY, Scene, complete, coordinator, held, watch_fast};

/// Base64 of `USER:PASSWORD` comes from outside: `printf 'monitor:first' | base64`.
const FIRST: &str = "Basic bW9uaXRvcjpmaXJzdA==";
const SECOND: &str = "Basic bW9uaXRvcjpzZWNvbmQ=";
/// `printf 'from-secret:first' | base64`.
const FROM_SECRET: &str = "Basic ZnJvbS1zZWNyZXQ6Zmlyc3Q=";

/// The headers of all requests of one good cycle.
async fn asked_with(more: &str) -> Vec<Asked> {
    let scene = Scene::good(more).await;
    scene.exporter.stop().await;
    scene.fake.asked("/")
}

fn all_send(asked: &[Asked], header: &str, value: Option<&str>) {
    assert!(asked.len() >= 3);
    for one in asked {
        assert_eq!(one.header(header), value, "{}", one.head);
    }
}

#[tokio::test]
async fn the_user_has_a_default() {
    for more in [
        "",
        "trinoAuth: {headerValue: ''}",
        "trinoAuth: {type: header}",
    ] {
        let asked = asked_with(more).await;
        all_send(&asked, "x-trino-user", Some("trino-buffer-exporter"));
        all_send(&asked, "authorization", None);
    }
}

#[tokio::test]
async fn a_configured_header_takes_its_place() {
    let asked = asked_with("trinoAuth: {headerValue: monitor}").await;
    all_send(&asked, "x-trino-user", Some("monitor"));
    let asked = asked_with("trinoAuth: {headerName: X-Key, headerValue: abc}").await;
    all_send(&asked, "x-key", Some("abc"));
    all_send(&asked, "x-trino-user", None);
}

#[tokio::test]
async fn the_basic_user_comes_from_the_secret_then_username_then_header_value() {
    let folder = Folder::with(&[("password", "first\n"), ("username", "from-secret\n")]);
    let password = folder.key("passwordFile", "password");
    let (here, absent) = (
        folder.key("usernameFile", "username"),
        folder.key("usernameFile", "none"),
    );
    for (keys, expected) in [
        (
            format!("{here}, username: monitor, headerValue: x"),
            FROM_SECRET,
        ),
        (
            format!("{absent}, username: monitor, headerValue: x"),
            FIRST,
        ),
        (format!("{absent}, headerValue: monitor"), FIRST),
        ("headerValue: monitor".to_owned(), FIRST),
    ] {
        let asked = asked_with(&format!("trinoAuth: {{type: basic, {keys}, {password}}}")).await;
        all_send(&asked, "authorization", Some(expected));
        all_send(&asked, "x-trino-user", None);
    }
}

#[tokio::test]
async fn a_rotated_password_and_token_are_used_at_once() {
    let folder = Folder::with(&[("password", "first")]);
    let password = folder.key("passwordFile", "password");
    let basic = format!("trinoAuth: {{type: basic, username: monitor, {password}}}");
    rotate(&folder, &basic, [FIRST, SECOND]).await;
    folder.write("password", "first");
    let token = folder.key("tokenFile", "password");
    let bearer = format!("trinoAuth: {{type: bearer, {token}}}");
    rotate(&folder, &bearer, ["Bearer first", "Bearer second"]).await;
}

async fn rotate(folder: &Folder, more: &str, expected: [&str; 2]) {
    let scene = Scene::good(more).await;
    all_send(&scene.fake.asked("/"), "authorization", Some(expected[0]));
    folder.write("password", "second\r\n");
    let sends = || {
        let lists = scene.fake.asked(LIST);
        lists.last().unwrap().header("authorization") == Some(expected[1])
    };
    super::harness::eventually("the new secret", sends).await;
    fs::remove_file(folder.path("password")).unwrap();
    let seen = scene.refused("credentials").await;
    assert!(
        detail(&seen).contains("password: entity not found"),
        "{}",
        detail(&seen)
    );
    folder.write("password", "second");
    scene.exporter.until("a complete cycle", complete).await;
    scene.exporter.stop().await;
}

#[tokio::test]
async fn no_redirect_is_followed_with_or_without_credentials() {
    let folder = Folder::with(&[("token", "s3cr3t")]);
    let more = format!(
        "trinoAuth: {{type: bearer, {}}}",
        folder.key("tokenFile", "token")
    );
    let target = coordinator(&[QUERY]).await;
    let statuses = [301, 302, 303, 307, 308];
    let each = statuses.map(|status| refuse_redirects(status, &target, &more));
    join_all(each).await;
    assert!(target.asked("/").is_empty(), "somebody followed");
}

async fn refuse_redirects(status: u16, target: &Fake, more: &str) {
    for path in [LIST, DETAIL, "/v1/info", "/metrics"] {
        let scene = Scene::good(more).await;
        let location = format!("location: {}{path}", target.url);
        scene
            .fake
            .on(path, Reply::refusal(status).header(&location));
        if [LIST, DETAIL].contains(&path) {
            let seen = scene.refused("redirect").await;
            assert!(detail(&seen).contains(&target.url), "{}", detail(&seen));
        } else {
            let asked = scene.fake.asked("/v1/info").len();
            scene.fake.until_asked("/v1/info", asked + 2).await;
        }
        scene.exporter.stop().await;
    }
}

#[tokio::test]
async fn workers_are_asked_without_credentials() {
    let folder = Folder::with(&[("token", "s3cr3t")]);
    let worker = Fake::start().await;
    let document = held(QUERY)
        .replace("127.0.1.1:18081", worker.authority())
        .replace("127.0.1.2:18082", worker.authority());
    let fake = coordinator(&[QUERY]).await;
    fake.on(DETAIL, Reply::json(document));
    fake.on("/metrics", Reply::refusal(403));
    let token = folder.key("tokenFile", "token");
    let more = format!("forwardedProto: https\ntrinoAuth: {{type: bearer, {token}}}");
    let exporter = watch_fast(&fake.url, &more).await;
    worker.until_asked("/v1/status", 2).await;
    for asked in worker.asked("/") {
        assert_eq!(asked.target, "/v1/status");
        for header in ["authorization", "x-trino-user", "x-forwarded-proto"] {
            assert_eq!(asked.header(header), None, "{}", asked.head);
        }
        assert!(!asked.head.contains("s3cr3t"));
    }
    exporter.stop().await;
}

#[tokio::test]
async fn headers_go_out_as_configured_and_not_otherwise() {
    let asked = asked_with("").await;
    all_send(&asked, "x-forwarded-proto", None);
    all_send(&asked, "accept-encoding", Some("identity"));
    let asked = asked_with("forwardedProto: https\ncompression: gzip").await;
    all_send(&asked, "x-forwarded-proto", Some("https"));
    all_send(&asked, "accept-encoding", Some("gzip"));
    let asked = asked_with("forwardedProto: http").await;
    all_send(&asked, "x-forwarded-proto", Some("http"));
}

// === Nothing tells them ===

/// Ways to fail in which a careless program would print what it sent or got.
fn tempting() -> Vec<Reply> {
    vec![
        Reply::refusal(401),
        Reply::refusal(302).header("location: http://user:s3cr3t@127.0.0.1:1/?token=s3cr3t"),
        Reply::html("<html>s3cr3t</html>"),
        Reply::json("s3cr3t"),
        Reply::json("{}").header("content-encoding: x"),
        Reply::json(r#"{"queryId":{"s3cr3t":1}}"#),
    ]
}

const SECRET: &str = "s3cr3t";
/// `printf 'monitor:s3cr3t' | base64`.
const ENCODED: &str = "bW9uaXRvcjpzM2NyM3Q=";

fn tells_nothing(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains(ENCODED), "{text}");
}

fn ways(folder: &Folder) -> [String; 3] {
    let (password, token) = (
        folder.key("passwordFile", "p"),
        folder.key("tokenFile", "p"),
    );
    [
        format!("trinoAuth: {{type: basic, username: monitor, {password}}}"),
        format!("trinoAuth: {{type: bearer, {token}}}"),
        format!("trinoAuth: {{headerName: X-Key, headerValue: {SECRET}}}"),
    ]
}

#[tokio::test]
async fn no_page_tells_a_secret() {
    let folder = Folder::with(&[("p", SECRET)]);
    let ways = ways(&folder);
    let each = ways
        .iter()
        .flat_map(|way| [LIST, DETAIL].map(|path| tempt(way, path)));
    join_all(each).await;
}

async fn tempt(way: &str, path: &str) {
    let scene = Scene::good(way).await;
    for reply in tempting() {
        scene.fake.on(path, reply);
        let asked = scene.fake.asked(path).len();
        scene.fake.until_asked(path, asked + 2).await;
        for page in ["/metrics", "/v1/snapshot", "/readyz?verbose", "/"] {
            tells_nothing(&scene.exporter.get(page).await.1);
        }
    }
    scene.exporter.stop().await;
}

/// The program itself, as chatty as it gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_tells_a_secret() {
    let folder = Folder::with(&[("p", SECRET)]);
    let mut seen = 0;
    for (way, path) in ways(&folder).iter().zip([LIST, DETAIL, LIST]) {
        for reply in [Reply::json("[]")].into_iter().chain(tempting()) {
            let fake = coordinator(&[QUERY]).await;
            fake.on(path, reply);
            let ended = once(
                &folder,
                &format!(
                    "coordinators: {{c: {{url: '{}', release: r}}}}\n{way}\n",
                    fake.url
                ),
            )
            .await;
            assert!(ended.err.contains("\"DEBUG\""), "{}", ended.err);
            tells_nothing(&ended.err);
            tells_nothing(&ended.out);
            seen += fake.asked(LIST).len();
        }
    }
    assert!(seen >= 21, "every one asked");
}

async fn once(folder: &Folder, config: &str) -> binary::Ended {
    folder.write("config.yaml", config);
    let file = folder.path("config.yaml");
    let run = move || {
        let file = file.to_str().unwrap().to_owned();
        let flags = ["--once", "--log-level", "debug", "--log-format", "json"];
        binary::run(&[&["exporter", "--config", &file][..], &flags].concat())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_not_shown_either() {
    let folder = Folder::with(&[("p", SECRET)]);
    let scene = Scene::good(&ways(&folder)[1]).await;
    folder.write("p", "s3cr3t\nline");
    let seen = scene.refused("credentials").await;
    assert!(
        detail(&seen).contains("a header can't carry"),
        "{}",
        detail(&seen)
    );
    tells_nothing(detail(&seen));
    assert_eq!(reason(&seen), Some("credentials"));
    scene.exporter.stop().await;
}
