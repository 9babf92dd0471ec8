//! A new certificate under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::pki::Authority;
use super::scene::{BOTH, Http, Scene, client, der, given, quick, replace, seen};

const SWAPS: usize = 20;

/// What a client that never rests has met.
struct Seen {
    answers: usize,
    certificates: usize,
}

/// Asks one request after the other until `over`, each answered with 200 or the test fails.
async fn load(client: reqwest::Client, url: String, over: Arc<AtomicBool>) -> Seen {
    let (mut answers, mut last, mut certificates) = (0, Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        let answer = client.post(&url).body("review").send().await;
        let answer = answer.unwrap_or_else(|error| panic!("request {answers}: {error:?}"));
        let certificate = seen(&answer);
        if certificate != last {
            last = certificate;
            certificates += 1;
        }
        assert_eq!(answer.text().await.unwrap(), "6");
        answers += 1;
    }
    Seen {
        answers,
        certificates,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_to_a_new_certificate() {
    let authority = Authority::new("ours");
    let tls = given(&authority.server());
    let scene = Scene::start(quick(), tls.clone()).await;
    let over = Arc::new(AtomicBool::new(false));
    let clients = [Http::One, Http::Two, Http::One, Http::Two].map(|http| {
        let client = client(http, &authority, None);
        tokio::spawn(load(client, scene.url("/review"), over.clone()))
    });
    for _ in 0..SWAPS {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(replace(&tls, &authority.server()));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    over.store(true, Ordering::Relaxed);
    for one in clients {
        let seen = one.await.unwrap();
        // A client may miss one that was soon replaced again, but not all of them.
        assert!(seen.certificates > 2, "{} certificates", seen.certificates);
        assert!(seen.answers > seen.certificates);
    }
    scene.finish().await;
}

/// Requests in parallel on one connection, cut short by a certificate again and again.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_survive_it_too() {
    let authority = Authority::new("ours");
    let tls = given(&authority.server());
    let scene = Scene::start(quick(), tls.clone()).await;
    let (client, served) = (
        client(Http::Two, &authority, None),
        Arc::new(AtomicUsize::new(0)),
    );
    for _ in 0..SWAPS {
        let requests = (0..50).map(|_| {
            let (client, url, served) = (client.clone(), scene.url("/review"), served.clone());
            tokio::spawn(async move {
                let answer = client.post(url).body("review").send().await.unwrap();
                assert_eq!(answer.text().await.unwrap(), "6");
                served.fetch_add(1, Ordering::Relaxed);
            })
        });
        let requests: Vec<_> = requests.collect();
        assert!(replace(&tls, &authority.server()));
        for request in requests {
            request.await.unwrap();
        }
    }
    assert_eq!(served.load(Ordering::Relaxed), SWAPS * 50);
    scene.finish().await;
}

#[tokio::test]
async fn a_kept_connection_does_not_keep_the_old_certificate() {
    for http in BOTH {
        let authority = Authority::new("ours");
        let first = authority.server();
        let tls = given(&first);
        let scene = Scene::start(quick(), tls.clone()).await;
        let client = client(http, &authority, None);
        let ask = async || seen(&client.get(scene.url("/")).send().await.unwrap());
        for _ in 0..3 {
            assert!(ask().await == der(&first), "{http:?}");
        }
        let second = authority.server();
        assert!(replace(&tls, &second));
        let mut found = false;
        for _ in 0..1000 {
            found = ask().await == der(&second);
            if found {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(found, "{http:?}");
        scene.finish().await;
    }
}

/// Nobody asks anything on it, and it goes all the same.
#[tokio::test]
async fn an_idle_http2_connection_is_closed_after_a_swap() {
    let authority = Authority::new("ours");
    let tls = given(&authority.server());
    let scene = Scene::start(quick(), tls.clone()).await;
    let mut stream = super::limits::http2(&scene, &authority).await;
    assert!(replace(&tls, &authority.server()));
    super::limits::until_closed(&mut stream).await;
    scene.finish().await;
}
