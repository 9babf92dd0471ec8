//! Puts a guard together from its parts: what is watched, asked, served and led. Decides only what depends on what.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::metrics::info::Info;
use tokio_util::sync::CancellationToken;

use crate::cluster::client::Kubernetes;
use crate::cluster::events::Herald;
use crate::cluster::lease::Leadership;
use crate::cluster::lease::candidate::{Candidate, Terms};
use crate::cluster::selection::{Entry, Selection};
use crate::cluster::selector;
use crate::cluster::watch::{self, Watched, Watches};
use crate::collect;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{ClusterId, Role};
use crate::core::guard::review::Identities;
use crate::process::build::BUILD;
use crate::process::metrics::Metrics;
use crate::process::readiness::Readiness;
use crate::process::tasks::Tasks;
use crate::web::admin::{self, Admin};
use crate::web::limits::Limits;
use crate::web::serve::Server;
use crate::web::tls::{ClientAuth, Presence, RELOAD_INTERVAL, Tls};

use super::clock::Clock;
use super::config::{Certificate, Cluster, Labels, Settings};
use super::counters::Counters;
use super::effects::Effects;
use super::gauges::Gauges;
use super::kube_pen::KubePen;
use super::leader::{Lead, Leader};
use super::obituary::Obituary;
use super::pen::Pen;
use super::state::{Atlas, Fresh, State};
use super::trino::lists::Lists;
use super::trino::looks::Looks;
use super::trino::own::Own;
use super::trino::power::Power;
use super::trino::stream::Stream;
use super::trino::workers::Workers;
use super::webhook::{self, Trust, Webhook};
use super::{api, certificates};

/// The server drops what is left open when the grace is over; that takes a moment.
const MARGIN: Duration = Duration::from_secs(1);

/// A guard whose ports are open and whose tasks run.
#[derive(Debug)]
pub struct Guard {
    /// Where reviews are answered.
    pub webhook_url: String,
    /// Where metrics, probes, `explain` and `status` are.
    pub admin_url: String,
    tasks: Tasks,
    stop: CancellationToken,
    grace: Duration,
}

/// What all parts share.
struct Base {
    settings: Arc<Settings>,
    kubernetes: Kubernetes,
    clock: collect::clock::Clock,
    /// Asks to leave: from then on nothing is led any more.
    stop: CancellationToken,
    /// What reviews are answered from goes on until the last was.
    halt: CancellationToken,
    tasks: Tasks,
    metrics: Metrics,
    readiness: Readiness,
    counters: Counters,
}

impl Guard {
    /// Connects to Kubernetes, opens the ports and starts to watch.
    ///
    /// # Errors
    /// When there is no way to the Kubernetes API, or a port, a certificate or a secret can't be used.
    pub async fn prepare(settings: Settings, stop: &CancellationToken) -> anyhow::Result<Self> {
        let connected = Kubernetes::connect().await;
        let connected = connected.context("the guard needs a service account or a kubeconfig")?;
        let mut base = Base::new(settings, connected, stop, CancellationToken::new());
        let (state, fresh) = base.state()?;
        let pen = base.pen();
        let looks = base.trino(&state);
        let (leader, leadership) = base.candidate(&state, &pen, &looks, &fresh);
        let (power, stop) = (leader.power.clone(), stop.clone());
        base.spawn("ask whether workers drain", power.run(stop.clone()));
        base.spawn("lead", leader.run(stop));
        let webhook = base.webhook(&state, &pen, &looks, &fresh)?;
        base.halt_late();
        base.serve(webhook, leadership).await
    }

    /// Runs until the token given to [`Guard::prepare`] is cancelled.
    ///
    /// # Errors
    /// When a task ends early or does not end in time.
    pub async fn run(self) -> anyhow::Result<()> {
        Ok(self.tasks.run(&self.stop, self.grace).await?)
    }
}

/// What `xtrinode guard cleanup` needs: a leader that always leads, and the work that it rests on until `stop`.
///
/// # Errors
/// When a selector of the configuration can't be read.
pub fn cleaner(
    settings: Settings,
    kubernetes: Kubernetes,
    lead: Arc<dyn Lead>,
    stop: &CancellationToken,
) -> anyhow::Result<(Leader, Tasks)> {
    let mut base = Base::new(settings, kubernetes, stop, stop.clone());
    let (state, fresh) = base.state()?;
    let pen = base.pen();
    let looks = base.trino(&state);
    let leader = base.leader(&state, &pen, &looks, &fresh, lead);
    Ok((leader, base.tasks))
}

