//! The scheduler: binds a pod without a node to the node with the fewest pods that is not cordoned. A pod that fits nowhere
//! waits.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store::Store;
use crate::core::guard::world::World;

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);

/// The scheduler.
#[derive(Debug)]
pub(super) struct Scheduler(Store);

impl Scheduler {
    pub(super) const fn new(store: Store) -> Self {
        Self(store)
    }

    /// Binds until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.step();
            // Being stopped meanwhile is told by the next look.
            let _ = tokio::time::timeout(TICK, stop.cancelled()).await;
        }
    }

    fn step(&self) {
        let nodes = self.0.nodes();
        while let Some((uid, node)) = self.0.read(|world| next(world, &nodes)) {
            self.0.change_pod(&uid, |pod| pod.node = Some(node));
        }
    }
}

/// The next pod to be bound, and where.
fn next(world: &World, nodes: &[String]) -> Option<(String, String)> {
    let mut waiting = world
        .pods()
        .filter(|pod| pod.node.is_none() && pod.is_active());
    let pod = waiting.next()?;
    let is_open = |name: &&String| world.node(name).is_some_and(|node| !node.cordoned);
    let open = nodes.iter().filter(is_open);
    let node = open.min_by_key(|name| (world.pods_on(name).count(), *name))?;
    Some((pod.uid.clone(), node.clone()))
}
