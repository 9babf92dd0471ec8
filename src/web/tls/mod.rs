//! TLS as a server. Decides when a new certificate and key take the place of those in
//! use: when their content changed and they fit together; else the old ones stay.
//!
//! Files are compared on a timer, not watched: Kubernetes swaps a symlink two
//! directories up, which a watch on the file never sees.

pub mod certificate;
mod client;
mod generation;
mod source;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio_util::sync::CancellationToken;

use crate::process::metrics::Metrics;

pub use client::{ClientAuth, ClientCertificate, Presence};
pub use source::TlsError;

pub(super) use generation::{Generation, H2};

use source::{Fingerprint, Material, Pair, Source, fingerprint};

/// How often to look; a kubelet takes a minute or so to bring a new Secret anyway.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// A certificate, its key and the configuration made of them.
#[derive(Debug)]
pub struct Tls {
    source: Source,
    clients: Option<ClientAuth>,
    current: ArcSwapOption<Generation>,
    /// What the last look found, good or bad, so that each change is told once. Held during
    /// a look, so that of two looks the later one has the last word.
    seen: Mutex<Option<Fingerprint>>,
    reloads: Family<[(&'static str, &'static str); 1], Counter>,
    /// Empty until there is a certificate: a date of 1970 would be a lie.
    not_after: Family<[(&'static str, &'static str); 0], Gauge>,
}

/// Makes aws-lc-rs the process's one provider of cryptography. Call first in `main`: clients
/// built without naming a provider panic where there is none. Calling again does nothing.
pub fn install_provider() {
    let _ = default_provider().install_default();
}

