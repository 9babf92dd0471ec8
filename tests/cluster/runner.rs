//! Runs scenarios: those without Trino first, then those of the [`lines`](crate::lines), last those that want the machine
//! for themselves. Prints as it goes; a failure shows the last lines of what ran, and the run goes on.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::lines;
use crate::trino::{Cluster, Version};
use crate::world::World;

/// What a scenario works on.
pub enum Stage {
    /// Nothing shared.
    Alone(fn() -> LocalBoxFuture<'static, Result<()>>),
    /// A cluster with two workers, whole and without queries; once for each version.
    Trino(OnCluster),
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

pub type OnCluster = for<'a> fn(&'a mut Cluster) -> LocalBoxFuture<'a, Result<()>>;
pub type OnSharedPlane = for<'a> fn(&'a World) -> LocalBoxFuture<'a, Result<()>>;
pub type OnOwnPlane = for<'a> fn(&'a mut World) -> LocalBoxFuture<'a, Result<()>>;

/// One named test.
pub struct Scenario {
    pub name: &'static str,
    pub stage: Stage,
}

/// Counts of one run.
#[derive(Default)]
pub struct Tally {
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
            println!("{} scenarios passed, failed:", tally.passed);
            tally
                .failed
                .iter()
                .for_each(|failed| println!("  {failed}"));
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
    tally.add(lines::run(scenarios, &chosen).await?);
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

impl Tally {
    pub const fn is_any(&self) -> bool {
        self.passed > 0 || !self.failed.is_empty()
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
    }

    pub fn record(&mut self, name: &str, outcome: Result<()>, logs: impl FnOnce() -> String) {
        match outcome {
            Ok(()) => {
                println!("{name} … ok");
                self.passed += 1;
            }
            Err(error) => {
                println!("{name} … FAILED: {error:#}\n{}", logs());
                self.failed.push(format!("{name}: {error:#.400}"));
            }
        }
    }
}

/// Turns a failed assertion into an error, so that the nodes are stopped and the rest runs.
pub async fn caught(run: LocalBoxFuture<'_, Result<()>>) -> Result<()> {
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
            .map(move |scenario| on_cluster_name(version, scenario))
    });
    alone.chain(on_trino).chain(on_plane)
}

pub fn on_cluster_name(version: Version, scenario: &Scenario) -> String {
    format!("{}::{}", version.part(), scenario.name)
}

pub fn on_plane_name(scenario: &Scenario) -> String {
    format!("plane::{}", scenario.name)
}
