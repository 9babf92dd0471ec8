//! Many disruptions in one run: dozens of guarded clusters under load, each disrupted again and again by all kinds in
//! random order, one real Trino among them. No query may fail, and each disruption is done within its bound.

mod act;
mod callers;
mod kind;
mod ledger;
mod member;
mod pods;
mod soak;
mod truth;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::guarded::installation::{self, ENFORCE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Owner, Spec};
use crate::wait;
use crate::world::World;
use act::Act;
use kind::Kind;
use ledger::{Ledger, Row};
use member::Member;

/// With the drains of two nodes by `guarded-drain` and the scale-down of `guarded-scale-down` they are twenty.
const REAL: usize = 17;
const SIMULATED: usize = 500;

/// Simulated clusters of so many workers: the node agent has addresses for 250 pods.
const CLUSTERS: usize = 28;
const WORKERS: usize = 5;

/// Clusters that start at the same time.
const STARTING: usize = 10;

/// Workers of the real cluster, each a virtual machine with 1200 MB of heap.
const REAL_WORKERS: usize = 3;

/// Between two lines of progress.
const PROGRESS: usize = 50;

/// So many queries of each cluster must have finished before the first disruption.
const WITHOUT_DISRUPTION: u64 = 8;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "many-disruptions",
            stage: Stage::Last(|| Box::pin(many())),
        },
        Scenario {
            name: "measure-soak",
            stage: Stage::Last(|| Box::pin(soak::soak())),
        },
    ]
}

async fn many() -> Result<()> {
    let ledger = Ledger::new(REAL, SIMULATED);
    let seed = seed()?;
    let world = guarded_world().await?;
    let unguarded = run(&world, &ledger, seed, &|_| Ok(())).await?;
    let rows = ledger.rows();
    let real = rows.iter().filter(|row| row.real).count();
    ensure!(
        real >= REAL,
        "{real} disruptions of real Trino instead of {REAL}"
    );
    let simulated = rows.len() - real;
    ensure!(
        simulated >= SIMULATED,
        "{simulated} disruptions of simulated clusters instead of {SIMULATED}"
    );
    say!("{}", ledger::table(&rows, &unguarded));
    say!("{real} disruptions of real Trino, {simulated} of simulated clusters; seed {seed}");
    Ok(())
}

/// From `XTRINODE_SEED`, else from the clock; printed, since it decides which disruption follows which.
fn seed() -> Result<u64> {
    let seed = match std::env::var("XTRINODE_SEED") {
        Ok(text) => text
            .parse()
            .map_err(|_| anyhow::anyhow!("XTRINODE_SEED is {text:?}; it takes a whole number"))?,
        Err(_) => jiff::Timestamp::now().as_millisecond().unsigned_abs(),
    };
    say!("  XTRINODE_SEED={seed}");
    Ok(seed)
}

async fn guarded_world() -> Result<World> {
    let world = World::start().await?;
    let mut values = installation::values();
    // Two replicas read every coordinator, and all of it shares two cores.
    values["trino"]["pollIntervalSeconds"] = 3.into();
    // A coordinator asks its workers every 5 s and uses the answers 5 s later. One that has to wait for a core was seen to
    // give a worker a task 12 s after it was told to drain.
    values["bounds"]["drain"]["noticeTimeSeconds"] = 20.into();
    values["logging"]["level"] = "INFO".into();
    installation::with(&world, values).await?;
    Ok(world)
}

/// Runs until the ledger takes no more. Answers what the same kinds took without the guard.
async fn run(
    world: &World,
    ledger: &Ledger,
    seed: u64,
    done: &dyn Fn(&Row) -> Result<()>,
) -> Result<Vec<Row>> {
    let mut members = stream::iter(specs())
        .map(|spec| Member::start(world, spec))
        .buffer_unordered(STARTING)
        .try_collect::<Vec<_>>()
        .await?;
    // By name, so that the seed means the same in every run.
    members.sort_by_key(Member::name);
    for member in &mut members {
        member.ask().await?;
    }
    without_disruption(&members).await?;
    let plain = Ledger::new(0, 0);
    let guarded = members.iter().enumerate().map(|(index, member)| {
        let chance = fastrand::Rng::with_seed(seed.wrapping_add(index as u64));
        disrupt(member, ledger, chance, done)
    });
    futures::try_join!(
        futures::future::try_join_all(guarded),
        compare(world, &plain),
    )?;
    let mut finished = 0;
    for member in members {
        finished += member.end().await?;
    }
    say!("  {finished} queries finished with all their rows, 0 failed, 0 wrong");
    Ok(plain.rows())
}

/// The clusters: simulated ones, every fourth of a StatefulSet, and a real one.
fn specs() -> Vec<Spec> {
    let simulated = (1..=CLUSTERS).map(|number| Spec {
        labels: &[ENFORCE],
        workers: WORKERS,
        simulated: true,
        own_nodes: true,
        owner: if number % 4 == 0 {
            Owner::StatefulSet
        } else {
            Owner::Deployment
        },
        // Named for the whole run.
        ..Spec::new(String::leak(format!("many-{number:02}")))
    });
    let real = Spec {
        labels: &[ENFORCE],
        workers: REAL_WORKERS,
        own_nodes: true,
        ..Spec::new("many-real")
    };
    std::iter::once(real).chain(simulated).collect()
}

/// The same load without disruptions: a query that fails here says that the run could not prove anything.
async fn without_disruption(members: &[Member<'_>]) -> Result<()> {
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
        let enough = |(_, report): &(_, crate::load::Report)| report.finished >= WITHOUT_DISRUPTION;
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

/// One disruption of a cluster after the other, all kinds of its round in random order, then again.
async fn disrupt(
    member: &Member<'_>,
    ledger: &Ledger,
    mut chance: fastrand::Rng,
    done: &dyn Fn(&Row) -> Result<()>,
) -> Result<()> {
    let spec = &member.cluster.spec;
    let mut round = Vec::new();
    while ledger.take(!spec.simulated) {
        if round.is_empty() {
            round = if spec.simulated {
                Kind::round(spec.owner)
            } else {
                Kind::real_round()
            };
            chance.shuffle(&mut round);
        }
        let Some(kind) = round.pop() else { break };
        let (row, story) = Act::run(member, kind, &mut chance).await;
        done(&row)?;
        if !row.is_good() {
            let about = |line: &str| line.contains(member.name());
            say!("{}", installation::logs(member.world, 4000, about).await);
            let why = row.undone.as_deref().unwrap_or("queries were lost");
            bail!("{} of {}: {why}\n{story}", kind.name(), member.name());
        }
        ledger.add(row);
        let done = ledger.count();
        if done.is_multiple_of(PROGRESS) {
            say!("  {done} disruptions");
        }
    }
    Ok(())
}

/// Each kind where no guard is and no query runs.
async fn compare(world: &World, plain: &Ledger) -> Result<()> {
    let spec = Spec {
        workers: WORKERS,
        simulated: true,
        own_nodes: true,
        ..Spec::new("many-unguarded")
    };
    let member = Member::start(world, spec).await?;
    let mut chance = fastrand::Rng::with_seed(0);
    for kind in Kind::ALL.into_iter().cycle().take(3 * Kind::ALL.len()) {
        let (row, story) = Act::run(&member, kind, &mut chance).await;
        ensure!(row.is_good(), "{} without a guard: {story}", kind.name());
        plain.add(row);
        // They cost nothing else, and shall not be what the machine is busy with.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    member.end().await.map(drop)
}
