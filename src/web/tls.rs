//! TLS as a server. Decides when a certificate and key on disk take the place of those in
//! use: when their content changed and they fit together; else the old ones stay.
//!
//! Content is compared on a timer, not watched: Kubernetes swaps a symlink two
//! directories up, which a watch on the file never sees.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::process::metrics::Metrics;

/// HTTP/2 in ALPN.
pub(super) const H2: &[u8] = b"h2";

/// How often to look; a kubelet takes a minute or so to bring a new Secret anyway.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// A certificate, its key and the configuration made of them.
#[derive(Debug)]
pub struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<ServerConfig>,
    /// What the last look found, good or bad, so that each change is told once.
    seen: Mutex<Option<Fingerprint>>,
    reloads: Family<[(&'static str, &'static str); 1], Counter>,
}

/// SHA-256 of both files; `Err` is the kind of the error that reading met.
type Fingerprint = Result<Vec<u8>, io::ErrorKind>;

/// Why a certificate and key can't be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{} holds no usable {what} in PEM form", path.display())]
    Useless {
        /// Which.
        path: PathBuf,
        /// Certificate, or private key.
        what: &'static str,
    },
    /// Both can be read, and can't be used together.
    #[error("the certificate in {} cannot be served with the key in {}: {error}", cert_file.display(), key_file.display())]
    Mismatch {
        /// The certificate's file.
        cert_file: PathBuf,
        /// The key's file.
        key_file: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
}

/// The content of both files.
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// Makes aws-lc-rs the process's one provider of cryptography. Call first in `main`: clients
/// built without naming a provider panic where there is none. Calling again does nothing.
pub fn install_provider() {
    let _ = default_provider().install_default();
}

impl Tls {
    /// Reads both files. At start, unlike later, bad files are an error.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        let pair = Pair::read(cert_file, key_file)?;
        Ok(Self {
            current: ArcSwap::from_pointee(config(&pair, cert_file, key_file)?),
            seen: Mutex::new(Some(Ok(pair.fingerprint()))),
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
            reloads: Family::default(),
        })
    }

    /// Registers `PREFIX_tls_reloads_total{result="ok"|"error"}`.
    pub fn register(&self, metrics: &mut Metrics, prefix: &str) {
        for result in ["ok", "error"] {
            drop(self.reloads.get_or_create(&[("result", result)]));
        }
        let help = "Changed server certificates that were taken into use (ok) or refused (error)";
        metrics.register(&format!("{prefix}_tls_reloads"), help, self.reloads.clone());
    }

    /// For the next connection; connections keep what they began with.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks once. `Ok(true)` when new files are in use, `Ok(false)` when nothing changed
    /// since the last look. An error, told once a change, leaves the old ones in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = Pair::read(&self.cert_file, &self.key_file);
        if !self.is_news(&read) {
            return Ok(false);
        }
        let config = read.and_then(|pair| config(&pair, &self.cert_file, &self.key_file));
        let result = if config.is_ok() { "ok" } else { "error" };
        self.reloads.get_or_create(&[("result", result)]).inc();
        self.current.store(Arc::new(config?));
        Ok(true)
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
            let cert_file = self.cert_file.display();
            match tokio::task::spawn_blocking(move || tls.reload()).await? {
                Ok(false) => {}
                Ok(true) => tracing::info!(%cert_file, "Took a new certificate into use"),
                Err(error) => tracing::error!(%error, "Kept the old certificate"),
            }
        }
        Ok(())
    }

    fn is_news(&self, read: &Result<Pair, TlsError>) -> bool {
        let found = Some(match read {
            Ok(pair) => Ok(pair.fingerprint()),
            Err(TlsError::Unreadable { error, .. }) => Err(error.kind()),
            Err(_) => Err(io::ErrorKind::InvalidData),
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *seen != found;
        *seen = found;
        news
    }
}

impl Pair {
    fn read(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            cert: read(cert_file)?,
            key: read(key_file)?,
        })
    }

    fn fingerprint(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        context.update(&self.cert);
        context.update(&self.key);
        context.finish().as_ref().to_vec()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn config(pair: &Pair, cert_file: &Path, key_file: &Path) -> Result<ServerConfig, TlsError> {
    let mismatch = |error| TlsError::Mismatch {
        cert_file: cert_file.to_owned(),
        key_file: key_file.to_owned(),
        error,
    };
    let chain = chain(&pair.cert).ok_or_else(|| useless(cert_file, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&pair.key);
    let key = key.map_err(|_| useless(key_file, "private key"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    (!chain.is_empty()).then_some(chain)
}

fn useless(path: &Path, what: &'static str) -> TlsError {
    TlsError::Useless {
        path: path.to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

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

    fn in_use(tls: &Tls) -> Arc<ServerConfig> {
        tls.current.load_full()
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
}
