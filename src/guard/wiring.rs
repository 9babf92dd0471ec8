//! Puts a guard together from its parts: what is watched, asked, served and led. Decides only what depends on what.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::cluster::calendar::Calendar;
use crate::cluster::client::{Kubernetes, whoami};
use crate::cluster::events::Herald;
use crate::cluster::lease::Leadership;
use crate::cluster::lease::candidate::{Candidate, Clocks, Terms};
use crate::cluster::selection::{Entry, Selection};
use crate::cluster::selector;
use crate::cluster::watch::{self, Watched, Watches};
use crate::collect;
use crate::core::guard::dates::Gaps;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{ClusterId, Role};
use crate::core::guard::review::Identities;
use crate::core::guard::time::Time;
use crate::process::metrics::Metrics;
use crate::process::readiness::Readiness;
use crate::process::tasks::Tasks;

use super::config::{Cluster, Labels, Settings};
use super::counters::Counters;
use super::effects::Effects;
use super::gauges::Gauges;
use super::kube_pen::KubePen;
use super::leader::{Lead, Leader};
use super::obituary::Obituary;
use super::pen::Pen;
use super::state::{Atlas, Fresh, State};
use super::strays::Strays;
use super::timekeeper::Timekeeper;
use super::trino::lists::Lists;
use super::trino::looks::Looks;
use super::trino::own::Own;
use super::trino::power::Power;
use super::trino::stream::Stream;
use super::trino::workers::Workers;
use super::webhook::{Seeker, Trust, Webhook};

/// The server drops what is left open when the grace is over; that takes a moment.
pub(super) const MARGIN: Duration = Duration::from_secs(1);

/// A guard whose ports are open and whose tasks run.
#[derive(Debug)]
pub struct Guard {
    /// Where reviews are answered.
    pub webhook_url: String,
    /// Where metrics, probes, `explain` and `status` are.
    pub admin_url: String,
    pub(super) tasks: Tasks,
    pub(super) stop: CancellationToken,
    pub(super) grace: Duration,
}

/// What all parts share.
pub(super) struct Base {
    pub(super) settings: Arc<Settings>,
    pub(super) kubernetes: Kubernetes,
    pub(super) clock: collect::clock::Clock,
    /// Asks to leave: from then on nothing is led any more.
    pub(super) stop: CancellationToken,
    /// What reviews are answered from goes on until the last was.
    pub(super) halt: CancellationToken,
    pub(super) tasks: Tasks,
    pub(super) metrics: Metrics,
    pub(super) readiness: Readiness,
    pub(super) counters: Counters,
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
        let calendar = base.calendar().await;
        let began = calendar.now();
        let told = base.gaps(began).await;
        let gaps = told.clone().unwrap_or_else(|| Gaps::unknown(began));
        let (state, fresh) = base.state(calendar, gaps)?;
        let (pen, herald) = base.pen();
        let looks = base.trino(&state);
        let (leader, leadership) = base.candidate(&state, &pen, &looks, &fresh, (told, began));
        let (power, stop) = (leader.power.clone(), stop.clone());
        let timekeeper = Timekeeper {
            kubernetes: base.kubernetes.clone(),
            lease: candidate(&base.settings, &base.kubernetes),
            calendar,
        };
        let keeps = timekeeper.run(stop.clone());
        base.tasks.spawn("keep the time", keeps);
        let strays = base.strays(&state, herald, leader.lead.clone())?;
        base.spawn("ask whether workers drain", power.run(stop.clone()));
        base.spawn("look for pods that nobody guards", strays.run(stop.clone()));
        base.spawn("lead", leader.run(stop));
        let guard = base.own_name().await;
        let webhook = base.webhook(&state, &pen, &looks, &fresh, guard)?;
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
    let (state, fresh) = base.state(Calendar::start(), Gaps::default())?;
    let (pen, _) = base.pen();
    let looks = base.trino(&state);
    let leader = base.leader(&state, &pen, &looks, &fresh, lead);
    Ok((leader, base.tasks))
}

/// Whoever asks for the Lease of an installation, without standing for it.
pub fn candidate(settings: &Settings, kubernetes: &Kubernetes) -> Candidate {
    let clock = collect::clock::Clock::start();
    stand(settings, kubernetes, clock, Calendar::start()).0
}

