//! The command line: which run, from which seed, and how it ends.

use std::process::ExitCode;

use clap::Parser;

use crate::invariant::Invariant;
#[cfg(feature = "mutants")]
use crate::mutants;
use crate::random::episode;
use crate::sim::Sim;
use crate::stories;
use crate::tally::Tally;

/// What to run.
#[derive(Clone, Parser)]
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
    /// Breaks every rule on each of these seeds, and says after how many disruptions that was noticed.
    #[cfg(feature = "mutants")]
    #[arg(long, value_delimiter = ',')]
    mutants: Vec<u64>,
    #[arg(skip)]
    quiet: bool,
}

/// One run.
#[derive(Default)]
pub struct Outcome {
    /// What happened.
    pub tally: Tally,
    /// What must not have, the first of it.
    pub first: Option<(Invariant, String)>,
    violations: u64,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Self {
        Self::parse()
    }

    /// Runs, prints the table, and fails if anything happened that must not.
    pub fn run(&self) -> ExitCode {
        #[cfg(feature = "mutants")]
        if !self.mutants.is_empty() {
            return mutants::every(&self.mutants, self);
        }
        #[cfg(feature = "mutants")]
        self.mutant.as_deref().into_iter().for_each(mutants::choose);
        println!("seed {}", self.seed);
        let mut told = Outcome::default();
        if !self.without_guard && self.episode.is_none() {
            self.tell(&mut told);
        }
        if self.story.is_none() {
            self.many(&mut told);
        }
        print!("{}", told.tally.table());
        let seconds = cpu_seconds().map_or("unknown".to_owned(), |spent| format!("{spent:.1}"));
        println!(
            "{} disruptions, {} violations, {seconds} s of CPU",
            told.tally.disruptions(),
            told.violations
        );
        if told.violations == 0 || self.without_guard {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// The same run on another seed, that says nothing itself.
    #[cfg(feature = "mutants")]
    pub fn on_seed(&self, seed: u64) -> Self {
        Self {
            seed,
            quiet: true,
            most: 1,
            ..self.clone()
        }
    }

    /// The stories, then chance, until anything happens that must not.
    #[cfg(feature = "mutants")]
    pub fn until_noticed(&self) -> Outcome {
        let mut outcome = Outcome::default();
        self.tell(&mut outcome);
        self.many(&mut outcome);
        outcome
    }

    /// The stories.
    fn tell(&self, outcome: &mut Outcome) {
        for story in stories::ALL {
            let meant = self.story.is_none_or(|only| only == story.letter);
            if !meant || outcome.violations >= self.most {
                continue;
            }
            let sim = story.tell(self.seed, self.trace);
            if !self.quiet {
                let (letter, title) = (story.letter, story.title);
                println!("({letter}) {title}: {:.0} s simulated", sim.spent());
            }
            outcome.take(sim, &format!("story {}", story.letter), self.quiet);
        }
    }

    /// Disruptions by chance, until there were enough, or so many violations.
    fn many(&self, outcome: &mut Outcome) {
        let mut number = self.episode.unwrap_or(0);
        while outcome.tally.disruptions() < self.disruptions && outcome.violations < self.most {
            let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
            let sim = episode(seed, !self.without_guard, self.trace);
            outcome.take(sim, &format!("episode {number}"), self.quiet);
            number += 1;
            if self.episode.is_some() {
                break;
            }
        }
    }
}

impl Outcome {
    fn take(&mut self, sim: Sim, name: &str, quiet: bool) {
        for violation in &sim.violations {
            let (invariant, text) = (violation.invariant, &violation.text);
            if !quiet {
                println!("{name}: {invariant:?}: {text}");
            }
            self.first
                .get_or_insert_with(|| (invariant, format!("{name}: {text}")));
        }
        self.violations += sim.violations.len() as u64;
        self.tally.add(sim.tally);
    }
}

/// How long this thread has been on a core; `None` where the kernel does not say.
fn cpu_seconds() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = told.split_whitespace().next()?.parse().ok()?;
    Some(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}
