//! The wire between one of our programs and the API server: it can be held, and then nothing passes in either direction
//! while every connection stays open, as behind a switch that has died.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Namespace and name of a pod.
pub type PodName = (String, String);

/// The wires of an agent; those of pods that are gone are harmless.
#[derive(Default)]
pub struct Wires(Mutex<HashMap<PodName, Arc<watch::Sender<bool>>>>);

/// A wire. Dropping it cuts it.
pub struct Wire {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wires {
    /// Lays a pod's wire to the server at `https://host:port`.
    pub async fn lay(&self, pod: PodName, server: &str) -> Result<Wire> {
        let to = server.strip_prefix("https://").context("an https server")?;
        let to: SocketAddr = to.parse()?;
        let held = self.of(pod).subscribe();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(carry(listener, to, held));
        Ok(Wire { address, task })
    }

    /// Holds a pod's wire, or lets it go on.
    pub fn hold(&self, pod: PodName, held: bool) {
        self.of(pod).send_replace(held);
    }

    fn of(&self, pod: PodName) -> Arc<watch::Sender<bool>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            all.entry(pod)
                .or_insert_with(|| Arc::new(watch::Sender::new(false))),
        )
    }
}

async fn carry(listener: TcpListener, to: SocketAddr, held: watch::Receiver<bool>) {
    // Aborted with this task.
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let held = held.clone();
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(to).await else {
                return;
            };
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            tokio::join!(
                pass(from_near, to_far, held.clone()),
                pass(from_far, to_near, held)
            );
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Until one end closes; whoever is at the other end learns it.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut held: watch::Receiver<bool>,
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if held.wait_for(|held| !held).await.is_err()
            || to.write_all(&piece[..length]).await.is_err()
        {
            return;
        }
    }
    // It may be closed already.
    let _ = to.shutdown().await;
}
