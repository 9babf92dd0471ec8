//! Many disruptions in one run: dozens of guarded clusters under load, simulated ones and real Trino, each disrupted again
//! and again by all kinds in random order. No query may fail, and each disruption is done within its bound.

mod act;
mod callers;
mod fleet;
mod kind;
mod ledger;
mod member;
mod pods;
mod soak;
mod truth;

use anyhow::{Result, ensure};

use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::world::World;
use fleet::Fleet;
use ledger::Ledger;

/// With the drains of two nodes by `guarded-drain` and the scale-down of `guarded-scale-down` they are twenty.
const REAL: usize = 17;
const SIMULATED: usize = 500;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "many-disruptions",
            stage: Stage::Last(|| Box::pin(both())),
        },
        Scenario {
            name: "measure-soak",
            stage: Stage::Last(|| Box::pin(soak::soak())),
        },
    ]
}

async fn both() -> Result<()> {
    let seed = seed()?;
    let real = many(Fleet::Real { long: false }, REAL, seed);
    futures::try_join!(real, many(Fleet::Simulated, SIMULATED, seed)).map(drop)
}

async fn many(fleet: Fleet, goal: usize, seed: u64) -> Result<()> {
    let world = World::start().await?;
    let ledger = Ledger::new(goal);
    let unguarded = fleet.run(&world, &ledger, seed, &|_| Ok(())).await?;
    let rows = ledger.rows();
    let (name, count) = (fleet.name(), rows.len());
    ensure!(
        count >= goal,
        "{count} disruptions of {name} clusters instead of {goal}"
    );
    say!("{}", ledger::table(&rows, &unguarded));
    say!("{}", ledger::WHAT);
    say!("{count} disruptions of {name} clusters; seed {seed}");
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
