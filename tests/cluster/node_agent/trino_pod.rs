//! A pod whose image is Trino's: a real node of that version, coordinator or worker by the label
//! `app.kubernetes.io/component`, of the cluster that `app.kubernetes.io/instance` names in its namespace.
//!
//! Annotations of the pod replace what a chart would put into configuration: `tests/config` holds further lines of
//! `config.properties`, `tests/may-drain: "false"` leaves out the access control that allows draining, `tests/exchange: "true"`
//! adds the exchange manager that retries of single tasks need, `tests/heap-mb`.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::addresses::ClusterName;
use super::body::Place;
use super::{Shared, lock, pod};
use crate::leash::Leashed;
use crate::trino::Version;
use crate::trino_config;
use crate::trino_runtime::{Run, Runtime};

/// The port of every Trino pod, as in the official chart.
pub const PORT: u16 = 8080;

/// Heap of a node that names none. With 700 a worker died of `OutOfMemoryError` when it read four wide queries while its
/// sibling was drained: three workers' load on two.
const HEAP_MB: u32 = 1200;

/// So often, a quarter of a second apart, a coordinator looks whether the one before it has ended.
const SIBLING_LOOKS: u32 = 80;

/// The versions in use, looked up once.
#[derive(Default)]
pub struct Runtimes(Mutex<HashMap<&'static str, Arc<Runtime>>>);

impl Runtimes {
    fn get(&self, version: Version) -> Result<Arc<Runtime>> {
        let mut known = lock(&self.0);
        if let Some(runtime) = known.get(version.number()) {
            return Ok(Arc::clone(runtime));
        }
        let runtime = Arc::new(Runtime::find(version)?);
        known.insert(version.number(), Arc::clone(&runtime));
        Ok(runtime)
    }
}

/// The version that a pod's image names; `None` when it is not Trino.
pub fn version(pod: &Pod) -> Option<Version> {
    let tag = pod::tag_of(pod, "trinodb/trino")?;
    Version::ALL
        .into_iter()
        .find(|version| version.number() == tag)
}

/// The cluster that a pod belongs to.
pub fn cluster(pod: &Pod) -> ClusterName {
    let instance = pod::label(pod, "app.kubernetes.io/instance");
    (pod.namespace().unwrap_or_default(), instance.to_owned())
}

/// Whether it is a coordinator.
pub fn is_coordinator(pod: &Pod) -> bool {
    pod::label(pod, "app.kubernetes.io/component") == "coordinator"
}

/// Whether its cluster lets anybody drain it.
pub fn may_drain(pod: &Pod) -> bool {
    pod::annotation(pod, "tests/may-drain") != "false"
}

/// A coordinator's successor comes before the old one has ended, and workers know only their cluster's one address, as
/// they know only the Service's: it waits a moment until that is free.
pub async fn wait_for_sibling(shared: &Shared, pod: &Pod) {
    for _ in 0..SIBLING_LOOKS {
        if !is_coordinator(pod) || !lock(&shared.addresses).is_taken(&cluster(pod)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The address that a pod gets: a coordinator its cluster's own.
pub fn address(shared: &Shared, pod: &Pod) -> Result<Ipv4Addr> {
    let mut addresses = lock(&shared.addresses);
    if is_coordinator(pod) {
        addresses.take_coordinator(&cluster(pod))
    } else {
        addresses.take()
    }
}

/// Starts the node.
pub fn start(place: &Place, pod: &Pod, version: Version) -> Result<Leashed> {
    let runtime = place.shared.runtimes.get(version)?;
    let directory = place.folder(pod).join("trino");
    let heap_mb = heap_mb(pod)?;
    let extra = properties(pod)?;
    let exchange = exchange(place, pod)?;
    let config = trino_config::Shared {
        coordinator: lock(&place.shared.addresses).coordinator(&cluster(pod))?,
        port: PORT,
        heap_mb,
        exchange: exchange.as_deref(),
        may_drain: may_drain(pod),
        extra: &extra,
    };
    trino_config::write(&directory, is_coordinator(pod), &config)?;
    runtime.launch(&Run {
        node_id: &pod.name_any(),
        address: place.address,
        is_coordinator: is_coordinator(pod),
        heap_mb,
        directory: &directory,
        log: &place.log(pod),
        may_write_archive: false,
    })
}

/// One folder for all nodes of a cluster.
fn exchange(place: &Place, pod: &Pod) -> Result<Option<PathBuf>> {
    if pod::annotation(pod, "tests/exchange") != "true" {
        return Ok(None);
    }
    let (namespace, instance) = cluster(pod);
    let name = format!("exchange-{namespace}-{instance}");
    let folder = place.shared.folder.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(Some(folder))
}

fn heap_mb(pod: &Pod) -> Result<u32> {
    match pod::annotation(pod, "tests/heap-mb") {
        "" => Ok(HEAP_MB),
        text => text.parse().context("annotation tests/heap-mb"),
    }
}

/// What `tests/config` says, line by line.
pub fn properties(pod: &Pod) -> Result<Vec<(String, String)>> {
    let lines = pod::annotation(pod, "tests/config").lines();
    lines
        .map(|line| {
            let (key, value) = line
                .split_once('=')
                .with_context(|| format!("annotation tests/config: no = in {line}"))?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}
