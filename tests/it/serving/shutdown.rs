//! Leaving: unready at once, serving for a while longer, then finishing what is open.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use xtrinode::web::limits::Limits;

use super::pki::Authority;
use super::scene::{BOTH, FOR_EVER, Http, Scene, client, given};

/// Time for a few requests on any machine.
fn lame(seconds: u64) -> Limits {
    Limits {
        lame_duck: Duration::from_secs(seconds),
        answer: FOR_EVER,
        shutdown: FOR_EVER,
        ..Limits::webhook()
    }
}

#[tokio::test]
async fn a_leaving_server_still_serves_old_and_new_connections() {
    let authority = Authority::new("ours");
    let scene = Scene::start(lame(3600), given(&authority.server())).await;
    let old = BOTH.map(|http| client(http, &authority, None));
    for client in &old {
        client.get(scene.url("/")).send().await.unwrap();
    }
    scene.stop.cancel();
    let new = BOTH.map(|http| client(http, &authority, None));
    for client in old.iter().chain(&new).chain(&old) {
        let answer = client.get(scene.url("/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "nobody");
    }
    assert!(!scene.ended.is_finished());
    scene.ended.abort();
}

/// So that a client of HTTP/1.1 has moved on before its connection is closed.
#[tokio::test]
async fn a_leaving_server_asks_http1_clients_to_reconnect() {
    let authority = Authority::new("ours");
    let scene = Scene::start(lame(3600), given(&authority.server())).await;
    let client = client(Http::One, &authority, None);
    let asked = async || {
        let answer = client.get(scene.url("/")).send().await.unwrap();
        answer.headers().get("connection").cloned()
    };
    assert_eq!(asked().await, None);
    scene.stop.cancel();
    let mut told = None;
    for _ in 0..1000 {
        told = asked().await;
        if told.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(told.unwrap(), "close");
    scene.ended.abort();
}

#[tokio::test]
async fn open_requests_are_finished_after_the_port_is_closed() {
    for http in BOTH {
        let authority = Authority::new("ours");
        let scene = Scene::start(lame(1), given(&authority.server())).await;
        let (client, url) = (client(http, &authority, None), scene.url("/waits"));
        let open = tokio::spawn(async move { client.get(url).send().await?.text().await });
        scene.waiting.notified().await;
        scene.stop.cancel();
        while TcpStream::connect(scene.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            !scene.ended.is_finished() && !open.is_finished(),
            "{http:?}"
        );
        let go: Arc<_> = scene.go.clone();
        go.notify_one();
        assert_eq!(open.await.unwrap().unwrap(), "done", "{http:?}");
        scene.finish().await;
    }
}

/// HTTP/2 connections are told to go; nobody has to ask first.
#[tokio::test]
async fn idle_http2_connections_are_closed_at_the_end() {
    let authority = Authority::new("ours");
    let scene = Scene::start(lame(0), given(&authority.server())).await;
    let mut stream = super::limits::http2(&scene, &authority).await;
    scene.stop.cancel();
    super::limits::until_closed(&mut stream).await;
    scene.finish().await;
}
