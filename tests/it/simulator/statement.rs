//! The statement protocol as a client sees it: pages, tokens, cancelling, errors.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use xtrinode::demo::simulator::Simulator;
use xtrinode::trino::words::QueryState;

use super::{client, get, json, send, start};

/// Posts a statement as `demo`; answers the first page.
async fn post(simulator: &Simulator, sql: &str) -> Value {
    let url = format!("{}/v1/statement", simulator.coordinator_uri());
    json(
        send(
            client()
                .post(url)
                .header("x-trino-user", "demo")
                .body(sql.to_owned()),
        )
        .await,
    )
    .await
}

fn next_uri(page: &Value) -> Option<String> {
    page["nextUri"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_client_reads_every_row_of_its_statement() {
    let simulator = start(|_| {}).await;
    let mut page = post(&simulator, "SELECT * FROM tpch.tiny.orders").await;
    let id = page["id"].as_str().expect("id").to_owned();
    let info = format!("{}/v1/query/{id}", simulator.coordinator_uri());
    assert_eq!(
        get(&info, "demo").await.status(),
        StatusCode::GONE,
        "posted only, no query yet"
    );
    let mut rows = 0;
    for _ in 0..200 {
        let Some(next) = next_uri(&page) else { break };
        simulator.advance(Duration::from_millis(300));
        page = json(get(&next, "demo").await).await;
        rows += page["data"].as_array().map_or(0, Vec::len);
    }
    // Three workers, two pages a task, twenty rows a page.
    assert_eq!((rows, next_uri(&page)), (120, None));
    simulator.advance(Duration::from_secs(1));
    assert_eq!(simulator.query_state(&id), Some(QueryState::Finished));
    simulator.shutdown().await;
}

/// Follows a statement until its first page with rows; answers that page's address and the page.
async fn first_rows(simulator: &Simulator, sql: &str) -> (String, Value) {
    let mut page = post(simulator, sql).await;
    for _ in 0..200 {
        let next = next_uri(&page).expect("not over yet");
        simulator.advance(Duration::from_millis(300));
        page = json(get(&next, "demo").await).await;
        if page.get("data").is_some() {
            return (next, page);
        }
    }
    panic!("no rows came");
}

#[tokio::test]
async fn a_token_asked_again_gives_its_page_again_and_older_ones_are_gone() {
    let simulator = start(|_| {}).await;
    let (address, page) = first_rows(&simulator, "SELECT * FROM tpch.sf1.orders").await;
    assert_eq!(json(get(&address, "demo").await).await, page);
    let next = next_uri(&page).expect("more");
    simulator.advance(Duration::from_secs(1));
    assert_ne!(json(get(&next, "demo").await).await["data"], page["data"]);
    assert_eq!(get(&address, "demo").await.status(), StatusCode::GONE);
    let far = format!("{next}99");
    assert_eq!(get(&far, "demo").await.status(), StatusCode::NOT_FOUND);
    let wrong = next.replace("/y", "/z");
    assert_eq!(get(&wrong, "demo").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleting_a_next_uri_cancels_the_query() {
    let simulator = start(|_| {}).await;
    let (address, page) = first_rows(&simulator, "SELECT * FROM tpch.sf1.orders").await;
    let answer = send(client().delete(&address).header("x-trino-user", "demo")).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let id = page["id"].as_str().expect("id");
    assert_eq!(simulator.query_state(id), Some(QueryState::Failed));
    let last = json(get(&next_uri(&page).expect("next"), "demo").await).await;
    assert_eq!(last["error"]["errorName"], "USER_CANCELED");
    assert_eq!(next_uri(&last), None);
}

#[tokio::test]
async fn a_failing_statement_tells_its_error() {
    let simulator = start(|_| {}).await;
    let mut page = post(&simulator, "SELECT * FROM tpch.tiny.nope").await;
    for _ in 0..50 {
        let Some(next) = next_uri(&page) else { break };
        simulator.advance(Duration::from_secs(1));
        page = json(get(&next, "demo").await).await;
    }
    assert_eq!(page["error"]["errorName"], "TABLE_NOT_FOUND");
}
