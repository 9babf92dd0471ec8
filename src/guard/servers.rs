//! The guard's two servers, and the certificate of one of them. Decides what is registered and what is bound where.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;

use crate::cluster::lease::Leadership;
use crate::process::build::BUILD;
use crate::web::admin::{self, Admin};
use crate::web::limits::Limits;
use crate::web::serve::Server;
use crate::web::tls::{ClientAuth, Presence, RELOAD_INTERVAL, Tls};

use super::config::{Certificate, Settings};
use super::fail_open::FailOpen;
use super::webhook::{self, Webhook};
use super::wiring::{Base, Guard, MARGIN};
use super::{api, certificates, manifests};

/// What the admin port's front page says of the guard's own pages.
const INDEX: [(&str, &str); 2] = [
    (
        "/v1/status",
        "clusters, blocked pods, drains and grants, as JSON",
    ),
    (
        "/v1/explain",
        "what a request would be told: ?action=evict&namespace=NS&name=POD",
    ),
];

impl Base {
    /// Opens the ports.
    pub(super) async fn serve(
        mut self,
        webhook: Arc<Webhook>,
        leadership: Leadership,
    ) -> anyhow::Result<Guard> {
        self.watch_fail_open();
        let tls = self.tls(leadership)?;
        self.register(&tls);
        let (reviews, admin) = bound(&self.settings).await?;
        let guard = Guard {
            webhook_url: reviews.url(),
            admin_url: admin.url(),
            tasks: self.tasks,
            stop: self.stop.clone(),
            grace: self.settings.lame_duck + self.settings.shutdown_grace + MARGIN,
        };
        let about = Admin {
            component: "guard",
            metrics: Arc::new(self.metrics),
            readiness: self.readiness,
            index: INDEX.to_vec(),
        };
        let router = admin::router_until(about, self.stop).merge(api::router(webhook.clone()));
        Ok(guard.with_servers(reviews.with_tls(Some(tls)), admin, webhook, router))
    }

    fn register(&mut self, tls: &Tls) {
        self.counters.register(&mut self.metrics);
        let build = Info::new([
            ("version", BUILD.version),
            ("commit", BUILD.commit),
            ("target", BUILD.target),
        ]);
        self.metrics
            .register("xtrinode_guard_build", "This build", build);
        tls.register(&mut self.metrics, "xtrinode_guard");
        tls.register_expiry(&mut self.metrics, "xtrinode_guard");
    }

    fn watch_fail_open(&mut self) {
        let fail_open = FailOpen {
            client: self.kubernetes.client(),
            configurations: manifests::configurations(&self.settings),
            gauge: Gauge::default(),
        };
        self.metrics.register(
            "xtrinode_guard_fail_open",
            "1 while an enforcing webhook entry lets removals pass when no guard answers",
            fail_open.gauge.clone(),
        );
        let stop = self.halt.clone();
        self.spawn("look at webhook configurations", fail_open.run(stop));
    }

    /// The certificate, and whatever keeps it good.
    fn tls(&mut self, leadership: Leadership) -> anyhow::Result<Arc<Tls>> {
        let settings = self.settings.clone();
        let clients = settings.serving.clients.as_ref().map(|clients| ClientAuth {
            ca_file: clients.ca_file.clone(),
            presence: Presence::Optional,
        });
        match &settings.serving.certificate {
            Certificate::Files(files) => {
                let loaded = Tls::load_with_clients(&files.cert_file, &files.key_file, clients);
                let tls = Arc::new(loaded.context("tls")?);
                let watch = tls.clone().watch(RELOAD_INTERVAL, self.halt.clone());
                self.tasks.spawn("certificate reload", watch);
                Ok(tls)
            }
            Certificate::SelfManaged(own) => {
                let hold = self.readiness.hold("the webhook's certificate");
                let kept = certificates::Kept {
                    client: self.kubernetes.client(),
                    settings: &settings,
                    own,
                    clients,
                    hold,
                    leadership,
                    stop: self.halt.clone(),
                };
                let (tls, tasks) = kept.prepare()?;
                for (name, work) in tasks {
                    self.tasks.spawn(name, work);
                }
                Ok(tls)
            }
        }
    }
}

/// The webhook's port and the admin port, in this order.
async fn bound(settings: &Settings) -> anyhow::Result<(Server, Server)> {
    let serving = &settings.serving;
    let address = |port| SocketAddr::from((serving.bind_address, port));
    let ending = |limits| Limits {
        lame_duck: settings.lame_duck,
        shutdown: settings.shutdown_grace,
        ..limits
    };
    let limits = Limits {
        // The guard's own deadline comes before this, so that whoever asks hears a verdict.
        answer: serving.webhook_timeout,
        ..ending(Limits::webhook())
    };
    let reviews = Server::bind(address(serving.webhook_port), limits).await?;
    let limits = ending(Limits::default());
    let admin = Server::bind(address(serving.admin_port), limits).await?;
    Ok((reviews, admin))
}

impl Guard {
    fn with_servers(
        mut self,
        reviews: Server,
        admin: Server,
        webhook: Arc<Webhook>,
        router: axum::Router,
    ) -> Self {
        let (stop, effects) = (self.stop.clone(), webhook.effects.clone());
        self.tasks
            .spawn("admin server", admin.run(router, stop.clone()));
        self.tasks.spawn("webhook server", async move {
            let served = reviews.run(webhook::router(webhook), stop).await;
            effects.finish().await;
            served
        });
        self
    }
}
