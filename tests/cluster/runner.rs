//! Runs scenarios: those without Trino first, then those of each Trino version on one cluster that they share, since
//! starting one takes long, then those on control planes: one plane for those that can share it, several of them at a time,
//! beside it another one for those that can't and a third one for real Trino, one after another on each; last, those that
//! want the machine for themselves. Prints as it goes; a failure shows the last lines of what ran, and the run goes on.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::story::Story;
use crate::trino::{Cluster, Options, Version};
use crate::world::World;

/// What a scenario works on.
pub enum Stage {
    /// Nothing shared.
    Alone(fn() -> LocalBoxFuture<'static, Result<()>>),
    /// A cluster with two workers, whole and without queries; once for each version.
    Trino(for<'a> fn(&'a mut Cluster) -> LocalBoxFuture<'a, Result<()>>),
    /// A Kubernetes control plane with nodes, that others use at the same time: the scenario touches only namespaces and
    /// nodes of its own, and takes the guard as `installation::usual` installs it. Most of their time is waiting.
    Shared(OnSharedPlane),
    /// A control plane for itself as long as it runs; namespaces of others may be left in it.
    Plane(OnOwnPlane),
    /// The same with nodes of real Trino, which are as much as the machine can bear at a time.
    RealTrino(OnOwnPlane),
    /// Nothing shared, and nothing beside it.
    Last(fn() -> LocalBoxFuture<'static, Result<()>>),
}

/// So many scenarios share a control plane at a time.
const SIDE_BY_SIDE: usize = 8;

type OnSharedPlane = for<'a> fn(&'a World) -> LocalBoxFuture<'a, Result<()>>;
type OnOwnPlane = for<'a> fn(&'a mut World) -> LocalBoxFuture<'a, Result<()>>;

/// One named test.
pub struct Scenario {
    pub name: &'static str,
    pub stage: Stage,
}

/// Counts of one run.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

