//! Guarded clusters of one sort on one control plane, each disrupted again and again, one kind after the other
//! in random order, until there are enough. Which clusters, and how long their coordinators may take to notice a drain.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::act::Act;
use super::kind::Kind;
use super::ledger::{Ledger, Row};
use super::member::Member;
use crate::guarded::installation::{self, ENFORCE};
use crate::load::Report;
use crate::story::say;
use crate::trino_on_plane::{Nodes, Owner, Spec};
use crate::wait;
use crate::world::World;

/// Simulated clusters, and the workers of each: the node agent has addresses for 500 pods.
const CLUSTERS: usize = 40;
const WORKERS: usize = 5;

/// Real clusters, and the workers of each: a worker is a virtual machine with 1200 MB of heap.
const REAL_CLUSTERS: usize = 3;
const REAL_WORKERS: usize = 3;

/// What a client has not fetched stays on the workers, and not in the coordinator's memory, also where a result is small: a
/// large one would be mostly work for the machine.
const SMALL_BUFFERS: &str = "sink.max-buffer-size=1MB\nexchange.max-buffer-size=1MB";

/// A drain waits twice for it, and nothing is learnt meanwhile.
const SHORT_GRACE: &str = "shutdown.grace-period=2s";

/// Clusters that start at the same time.
const STARTING: usize = 10;

/// One sort of clusters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fleet {
    /// Workers that the demo's simulator plays.
    Simulated,
    /// Real Trino; with the kinds that take every worker where there is time.
    Real { long: bool },
}

impl Fleet {
    /// As tables and lines call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Real { .. } => "real",
        }
    }

    /// `drain.noticeTime` of its guard: for real coordinators the chart's.
    pub const fn notice(self) -> Duration {
        match self {
            Self::Simulated => Duration::from_secs(10),
            Self::Real { .. } => Duration::from_secs(15),
        }
    }

    /// So many queries of each cluster must have finished before the first disruption. A real one has a single client, whose
    /// query takes 20 s.
    const fn without_disruption(self) -> u64 {
        match self {
            Self::Simulated => 8,
            Self::Real { .. } => 3,
        }
    }

    /// Disruptions between two lines of progress.
    const fn progress(self) -> usize {
        match self {
            Self::Simulated => 50,
            Self::Real { .. } => 5,
        }
    }

    /// Runs until the ledger takes no more. Answers what the same kinds took without the guard.
    pub async fn run(
        self,
        world: &World,
        ledger: &Ledger,
        seed: u64,
        done: &dyn Fn(&Row) -> Result<()>,
    ) -> Result<Vec<Row>> {
        installation::with(world, self.values()).await?;
        let members = self.start(world).await?;
        let plain = Ledger::new(0);
        let guarded = members.iter().enumerate().map(|(index, member)| {
            let chance = fastrand::Rng::with_seed(seed.wrapping_add(index as u64));
            self.disrupt(member, ledger, chance, done)
        });
        futures::try_join!(
            futures::future::try_join_all(guarded),
            self.compare(world, &plain),
        )?;
        let ends = members.into_iter().map(Member::end);
        let finished: u64 = futures::future::try_join_all(ends).await?.into_iter().sum();
        say!(
            "  {finished} queries of {} clusters finished with all their rows, 0 failed, 0 wrong",
            self.name()
        );
        Ok(plain.rows())
    }

    /// Of the guard's chart.
    fn values(self) -> Value {
        let mut values = installation::values();
        // Two replicas read every coordinator, and all of it shares two cores.
        values["trino"]["pollIntervalSeconds"] = 5.into();
        values["bounds"]["drain"]["noticeTimeSeconds"] = self.notice().as_secs().into();
        values["logging"]["level"] = "INFO".into();
        values
    }

    /// All clusters under load, by name, so that a seed means the same in every run.
    async fn start(self, world: &World) -> Result<Vec<Member<'_>>> {
        let mut members = stream::iter(self.specs())
            .map(|spec| Member::start(world, spec, self.notice()))
            .buffer_unordered(STARTING)
            .try_collect::<Vec<_>>()
            .await?;
        members.sort_by_key(Member::name);
        for member in &mut members {
            member.ask().await?;
        }
        without_disruption(&members, self.without_disruption()).await?;
        Ok(members)
    }

    fn specs(self) -> Vec<Spec> {
        match self {
            Self::Simulated => (1..=CLUSTERS).map(simulated).collect(),
            Self::Real { .. } => (1..=REAL_CLUSTERS).map(real).collect(),
        }
    }

    /// The kinds of one round, each as often as it shall come.
    fn round(self, owner: Owner) -> Vec<Kind> {
        match self {
            Self::Simulated => Kind::round(owner),
            Self::Real { long } => Kind::real_round(long),
        }
    }

    /// One disruption of a cluster after the other, all kinds of its round in random order, then again.
    async fn disrupt(
        self,
        member: &Member<'_>,
        ledger: &Ledger,
        mut chance: fastrand::Rng,
        done: &dyn Fn(&Row) -> Result<()>,
    ) -> Result<()> {
        let mut round = Vec::new();
        while ledger.take() {
            if round.is_empty() {
                round = self.round(member.cluster.spec.owner);
                chance.shuffle(&mut round);
            }
            let Some(kind) = round.pop() else { break };
            let (row, story) = Act::run(member, kind, &mut chance).await;
            done(&row)?;
            if !row.is_good() {
                return lost(member, &row, &story).await;
            }
            if let Some(stay) = ledger.is_record(&row) {
                let (kind, name) = (row.kind.name(), member.name());
                say!(
                    "  longest stay of a free worker until now, {stay:.1} s: {kind} of {name}\n{story}"
                );
            }
            ledger.add(row);
            let done = ledger.count();
            if done.is_multiple_of(self.progress()) {
                say!("  {done} disruptions of {} clusters", self.name());
            }
        }
        Ok(())
    }

    /// Each kind where no guard is and no query runs. Whose workers they are makes no difference then.
    async fn compare(self, world: &World, plain: &Ledger) -> Result<()> {
        let spec = Spec {
            workers: WORKERS,
            simulated: true,
            nodes: Nodes::Own,
            ..Spec::new("many-unguarded")
        };
        let member = Member::start(world, spec, self.notice()).await?;
        let mut chance = fastrand::Rng::with_seed(0);
        let mut kinds = self.round(Owner::Deployment);
        kinds.sort();
        kinds.dedup();
        for kind in kinds.repeat(3) {
            let (row, story) = Act::run(&member, kind, &mut chance).await;
            ensure!(row.is_good(), "{} without a guard: {story}", kind.name());
            plain.add(row);
            // They cost nothing else, and shall not be what the machine is busy with.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        member.end().await.map(drop)
    }
}