impl Base {
    fn new(
        settings: Settings,
        kubernetes: Kubernetes,
        stop: &CancellationToken,
        halt: CancellationToken,
    ) -> Self {
        Self {
            settings: Arc::new(settings),
            kubernetes,
            clock: collect::clock::Clock::start(),
            stop: stop.clone(),
            halt,
            tasks: Tasks::default(),
            metrics: Metrics::default(),
            readiness: Readiness::default(),
            counters: Counters::default(),
        }
    }

    fn state(&mut self) -> anyhow::Result<(State, Arc<dyn Fresh>)> {
        let watched = self.watch()?;
        let fresh: Arc<dyn Fresh> = Arc::new(Watching(watched.clone(), self.clock));
        let policy = self.settings.policy.clone();
        let state = State::new(Atlas::Watched(watched), policy, Clock::start());
        Ok((state, fresh))
    }

    fn watch(&mut self) -> anyhow::Result<Watched> {
        let options = watch::Options {
            selection: selection(&self.settings)?,
            enabled: self.settings.mode,
            external: self.settings.clusters.iter().map(cluster_id).collect(),
        };
        let Watches {
            watched,
            gone,
            tasks,
        } = watch::prepare(&self.kubernetes, &options, self.clock, &self.halt);
        for (name, work) in tasks {
            self.tasks.spawn(name, work);
        }
        // Evidence of a pod that is gone is forgotten when its UID is not found; nobody else has to hear of it.
        drop(gone);
        let (asked, clock) = (watched.clone(), self.clock);
        self.readiness.condition(move || asked.waiting(clock.now()));
        Ok(watched)
    }

    fn pen(&mut self) -> Arc<dyn Pen> {
        let replica = self.settings.installation.replica.clone();
        let (herald, sender) = Herald::new(&self.kubernetes, replica, self.clock);
        let stop = self.halt.clone();
        self.spawn("write Events", async move { sender.run(stop).await });
        Arc::new(KubePen::new(self.kubernetes.clone(), herald))
    }

    /// Everything that asks Trino.
    fn trino(&mut self, state: &State) -> Looks {
        let settings = self.settings.clone();
        let looks = Looks {
            state: state.clone(),
            workers: Arc::new(Workers::new(settings.drain.clone())),
            port: settings.trino.worker_http_port,
        };
        let lists = Lists {
            state: state.clone(),
            settings: settings.clone(),
        };
        let own = Own {
            state: state.clone(),
            settings: settings.clone(),
        };
        let obituary = Obituary {
            state: state.clone(),
            counters: self.counters.clone(),
        };
        let stop = self.halt.clone();
        self.spawn("look at workers", looks.clone().run(stop.clone()));
        self.spawn("read query lists", lists.run(stop.clone()));
        self.spawn("collect", own.run(stop.clone()));
        self.spawn("count deaths", obituary.run(stop.clone()));
        if let Some(exporter) = settings.exporter.clone() {
            let stream = Stream {
                state: state.clone(),
                exporter: Arc::new(exporter),
            };
            self.spawn("follow the exporter", stream.run(stop));
        }
        looks
    }

    /// A leader that leads when the Lease says so.
    fn candidate(
        &mut self,
        state: &State,
        pen: &Arc<dyn Pen>,
        looks: &Looks,
        fresh: &Arc<dyn Fresh>,
    ) -> (Leader, Leadership) {
        let installation = self.settings.installation.clone();
        let lease = installation.lease;
        let name = Name::new(installation.namespace, lease.name);
        let terms = Terms {
            duration: lease.duration,
            retry: lease.renew_interval,
            ..Terms::default()
        };
        let (candidate, leadership) = Candidate::new(
            self.kubernetes.clone(),
            name,
            installation.replica,
            terms,
            self.clock,
        );
        let stop = self.stop.clone();
        self.spawn("stand for leader", candidate.run(stop));
        let lead = Arc::new(leadership.clone());
        (self.leader(state, pen, looks, fresh, lead), leadership)
    }

    fn leader(
        &mut self,
        state: &State,
        pen: &Arc<dyn Pen>,
        looks: &Looks,
        fresh: &Arc<dyn Fresh>,
        lead: Arc<dyn Lead>,
    ) -> Leader {
        let leads = Arc::new(AtomicBool::new(false));
        let gauges = Gauges {
            state: state.clone(),
            mode: self.settings.mode,
            leads: leads.clone(),
        };
        self.metrics.register_collector(Box::new(gauges));
        Leader {
            state: state.clone(),
            lead,
            fresh: fresh.clone(),
            pen: pen.clone(),
            workers: looks.workers.clone(),
            power: Power {
                state: state.clone(),
                workers: looks.workers.clone(),
                port: looks.port,
            },
            settings: self.settings.clone(),
            counters: self.counters.clone(),
            leads,
        }
    }

