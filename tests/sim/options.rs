//! The command line: which run, from which seed, and how it ends.

use std::process::ExitCode;

use clap::Parser;

use crate::random::episode;
use crate::tally::Tally;

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
    /// Prints what happens.
    #[arg(long)]
    trace: bool,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Self {
        Self::parse()
    }

    /// Runs, prints the table, and fails if anything happened that must not.
    pub fn run(&self) -> ExitCode {
        println!("seed {}", self.seed);
        let mut sum = Tally::default();
        let mut violations = 0;
        let mut number = self.episode.unwrap_or(0);
        let begun = std::time::Instant::now();
        while sum.disruptions() < self.disruptions {
            let sim = episode(self.seed.wrapping_mul(1_000_003).wrapping_add(number), !self.without_guard, self.trace);
            for violation in &sim.violations {
                println!("episode {number}: {violation}");
                violations += 1;
            }
            sum.add(sim.tally);
            number += 1;
            if self.episode.is_some() || violations > 20 {
                break;
            }
        }
        print!("{}", sum.table());
        println!("{} disruptions, {violations} violations, {:.1} s", sum.disruptions(), begun.elapsed().as_secs_f64());
        if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
