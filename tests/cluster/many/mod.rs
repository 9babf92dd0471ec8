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
            name: "many-disruptions-simulated",
            stage: Stage::Plane(|world| Box::pin(many(world, Fleet::Simulated, SIMULATED))),
        },
        Scenario {
            name: "many-disruptions-real",
            stage: Stage::Plane(|world| Box::pin(many(world, Fleet::Real, REAL))),
        },
        Scenario {
            name: "measure-soak",
            stage: Stage::Last(|| Box::pin(soak::soak())),
        },
    ]
}

async fn many(world: &World, fleet: Fleet, goal: usize) -> Result<()> {
    let seed = seed()?;
    let ledger = Ledger::new(goal);
    let unguarded = fleet.run(world, &ledger, seed, &|_| Ok(())).await?;
    let rows = ledger.rows();
    let (name, count) = (fleet.name(), rows.len());
    ensure!(
        count >= goal,
        "{count} disruptions of {name} clusters instead of {goal}"
    );
    say!("{}", ledger::table(&rows, &unguarded));
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