    fn webhook(
        &mut self,
        state: &State,
        pen: &Arc<dyn Pen>,
        looks: &Looks,
        fresh: &Arc<dyn Fresh>,
    ) -> anyhow::Result<Arc<Webhook>> {
        let serving = &self.settings.serving;
        let names = serving
            .clients
            .as_ref()
            .map(|clients| clients.names.clone());
        let effects = Effects::new(state.clone(), pen.clone(), self.counters.clone());
        Ok(Arc::new(Webhook {
            state: state.clone(),
            looks: looks.clone(),
            effects,
            identities: Identities {
                operator: self.settings.policy.operator.clone(),
                guard: None,
            },
            trust: Trust::load(serving.path_secret_file.as_ref(), names)?,
            fresh: fresh.clone(),
            deadline: serving.deadline,
            counters: self.counters.clone(),
        }))
    }

    async fn serve(
        mut self,
        webhook: Arc<Webhook>,
        leadership: Leadership,
    ) -> anyhow::Result<Guard> {
        self.counters.register(&mut self.metrics);
        let build = Info::new([
            ("version", BUILD.version),
            ("commit", BUILD.commit),
            ("target", BUILD.target),
        ]);
        self.metrics
            .register("xtrinode_guard_build", "This build", build);
        let tls = self.tls(leadership)?;
        tls.register(&mut self.metrics, "xtrinode_guard");
        tls.register_expiry(&mut self.metrics, "xtrinode_guard");
        let settings = self.settings.clone();
        let serving = &settings.serving;
        let address = |port| SocketAddr::from((serving.bind_address, port));
        let limits = Limits {
            lame_duck: settings.lame_duck,
            shutdown: settings.shutdown_grace,
            ..Limits::webhook()
        };
        let reviews = Server::bind(address(serving.webhook_port), limits).await?;
        let reviews = reviews.with_tls(Some(tls));
        let limits = Limits {
            lame_duck: settings.lame_duck,
            shutdown: settings.shutdown_grace,
            ..Limits::default()
        };
        let admin = Server::bind(address(serving.admin_port), limits).await?;
        let router = admin::router_until(
            Admin {
                component: "guard",
                metrics: Arc::new(self.metrics),
                readiness: self.readiness,
                index: vec![
                    (
                        "/v1/status",
                        "clusters, blocked pods, drains and grants, as JSON",
                    ),
                    (
                        "/v1/explain",
                        "what a request would be told: ?action=evict&namespace=NS&name=POD",
                    ),
                ],
            },
            self.stop.clone(),
        );
        let router = router.merge(api::router(webhook.clone()));
        let guard = Guard {
            webhook_url: reviews.url(),
            admin_url: admin.url(),
            tasks: self.tasks,
            stop: self.stop.clone(),
            grace: settings.lame_duck + settings.shutdown_grace + MARGIN,
        };
        Ok(guard.with_servers(reviews, admin, webhook, router))
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

    /// Lets background work go on for as long as reviews are answered.
    fn halt_late(&mut self) {
        let (stop, halt) = (self.stop.clone(), self.halt.clone());
        let duck = self.settings.lame_duck;
        self.spawn("halt after the last review", async move {
            stop.cancelled().await;
            tokio::time::sleep(duck).await;
            halt.cancel();
        });
    }

    fn spawn(&mut self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, async move {
            work.await;
            Ok(())
        });
    }
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

/// Watches, and the clock that their ages are told by.
#[derive(Debug)]
struct Watching(Watched, collect::clock::Clock);

impl Fresh for Watching {
    fn stale(&self) -> Option<String> {
        let waiting = self.0.waiting(self.1.now());
        (!waiting.is_empty()).then(|| format!("waiting for {}", waiting.join(", ")))
    }
}

impl Lead for Leadership {
    fn lasts(&self, span: Duration) -> bool {
        Self::lasts(self, span)
    }
}

/// Which objects are Trino's.
fn selection(settings: &Settings) -> anyhow::Result<Selection> {
    let mut entries = Vec::new();
    for cluster in &settings.clusters {
        let id = cluster_id(cluster);
        for (role, labels) in [
            (Role::Worker, &cluster.workers),
            (Role::Coordinator, &cluster.coordinators),
        ] {
            if labels.is_empty() {
                continue;
            }
            entries.push(Entry {
                role,
                release: id.release.clone(),
                namespace: Some(id.namespace.clone()),
                selector: selector::parse(&text(labels))
                    .map_err(|error| anyhow::anyhow!("{error}"))?,
            });
        }
    }
    Ok(Selection {
        namespaces: settings.namespaces.clone(),
        entries,
    })
}

fn text(labels: &Labels) -> String {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

fn cluster_id(cluster: &Cluster) -> ClusterId {
    let spec = super::config::target(cluster).spec;
    ClusterId {
        namespace: spec.namespace,
        release: spec.release,
    }
}
