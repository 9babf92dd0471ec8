//! Loopback addresses for one cluster, so that clusters of parallel runs never meet. Binds nothing
//! for longer than a look, except the reservation of its block.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};

/// Held by each block's owner on the block's last address.
const RESERVATION_PORT: u16 = 47_991;

/// A reserved block 127.x.y.0/24 and a port that is free on each of its addresses in use.
pub struct Block {
    first: u8,
    second: u8,
    /// The same on every node, as in a Kubernetes cluster.
    pub port: u16,
    _reservation: TcpListener,
}

impl Block {
    /// Reserves a block for hosts `1..=hosts`, starting the search at a place of this process's own.
    pub fn reserve(hosts: u8) -> Result<Self> {
        let start = std::process::id();
        for step in 0..500 {
            let candidate = start.wrapping_add(step * 7);
            // 127.0.y.z is left to people and to recorded data.
            let first = 1 + (candidate % 250) as u8;
            let second = (candidate / 250 % 250) as u8;
            if let Some(block) = Self::try_reserve(first, second, hosts)? {
                return Ok(block);
            }
        }
        bail!(
            "no free block of loopback addresses after 500 tries (is port {RESERVATION_PORT} taken on all addresses?)"
        )
    }

    /// The address of host 1, 2, …
    pub fn host(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.first, self.second, number)
    }

    fn try_reserve(first: u8, second: u8, hosts: u8) -> Result<Option<Self>> {
        let last = Ipv4Addr::new(127, first, second, 254);
        let Ok(reservation) = TcpListener::bind((last, RESERVATION_PORT)) else {
            return Ok(None);
        };
        let port = free_port(Ipv4Addr::new(127, first, second, 1))?;
        let free = (1..=hosts)
            .all(|host| TcpListener::bind((Ipv4Addr::new(127, first, second, host), port)).is_ok());
        Ok(free.then_some(Self {
            first,
            second,
            port,
            _reservation: reservation,
        }))
    }
}

/// A port that is free on `address` at this moment.
pub fn free_port(address: Ipv4Addr) -> Result<u16> {
    let listener = TcpListener::bind((address, 0)).context("bind a loopback port")?;
    Ok(listener.local_addr()?.port())
}

/// A free port of 127.0.0.1 as an address.
pub fn free_loopback() -> Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)?).into())
}