impl Tls {
    /// Reads both files. At start, unlike later, bad files are an error.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        Self::load_with_clients(cert_file, key_file, None)
    }

    /// As [`Tls::load`], and asks clients for certificates.
    pub fn load_with_clients(
        cert_file: &Path,
        key_file: &Path,
        clients: Option<ClientAuth>,
    ) -> Result<Self, TlsError> {
        let source = Source::Files {
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
        };
        Self::start(source, clients)
    }

    /// Without a certificate until [`Tls::replace`] brings one: connections are closed at
    /// once. `origin` names their origin in messages, for example `Secret trino/guard-tls`.
    pub fn given(origin: impl Into<String>, clients: Option<ClientAuth>) -> Result<Self, TlsError> {
        let source = Source::Given {
            origin: origin.into(),
            pair: Mutex::default(),
        };
        Self::start(source, clients)
    }

    fn start(source: Source, clients: Option<ClientAuth>) -> Result<Self, TlsError> {
        if let Some(clients) = &clients {
            clients.check()?;
        }
        let tls = Self {
            source,
            clients,
            current: ArcSwapOption::empty(),
            seen: Mutex::default(),
            reloads: Family::default(),
            not_after: Family::default(),
        };
        let read = tls.source.read(tls.clients.as_ref());
        let found = fingerprint(&read);
        if let Some(material) = read? {
            tls.take(&material)?;
        }
        *tls.lock() = found;
        Ok(tls)
    }

    /// Registers `PREFIX_tls_reloads_total{result="ok"|"error"}`.
    pub fn register(&self, metrics: &mut Metrics, prefix: &str) {
        for result in ["ok", "error"] {
            drop(self.reloads.get_or_create(&[("result", result)]));
        }
        let help = "Changed server certificates that were taken into use (ok) or refused (error)";
        metrics.register(&format!("{prefix}_tls_reloads"), help, self.reloads.clone());
    }

    /// Registers `PREFIX_tls_certificate_not_after_timestamp_seconds`, absent while there is
    /// no certificate.
    pub fn register_expiry(&self, metrics: &mut Metrics, prefix: &str) {
        let name = format!("{prefix}_tls_certificate_not_after_timestamp_seconds");
        let help = "When the certificate being served expires, in seconds since 1970";
        metrics.register(&name, help, self.not_after.clone());
    }

    /// Whether there is a certificate to serve.
    pub fn is_ready(&self) -> bool {
        self.current.load().is_some()
    }

    /// For the next connection; connections keep what they began with.
    pub(super) fn generation(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }

    /// Looks once. `Ok(true)` when something new is in use, `Ok(false)` when nothing changed
    /// since the last look. An error, told once a change, leaves the old ones in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let mut seen = self.lock();
        let read = self.source.read(self.clients.as_ref());
        let found = fingerprint(&read);
        if found.is_none() || *seen == found {
            return Ok(false);
        }
        *seen = found;
        let taken = read.and_then(|material| material.map_or(Ok(()), |found| self.take(&found)));
        let result = if taken.is_ok() { "ok" } else { "error" };
        self.reloads.get_or_create(&[("result", result)]).inc();
        taken.map(|()| true)
    }

    /// Hands over a certificate chain and its key, PEM; outcomes as of [`Tls::reload`].
    /// Changes nothing when this one reads files.
    pub fn replace(&self, cert: &[u8], key: &[u8]) -> Result<bool, TlsError> {
        if let Source::Given { pair, .. } = &self.source {
            let (cert, key) = (cert.to_vec(), key.to_vec());
            let mut pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
            *pair = Some(Pair { cert, key });
        }
        self.reload()
    }

    /// Looks every `interval` until `stop`, and logs what it found.
    pub async fn watch(
        self: Arc<Self>,
        interval: Duration,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        while stop
            .run_until_cancelled(tokio::time::sleep(interval))
            .await
            .is_some()
        {
            let tls = self.clone();
            let certificate = self.source.names().cert;
            match tokio::task::spawn_blocking(move || tls.reload()).await? {
                Ok(false) => {}
                Ok(true) => tracing::info!(certificate, "Took a new certificate into use"),
                Err(error) => tracing::error!(%error, "Kept the old certificate"),
            }
        }
        Ok(())
    }

    fn take(&self, material: &Material) -> Result<(), TlsError> {
        let next = Generation::new(material, self.clients.as_ref(), &self.source.names())?;
        let expires = self.not_after.get_or_create(&[]);
        expires.set(next.facts.not_after.as_second());
        drop(expires);
        if let Some(last) = self.current.swap(Some(Arc::new(next))) {
            last.retired.cancel();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Fingerprint>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::process::exposition::Exposition;

    /// A folder laid out as a kubelet lays out a mounted Secret.
    struct Mount(tempfile::TempDir);

    impl Mount {
        fn new() -> Self {
            let mount = Self(tempfile::tempdir().unwrap());
            for name in ["tls.crt", "tls.key"] {
                symlink(Path::new("..data").join(name), mount.path(name)).unwrap();
            }
            mount
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Writes a new generation and swaps `..data` to it, as the kubelet does.
        fn swap(&self, generation: &str, cert: &str, key: &str) {
            fs::create_dir(self.path(generation)).unwrap();
            fs::write(self.path(generation).join("tls.crt"), cert).unwrap();
            fs::write(self.path(generation).join("tls.key"), key).unwrap();
            symlink(generation, self.path("..data_tmp")).unwrap();
            fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        }

        fn load(&self) -> Result<Tls, TlsError> {
            Tls::load(&self.path("tls.crt"), &self.path("tls.key"))
        }
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn in_use(tls: &Tls) -> Arc<rustls::ServerConfig> {
        tls.generation().unwrap().config.clone()
    }

    #[test]
    fn a_swapped_symlink_brings_the_new_certificate() {
        let mount = Mount::new();
        let (cert, key) = made();
        mount.swap("..1", &cert, &key);
        let tls = mount.load().unwrap();
        let first = in_use(&tls);
        assert!(!tls.reload().unwrap());
        let (cert, key) = made();
        mount.swap("..2", &cert, &key);
        assert!(tls.reload().unwrap());
        assert!(!Arc::ptr_eq(&first, &in_use(&tls)));
        assert!(!tls.reload().unwrap());
    }

    #[test]
    fn bad_files_leave_the_old_ones_and_are_told_once() {
        let mount = Mount::new();
        let (cert, key) = made();
        mount.swap("..1", &cert, &key);
        let tls = mount.load().unwrap();
        let mut metrics = Metrics::default();
        tls.register(&mut metrics, "demo");
        let first = in_use(&tls);
        let (_, other_key) = made();
        for (generation, cert, key, said) in [
            (
                "..2",
                cert.as_str(),
                other_key.as_str(),
                "cannot be served with the key",
            ),
            (
                "..3",
                "nonsense",
                key.as_str(),
                "tls.crt holds no usable certificate",
            ),
            (
                "..4",
                cert.as_str(),
                "nonsense",
                "tls.key holds no usable private key",
            ),
        ] {
            mount.swap(generation, cert, key);
            let error = tls.reload().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(
                !error.contains("nonsense") && !error.contains("BEGIN"),
                "{error}"
            );
            assert!(!tls.reload().unwrap());
        }
        fs::remove_file(mount.path("tls.key")).unwrap();
        assert!(
            tls.reload()
                .unwrap_err()
                .to_string()
                .contains("tls.key: No such file")
        );
        assert!(!tls.reload().unwrap());
        assert!(Arc::ptr_eq(&first, &in_use(&tls)));
        let text = metrics.render(Exposition::Prometheus).unwrap();
        assert!(
            text.contains("demo_tls_reloads_total{result=\"error\"} 4\n"),
            "{text}"
        );
        assert!(
            text.contains("demo_tls_reloads_total{result=\"ok\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn bad_files_at_start_are_an_error() {
        let mount = Mount::new();
        assert!(
            mount
                .load()
                .unwrap_err()
                .to_string()
                .contains("tls.crt: No such file")
        );
    }

    #[test]
    fn what_is_handed_over_is_served_until_something_better_comes() {
        let tls = Tls::given("Secret trino/guard-tls", None).unwrap();
        let mut metrics = Metrics::default();
        tls.register_expiry(&mut metrics, "demo");
        let expiry = || metrics.render(Exposition::Prometheus).unwrap();
        assert!(!tls.is_ready() && !tls.reload().unwrap());
        assert!(!expiry().contains("\ndemo_tls_"), "{}", expiry());
        let ((cert, key), (_, other)) = (made(), made());
        let said = tls.replace(cert.as_bytes(), other.as_bytes());
        let said = said.unwrap_err().to_string();
        let expected = "the certificate in tls.crt of Secret trino/guard-tls cannot be served";
        assert!(said.starts_with(expected), "{said}");
        assert!(!tls.is_ready());
        assert!(tls.replace(cert.as_bytes(), key.as_bytes()).unwrap());
        assert!(!tls.replace(cert.as_bytes(), key.as_bytes()).unwrap());
        let first = tls.generation().unwrap();
        assert!(!first.retired.is_cancelled());
        // What `generate_simple_self_signed` puts in: the first of January of 4096.
        let line = "\ndemo_tls_certificate_not_after_timestamp_seconds{} 67090118400\n";
        assert!(expiry().contains(line), "{}", expiry());
        let (cert, key) = made();
        assert!(tls.replace(cert.as_bytes(), key.as_bytes()).unwrap());
        assert!(first.retired.is_cancelled());
        assert!(tls.replace(b"nonsense", key.as_bytes()).is_err());
        assert!(!tls.generation().unwrap().retired.is_cancelled());
    }

    #[test]
    fn client_authorities_must_be_there_at_start_and_count_as_part_of_it() {
        let mount = Mount::new();
        let (cert, key) = made();
        mount.swap("..1", &cert, &key);
        let ca_file = mount.path("client-ca.crt");
        let clients = ClientAuth {
            ca_file: ca_file.clone(),
            presence: Presence::Required,
        };
        let (cert_file, key_file) = (mount.path("tls.crt"), mount.path("tls.key"));
        let load = || Tls::load_with_clients(&cert_file, &key_file, Some(clients.clone()));
        let said = load().unwrap_err().to_string();
        assert!(said.contains("client-ca.crt: No such file"), "{said}");
        fs::write(&ca_file, "nonsense").unwrap();
        let said = load().unwrap_err().to_string();
        let expected = "client-ca.crt holds no usable certificate authority in PEM form";
        assert!(said.ends_with(expected), "{said}");
        fs::write(&ca_file, made().0).unwrap();
        let tls = load().unwrap();
        assert!(!tls.reload().unwrap());
        fs::write(&ca_file, made().0).unwrap();
        assert!(tls.reload().unwrap());
    }
}
