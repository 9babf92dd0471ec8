//! Loopback addresses for pods: one each, reused as late as possible, and one for each Trino cluster's coordinator that
//! stays the same, since workers are told of it before it starts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

use crate::net::Block;

/// A Trino cluster: namespace and `app.kubernetes.io/instance`.
pub type ClusterName = (String, String);

/// The addresses of one agent.
pub struct Addresses {
    free: VecDeque<Ipv4Addr>,
    coordinators: BTreeMap<ClusterName, Ipv4Addr>,
    taken: BTreeSet<Ipv4Addr>,
    _blocks: [Block; 2],
}

impl Addresses {
    /// Reserves two blocks of 250.
    pub fn reserve() -> Result<Self> {
        let blocks = [Block::reserve(0)?, Block::reserve(0)?];
        let hosts = |block: &Block| (1..=250).map(|host| block.host(host)).collect::<Vec<_>>();
        Ok(Self {
            free: blocks.iter().flat_map(hosts).collect(),
            coordinators: BTreeMap::new(),
            taken: BTreeSet::new(),
            _blocks: blocks,
        })
    }

    /// The one that has been free for the longest time.
    pub fn take(&mut self) -> Result<Ipv4Addr> {
        let address = self.next()?;
        self.taken.insert(address);
        Ok(address)
    }

    fn next(&mut self) -> Result<Ipv4Addr> {
        let next = self.free.pop_front();
        next.context("all 500 addresses of the node agent are in use")
    }

    /// Where a cluster's coordinator is, or will be.
    pub fn coordinator(&mut self, cluster: &ClusterName) -> Result<Ipv4Addr> {
        if let Some(address) = self.coordinators.get(cluster) {
            return Ok(*address);
        }
        let address = self.next()?;
        self.coordinators.insert(cluster.clone(), address);
        Ok(address)
    }

    /// The address for a coordinator's pod: its cluster's, or another one while a sibling has that.
    pub fn take_coordinator(&mut self, cluster: &ClusterName) -> Result<Ipv4Addr> {
        let address = self.coordinator(cluster)?;
        if self.taken.insert(address) {
            return Ok(address);
        }
        self.take()
    }

    /// Whether a pod has the address of a cluster's coordinator.
    pub fn is_taken(&self, cluster: &ClusterName) -> bool {
        let address = self.coordinators.get(cluster);
        address.is_some_and(|address| self.taken.contains(address))
    }

    /// Gives one back.
    pub fn give_back(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
        if !self.coordinators.values().any(|kept| *kept == address) {
            self.free.push_back(address);
        }
    }
}
