//! What the configurations depend on: the guard's own settings, with flags over them. Decides defaults for somebody
//! who has no configuration file yet; reads the files that flags name.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use url::Url;

use crate::cli::{GuardMode, WebhooksArgs};
use crate::core::guard::facts::place::Mode;
use crate::guard::config::{Certificate, Overrides, OwnPod, Settings, parse, path_segment};
use crate::process::secret::Secret;

use super::selectors::{self, Own};

/// Where the README installs it.
const NAMESPACE: &str = "xtrinode-system";

/// A configuration that says nothing but how it serves.
const DEFAULTS: &str = "tls: {selfManaged: {}}";

/// Everything that shows in the configurations.
#[derive(Clone, Debug)]
pub struct Options {
    /// The guard's namespace, which is never guarded.
    pub namespace: String,
    /// What the names of the configurations begin with.
    pub prefix: String,
    /// What `xtrinode.io/guard: enabled` means.
    pub mode: Mode,
    /// The only namespaces that are guarded; empty = all with the label.
    pub namespaces: Vec<String>,
    /// How the API server reaches the guard.
    pub reach: Reach,
    /// Whom it trusts.
    pub trust: Trust,
    /// The first segment of each path.
    pub path_secret: Option<Secret>,
    /// When the API server gives up, in whole seconds.
    pub timeout: Duration,
    /// Whether scale-downs are made smaller.
    pub clamp: bool,
    /// Clusters with labels of their own.
    pub(super) clusters: Vec<Own>,
}

/// How the API server reaches the guard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reach {
    /// Port 443 of a Service in the guard's namespace.
    Service {
        /// Its name.
        name: String,
    },
    /// An address; the paths are appended.
    Url(Url),
}

/// Whose certificates the API server trusts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// The guard's own authority: its leader sets `caBundle`, and `Fail` after it.
    Leader,
    /// Whoever signed this Certificate (`NAMESPACE/NAME`): cert-manager sets `caBundle`.
    CertManager(String),
    /// Certificates in PEM form.
    Bundle(Vec<u8>),
    /// The authorities that the API server's machine trusts.
    Public,
}

impl Options {
    /// The options of an installation with these settings. The secret of the path stays in its file.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let own = &settings.installation;
        let (trust, service) = match &settings.serving.certificate {
            Certificate::SelfManaged(managed) => (Trust::Leader, &managed.service_name),
            Certificate::Files(_) => (Trust::Public, &own.release),
        };
        let name = service.clone();
        let url = settings.serving.webhook_url.clone();
        Self {
            namespace: own.namespace.clone(),
            prefix: own.webhook_prefix.clone(),
            mode: settings.mode,
            namespaces: settings.namespaces.clone(),
            reach: url.map_or(Reach::Service { name }, Reach::Url),
            trust,
            path_secret: None,
            timeout: settings.serving.webhook_timeout,
            clamp: settings.policy.clamp,
            clusters: selectors::own(&settings.clusters),
        }
    }

    /// What the command line asks for.
    ///
    /// # Errors
    /// Says which file cannot be read, or every problem of the configuration.
    pub fn from_args(args: &WebhooksArgs) -> anyhow::Result<Self> {
        let mut options = Self::of(&settings(args)?);
        if let Some(mode) = args.mode {
            options.mode = match mode {
                GuardMode::Audit => Mode::Audit,
                GuardMode::Enforce => Mode::Enforce,
            };
        }
        if let Some(name) = args.service.clone() {
            options.reach = Reach::Service { name };
        }
        if let Some(url) = args.url.clone() {
            options.reach = Reach::Url(url);
        }
        if let Some(certificate) = args.inject_ca_from.clone() {
            options.trust = Trust::CertManager(certificate);
        }
        if let Some(file) = &args.ca_file {
            options.trust = Trust::Bundle(bundle(file)?);
        }
        let file = args.path_secret_file.as_deref();
        options.path_secret = file.map(path_secret).transpose()?;
        names_differ(&options.clusters)?;
        Ok(options)
    }
}

/// The file's settings, or the defaults. Its secrets and certificates are where the guard runs, and not looked at.
fn settings(args: &WebhooksArgs) -> anyhow::Result<Settings> {
    let (text, origin) = match &args.config {
        Some(file) => (
            fs::read_to_string(file)
                .with_context(|| format!("cannot read the file {}", file.display()))?,
            file.display().to_string(),
        ),
        None => (DEFAULTS.to_owned(), "the defaults".to_owned()),
    };
    let own = OwnPod {
        name: Some("any".to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
    };
    let parsed = parse(&text, &Overrides::default(), &own);
    let parsed = parsed.map_err(|problems| anyhow::anyhow!("{}", problems.in_file(&origin)))?;
    let mut settings = parsed.settings;
    rename(&mut settings, args);
    Ok(settings)
}

/// Names that the file leaves out follow the installation's.
fn rename(settings: &mut Settings, args: &WebhooksArgs) {
    let own = &mut settings.installation;
    if let Some(namespace) = args.namespace.clone() {
        own.namespace = namespace;
    }
    if let Some(name) = args.name.clone() {
        own.webhook_prefix.clone_from(&name);
        if let Certificate::SelfManaged(managed) = &mut settings.serving.certificate {
            managed.service_name.clone_from(&name);
        }
        own.release = name;
    }
}

fn bundle(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = fs::read(file);
    let pem = read.with_context(|| format!("cannot read the file {}", file.display()))?;
    let begins = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(begins.len()).any(|part| part == begins) {
        bail!("{} holds no certificate in PEM form", file.display());
    }
    Ok(pem)
}

fn path_secret(file: &Path) -> anyhow::Result<Secret> {
    let read = fs::read_to_string(file);
    let text = read.with_context(|| format!("cannot read the file {}", file.display()))?;
    let text = text.trim();
    if let Err(allowed) = path_segment(text) {
        bail!(
            "the content of {} (not shown) is not allowed; {allowed}",
            file.display()
        );
    }
    Ok(Secret::new(text))
}

/// Two clusters of one name would be one object.
fn names_differ(clusters: &[Own]) -> anyhow::Result<()> {
    for (index, one) in clusters.iter().enumerate() {
        if one.name.is_empty() || clusters[..index].iter().any(|other| other.name == one.name) {
            bail!(
                "coordinators: a cluster with labels of its own is {:?} as a part of an object's name; rename it so that it has letters or digits and differs from others",
                one.name
            );
        }
    }
    Ok(())
}
