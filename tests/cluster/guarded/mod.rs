//! The guard on the real parts: installed by its chart, asked by the real API server about what real controllers and
//! real kubectl do, in front of real Trino under load. No query may fail, and every disruption must come to its end.

mod captain;
mod clock;
mod command_line;
mod coordinator;
mod direct;
mod door;
mod exceptions;
mod faults;
mod grant;
mod headline;
pub mod installation;
mod keda;
mod kick;
mod kinds;
mod leaked;
mod liar;
mod lifecycle;
mod nodes;
mod owners;
mod questions;
mod races;
mod removal;
mod retry;
mod rotation;
mod scaling;
mod scene;
mod storm;
mod strangers;
mod versions;

use crate::runner::Scenario;

pub fn scenarios() -> Vec<Scenario> {
    let mut scenarios = headline::scenarios();
    scenarios.extend(nodes::scenarios());
    scenarios.extend(removal::scenarios());
    scenarios.extend(coordinator::scenarios());
    scenarios.extend(exceptions::scenarios());
    scenarios.extend(command_line::scenarios());
    scenarios.extend(faults::scenarios());
    scenarios.extend(clock::scenarios());
    scenarios.extend(kick::scenarios());
    scenarios.extend(kinds::scenarios());
    scenarios.extend(grant::scenarios());
    scenarios.extend(retry::scenarios());
    scenarios.extend(captain::scenarios());
    scenarios.extend(owners::scenarios());
    scenarios.extend(versions::scenarios());
    scenarios.extend(keda::scenarios());
    scenarios.extend(liar::scenarios());
    scenarios.extend(strangers::scenarios());
    scenarios.extend(races::scenarios());
    // Last: they ask for other values.
    scenarios.extend(leaked::scenarios());
    scenarios.extend(scaling::scenarios());
    scenarios.extend(rotation::scenarios());
    scenarios.extend(lifecycle::scenarios());
    scenarios
}
