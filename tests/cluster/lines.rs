//! Which scenario runs when, and on what. Lines run side by side, since most of a scenario's time is waiting: one for each
//! version of Trino alone; Trino on a control plane; scenarios that share a control plane, several at a time; those that
//! want a control plane for themselves, one after another. A line that has come to its end helps with these.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Instant;

use anyhow::Result;
use futures::future::LocalBoxFuture;
use futures::{StreamExt as _, stream};

use crate::runner::{
    OnCluster, OnOwnPlane, OnSharedPlane, Scenario, Stage, Tally, caught, on_cluster_name,
    on_plane_name,
};
use crate::story::Story;
use crate::trino::{Cluster, Options, Version};
use crate::world::World;

/// So many scenarios share a control plane at a time.
const SIDE_BY_SIDE: usize = 8;

/// Runs the chosen scenarios of all lines.
pub async fn run(scenarios: &[Scenario], chosen: &impl Fn(&str) -> bool) -> Result<Tally> {
    let plan = Plan::of(scenarios, chosen);
    let clusters = plan.clusters.iter().map(|(version, scenarios)| {
        let line = cluster(&plan, *version, scenarios);
        Box::pin(line) as LocalBoxFuture<'_, Result<Tally>>
    });
    let others: [LocalBoxFuture<'_, Result<Tally>>; 3] = [
        Box::pin(real(&plan)),
        Box::pin(shared(&plan)),
        Box::pin(rest(&plan, None)),
    ];
    let mut tally = Tally::default();
    for line in futures::future::join_all(clusters.chain(others)).await {
        tally.add(line?);
    }
    Ok(tally)
}

/// A scenario that is to run.
struct Chosen<R> {
    name: String,
    run: R,
}

/// What there is to do.
struct Plan {
    clusters: Vec<(Version, Vec<Chosen<OnCluster>>)>,
    real: Vec<Chosen<OnOwnPlane>>,
    shared: Vec<Chosen<OnSharedPlane>>,
    /// Whoever has time takes the next.
    exclusive: RefCell<VecDeque<Chosen<OnOwnPlane>>>,
    /// Whether several run at a time: then each one's story is gathered.
    together: bool,
}

impl Plan {
    fn of(scenarios: &[Scenario], chosen: &impl Fn(&str) -> bool) -> Self {
        let on_cluster = |stage: &Stage| match stage {
            Stage::Trino(run) => Some(*run),
            _ => None,
        };
        let of_version = |version| {
            let name = move |scenario: &Scenario| on_cluster_name(version, scenario);
            (version, gather(scenarios, name, chosen, on_cluster))
        };
        let clusters: Vec<_> = Version::ALL.map(of_version).into();
        let real = gather(scenarios, on_plane_name, chosen, |stage| match stage {
            Stage::RealTrino(run) => Some(*run),
            _ => None,
        });
        let shared = gather(scenarios, on_plane_name, chosen, |stage| match stage {
            Stage::Shared(run) => Some(*run),
            _ => None,
        });
        let exclusive = gather(scenarios, on_plane_name, chosen, |stage| match stage {
            Stage::Plane(run) => Some(*run),
            _ => None,
        });
        let on_clusters: usize = clusters.iter().map(|(_, chosen)| chosen.len()).sum();
        let count = on_clusters + real.len() + shared.len() + exclusive.len();
        Self {
            clusters,
            real,
            shared,
            exclusive: RefCell::new(exclusive.into()),
            together: count > 1,
        }
    }
}

/// The chosen scenarios of one stage.
fn gather<R>(
    scenarios: &[Scenario],
    name: impl Fn(&Scenario) -> String,
    chosen: &impl Fn(&str) -> bool,
    run: impl Fn(&Stage) -> Option<R>,
) -> Vec<Chosen<R>> {
    let of_stage = scenarios.iter().filter_map(|scenario| {
        let run = run(&scenario.stage)?;
        let name = name(scenario);
        Some(Chosen { name, run })
    });
    of_stage.filter(|one| chosen(&one.name)).collect()
}

async fn cluster(plan: &Plan, version: Version, scenarios: &[Chosen<OnCluster>]) -> Result<Tally> {
    let mut tally = Tally::default();
    let begun = Instant::now();
    on_cluster(version, scenarios, plan.together, &mut tally).await?;
    told(&version.part(), &tally, begun);
    tally.add(rest(plan, None).await?);
    Ok(tally)
}

