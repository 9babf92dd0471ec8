//! Runs scenarios one after another: those without Trino first, then those of each Trino version on
//! one cluster that they share, since starting one takes long, then those on a control plane. Prints as it goes; a failure shows
//! the nodes' last lines and the run goes on.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::trino::{Cluster, Options, Version};
use crate::world::World;

/// What a scenario works on.
pub enum Stage {
    /// Nothing shared.
    Alone(fn() -> LocalBoxFuture<'static, Result<()>>),
    /// A cluster with two workers, whole and without queries; once for each version.
    Trino(for<'a> fn(&'a mut Cluster) -> LocalBoxFuture<'a, Result<()>>),
    /// A Kubernetes control plane with nodes; each scenario has namespaces of its own.
    Plane(for<'a> fn(&'a mut World) -> LocalBoxFuture<'a, Result<()>>),
}

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
    on_plane(scenarios, &chosen, &mut tally).await?;
    Ok(tally)
}

async fn on_plane(
    scenarios: &[Scenario],
    chosen: &impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    let mut world = None;
    for scenario in scenarios {
        let Stage::Plane(run) = &scenario.stage else {
            continue;
        };
        let name = on_plane_name(scenario);
        if !chosen(&name) {
            continue;
        }
        let world = match &mut world {
            Some(world) => world,
            empty => {
                println!("starting the control plane…");
                empty.insert(World::start().await?)
            }
        };
        println!("{name}:");
        let begun = Instant::now();
        let outcome = caught(run(world)).await;
        println!("  {name} took {:.0} s", begun.elapsed().as_secs_f64());
        let failed = outcome.is_err();
        let logs = if failed {
            world.logs().await
        } else {
            String::new()
        };
        tally.record(&name, outcome, || logs);
        if failed {
            world.tidy().await?;
        }
    }
    Ok(())
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
        .filter(|scenario| matches!(scenario.stage, Stage::Alone(_)))
        .map(|scenario| scenario.name.to_owned());
    let on_plane = scenarios
        .iter()
        .filter(|scenario| matches!(scenario.stage, Stage::Plane(_)))
        .map(on_plane_name);
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
