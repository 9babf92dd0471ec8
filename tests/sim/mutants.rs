//! Every rule broken in turn, on every core at once: after how many disruptions the simulation notices, and by what.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use xtrinode::core::guard::mutant::{self, Mutant};

use crate::invariant::Invariant;
use crate::options::Options;

/// How a broken rule was noticed.
struct Caught {
    job: usize,
    after: u64,
    by: Option<(Invariant, String)>,
}

/// Breaks one rule on this thread.
pub fn choose(name: &str) {
    let found = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
    let names: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
    assert!(
        found.is_some(),
        "no mutant {name}; there are {}",
        names.join(", ")
    );
    mutant::choose(found.copied());
}

/// Breaks every rule on every seed, and fails if one is not noticed, or anything is while none is broken.
pub fn every(seeds: &[u64], options: &Options) -> ExitCode {
    // First without any: what is noticed then says nothing about the rules.
    let broken = Mutant::ALL.iter().copied().map(Some);
    let each = std::iter::once(None).chain(broken);
    let jobs: Vec<_> = each
        .flat_map(|mutant| seeds.iter().map(move |seed| (mutant, *seed)))
        .collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let Some((mutant, seed)) = jobs.get(job) else {
                        break;
                    };
                    let caught = one(job, *mutant, &options.on_seed(*seed));
                    found.lock().expect("no panic").push(caught);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no panic");
    found.sort_by_key(|caught| caught.job);
    table(&jobs, &found)
}

fn one(job: usize, mutant: Option<Mutant>, options: &Options) -> Caught {
    mutant::choose(mutant);
    let outcome = options.until_noticed();
    Caught {
        job,
        after: outcome.tally.disruptions(),
        by: outcome.first,
    }
}

fn table(jobs: &[(Option<Mutant>, u64)], found: &[Caught]) -> ExitCode {
    println!(
        "{:<20} {:>4}  {:<11} {:>6}  by",
        "rule", "seed", "", "after"
    );
    let mut wrong = 0;
    for caught in found {
        let (mutant, seed) = jobs[caught.job];
        let by = caught
            .by
            .as_ref()
            .map_or(String::new(), |(invariant, text)| {
                let text: String = text.chars().take(80).collect();
                format!("{invariant:?}, {text}")
            });
        let word = match (mutant, &caught.by) {
            (Some(_), Some(_)) => "caught",
            (Some(_), None) => "NOT CAUGHT",
            (None, Some(_)) => "VIOLATED",
            (None, None) => "nothing",
        };
        wrong += u32::from(mutant.is_some() != caught.by.is_some());
        let name = mutant.map_or("(none)", Mutant::name);
        println!("{name:<20} {seed:>4}  {word:<11} {:>6}  {by}", caught.after);
    }
    println!("{wrong} of {} runs came out wrong", found.len());
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
