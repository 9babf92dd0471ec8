//! Follows the board for what only transitions show: readiness after first cycles, and workers that could not be
//! mapped, each named in the log once.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::collect::Collector;
use crate::core::buffers::snapshot::Snapshot;
use crate::process::readiness::{Hold, Readiness};

/// Readiness of one coordinator: held until its first cycle has ended, well or badly, and never taken back.
#[derive(Debug)]
pub struct FirstCycles(Vec<Option<Hold>>);

impl FirstCycles {
    /// Holds readiness for each coordinator.
    #[must_use]
    pub fn hold<'a>(readiness: &Readiness, names: impl IntoIterator<Item = &'a str>) -> Self {
        let hold = |name| Some(readiness.hold(format!("the first cycle of {name}")));
        Self(names.into_iter().map(hold).collect())
    }

    fn release(&mut self, collector: &Collector) {
        for (index, hold) in self.0.iter_mut().enumerate() {
            if collector.board.reported(index)
                && let Some(hold) = hold.take()
            {
                hold.release();
            }
        }
    }
}

/// Follows until `stop`.
pub async fn follow(
    collector: Collector,
    mut first: FirstCycles,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut changes = collector.board.subscribe();
    let mut named = BTreeSet::new();
    let work = async {
        while changes.changed().await.is_ok() {
            first.release(&collector);
            name_unmapped(&collector.board.snapshot(), &mut named);
        }
    };
    stop.run_until_cancelled(work).await;
    Ok(())
}

/// Names workers that are newly unmapped. One that gets mapped or leaves may be named again later.
fn name_unmapped(snapshot: &Snapshot, named: &mut BTreeSet<(String, String)>) {
    let now: BTreeSet<_> = snapshot
        .coordinators
        .iter()
        .flat_map(|view| {
            let name = |host: &String| (view.spec.name.clone(), host.clone());
            view.unmapped.iter().map(name)
        })
        .collect();
    for (coordinator, worker) in now.difference(named) {
        tracing::warn!(
            coordinator,
            worker,
            "No pod is known for this worker; it is published under its host"
        );
    }
    *named = now;
}
