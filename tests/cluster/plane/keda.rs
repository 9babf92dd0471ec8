//! Real KEDA beside a plane: its operator and its metrics adapter as processes, and what its triggers of type `metrics-api`
//! read, which is what the test sets. Decides nothing about scaling.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Plane, external_metrics};
use crate::leash::Leashed;
use crate::{http, net, parts, wait};

/// KEDA's own namespace.
const NAMESPACE: &str = "keda";

/// Who it is for the API server.
const ACCOUNT: &str = "system:serviceaccount:keda:keda-operator";

/// Running KEDA. It is the external metrics API of its plane, and no namespace can be deleted while that is registered and
/// gone: end it with [`Keda::stop`].
pub struct Keda {
    address: SocketAddr,
    figures: Figures,
    endpoint: JoinHandle<()>,
    // Dropping them ends them.
    _operator: Leashed,
    _adapter: Leashed,
}

/// What both programs are told.
struct Home {
    /// Holds certificates and logs.
    folder: PathBuf,
    kubeconfig: String,
    /// Of the operator, which the adapter asks for figures.
    service: u16,
}

impl Keda {
    /// Starts both programs and waits until the plane has its figures from them.
    pub async fn start(plane: &Plane) -> Result<Self> {
        plane.namespace(NAMESPACE, &[]).await?;
        let definitions = parts::command("keda", "crds")?.display().to_string();
        let apply = ["apply", "--server-side", "-f", &definitions];
        plane.kubectl(&apply).await?.ok()?;
        let home = Home::write(plane)?;
        let operator = home.operator().await?;
        let port = net::free_loopback()?.port();
        let adapter = home.adapter(port)?;
        let figures = Figures::default();
        let (address, endpoint) = serve(figures.clone()).await?;
        let keda = Self {
            address,
            figures,
            endpoint,
            _operator: operator,
            _adapter: adapter,
        };
        external_metrics::register(plane, port).await?;
        Ok(keda)
    }

    /// Where a trigger reads the figure of this name, as `{"value": …}`; at first zero.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// What it reads from now on; it is active above zero.
    pub fn set(&self, name: &str, value: u32) {
        self.figures.lock().insert(name.to_owned(), value);
    }

    /// Ends it. Its objects go first: only it can take its finalizers off them.
    pub async fn stop(self, plane: &Plane) -> Result<()> {
        let all = ["delete", "scaledobjects", "--all", "--all-namespaces"];
        let gone = plane.kubectl(&all).await?.ok();
        external_metrics::unregister(plane).await?;
        gone.map(drop)
    }
}

impl Drop for Keda {
    fn drop(&mut self) {
        self.endpoint.abort();
    }
}

impl Home {
    fn write(plane: &Plane) -> Result<Self> {
        let folder = plane.folder().join("keda");
        std::fs::create_dir_all(&folder)?;
        let authority = &plane.certs.authority;
        let hosts = ["localhost", "keda-operator.keda.svc"];
        let pair = authority.issue("keda-operator", &hosts)?;
        std::fs::write(folder.join("ca.crt"), &authority.pem)?;
        std::fs::write(folder.join("tls.crt"), &pair.cert)?;
        std::fs::write(folder.join("tls.key"), &pair.key)?;
        let kubeconfig = folder.join("kubeconfig");
        plane.access.write_acting_as(&kubeconfig, ACCOUNT)?;
        Ok(Self {
            kubeconfig: kubeconfig.display().to_string(),
            folder,
            service: net::free_loopback()?.port(),
        })
    }

    /// Starts the operator and waits until it is ready.
    async fn operator(&self) -> Result<Leashed> {
        let probes = net::free_loopback()?;
        let arguments = [
            self.certificates(),
            "--leader-elect=false".to_owned(),
            "--enable-prometheus-metrics=false".to_owned(),
            format!("--health-probe-bind-address={probes}"),
            format!("--metrics-service-bind-address=127.0.0.1:{}", self.service),
            "--enable-apiservice-patching=false".to_owned(),
            "--enable-webhook-patching=false".to_owned(),
        ];
        let mut operator = self.start("operator", &arguments)?;
        let url = format!("http://{probes}/readyz");
        wait::until("KEDA's operator", 60, async || {
            operator.check_alive()?;
            let answer = http::get(&url, &[]).await;
            Ok(answer.is_ok_and(|it| it.status == 200).then_some(()))
        })
        .await?;
        Ok(operator)
    }

    fn adapter(&self, port: u16) -> Result<Leashed> {
        let own = |flag: &str| format!("--{flag}={}", self.kubeconfig);
        let file = |flag: &str, name: &str| {
            let path = self.folder.join(name);
            format!("--{flag}={}", path.display())
        };
        let arguments = [
            self.certificates(),
            format!("--secure-port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            // Its own figures: it takes a port for them, and no address. Any free one.
            "--port=0".to_owned(),
            own("lister-kubeconfig"),
            own("authentication-kubeconfig"),
            own("authorization-kubeconfig"),
            file("client-ca-file", "ca.crt"),
            file("tls-cert-file", "tls.crt"),
            file("tls-private-key-file", "tls.key"),
            format!("--metrics-service-address=localhost:{}", self.service),
        ];
        self.start("adapter", &arguments)
    }

    fn certificates(&self) -> String {
        format!("--cert-dir={}", self.folder.display())
    }

    fn start(&self, name: &str, arguments: &[String]) -> Result<Leashed> {
        let variables = [
            ("KUBECONFIG", self.kubeconfig.as_str()),
            ("POD_NAMESPACE", NAMESPACE),
            ("POD_NAME", "keda-0"),
            ("KEDA_CLUSTER_OBJECT_NAMESPACE", NAMESPACE),
            ("OPERATOR_NAME", "keda-operator"),
            ("WATCH_NAMESPACE", ""),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let program = parts::command("keda", name)?;
        let log = self.folder.join(format!("{name}.log"));
        Leashed::start_with(&program, arguments, &variables, &self.folder, &log)
    }
}

/// What triggers read, by name.
#[derive(Clone, Default)]
struct Figures(Arc<Mutex<BTreeMap<String, u32>>>);

impl Figures {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(figures: Figures) -> Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/{name}", get(figure))
        .with_state(figures);
    let task = tokio::spawn(async move {
        // It never ends by itself.
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, task))
}

async fn figure(State(figures): State<Figures>, Path(name): Path<String>) -> Json<Value> {
    let value = figures.lock().get(&name).copied();
    Json(json!({"value": value.unwrap_or_default()}))
}
