//! Where a Trino pod answers. Credentials go only where this says that they may.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::core::guard::facts::pod::Pod;

/// Where a worker answers, and which of its containers is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The pod's UID.
    pub uid: String,
    /// The container that ran when this was looked up.
    pub container: String,
    /// Its IP address and port.
    pub socket: SocketAddr,
    /// Whether its workload is one that we know: a pod that merely has the labels gets no credentials.
    pub owned: bool,
}

impl Address {
    /// The address of a pod; `None` while it has none, or no running container.
    #[must_use]
    pub fn of(pod: &Pod, port: u16, owned: bool) -> Option<Self> {
        Some(Self {
            uid: pod.uid.clone(),
            container: pod.running()?.to_owned(),
            socket: SocketAddr::new(pod.ip?, pod.port.unwrap_or(port)),
            owned,
        })
    }
}

/// `http://IP:PORT/`, with brackets where IPv6 needs them. `None` for what no URL can hold.
#[must_use]
pub fn plain_url(ip: IpAddr, port: u16) -> Option<Url> {
    Url::parse(&format!("http://{}/", SocketAddr::new(ip, port))).ok()
}
