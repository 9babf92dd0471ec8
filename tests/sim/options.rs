//! The command line: which run, from which seed, and how it ends.

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::random::episode;
use crate::sim::Sim;
use crate::stories;
use crate::tally::Tally;
#[cfg(feature = "mutants")]
use xtrinode::core::guard::mutant::{self, Mutant};

/// What to run.
#[derive(Parser)]
pub struct Options {
    /// The seed; printed, so that a run can be repeated.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many disruptions.
    #[arg(long, default_value_t = 20_000)]
    disruptions: u64,
    /// No guard: everything is allowed.
    #[arg(long)]
    without_guard: bool,
    /// Runs only this episode.
    #[arg(long)]
    episode: Option<u64>,
    /// Stops after so many violations.
    #[arg(long, default_value_t = 20)]
    most: u64,
    /// Prints what happens.
    #[arg(long)]
    trace: bool,
    /// Tells only this story (a letter), and nothing by chance.
    #[arg(long)]
    story: Option<char>,
    /// Breaks this rule.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutant: Option<String>,
    /// Breaks every rule, one after the other, and says after how many disruptions that was noticed.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutants: bool,
}

/// One run.
struct Outcome {
    tally: Tally,
    violations: u64,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Self {
        Self::parse()
    }

    /// Runs, prints the table, and fails if anything happened that must not.
    pub fn run(&self) -> ExitCode {
        println!("seed {}", self.seed);
        #[cfg(feature = "mutants")]
        if self.mutants {
            return self.every_mutant();
        }
        #[cfg(feature = "mutants")]
        choose(self.mutant.as_deref());
        let begun = Instant::now();
        let mut told = Outcome {
            tally: Tally::default(),
            violations: 0,
        };
        if !self.without_guard && self.episode.is_none() {
            told = self.tell(self.most);
        }
        if self.story.is_none() {
            let random = self.many(self.most);
            told.tally.add(random.tally);
            told.violations += random.violations;
        }
        print!("{}", told.tally.table());
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} disruptions, {} violations, {seconds:.1} s",
            told.tally.disruptions(),
            told.violations
        );
        if told.violations == 0 || self.without_guard {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// The stories.
    fn tell(&self, most: u64) -> Outcome {
        let mut outcome = Outcome {
            tally: Tally::default(),
            violations: 0,
        };
        for story in stories::ALL {
            if self.story.is_some_and(|only| only != story.letter) || outcome.violations >= most {
                continue;
            }
            let sim = story.tell(self.seed, self.trace);
            if !QUIET.get() {
                println!(
                    "({}) {}: {:.0} s simulated",
                    story.letter,
                    story.title,
                    sim.spent()
                );
            }
            outcome.take(sim, &format!("story {}", story.letter));
        }
        outcome
    }

    /// Disruptions by chance, until there were enough, or so many violations.
    fn many(&self, most: u64) -> Outcome {
        let mut outcome = Outcome {
            tally: Tally::default(),
            violations: 0,
        };
        let mut number = self.episode.unwrap_or(0);
        while outcome.tally.disruptions() < self.disruptions && outcome.violations < most {
            let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
            let sim = episode(seed, !self.without_guard, self.trace);
            outcome.take(sim, &format!("episode {number}"));
            number += 1;
            if self.episode.is_some() {
                break;
            }
        }
        outcome
    }

    #[cfg(feature = "mutants")]
    fn every_mutant(&self) -> ExitCode {
        let mut escaped = 0;
        for mutant in Mutant::ALL {
            mutant::choose(Some(*mutant));
            QUIET.set(true);
            let stories = self.tell(1);
            let random = if stories.violations == 0 {
                self.many(1)
            } else {
                stories
            };
            let caught = random.violations > 0;
            escaped += u32::from(!caught);
            let word = if caught { "caught" } else { "NOT CAUGHT" };
            println!(
                "{:<22} {word} after {:>6} disruptions: {}",
                mutant.name(),
                random.tally.disruptions(),
                FIRST.take()
            );
        }
        println!("{escaped} of {} mutants escaped", Mutant::ALL.len());
        if escaped == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Outcome {
    fn take(&mut self, sim: Sim, name: &str) {
        for violation in &sim.violations {
            if QUIET.get() {
                let short: String = violation.chars().take(110).collect();
                FIRST.with_borrow_mut(|first| {
                    if first.is_empty() {
                        *first = format!("{name}: {short}");
                    }
                });
            } else {
                println!("{name}: {violation}");
            }
        }
        self.violations += sim.violations.len() as u64;
        self.tally.add(sim.tally);
    }
}

#[cfg(feature = "mutants")]
fn choose(name: Option<&str>) {
    let Some(name) = name else {
        return;
    };
    let found = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
    let names: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
    assert!(
        found.is_some(),
        "no mutant {name}; there are {}",
        names.join(", ")
    );
    mutant::choose(found.copied());
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static FIRST: RefCell<String> = const { RefCell::new(String::new()) };
}
