//! The leader against a stub of the API server: bootstrap, rotation, conflicts, and everything that it must not write.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::UnixTime;
use serde_json::Value;

use super::super::follower::Follower;
use super::super::options::{Kind, Validity};
use super::super::stub::{MUTATING, SECRET, Stub, VALIDATING};
use super::super::verify::handshake;
use super::*;
use crate::core::guard::facts::place::Mode;
use crate::process::readiness::Readiness;
use crate::web::limits::Limits;
use crate::web::serve::Server;
use crate::web::tls::Tls;

const ENTRIES: [&str; 3] = ["eviction.x.io", "scale.x.io", "namespace.x.io"];

/// A stub, and what its webhook answers when the way to it is tried.
struct Plane {
    stub: Stub,
    reachable: Arc<AtomicBool>,
    /// The bundles that were tried.
    tried: Arc<Mutex<Vec<String>>>,
    leader: watch::Sender<bool>,
}

impl Plane {
    fn new() -> Self {
        let stub = Stub::new();
        stub.add(VALIDATING, &ENTRIES);
        stub.add(MUTATING, &["scale.x.io"]);
        Self {
            stub,
            reachable: Arc::new(AtomicBool::new(true)),
            tried: Arc::default(),
            leader: watch::Sender::new(true),
        }
    }

    fn keeper(&self, mode: Mode) -> Keeper {
        let (reachable, tried) = (self.reachable.clone(), self.tried.clone());
        let verify: Verify = Arc::new(move |bundle| {
            tried.lock().unwrap().push(bundle);
            let reachable = reachable.load(Ordering::Relaxed);
            Box::pin(async move {
                if reachable {
                    Ok(())
                } else {
                    anyhow::bail!("refused")
                }
            })
        });
        let leader = self.leader.subscribe();
        Keeper::new(self.stub.client(), options(mode), verify, leader)
    }

    fn object(&self, path: &str) -> Value {
        self.stub.state().objects[path].clone()
    }

