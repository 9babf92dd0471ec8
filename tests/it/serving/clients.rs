//! Certificates of clients: accepted, refused, absent.

use std::sync::Arc;

use tempfile::TempDir;
use xtrinode::web::tls::{ClientAuth, Presence, Tls};

use super::pki::{Authority, Pair};
use super::scene::{BOTH, Http, Scene, client, quick, replace};

/// A server that asks clients for certificates of `clients`.
struct Asking {
    ours: Authority,
    scene: Scene,
    tls: Arc<Tls>,
    folder: TempDir,
}

impl Asking {
    async fn start(clients: &Authority, presence: Presence) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.crt");
        std::fs::write(&ca_file, &clients.pem).unwrap();
        let tls = Tls::given("the test", Some(ClientAuth { ca_file, presence })).unwrap();
        let ours = Authority::new("ours");
        assert!(replace(&tls, &ours.server()));
        let tls = Arc::new(tls);
        let scene = Scene::start(quick(), tls.clone()).await;
        Self {
            ours,
            scene,
            tls,
            folder,
        }
    }

    async fn ask(&self, http: Http, shows: Option<&Pair>) -> reqwest::Result<String> {
        let client = client(http, &self.ours, shows);
        client.get(self.scene.url("/")).send().await?.text().await
    }
}

const API_SERVER: &str = "Some(\"kube-apiserver\") [\"kube-apiserver\"]";

#[tokio::test]
async fn where_required_only_their_own_certificate_passes() {
    let (theirs, strangers) = (Authority::new("theirs"), Authority::new("strangers"));
    let server = Asking::start(&theirs, Presence::Required).await;
    let good = theirs.client("kube-apiserver");
    let forged = strangers.client("kube-apiserver");
    let server_only = theirs.server();
    for http in BOTH {
        assert_eq!(server.ask(http, Some(&good)).await.unwrap(), API_SERVER);
        for refused in [None, Some(&forged), Some(&server_only)] {
            assert!(server.ask(http, refused).await.is_err(), "{http:?}");
        }
    }
    server.scene.finish().await;
}

#[tokio::test]
async fn where_optional_a_stranger_is_served_as_nobody_and_a_forger_is_not() {
    let (theirs, strangers) = (Authority::new("theirs"), Authority::new("strangers"));
    let server = Asking::start(&theirs, Presence::Optional).await;
    let good = theirs.client("kube-apiserver");
    for http in BOTH {
        assert_eq!(server.ask(http, Some(&good)).await.unwrap(), API_SERVER);
        assert_eq!(server.ask(http, None).await.unwrap(), "nobody");
        let forged = strangers.client("kube-apiserver");
        assert!(server.ask(http, Some(&forged)).await.is_err());
    }
    server.scene.finish().await;
}

#[tokio::test]
async fn a_new_client_authority_takes_the_place_of_the_old_one() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = Asking::start(&old, Presence::Required).await;
    let (before, after) = (old.client("kube-apiserver"), new.client("kube-apiserver"));
    assert!(server.ask(Http::Two, Some(&before)).await.is_ok());
    assert!(server.ask(Http::Two, Some(&after)).await.is_err());
    std::fs::write(server.folder.path().join("ca.crt"), &new.pem).unwrap();
    assert!(server.tls.reload().unwrap());
    assert!(server.ask(Http::Two, Some(&before)).await.is_err());
    assert!(server.ask(Http::Two, Some(&after)).await.is_ok());
    server.scene.finish().await;
}