fn stand(
    settings: &Settings,
    kubernetes: &Kubernetes,
    clock: collect::clock::Clock,
    calendar: Calendar,
) -> (Candidate, Leadership) {
    let installation = settings.installation.clone();
    let lease = installation.lease;
    let name = Name::new(installation.namespace, lease.name);
    let terms = Terms {
        duration: lease.duration,
        retry: lease.renew_interval,
        ..Terms::default()
    };
    let clocks = Clocks { clock, calendar };
    Candidate::new(
        kubernetes.clone(),
        name,
        installation.replica,
        terms,
        clocks,
    )
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

    fn state(&mut self, calendar: Calendar, gaps: Gaps) -> anyhow::Result<(State, Arc<dyn Fresh>)> {
        let watched = self.watch(calendar, gaps)?;
        let fresh: Arc<dyn Fresh> = Arc::new(Watching(watched.clone(), self.clock));
        let policy = self.settings.policy.clone();
        let state = State::new(Atlas::Watched(watched), policy, calendar);
        Ok((state, fresh))
    }

    fn watch(&mut self, calendar: Calendar, gaps: Gaps) -> anyhow::Result<Watched> {
        let options = watch::Options {
            selection: selection(&self.settings)?,
            enabled: self.settings.mode,
            external: self.settings.clusters.iter().map(cluster_id).collect(),
            calendar,
            gaps,
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

    /// Writes to Kubernetes, and the Events among that.
    fn pen(&mut self) -> (Arc<dyn Pen>, Herald) {
        let replica = self.settings.installation.replica.clone();
        let (herald, sender) = Herald::new(&self.kubernetes, replica, self.clock);
        let stop = self.halt.clone();
        self.spawn("write Events", async move { sender.run(stop).await });
        let pen = KubePen::new(self.kubernetes.clone(), herald.clone());
        (Arc::new(pen), herald)
    }

    fn strays(&self, state: &State, herald: Herald, lead: Arc<dyn Lead>) -> anyhow::Result<Strays> {
        Ok(Strays {
            state: state.clone(),
            kubernetes: self.kubernetes.clone(),
            selection: selection(&self.settings)?,
            herald,
            lead,
        })
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

    /// A leader that leads when the Lease says so; with what the Lease told when this process began.
    fn candidate(
        &mut self,
        state: &State,
        pen: &Arc<dyn Pen>,
        looks: &Looks,
        fresh: &Arc<dyn Fresh>,
        (told, began): (Option<Gaps>, Time),
    ) -> (Leader, Leadership) {
        let (candidate, leadership) = stand(
            &self.settings,
            &self.kubernetes,
            self.clock,
            state.calendar(),
        );
        let stop = self.stop.clone();
        let standing = candidate.begun(told, began).run(stop);
        self.spawn("stand for leader", standing);
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
            lists: Lists {
                state: state.clone(),
                settings: self.settings.clone(),
            },
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

    /// Who we are to the API server: our own evictions are no refusals to remember.
    async fn own_name(&self) -> Option<String> {
        let name = whoami(&self.kubernetes).await;
        if let Err(failure) = &name {
            tracing::warn!(%failure, "The guard does not know its own name");
        }
        name.ok()
    }

    fn webhook(
        &mut self,
        state: &State,
        pen: &Arc<dyn Pen>,
        looks: &Looks,
        fresh: &Arc<dyn Fresh>,
        guard: Option<String>,
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
            lists: Lists {
                state: state.clone(),
                settings: self.settings.clone(),
            },
            seeker: Some(Seeker {
                kubernetes: self.kubernetes.clone(),
                selection: selection(&self.settings)?,
            }),
            effects,
            identities: Identities {
                operator: self.settings.policy.operator.clone(),
                guard,
            },
            trust: Trust::load(serving.path_secret_file.as_ref(), names)?,
            fresh: fresh.clone(),
            deadline: serving.deadline,
            counters: self.counters.clone(),
        }))
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

    pub(super) fn spawn(&mut self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, async move {
            work.await;
            Ok(())
        });
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
        workers_over_tls: settings.drain.https,
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
