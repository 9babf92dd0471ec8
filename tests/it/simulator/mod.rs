//! The simulated cluster over its real sockets: access, drains, death, documents, size.

mod collector;
mod statement;

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use xtrinode::demo::simulator::{
    Access, Authentication, Bind, Client, Clock, QuerySpec, Simulator, SimulatorConfig, Users,
    Version,
};
use xtrinode::web::tls::install_provider;

/// A cluster whose time stands still until a test moves it.
async fn start(change: impl FnOnce(&mut SimulatorConfig)) -> Simulator {
    let mut config = SimulatorConfig {
        clock: Clock::Manual,
        bind: Bind::Ports,
        ..SimulatorConfig::default()
    };
    config.timing.max_wait = Duration::from_millis(20);
    change(&mut config);
    Simulator::start(config).await.expect("loopback sockets")
}

fn client() -> reqwest::Client {
    install_provider();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("client")
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn get(url: &str, user: &str) -> Response {
    send(client().get(url).header("x-trino-user", user)).await
}

async fn json(response: Response) -> Value {
    let body = response.bytes().await.expect("whole body");
    serde_json::from_slice(&body).expect("JSON")
}

async fn put_state(uri: &str, user: &str, word: &str) -> StatusCode {
    let request = client()
        .put(format!("{uri}/v1/info/state"))
        .header("x-trino-user", user);
    send(
        request
            .header("content-type", "application/json")
            .body(format!("\"{word}\"")),
    )
    .await
    .status()
}

fn held() -> QuerySpec {
    QuerySpec {
        client: Client::Held,
        pages_per_task: 2000,
        ..QuerySpec::default()
    }
}

#[tokio::test]
async fn without_view_permission_the_list_is_empty_and_foreign_queries_are_forbidden() {
    let simulator = start(|config| config.access.view_queries = Users::only(["seer"])).await;
    let id = simulator.submit(QuerySpec {
        user: "owner".to_owned(),
        ..held()
    });
    let base = simulator.coordinator_uri();
    let listed = async |user: &str| {
        json(get(&format!("{base}/v1/query"), user).await)
            .await
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        (
            listed("blind").await,
            listed("seer").await,
            listed("owner").await
        ),
        (Some(0), Some(1), Some(1))
    );
    let document = format!("{base}/v1/query/{id}");
    assert_eq!(
        get(&document, "blind").await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(get(&document, "owner").await.status(), StatusCode::OK);
    assert_eq!(
        get(&format!("{base}/v1/query/unknown"), "seer")
            .await
            .status(),
        StatusCode::GONE
    );
    let nobody = send(client().get(&document)).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    assert!(nobody.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn forwarded_headers_and_passwords_are_treated_as_trino_treats_them() {
    let plain = start(|_| {}).await;
    let list = format!("{}/v1/query", plain.coordinator_uri());
    let forwarded = client()
        .get(&list)
        .header("x-trino-user", "u")
        .header("x-forwarded-proto", "https");
    assert_eq!(send(forwarded).await.status(), StatusCode::NOT_ACCEPTABLE);
    let basic = |password| client().get(&list).basic_auth("u", Some(password));
    assert_eq!(send(basic("")).await.status(), StatusCode::OK);
    assert_eq!(send(basic("secret")).await.status(), StatusCode::FORBIDDEN);

    let secured = start(|config| {
        let (user, password) = ("u".to_owned(), "secret".to_owned());
        config.access = Access {
            authentication: Authentication::Password { user, password },
            process_forwarded: true,
            ..Access::default()
        };
    })
    .await;
    let list = format!("{}/v1/query", secured.coordinator_uri());
    let ask = |password| client().get(&list).basic_auth("u", Some(password));
    assert_eq!(
        send(ask("secret")).await.status(),
        StatusCode::FORBIDDEN,
        "over plain http"
    );
    let behind_tls = |password| ask(password).header("x-forwarded-proto", "https");
    assert_eq!(send(behind_tls("secret")).await.status(), StatusCode::OK);
    assert_eq!(
        send(behind_tls("wrong")).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn metrics_need_a_user_with_permission() {
    let simulator = start(|config| config.access.read_system = Users::only(["reader"])).await;
    simulator.submit(held());
    simulator.advance(Duration::from_secs(5));
    let url = format!("{}/metrics", simulator.coordinator_uri());
    assert_eq!(
        send(client().get(&url)).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(get(&url, "other").await.status(), StatusCode::FORBIDDEN);
    let name = "trino_execution_name_QueryManager_RunningQueries";
    let text = get(&format!("{url}?name[]={name}"), "reader")
        .await
        .text()
        .await
        .expect("text");
    assert_eq!(text, format!("# TYPE {name} gauge\n{name} 1\n# EOF\n"));
}

#[tokio::test]
async fn a_worker_is_drained_over_http_where_that_is_permitted() {
    let forbidden = start(|_| {}).await;
    let worker = forbidden.workers()[0].uri.clone();
    assert_eq!(
        put_state(&worker, "admin", "DRAINING").await,
        StatusCode::FORBIDDEN
    );

    let simulator = start(|config| config.access.write_system = Users::only(["admin"])).await;
    let worker = simulator.workers()[0].uri.clone();
    let state = async || json(get(&format!("{worker}/v1/info/state"), "any").await).await;
    assert_eq!(
        put_state(&worker, "other", "DRAINING").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        put_state(&worker, "admin", "ASLEEP").await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put_state(&worker, "admin", "DRAINED").await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put_state(&worker, "admin", "DRAINING").await,
        StatusCode::OK
    );
    assert_eq!(state().await, "DRAINING");
    simulator.advance(Duration::from_secs(11));
    assert_eq!(state().await, "DRAINED");
    assert_eq!(put_state(&worker, "admin", "ACTIVE").await, StatusCode::OK);
    assert_eq!(state().await, "ACTIVE");
    let coordinator = simulator.coordinator_uri();
    assert_eq!(
        put_state(&coordinator, "admin", "DRAINING").await,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_worker_knows_its_memory_and_no_queries() {
    for version in [Version::V476, Version::V482] {
        let simulator = start(|config| config.version = version).await;
        let id = simulator.submit(held());
        simulator.advance(Duration::from_secs(20));
        let worker = simulator.workers()[0].clone();
        assert_eq!(
            get(&format!("{}/v1/query", worker.uri), "u").await.status(),
            StatusCode::NOT_FOUND
        );
        let coordinator_only = format!("{}/v1/info/coordinator", worker.uri);
        assert_eq!(
            get(&coordinator_only, "u").await.status(),
            StatusCode::NOT_FOUND
        );
        // Public resources answer without a user.
        let status = json(send(client().get(format!("{}/v1/status", worker.uri))).await).await;
        assert_eq!(status["nodeId"], worker.name);
        let pool = &status["memoryInfo"]["pool"];
        let tasks = pool["taskMemoryReservations"].as_object().expect("map");
        assert_eq!(tasks.len(), 1);
        assert!(tasks.keys().all(|task| task.starts_with(&id)));
        assert!(pool["queryMemoryReservations"][&id].as_u64() > Some(34_000_000));
        let info = json(send(client().get(format!("{}/v1/info", worker.uri))).await).await;
        assert_eq!(info["nodeVersion"]["version"], version.number());
        assert_eq!(info.get("nodeId").is_some(), version == Version::V482);
    }
}

#[tokio::test]
async fn a_killed_worker_answers_nobody_not_even_on_an_open_connection() {
    let simulator = start(|_| {}).await;
    let worker = simulator.workers()[0].clone();
    let client = client();
    let ask = async || client.get(format!("{}/v1/info", worker.uri)).send().await;
    assert!(ask().await.is_ok());
    assert!(simulator.kill_worker(&worker.name));
    let mut refused = false;
    for _ in 0..50 {
        refused = ask().await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused);
    assert!(!simulator.kill_worker(&worker.name));
    assert!(
        simulator
            .workers()
            .iter()
            .all(|w| w.alive == (w.name != worker.name))
    );
    let replacement = simulator.add_worker().await.expect("another one");
    assert_ne!(replacement, worker.name);
}

#[tokio::test]
async fn a_removed_worker_leaves_after_two_grace_periods() {
    let simulator = start(|_| {}).await;
    let name = simulator.workers()[0].name.clone();
    simulator.remove_worker(&name).expect("shutting down");
    simulator.advance(Duration::from_secs(9));
    assert!(
        simulator
            .workers()
            .iter()
            .any(|w| w.name == name && w.alive)
    );
    simulator.advance(Duration::from_secs(10));
    assert!(
        simulator
            .workers()
            .iter()
            .all(|w| w.name != name || !w.alive)
    );
}

#[tokio::test]
async fn documents_are_streamed_and_compressed_on_demand() {
    let simulator = start(|config| config.document_bytes = 2_000_000).await;
    let id = simulator.submit(held());
    simulator.advance(Duration::from_secs(10));
    let url = format!("{}/v1/query/{id}", simulator.coordinator_uri());
    let plain = get(&url, "u").await;
    assert_eq!(
        plain
            .headers()
            .get("content-type")
            .map(reqwest::header::HeaderValue::as_bytes),
        Some(&b"application/json"[..])
    );
    assert!(!plain.headers().contains_key("content-length"));
    let plain = plain.bytes().await.expect("body");
    assert!(plain.len() > 1_500_000);
    let packed = client()
        .get(&url)
        .header("x-trino-user", "u")
        .header("accept-encoding", "gzip");
    let packed = send(packed).await;
    assert_eq!(
        packed
            .headers()
            .get("content-encoding")
            .map(reqwest::header::HeaderValue::as_bytes),
        Some(&b"gzip"[..])
    );
    assert!(packed.bytes().await.expect("body").len() * 3 < plain.len());
    let documents = simulator.documents();
    assert_eq!((documents.sent, documents.largest), (2, plain.len() as u64));
    let pruned = get(&format!("{url}?pruned=true"), "u").await;
    assert_eq!(json(pruned).await["pruned"], Value::Bool(true));
}

#[tokio::test]
async fn two_hundred_workers_and_two_hundred_queries_fit_into_one_process() {
    let simulator = start(|config| {
        config.workers = 200;
        config.bind = Bind::default();
    })
    .await;
    for _ in 0..200 {
        simulator.submit(QuerySpec {
            stages: 2,
            ..held()
        });
    }
    simulator.advance(Duration::from_secs(2));
    let list = json(get(&format!("{}/v1/query", simulator.coordinator_uri()), "u").await).await;
    assert_eq!(list.as_array().map(Vec::len), Some(200));
    let worker = simulator.workers().pop().expect("workers");
    let status = json(send(client().get(format!("{}/v1/status", worker.uri))).await).await;
    let tasks = status["memoryInfo"]["pool"]["taskMemoryReservations"]
        .as_object()
        .map(serde_json::Map::len);
    assert_eq!(tasks, Some(400));
    simulator.shutdown().await;
}

#[tokio::test]
async fn workers_join_under_names_of_others_choice() {
    let simulator = start(|config| config.workers = 0).await;
    let address = "127.0.0.1:0".parse().expect("an address");
    simulator
        .join_worker("pod-7", address)
        .await
        .expect("a new worker");
    assert!(simulator.join_worker("pod-7", address).await.is_err());
    let names: Vec<String> = simulator.workers().into_iter().map(|w| w.name).collect();
    assert_eq!(names, ["pod-7"]);
}

#[tokio::test]
async fn a_stopped_coordinator_forgets_its_queries() {
    let simulator = start(|_| {}).await;
    let id = simulator.submit(held());
    let url = format!("{}/v1/info", simulator.coordinator_uri());
    simulator.stop_coordinator();
    assert!(client().get(&url).send().await.is_err());
    let mut restarted = false;
    for _ in 0..50 {
        // Its old listener is closed when its task has noticed.
        restarted = simulator.start_coordinator().await.is_ok();
        if restarted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(restarted);
    assert!(client().get(&url).send().await.is_ok());
    assert_eq!(simulator.query_state(&id), None);
}
