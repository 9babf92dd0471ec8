//! The seam between the demo and the guard: how the real one is put together over the demo's objects, beside the real
//! exporter. Only bounds are shorter, as the greeting says; every rule is the guard's own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::kubernetes::api::{self, Api};
use super::kubernetes::pen::StorePen;
use crate::core::guard::bounds::Bounds;
use crate::core::guard::policy::{Floor, Policy};
use crate::core::guard::review::Identities;
use crate::guard::config::{self, Overrides, OwnPod, Settings};
use crate::guard::counters::Counters;
use crate::guard::effects::Effects;
use crate::guard::leader::{Lead, Leader};
use crate::guard::pen::Pen;
use crate::guard::state::{Atlas, Fresh, State};
use crate::guard::trino::lists::Lists;
use crate::guard::trino::looks::Looks;
use crate::guard::trino::power::Power;
use crate::guard::trino::stream::Stream;
use crate::guard::trino::workers::Workers;
use crate::guard::webhook::{self, Trust, Webhook};

/// The guard's own configuration file for the demo. Its certificate is never looked at: the API server of the demo is in
/// the same process.
const CONFIG: &str = "\
mode: enforce
namespace: xtrinode-system
replicaId: demo
tls: {selfManaged: {}}
exporter: {url: EXPORTER}
";

/// The demo's `drain.noticeTime`: its coordinator asks workers every half second, where Trino's does every 5 s.
pub const NOTICE: Duration = Duration::from_secs(2);

/// The running guard. Dropping it ends it.
#[derive(Debug)]
pub struct Guarding {
    effects: Effects,
    running: JoinSet<()>,
}

/// All of the guard's parts, not running yet.
struct Parts {
    settings: Arc<Settings>,
    state: State,
    looks: Looks,
    counters: Counters,
    effects: Effects,
    pen: Arc<dyn Pen>,
}

/// In this process nobody else leads, and facts are never old.
#[derive(Debug)]
struct Alone;

impl Lead for Alone {
    fn lasts(&self, _span: Duration) -> bool {
        true
    }
}

impl Fresh for Alone {
    fn stale(&self) -> Option<String> {
        None
    }
}

impl Guarding {
    /// Starts the guard over the objects of `api`, which asks it from now on. It hears of work from the exporter at
    /// `exporter`; `stop` ends it.
    ///
    /// # Errors
    /// When the demo's configuration is wrong, which a test keeps from happening.
    pub fn start(api: &Api, exporter: &str, stop: &CancellationToken) -> anyhow::Result<Self> {
        let parts = Parts::new(api, settings(exporter)?);
        let webhook = parts.webhook()?;
        api.guarded_by(webhook::router(Arc::new(webhook)));
        Ok(parts.run(stop))
    }

    /// Waits until all of it has ended.
    pub async fn end(mut self) {
        while self.running.join_next().await.is_some() {}
        self.effects.finish().await;
    }
}

impl Parts {
    fn new(api: &Api, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let atlas = Atlas::Held(api.store().world());
        let state = State::new(atlas, settings.policy.clone(), api.store().clock());
        let pen: Arc<dyn Pen> = Arc::new(StorePen(api.clone()));
        let counters = Counters::default();
        Self {
            looks: Looks {
                state: state.clone(),
                workers: Arc::new(Workers::new(settings.drain.clone())),
                port: settings.trino.worker_http_port,
            },
            effects: Effects::new(state.clone(), Arc::clone(&pen), counters.clone()),
            settings,
            state,
            counters,
            pen,
        }
    }

    fn lists(&self) -> Lists {
        Lists {
            state: self.state.clone(),
            settings: Arc::clone(&self.settings),
        }
    }

    /// The webhook, which trusts the demo's API server by its certificate.
    fn webhook(&self) -> anyhow::Result<Webhook> {
        Ok(Webhook {
            state: self.state.clone(),
            looks: self.looks.clone(),
            lists: self.lists(),
            seeker: None,
            effects: self.effects.clone(),
            identities: Identities::default(),
            trust: Trust::load(None, Some(vec![api::NAME.to_owned()]))?,
            fresh: Arc::new(Alone),
            deadline: self.settings.serving.deadline,
            counters: self.counters.clone(),
        })
    }

    fn run(self, stop: &CancellationToken) -> Guarding {
        let mut running = JoinSet::new();
        let power = self.power();
        running.spawn(self.leader(&power).run(stop.clone()));
        running.spawn(power.run(stop.clone()));
        running.spawn(self.looks.clone().run(stop.clone()));
        running.spawn(self.lists().run(stop.clone()));
        if let Some(exporter) = self.settings.exporter.clone() {
            let stream = Stream {
                state: self.state.clone(),
                exporter: Arc::new(exporter),
            };
            running.spawn(stream.run(stop.clone()));
        }
        Guarding {
            effects: self.effects,
            running,
        }
    }

    fn power(&self) -> Power {
        Power {
            state: self.state.clone(),
            workers: Arc::clone(&self.looks.workers),
            port: self.looks.port,
        }
    }

    fn leader(&self, power: &Power) -> Leader {
        Leader {
            state: self.state.clone(),
            lead: Arc::new(Alone),
            fresh: Arc::new(Alone),
            pen: Arc::clone(&self.pen),
            workers: Arc::clone(&self.looks.workers),
            lists: self.lists(),
            power: power.clone(),
            settings: Arc::clone(&self.settings),
            counters: self.counters.clone(),
            leads: Arc::new(AtomicBool::new(false)),
        }
    }
}

/// What the guard makes of the demo's configuration, with bounds that a configuration file may not ask for.
fn settings(exporter: &str) -> anyhow::Result<Settings> {
    let text = CONFIG.replace("EXPORTER", exporter);
    let parsed = config::parse(&text, &Overrides::default(), &OwnPod::default())
        .map_err(|problems| anyhow::anyhow!("{}", problems.in_file("the demo's configuration")))?;
    let mut settings = parsed.settings;
    settings.policy = Policy {
        bounds: Bounds {
            notice: NOTICE,
            ..settings.policy.bounds
        },
        // Half of four workers at once, so that a viewer needn't wait for one after the other.
        floor: Floor {
            share: 50,
            ..settings.policy.floor
        },
        ..settings.policy
    };
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::place::Mode;

    #[test]
    fn the_demo_configuration_is_valid_and_only_times_differ() {
        let settings = settings("http://127.0.0.1:8000").expect("valid");
        assert_eq!(settings.mode, Mode::Enforce);
        let exporter = settings.exporter.expect("an exporter");
        assert_eq!(exporter.url.as_str(), "http://127.0.0.1:8000/");
        let usual = Policy::default();
        let bounds = Bounds {
            notice: usual.bounds.notice,
            ..settings.policy.bounds
        };
        assert_eq!(bounds, usual.bounds);
        assert_eq!(settings.policy.floor.min_active, usual.floor.min_active);
    }
}
