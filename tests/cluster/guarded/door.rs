//! One address in front of all replicas of a Deployment, as a Service is: every new connection goes to the next ready
//! pod, connections that stand stay where they are. The API server routes no Service in these tests, so webhooks name
//! this address.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::world::is_ready;

/// An endpoint controller and its proxies take longer.
const LOOK: Duration = Duration::from_millis(300);

/// An open door. Dropping it closes it.
pub struct Door {
    pub address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Door {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Door {
    /// Opens on loopback, in front of the ready pods that a selector of labels names.
    pub async fn open(client: Client, namespace: &str, selector: &str, port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let ready = Ready::default();
        let pods = Api::<Pod>::namespaced(client, namespace);
        let following = follow(pods, selector.to_owned(), port, ready.clone());
        let tasks = [
            tokio::spawn(following),
            tokio::spawn(pass_on(listener, ready)),
        ];
        Ok(Self { address, tasks })
    }
}

/// The addresses that connections go to in turn.
#[derive(Clone, Default)]
struct Ready {
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    turn: Arc<AtomicUsize>,
}

impl Ready {
    fn replace(&self, addresses: Vec<SocketAddr>) {
        *self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    fn next(&self) -> Option<SocketAddr> {
        let addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = turn.checked_rem(addresses.len())?;
        addresses.get(index).copied()
    }
}

/// What was ready stays so while the API server is away, as with a real proxy.
async fn follow(pods: Api<Pod>, selector: String, port: u16, ready: Ready) {
    let wanted = ListParams::default().labels(&selector);
    loop {
        if let Ok(found) = pods.list(&wanted).await {
            let addresses = found.items.iter().filter(|pod| is_ready(pod));
            ready.replace(addresses.filter_map(|pod| address(pod, port)).collect());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn address(pod: &Pod, port: u16) -> Option<SocketAddr> {
    let ip = pod.status.as_ref()?.pod_ip.as_deref()?;
    Some(SocketAddr::new(ip.parse().ok()?, port))
}

/// A connection for which there is nobody is closed.
async fn pass_on(listener: TcpListener, ready: Ready) {
    while let Ok((mut caller, _)) = listener.accept().await {
        let Some(to) = ready.next() else {
            continue;
        };
        tokio::spawn(async move {
            if let Ok(mut pod) = TcpStream::connect(to).await {
                // How it ended is the business of the two at its ends.
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut pod).await;
            }
        });
    }
}
