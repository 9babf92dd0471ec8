//! TLS towards Trino and Prometheus: whom the exporter trusts, how it shows who it is, and that files replaced on disk
//! take effect.

use std::fs;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use xtrinode::web::tls::install_provider;

use super::super::binary;
use super::fake::Fake;
use super::folder::Folder;
use super::harness::{Running, detail, reason};
use super::reply::Reply;
use super::scene::{DETAIL, QUERY, behave, complete, coordinator, held_by, watch_fast};

/// A certificate authority of a test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    fn issue(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair {
            cert,
            key: key.serialize_pem(),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        roots
    }
}

impl Pair {
    /// Serves this pair; with `clients`, only to those whom it has certified.
    fn acceptor(&self, clients: Option<&Authority>) -> TlsAcceptor {
        install_provider();
        let builder = ServerConfig::builder();
        let builder = match clients {
            Some(authority) => {
                let verifier = WebPkiClientVerifier::builder(Arc::new(authority.roots()));
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let chain = vec![CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
    }
}

const HERE: &str = "127.0.0.1";

/// A coordinator behind TLS.
async fn secure(pair: &Pair, clients: Option<&Authority>) -> Fake {
    let fake = Fake::start_tls(pair.acceptor(clients)).await;
    behave(&fake, &[QUERY]);
    fake
}

/// The reason and sentence of a coordinator that can't be read.
async fn refused(exporter: Running) -> (String, String) {
    let seen = exporter.first_cycle().await;
    assert!(seen.workers.is_empty());
    let told = (reason(&seen).unwrap().to_owned(), detail(&seen).to_owned());
    exporter.stop().await;
    told
}

async fn complete_with(fake: &Fake, more: &str) {
    let exporter = watch_fast(&fake.url, more).await;
    let seen = exporter.until("a complete cycle", complete).await;
    assert_eq!(seen.workers.len(), 2);
    exporter.stop().await;
}

#[tokio::test]
async fn only_the_configured_authority_is_trusted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Folder::with(&[("ca", &ours.pem), ("wrong", &theirs.pem)]);
    let fake = secure(&ours.issue(HERE), None).await;
    complete_with(&fake, &format!("tls: {}", files.map(&[("caFile", "ca")]))).await;
    let wrong = format!("tls: {}", files.map(&[("caFile", "wrong")]));
    for more in ["", &wrong] {
        let before = fake.asked("/").len();
        let (reason, detail) = refused(watch_fast(&fake.url, more).await).await;
        assert_eq!(reason, "connect", "{detail}");
        assert_eq!(
            fake.asked("/").len(),
            before,
            "nothing is sent to a stranger"
        );
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ours = Authority::new("ours");
    let files = Folder::with(&[("ca", &ours.pem)]);
    let fake = secure(&ours.issue("127.0.0.2"), None).await;
    let more = format!("tls: {}", files.map(&[("caFile", "ca")]));
    let (reason, detail) = refused(watch_fast(&fake.url, &more).await).await;
    assert_eq!(reason, "connect", "{detail}");
    assert!(detail.contains("127.0.0.1"), "{detail}");
}

#[tokio::test]
async fn whoever_skips_verification_connects_and_is_warned() {
    let fake = secure(&Authority::new("ours").issue("elsewhere.test"), None).await;
    complete_with(&fake, "tls: {insecureSkipVerify: true}").await;
    let files = Folder::with(&[]);
    let config = "tls: {insecureSkipVerify: true}\ncoordinators: {c: {url: 'https://127.0.0.1:1', release: r}}\n";
    let ended = once(&files, config, &[]).await;
    assert!(
        ended.err.contains("certificates are not verified"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_demanded_client_certificate_is_shown() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (client, stranger) = (ours.issue("exporter"), theirs.issue("exporter"));
    let files = Folder::with(&[
        ("ca", &ours.pem),
        ("cert", &client.cert),
        ("key", &client.key),
        ("strange-cert", &stranger.cert),
        ("strange-key", &stranger.key),
    ]);
    let fake = secure(&ours.issue(HERE), Some(&ours)).await;
    let with = |cert, key| {
        let keys = [("caFile", "ca"), ("certFile", cert), ("keyFile", key)];
        format!("tls: {}", files.map(&keys))
    };
    complete_with(&fake, &with("cert", "key")).await;
    let before = fake.asked("/").len();
    let without = format!("tls: {}", files.map(&[("caFile", "ca")]));
    for more in [without, with("strange-cert", "strange-key")] {
        let (reason, detail) = refused(watch_fast(&fake.url, &more).await).await;
        assert_eq!(reason, "no_answer", "{detail}");
        assert!(detail.contains("alert"), "{detail}");
    }
    assert_eq!(fake.asked("/").len(), before);
}

#[tokio::test]
async fn an_authority_replaced_on_disk_takes_effect() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Folder::with(&[("ca", &theirs.pem)]);
    let fake = secure(&ours.issue(HERE), None).await;
    let more = format!("tls: {}", files.map(&[("caFile", "ca")]));
    let exporter = watch_fast(&fake.url, &more).await;
    exporter
        .until("a refusal", |s| reason(s) == Some("connect"))
        .await;
    files.write("ca", &ours.pem);
    let good = exporter.until("a complete cycle", complete).await;
    for (content, word) in [
        (theirs.pem.as_str(), "connect"),
        ("nonsense", "tls_files"),
        ("", "tls_files"),
    ] {
        files.write("ca", content);
        let seen = exporter.until(word, |s| reason(s) == Some(word)).await;
        assert_eq!(held_by(&seen), held_by(&good));
        assert!(!detail(&seen).contains("nonsense"), "{}", detail(&seen));
    }
    fs::remove_file(files.path("ca")).unwrap();
    let gone = |s: &_| detail(s).contains("entity not found");
    let seen = exporter.until("a missing file", gone).await;
    assert_eq!(
        (reason(&seen), held_by(&seen)),
        (Some("tls_files"), held_by(&good))
    );
    let both = format!("{}{}", theirs.pem, ours.pem);
    files.write("ca", &both);
    exporter.until("a complete cycle", complete).await;
    exporter.stop().await;
}

#[tokio::test]
async fn the_wrong_protocol_is_no_connection_or_no_answer() {
    let plain = coordinator(&[QUERY]).await;
    let https = plain.url.replace("http://", "https://");
    let (reason, detail) = refused(watch_fast(&https, "").await).await;
    assert_eq!(reason, "connect", "{detail}");
    let secure = secure(&Authority::new("ours").issue(HERE), None).await;
    let http = secure.url.replace("https://", "http://");
    let (reason, detail) = refused(watch_fast(&http, "").await).await;
    assert_eq!(reason, "no_answer", "{detail}");
}

#[tokio::test]
async fn no_redirect_leads_from_tls_to_plain_http() {
    let ours = Authority::new("ours");
    let files = Folder::with(&[("ca", &ours.pem), ("p", "s3cr3t")]);
    let (fake, plain) = (
        secure(&ours.issue(HERE), None).await,
        coordinator(&[QUERY]).await,
    );
    let location = format!("location: {}{DETAIL}", plain.url);
    fake.on(DETAIL, Reply::refusal(302).header(&location));
    let tls = files.map(&[("caFile", "ca")]);
    let token = files
        .map(&[("tokenFile", "p")])
        .replace('{', "{type: bearer, ");
    let exporter = watch_fast(&fake.url, &format!("tls: {tls}\ntrinoAuth: {token}")).await;
    exporter
        .until("a redirect", |s| reason(s) == Some("redirect"))
        .await;
    assert!(plain.asked("/").is_empty());
    exporter.stop().await;
}

#[tokio::test]
async fn prometheus_has_an_authority_of_its_own() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Folder::with(&[("ca", &ours.pem), ("prometheus", &theirs.pem)]);
    let fake = secure(&ours.issue(HERE), None).await;
    let prometheus = Fake::start_tls(theirs.issue(HERE).acceptor(None)).await;
    let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    prometheus.on("/api/v1/query", Reply::json(empty));
    let tls = files.map(&[("caFile", "ca")]);
    let own = files.map(&[("caFile", "prometheus")]);
    let url = &prometheus.url;
    let more = format!("tls: {tls}\nprometheus: {{url: '{url}', tls: {own}}}");
    let exporter = watch_fast(&fake.url, &more).await;
    exporter.until("a complete cycle", complete).await;
    prometheus.until_asked("/api/v1/query", 2).await;
    exporter.stop().await;
}

/// An image without any certificate authorities: plain http and an own authority need none of them.
#[tokio::test]
async fn a_system_without_authorities_is_no_obstacle() {
    let ours = Authority::new("ours");
    let files = Folder::with(&[("ca", &ours.pem), ("none", "")]);
    let none = files.path("none");
    let none = none.to_str().unwrap();
    let plain = coordinator(&[QUERY]).await;
    let secure = secure(&ours.issue(HERE), None).await;
    for fake in [&plain, &secure] {
        let tls = files.map(&[("caFile", "ca")]);
        let tls = if fake.url.starts_with("https") {
            format!("tls: {tls}\n")
        } else {
            String::new()
        };
        let config = format!(
            "{tls}coordinators: {{c: {{url: '{}', release: r}}}}\n",
            fake.url
        );
        let environment = [("SSL_CERT_FILE", none), ("SSL_CERT_DIR", none)];
        let ended = once(&files, &config, &environment).await;
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    }
}

/// One cycle of the program itself.
async fn once(files: &Folder, config: &str, environment: &[(&str, &str)]) -> binary::Ended {
    files.write("config.yaml", config);
    let file = files.path("config.yaml");
    let mut command = binary::xtrinode(&["exporter", "--once", "--log-format", "json", "--config"]);
    command.arg(file).envs(environment.iter().copied());
    let run = move || binary::ended(&command.output().unwrap());
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// TLS ends at the coordinator, workers speak plain HTTP on `workerHttpPort`: the usual set-up. Nothing runs, the
/// coordinator's own count says so, and the worker says so: known and idle is 0, not absent.
#[tokio::test]
async fn an_idle_cluster_with_tls_at_the_coordinator_only_shows_its_zeros() {
    let authority = Authority::new("ours");
    let files = Folder::with(&[("ca", &authority.pem)]);
    let fake = Fake::start_tls(authority.issue(HERE).acceptor(None)).await;
    behave(&fake, &[]);
    let worker = Fake::start_at("127.0.3.1:0", None).await;
    worker.on(
        "/v1/status",
        Reply::json(
            r#"{"nodeId":"w","nodeVersion":{"version":"476"},"coordinator":false,"memoryInfo":
            {"pool":{"queryMemoryReservations":{},"taskMemoryReservations":{}}}}"#,
        ),
    );
    let (_, port) = worker.authority().rsplit_once(':').unwrap();
    let prometheus = Fake::start().await;
    let series = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"instance":"127.0.3.1:{port}",
        "pod":"w-0","namespace":"trino"}},"value":[1,"1"]}}]}}}}"#
    );
    prometheus.on("/api/v1/query", Reply::json(series));
    let more = format!(
        "tls: {}\nworkerHttpPort: {port}\nprometheus:\n  url: {}",
        files.map(&[("caFile", "ca")]),
        prometheus.url
    );
    let exporter = watch_fast(&fake.url, &more).await;
    exporter
        .until("an idle worker", |s| {
            s.workers.len() == 1 && !s.workers[0].lower_bound
        })
        .await;
    exporter.stop().await;
}
