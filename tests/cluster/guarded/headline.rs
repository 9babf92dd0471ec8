//! What the product is about: the baseline's very script, with the guard. Nothing fails, and the disruption is done.

use anyhow::{Result, ensure};

use super::installation::{self, ENFORCE};
use crate::baseline::{Disruption, under_load};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::{Spec, TrinoOnPlane};
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-drain",
            stage: Stage::RealTrino(|world| Box::pin(guarded(world, Disruption::Drain))),
        },
        Scenario {
            name: "guarded-scale-down",
            stage: Stage::RealTrino(|world| Box::pin(guarded(world, Disruption::ScaleDown))),
        },
    ]
}

async fn guarded(world: &mut World, disruption: Disruption) -> Result<()> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        ..Spec::new("guarded")
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    let report = under_load(world, &cluster, disruption).await?;
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    match disruption {
        // The next scenario goes on with it.
        Disruption::Drain => Ok(()),
        Disruption::ScaleDown => cluster.remove(world).await,
    }
}