async fn real(plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut world = None;
    let begun = Instant::now();
    for scenario in &plan.real {
        alone(&mut world, scenario, plan.together, &mut tally).await?;
    }
    told("Trino on a control plane", &tally, begun);
    tally.add(rest(plan, world).await?);
    Ok(tally)
}

async fn on_cluster(
    version: Version,
    scenarios: &[Chosen<OnCluster>],
    together: bool,
    tally: &mut Tally,
) -> Result<()> {
    if scenarios.is_empty() {
        return Ok(());
    }
    println!("starting {}…", version.part());
    let mut cluster = Cluster::start(&Options::new(version)).await?;
    for Chosen { name, run } in scenarios {
        let ended = Ended::of(name, together, run(&mut cluster)).await;
        let logs = ended.logs(async || cluster.logs()).await;
        ended.record(logs, tally);
        cluster.restore().await?;
    }
    cluster.stop().await
}

async fn shared(plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    if plan.shared.is_empty() {
        return rest(plan, None).await;
    }
    println!(
        "starting a control plane for {} scenarios…",
        plan.shared.len()
    );
    let begun = Instant::now();
    let world = World::start().await?;
    side_by_side(&world, plan, &mut tally).await;
    told("scenarios that share a control plane", &tally, begun);
    tally.add(rest(plan, Some(world)).await?);
    Ok(tally)
}

async fn side_by_side(world: &World, plan: &Plan, tally: &mut Tally) {
    let runs = plan.shared.iter().map(|scenario| async {
        let run = (scenario.run)(world);
        let ended = Ended::of(&scenario.name, plan.together, run).await;
        let logs = async || match &ended.story {
            Some(story) => world.logs_about(story).await,
            None => world.logs().await,
        };
        let logs = ended.logs(logs).await;
        (ended, logs)
    });
    let mut runs = stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
    while let Some((ended, logs)) = runs.next().await {
        ended.record(logs, tally);
    }
}

/// Runs what is left of those that want a control plane for themselves.
async fn rest(plan: &Plan, mut world: Option<World>) -> Result<Tally> {
    let mut tally = Tally::default();
    loop {
        let next = plan.exclusive.borrow_mut().pop_front();
        let Some(next) = next else { return Ok(tally) };
        alone(&mut world, &next, plan.together, &mut tally).await?;
    }
}

/// Runs one on a control plane that is there already, else on a new one.
async fn alone(
    world: &mut Option<World>,
    scenario: &Chosen<OnOwnPlane>,
    together: bool,
    tally: &mut Tally,
) -> Result<()> {
    let world = match world {
        Some(world) => world,
        none => {
            println!("starting a control plane for one scenario at a time…");
            none.insert(World::start().await?)
        }
    };
    let ended = Ended::of(&scenario.name, together, (scenario.run)(world)).await;
    let failed = ended.outcome.is_err();
    let logs = ended.logs(async || world.logs().await).await;
    ended.record(logs, tally);
    if failed {
        world.tidy().await?;
    }
    Ok(())
}

fn told(what: &str, tally: &Tally, begun: Instant) {
    if tally.is_any() {
        println!("{what}: {:.0} s", begun.elapsed().as_secs_f64());
    }
}

/// What became of a scenario.
struct Ended {
    name: String,
    outcome: Result<()>,
    seconds: f64,
    /// What it told, where that was gathered.
    story: Option<Story>,
}

impl Ended {
    /// Runs it; beside others its story is gathered.
    async fn of(name: &str, together: bool, run: LocalBoxFuture<'_, Result<()>>) -> Self {
        let begun = Instant::now();
        let (story, outcome) = if together {
            let story = Story::default();
            let outcome = story.of(caught(run)).await;
            (Some(story), outcome)
        } else {
            println!("{name}:");
            (None, caught(run).await)
        };
        Self {
            name: name.to_owned(),
            outcome,
            seconds: begun.elapsed().as_secs_f64(),
            story,
        }
    }

    /// The logs, where they are of interest.
    async fn logs(&self, logs: impl AsyncFnOnce() -> String) -> String {
        match self.outcome {
            Ok(()) => String::new(),
            Err(_) => logs().await,
        }
    }

    fn record(self, logs: String, tally: &mut Tally) {
        if let Some(story) = &self.story {
            print!("{}:\n{}", self.name, story.text());
        }
        println!("  {} took {:.0} s", self.name, self.seconds);
        tally.record(&self.name, self.outcome, || logs);
    }
}
