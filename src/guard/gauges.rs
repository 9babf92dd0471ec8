//! The guard's gauges, written at scrape from the state of that moment: what is gone is simply not in the next scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::core::guard::evidence::Supplier;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::status::{ClusterStatus, Status, status};

use super::state::State;

/// Writes gauges.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// What they are read from.
    pub state: State,
    /// What `enabled` means.
    pub mode: Mode,
    /// Whether this replica leads.
    pub leads: Arc<AtomicBool>,
}

/// Labels of one series.
type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.state.view(status);
        let mut page = Page(&mut encoder);
        self.write_own(&mut page)?;
        write_clusters(&mut page, &now)?;
        write_blocked(&mut page, &now)?;
        page.gauge(
            "xtrinode_guard_drains_active",
            "Workers that drain or are drained, by state",
            ["draining", "drained", "returning", "foreign"].map(|state| {
                let count = now
                    .drains
                    .iter()
                    .filter(|drain| drain.state == state)
                    .count();
                (vec![("state", state)], number(count))
            }),
        )
    }
}

impl Gauges {
    fn write_own(&self, page: &mut Page) -> fmt::Result {
        page.gauge(
            "xtrinode_guard_mode",
            "What the namespace label's value enabled means; 1 for the present mode",
            [Mode::Audit, Mode::Enforce].map(|mode| {
                (
                    vec![("mode", mode.word())],
                    number(usize::from(mode == self.mode)),
                )
            }),
        )?;
        let leads = usize::from(self.leads.load(Ordering::Relaxed));
        page.gauge(
            "xtrinode_guard_leader",
            "1 on the replica that drains, kicks and gives back",
            [(Vec::new(), number(leads))],
        )
    }
}

fn write_clusters(page: &mut Page, now: &Status) -> fmt::Result {
    let names: Vec<_> = now.clusters.iter().map(name).collect();
    let all = || now.clusters.iter().zip(&names);
    page.gauge(
        "xtrinode_guard_protection",
        "1 for the present protection of a cluster: full, or bestEffort with its reason",
        all().map(|(cluster, name)| {
            let protection = &cluster.protection;
            let labels = vec![
                ("cluster", name.as_str()),
                ("level", protection.level()),
                ("reason", protection.reason()),
            ];
            (labels, 1.0)
        }),
    )?;
    page.gauge(
        "xtrinode_guard_state_age_seconds",
        "Age of the oldest fact of a cluster's last complete cycle; absent while nothing is known",
        all().filter_map(|(cluster, name)| {
            #[allow(clippy::cast_precision_loss)] // an age in whole seconds
            let age = cluster.age_seconds? as f64;
            Some((vec![("cluster", name.as_str())], age))
        }),
    )?;
    page.gauge(
        "xtrinode_guard_supplied",
        "1 where a supplier tells what the workers of a cluster hold: the exporter, or the guard's own collector",
        all().flat_map(|(cluster, name)| {
            let words = Supplier::ALL.map(Supplier::word).into_iter();
            words.map(move |word| {
                let speaks = cluster.suppliers.iter().any(|one| one == word);
                let labels = vec![("cluster", name.as_str()), ("supplier", word)];
                (labels, number(usize::from(speaks)))
            })
        }),
    )?;
    page.gauge(
        "xtrinode_guard_bound_too_short",
        "1 while the last drain of a cluster took longer than its maxBlock",
        all().map(|(cluster, name)| {
            let short = number(usize::from(cluster.bound_too_short));
            (vec![("cluster", name.as_str())], short)
        }),
    )?;
    page.gauge(
        "xtrinode_guard_workers",
        "Worker pods that run or are to run, by cluster",
        all().map(|(cluster, name)| (vec![("cluster", name.as_str())], f64::from(cluster.workers))),
    )?;
    page.gauge(
        "xtrinode_guard_serving_workers",
        "Workers that serve, by cluster",
        all().map(|(cluster, name)| (vec![("cluster", name.as_str())], f64::from(cluster.serving))),
    )
}

fn write_blocked(page: &mut Page, now: &Status) -> fmt::Result {
    let names: Vec<_> = now.clusters.iter().map(name).collect();
    let of = |cluster: &ClusterStatus| {
        let (namespace, release) = (cluster.namespace.clone(), cluster.release.clone());
        let blocked = now.blocked.iter();
        blocked.filter(move |pod| pod.namespace == namespace && pod.release == release)
    };
    let all = || now.clusters.iter().zip(&names);
    page.gauge(
        "xtrinode_guard_blocked_pods",
        "Pods whose removal was refused and is still wanted, by cluster",
        all().map(|(cluster, name)| {
            (
                vec![("cluster", name.as_str())],
                number(of(cluster).count()),
            )
        }),
    )?;
    page.gauge(
        "xtrinode_guard_blocked_seconds_max",
        "Time since the first refusal of the pod that has waited longest, by cluster",
        all().map(|(cluster, name)| {
            let longest = of(cluster)
                .map(|pod| pod.blocked_seconds)
                .max()
                .unwrap_or(0);
            #[allow(clippy::cast_precision_loss)] // a span in whole seconds
            let longest = longest as f64;
            (vec![("cluster", name.as_str())], longest)
        }),
    )
}

fn name(cluster: &ClusterStatus) -> String {
    format!("{}/{}", cluster.namespace, cluster.release)
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// A metrics page in the making.
struct Page<'p, 'e>(&'p mut DescriptorEncoder<'e>);

impl Page<'_, '_> {
    /// Writes one gauge with all its series.
    fn gauge<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
