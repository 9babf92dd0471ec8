//! The guard on the real parts: installed by its chart, asked by the real API server about what real controllers and
//! real kubectl do, in front of real Trino under load. No query may fail, and every disruption must come to its end.

mod door;
mod headline;
pub mod installation;

use crate::runner::Scenario;

pub fn scenarios() -> Vec<Scenario> {
    headline::scenarios()
}