    fn policies(&self, path: &str) -> Vec<String> {
        let object = self.object(path);
        let entries = object["webhooks"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["failurePolicy"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the first entry trusts, PEM.
    fn bundle(&self, path: &str) -> String {
        let object = self.object(path);
        let bundle: k8s_openapi::ByteString =
            serde_json::from_value(object["webhooks"][0]["clientConfig"]["caBundle"].clone())
                .unwrap();
        String::from_utf8(bundle.0).unwrap()
    }

    fn held(&self) -> Held {
        let secret: ApiSecret = serde_json::from_value(self.object(SECRET)).unwrap();
        Held::read(&secret.data.unwrap())
    }

    /// Whether the API server accepts what the Secret's readers serve.
    fn is_served_trusted(&self) -> bool {
        let mut roots = RootCertStore::empty();
        for authority in chain(self.bundle(VALIDATING).as_bytes()).unwrap() {
            roots.add(authority).unwrap();
        }
        let provider = Arc::new(default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let served = chain(self.held().serving.unwrap().cert.as_bytes()).unwrap();
        let now = self.stub.state().now.unwrap().as_second();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
        let name = "guard.trino.svc".try_into().unwrap();
        let verifier = builder.build().unwrap();
        verifier
            .verify_server_cert(&served[0], &[], &name, &[], now)
            .is_ok()
    }

    fn later(&self, span: Duration) {
        let mut state = self.stub.state();
        let seconds = state.now.unwrap().as_second() + i64::try_from(span.as_secs()).unwrap();
        state.now = Some(Timestamp::from_second(seconds).unwrap());
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.stub.state().writes)
    }
}

fn options(mode: Mode) -> Options {
    let configuration = |kind| Configuration {
        kind,
        name: "guard".to_owned(),
        mode,
    };
    Options {
        namespace: "trino".to_owned(),
        secret: "guard-tls".to_owned(),
        names: vec!["guard.trino.svc".to_owned(), "127.0.0.1".to_owned()],
        validity: Validity::default(),
        configurations: vec![
            configuration(Kind::Validating),
            configuration(Kind::Mutating),
        ],
    }
}

#[tokio::test]
async fn from_nothing_to_fail_in_this_order() {
    let plane = Plane::new();
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.look().await.unwrap();
    let writes = [
        "POST /api/v1/namespaces/trino/secrets".to_owned(),
        format!("PATCH {VALIDATING}"),
        format!("PATCH {MUTATING}"),
    ];
    assert_eq!(plane.writes(), writes);
    assert_eq!(plane.bundle(VALIDATING), plane.held().bundle());
    assert_eq!(plane.bundle(MUTATING), plane.held().bundle());
    assert_eq!(plane.policies(VALIDATING), ["Ignore", "Ignore", "Ignore"]);
    assert!(plane.tried.lock().unwrap().is_empty());
    keeper.look().await.unwrap();
    assert_eq!(*plane.tried.lock().unwrap(), [plane.held().bundle()]);
    assert_eq!(plane.writes(), [format!("PATCH {VALIDATING}")]);
    assert_eq!(plane.policies(VALIDATING), ["Fail", "Fail", "Ignore"]);
    assert_eq!(plane.policies(MUTATING), ["Ignore"]);
    keeper.look().await.unwrap();
    assert_eq!(plane.writes(), Vec::<String>::new());
    let path = &plane.object(VALIDATING)["webhooks"][0]["clientConfig"]["service"]["path"];
    assert_eq!(path, "/x");
}

#[tokio::test]
async fn nothing_fails_before_the_way_was_tried() {
    let plane = Plane::new();
    plane.reachable.store(false, Ordering::Relaxed);
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.look().await.unwrap();
    for _ in 0..3 {
        let error = keeper.look().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the API server could not reach this webhook: refused"
        );
    }
    assert_eq!(plane.policies(VALIDATING), ["Ignore", "Ignore", "Ignore"]);
    plane.reachable.store(true, Ordering::Relaxed);
    keeper.look().await.unwrap();
    assert_eq!(plane.policies(VALIDATING), ["Fail", "Fail", "Ignore"]);
}

#[tokio::test]
async fn audit_never_fails_and_never_tries() {
    let plane = Plane::new();
    plane.keeper(Mode::Enforce).look().await.unwrap();
    plane.keeper(Mode::Enforce).look().await.unwrap();
    assert_eq!(plane.policies(VALIDATING), ["Fail", "Fail", "Ignore"]);
    let tried = plane.tried.lock().unwrap().len();
    let mut keeper = plane.keeper(Mode::Audit);
    for _ in 0..3 {
        keeper.look().await.unwrap();
    }
    assert_eq!(plane.policies(VALIDATING), ["Ignore", "Ignore", "Ignore"]);
    assert_eq!(plane.tried.lock().unwrap().len(), tried);
}

/// Somebody's upgrade put the chart's values back.
#[tokio::test]
async fn what_somebody_else_wrote_is_set_right() {
    let plane = Plane::new();
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.look().await.unwrap();
    keeper.look().await.unwrap();
    plane.stub.add(VALIDATING, &ENTRIES);
    keeper.look().await.unwrap();
    assert_eq!(plane.bundle(VALIDATING), plane.held().bundle());
    assert_eq!(plane.policies(VALIDATING), ["Fail", "Fail", "Ignore"]);
}

/// At every moment what is served is trusted by every configuration.
#[tokio::test]
async fn a_rotation_under_way_never_breaks_trust() {
    let plane = Plane::new();
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.look().await.unwrap();
    let first = plane.held().bundle();
    plane.later(Validity::default().authority / 3 * 2);
    let mut bundles = Vec::new();
    for look in 0..40 {
        // A new leader halfway has seen nothing.
        if look == 5 {
            keeper = plane.keeper(Mode::Enforce);
        }
        keeper.look().await.unwrap();
        assert_eq!(plane.bundle(VALIDATING), plane.bundle(MUTATING));
        bundles.push(plane.bundle(VALIDATING));
        let pace = if look < 20 {
            KEEP_INTERVAL
        } else {
            Duration::from_secs(86_400 / 15)
        };
        plane.later(pace);
        assert!(plane.is_served_trusted(), "look {look}");
    }
    bundles.dedup();
    let counts: Vec<_> = bundles
        .iter()
        .map(|bundle| bundle.matches("BEGIN").count())
        .collect();
    assert_eq!(counts, [2, 1]);
    assert!(!bundles[1].contains(first.trim()));
    assert_eq!(plane.policies(VALIDATING), ["Fail", "Fail", "Ignore"]);
}

#[tokio::test]
async fn who_does_not_lead_writes_nothing() {
    let plane = Plane::new();
    plane.leader.send_replace(false);
    let error = plane.keeper(Mode::Enforce).look().await.unwrap_err();
    assert!(matches!(error, KeepError::NotLeading), "{error}");
    let stop = CancellationToken::new();
    let running = tokio::spawn(plane.keeper(Mode::Enforce).run(stop.clone()));
    tokio::task::yield_now().await;
    assert!(plane.writes().is_empty());
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// From certificates in files to our own: the leader is of the old installation, and goes only when we are ready.
#[tokio::test]
async fn where_no_leader_makes_the_first_certificate_another_replica_does() {
    let plane = Plane::new();
    plane.leader.send_replace(false);
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.turn(false).await.unwrap();
    assert!(plane.writes().is_empty(), "a leader may be at it");
    keeper.turn(true).await.unwrap();
    let held = plane.held().bundle();
    keeper.turn(true).await.unwrap();
    assert_eq!(plane.writes(), ["POST /api/v1/namespaces/trino/secrets"]);
    assert_eq!(plane.held().bundle(), held);
    let client = &plane.object(VALIDATING)["webhooks"][0]["clientConfig"];
    assert_eq!(client["caBundle"], Value::Null, "only a leader publishes");
    assert_eq!(plane.tried.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_new_leader_begins_at_once() {
    let plane = Plane::new();
    plane.leader.send_replace(false);
    let stop = CancellationToken::new();
    let running = tokio::spawn(plane.keeper(Mode::Enforce).run(stop.clone()));
    tokio::task::yield_now().await;
    plane.leader.send_replace(true);
    while plane.stub.state().writes.len() < 3 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// Two believe that they lead: one Secret comes of it, and both agree on it.
#[tokio::test]
async fn of_two_leaders_one_writes() {
    let plane = Plane::new();
    let (mut one, mut other) = (plane.keeper(Mode::Enforce), plane.keeper(Mode::Enforce));
    let (first, second) = tokio::join!(one.look(), other.look());
    let errors: Vec<_> = [first, second]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let creates = plane
        .writes()
        .iter()
        .filter(|write| write.starts_with("POST"))
        .count();
    assert_eq!(creates, 1);
    let held = plane.held().bundle();
    one.look().await.unwrap();
    other.look().await.unwrap();
    assert_eq!(plane.held().bundle(), held);
    assert_eq!(plane.bundle(VALIDATING), held);
}

#[tokio::test]
async fn without_the_api_servers_time_or_permission_nothing_is_decided() {
    let plane = Plane::new();
    plane.stub.state().now = None;
    let mut keeper = plane.keeper(Mode::Enforce);
    assert!(matches!(keeper.look().await, Err(KeepError::NoTime)));
    let plane = Plane::new();
    plane.stub.state().forbidden.push(MUTATING.to_owned());
    let error = plane
        .keeper(Mode::Enforce)
        .look()
        .await
        .unwrap_err()
        .to_string();
    let expected = "cannot read MutatingWebhookConfiguration guard: ";
    assert!(
        error.starts_with(expected) && error.contains("Forbidden"),
        "{error}"
    );
    assert!(plane.writes().is_empty());
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_not_made() {
    let plane = Plane::new();
    plane.stub.state().objects.clear();
    let mut keeper = plane.keeper(Mode::Enforce);
    keeper.look().await.unwrap();
    keeper.look().await.unwrap();
    assert_eq!(plane.writes(), ["POST /api/v1/namespaces/trino/secrets"]);
}

/// The Secret as the only thing between a leader and the servers.
#[tokio::test]
async fn followers_serve_what_the_leader_made_and_the_way_is_proven() {
    let plane = Plane::new();
    let (client, tls) = (
        plane.stub.client(),
        Arc::new(Tls::given("the Secret", None).unwrap()),
    );
    let readiness = Readiness::default();
    let hold = readiness.hold("a certificate");
    let mut follower = Follower::new(client, options(Mode::Enforce), tls.clone(), hold);
    follower.look().await;
    assert_eq!(readiness.waiting(), ["a certificate"]);
    plane.keeper(Mode::Enforce).look().await.unwrap();
    follower.look().await;
    assert!(readiness.waiting().is_empty());
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, Limits::default()).await.unwrap();
    let (port, stop) = (server.address().port(), CancellationToken::new());
    let server = server
        .with_tls(Some(tls.clone()))
        .run(axum::Router::new(), stop.clone());
    let server = tokio::spawn(server);
    handshake("127.0.0.1", port, &plane.bundle(VALIDATING))
        .await
        .unwrap();
    let strangers = Plane::new();
    strangers.keeper(Mode::Enforce).look().await.unwrap();
    let error = handshake("127.0.0.1", port, &strangers.held().bundle())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    // A Secret that went leaves the certificate in use.
    plane.stub.state().objects.remove(SECRET);
    follower.look().await;
    handshake("127.0.0.1", port, &plane.bundle(VALIDATING))
        .await
        .unwrap();
    stop.cancel();
    server.await.unwrap().unwrap();
}
