//! A server that can't answer: its clients come back on another connection, which may lead to a server that can.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use tokio::net::{TcpListener, TcpStream};

use super::pki::Authority;
use super::scene::{BOTH, Scene, client, given, quick};

/// Passes connections on, as a Service does, and counts them.
async fn service(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn who_gets_503_comes_back_on_another_connection() {
    let authority = Authority::new("ours");
    let scene = Scene::start(quick(), given(&authority.server())).await;
    for http in BOTH {
        let (address, connections) = service(scene.address).await;
        let client = client(http, &authority, None);
        let ask = async |path: &str| {
            let url = format!("https://{address}{path}");
            client.get(url).send().await.unwrap().status()
        };
        assert_eq!([ask("/").await, ask("/").await], [StatusCode::OK; 2]);
        assert_eq!(connections.load(Ordering::Relaxed), 1, "{http:?}");
        assert_eq!(ask("/unable").await, StatusCode::SERVICE_UNAVAILABLE);
        // Its connection ends a moment after the answer.
        for _ in 0..1000 {
            assert_eq!(ask("/").await, StatusCode::OK);
            if connections.load(Ordering::Relaxed) > 1 {
                break;
            }
        }
        assert_eq!(connections.load(Ordering::Relaxed), 2, "{http:?}");
    }
    scene.finish().await;
}
