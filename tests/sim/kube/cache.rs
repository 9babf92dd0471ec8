//! A watch: a copy of the store that lags behind it, in order.

use std::sync::Arc;

use xtrinode::core::guard::dates::{Arrival, Gaps};
use xtrinode::core::guard::time::Time;
use xtrinode::core::guard::world::World;

use super::store::{Change, Store};

/// A lagging copy.
pub struct Cache {
    /// What it knows.
    pub world: World,
    read: usize,
    /// How far it lags, in milliseconds.
    pub lag: u64,
}

impl Cache {
    /// A copy that has just been listed.
    pub fn listed(store: &Store, lag: u64, gaps: Gaps, time: Time) -> Self {
        let mut cache = Self {
            world: World::default(),
            read: 0,
            lag,
        };
        cache.world.put_gaps(gaps);
        cache.take(store, u64::MAX, Arrival::First(time));
        cache
    }

    /// Takes in what is due; whether any pod is gone. `time`: now, by the clock of whoever reads.
    pub fn catch_up(&mut self, store: &Store, now: u64, time: Time) -> bool {
        self.take(store, now.saturating_sub(self.lag), Arrival::News(time))
    }

    fn take(&mut self, store: &Store, until: u64, arrival: Arrival) -> bool {
        let mut gone = false;
        while let Some((at, change)) = store.log.get(self.read) {
            if *at > until {
                break;
            }
            self.read += 1;
            gone |= matches!(change, Change::PodGone(_));
            apply(&mut self.world, change, arrival);
        }
        gone
    }
}

fn apply(world: &mut World, change: &Change, arrival: Arrival) {
    match change {
        Change::Pod(pod) => world.meet_pod(Arc::clone(pod), arrival),
        Change::PodGone(pod) => {
            let same = world
                .pod(&pod.name)
                .is_some_and(|known| known.uid == pod.uid);
            if same {
                world.drop_pod(&pod.name);
            }
        }
        Change::Workload(workload) => world.meet_workload((**workload).clone(), arrival),
        Change::WorkloadGone(kind, name) => world.drop_workload(*kind, name),
        Change::Node(name, node) => world.put_node(name.clone(), node.clone()),
        Change::Namespace(namespace) => {
            world.put_namespace(super::store::NAMESPACE.to_owned(), namespace.clone());
        }
    }
}