/// Runs the scenarios that the arguments choose: words that all have to be part of the name, none of those after
/// `--except`. Measurements run only when a word asks for them.
pub async fn main(scenarios: &[Scenario]) -> ExitCode {
    match run(scenarios).await {
        Ok(tally) if tally.failed.is_empty() => {
            println!("{} scenarios passed", tally.passed);
            ExitCode::SUCCESS
        }
        Ok(tally) => {
            println!(
                "{} scenarios passed, failed: {}",
                tally.passed,
                tally.failed.join(", ")
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(scenarios: &[Scenario]) -> Result<Tally> {
    let mut words: Vec<String> = Vec::new();
    let mut list_only = false;
    let mut without: Vec<String> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list_only = true,
            "--except" => {
                let words = arguments.next().unwrap_or_default();
                without.extend(words.split(',').map(str::to_owned));
            }
            // Output is never captured, so this is always so.
            "--nocapture" => {}
            flag if flag.starts_with('-') => {
                bail!(
                    "unknown option {flag}; there are --list, --except WORD,WORD, --nocapture, and words of names"
                )
            }
            _ => words.push(argument),
        }
    }
    let measuring = words.iter().any(|word| word.starts_with("measure"));
    let chosen = |name: &str| {
        let measures = name.contains("measure-");
        let has = |word: &String| word.split(',').any(|one| name.contains(one));
        let left_out = without.iter().any(|word| name.contains(word.as_str()));
        !left_out && (measuring || !measures) && words.iter().all(has)
    };
    if list_only {
        names(scenarios)
            .filter(|name| chosen(name))
            .for_each(|name| println!("{name}"));
        return Ok(Tally::default());
    }
    if !names(scenarios).any(|name| chosen(&name)) {
        bail!(
            "no scenario has all of these words in its name: {}",
            words.join(" ")
        );
    }
    let mut tally = Tally::default();
    for scenario in scenarios {
        if let Stage::Alone(run) = &scenario.stage
            && chosen(scenario.name)
        {
            let outcome = caught(run()).await;
            tally.record(scenario.name, outcome, String::new);
        }
    }
    for version in Version::ALL {
        on_cluster(version, scenarios, &chosen, &mut tally).await?;
    }
    on_planes(scenarios, &chosen, &mut tally).await?;
    for scenario in scenarios {
        if let Stage::Last(run) = &scenario.stage
            && chosen(scenario.name)
        {
            let begun = Instant::now();
            let outcome = caught(run()).await;
            println!(
                "  {} took {:.0} s",
                scenario.name,
                begun.elapsed().as_secs_f64()
            );
            tally.record(scenario.name, outcome, String::new);
        }
    }
    Ok(tally)
}

/// Those that share a control plane, and beside them those that don't: two lines of these, one with real Trino.
async fn on_planes(
    scenarios: &[Scenario],
    chosen: &impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    let mut shared = Vec::new();
    let mut exclusive = Vec::new();
    let mut real = Vec::new();
    for scenario in scenarios {
        match scenario.stage {
            Stage::Shared(run) if chosen(&on_plane_name(scenario)) => shared.push((scenario, run)),
            Stage::Plane(run) if chosen(&on_plane_name(scenario)) => {
                exclusive.push((scenario, run));
            }
            Stage::RealTrino(run) if chosen(&on_plane_name(scenario)) => real.push((scenario, run)),
            _ => {}
        }
    }
    let lines = [shared.is_empty(), exclusive.is_empty(), real.is_empty()];
    let together = shared.len() > 1 || lines.iter().filter(|is_empty| !**is_empty).count() > 1;
    let (shared, exclusive, real) = futures::join!(
        side_by_side(&shared, together),
        one_by_one("simulated workers", &exclusive, together),
        one_by_one("real Trino", &real, together),
    );
    for part in [shared?, exclusive?, real?] {
        tally.passed += part.passed;
        tally.failed.extend(part.failed);
    }
    Ok(())
}

async fn side_by_side(scenarios: &[(&Scenario, OnSharedPlane)], together: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    if scenarios.is_empty() {
        return Ok(tally);
    }
    println!(
        "starting a control plane for {} scenarios…",
        scenarios.len()
    );
    let begun = Instant::now();
    let world = &World::start().await?;
    let runs = scenarios.iter().map(|(scenario, run)| async {
        let ended = Ended::of(scenario, together, run(world)).await;
        let logs = match (&ended.outcome, &ended.story) {
            (Ok(()), _) => String::new(),
            (Err(_), Some(story)) => world.logs_about(story).await,
            (Err(_), None) => world.logs().await,
        };
        (ended, logs)
    });
    let mut runs = stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
    while let Some((ended, logs)) = runs.next().await {
        tally.record_told(ended, logs);
    }
    println!(
        "those that share a control plane took {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(tally)
}

async fn one_by_one(
    with: &str,
    scenarios: &[(&Scenario, OnOwnPlane)],
    together: bool,
) -> Result<Tally> {
    let mut tally = Tally::default();
    if scenarios.is_empty() {
        return Ok(tally);
    }
    println!("starting a control plane for one scenario with {with} at a time…");
    let begun = Instant::now();
    let mut world = World::start().await?;
    for (scenario, run) in scenarios {
        let ended = Ended::of(scenario, together, run(&mut world)).await;
        if ended.outcome.is_ok() {
            tally.record_told(ended, String::new());
        } else {
            tally.record_told(ended, world.logs().await);
            world.tidy().await?;
        }
    }
    println!(
        "those with {with}, one at a time, took {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(tally)
}

/// What became of a scenario on a control plane.
struct Ended {
    name: String,
    outcome: Result<()>,
    seconds: f64,
    /// What it told, where that was gathered.
    story: Option<Story>,
}

impl Ended {
    /// Runs it; beside others its story is gathered.
    async fn of(scenario: &Scenario, together: bool, run: LocalBoxFuture<'_, Result<()>>) -> Self {
        let name = on_plane_name(scenario);
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
            name,
            outcome,
            seconds: begun.elapsed().as_secs_f64(),
            story,
        }
    }
}

async fn on_cluster(
    version: Version,
    scenarios: &[Scenario],
    chosen: &impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    let mut cluster = None;
    for scenario in scenarios {
        let name = full_name(version, scenario);
        let Stage::Trino(run) = &scenario.stage else {
            continue;
        };
        if !chosen(&name) {
            continue;
        }
        let cluster = match &mut cluster {
            Some(cluster) => cluster,
            empty => {
                println!("starting {}…", version.part());
                empty.insert(Cluster::start(&Options::new(version)).await?)
            }
        };
        let outcome = caught(run(cluster)).await;
        tally.record(&name, outcome, || cluster.logs());
        cluster.restore().await?;
    }
    match cluster {
        Some(cluster) => cluster.stop().await,
        None => Ok(()),
    }
}

impl Tally {
    fn record_told(&mut self, ended: Ended, logs: String) {
        if let Some(story) = &ended.story {
            print!("{}:\n{}", ended.name, story.text());
        }
        println!("  {} took {:.0} s", ended.name, ended.seconds);
        self.record(&ended.name, ended.outcome, || logs);
    }

    fn record(&mut self, name: &str, outcome: Result<()>, logs: impl FnOnce() -> String) {
        match outcome {
            Ok(()) => {
                println!("{name} … ok");
                self.passed += 1;
            }
            Err(error) => {
                println!("{name} … FAILED: {error:#}\n{}", logs());
                self.failed.push(name.to_owned());
            }
        }
    }
}

/// Turns a failed assertion into an error, so that the nodes are stopped and the rest runs.
async fn caught(run: LocalBoxFuture<'_, Result<()>>) -> Result<()> {
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow!("an assertion failed; it is shown above")),
    }
}

fn names(scenarios: &[Scenario]) -> impl Iterator<Item = String> {
    let alone = scenarios
        .iter()
        .filter(|scenario| matches!(scenario.stage, Stage::Alone(_) | Stage::Last(_)))
        .map(|scenario| scenario.name.to_owned());
    let is_on_plane = |scenario: &&Scenario| {
        matches!(
            scenario.stage,
            Stage::Shared(_) | Stage::Plane(_) | Stage::RealTrino(_)
        )
    };
    let on_plane = scenarios.iter().filter(is_on_plane).map(on_plane_name);
    let on_trino = Version::ALL.into_iter().flat_map(|version| {
        scenarios
            .iter()
            .filter(|scenario| matches!(scenario.stage, Stage::Trino(_)))
            .map(move |scenario| full_name(version, scenario))
    });
    alone.chain(on_trino).chain(on_plane)
}

fn full_name(version: Version, scenario: &Scenario) -> String {
    format!("{}::{}", version.part(), scenario.name)
}

fn on_plane_name(scenario: &Scenario) -> String {
    format!("plane::{}", scenario.name)
}