/// Every fourth belongs to a StatefulSet.
fn simulated(number: usize) -> Spec {
    Spec {
        simulated: true,
        workers: WORKERS,
        config: SHORT_GRACE,
        owner: if number.is_multiple_of(4) {
            Owner::StatefulSet
        } else {
            Owner::Deployment
        },
        ..enforced(number)
    }
}

fn real(number: usize) -> Spec {
    Spec {
        workers: REAL_WORKERS,
        config: SMALL_BUFFERS,
        ..enforced(number)
    }
}

/// In a namespace and on nodes of its own.
fn enforced(number: usize) -> Spec {
    Spec {
        labels: &[ENFORCE],
        nodes: Nodes::Own,
        // Named for the whole run.
        ..Spec::new(String::leak(format!("many-{number:02}")))
    }
}

/// The same load without disruptions: a query that fails here says that the run could not prove anything.
async fn without_disruption(members: &[Member<'_>], count: u64) -> Result<()> {
    wait::until("queries that finish without disruptions", 300, async || {
        let reports: Vec<_> = members
            .iter()
            .map(|member| (member.name(), member.queries()))
            .collect();
        for (name, report) in &reports {
            ensure!(
                report.is_clean(),
                "the run is void: queries of {name} failed before any disruption: {report}"
            );
        }
        let enough = |(_, report): &(_, Report)| report.finished >= count;
        Ok(reports.iter().all(enough).then_some(()))
    })
    .await?;
    let finished: u64 = members.iter().map(|member| member.queries().finished).sum();
    say!(
        "  {finished} queries finished without disruptions on {} clusters",
        members.len()
    );
    Ok(())
}

/// What did not go as promised ends the run, with all that is known about it.
async fn lost(member: &Member<'_>, row: &Row, story: &str) -> Result<()> {
    let about = |line: &str| line.contains(member.name());
    say!("{}", installation::logs(member.world, 4000, about).await);
    let why = row.undone.as_deref().unwrap_or("queries were lost");
    bail!("{} of {}: {why}\n{story}", row.kind.name(), member.name())
}
