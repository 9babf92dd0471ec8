//! Where collectors put what they found and readers take whole snapshots from. Holds the latest report of each
//! coordinator and the latest directory of each mapping source; every snapshot is put together for its moment.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::core::buffers::directory::Directory;
use crate::core::buffers::identity::{Rules, Sources};
use crate::core::buffers::roster::Roster;
use crate::core::buffers::snapshot::{Assembly, CoordinatorSpec, Input, Report, Snapshot};
use crate::core::moment::Moment;

use super::clock::Clock;

/// The shared state of one collector.
#[derive(Debug)]
pub struct Board {
    clock: Clock,
    rules: Rules,
    stale_after: Duration,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    inputs: Vec<Input>,
    started: Vec<Option<Moment>>,
    sources: Sources,
    source_times: SourceTimes,
    roster: Roster,
}

/// When each mapping source answered last. `None` = not yet, or not configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceTimes {
    /// The Kubernetes API.
    pub kubernetes: Option<Moment>,
    /// Prometheus.
    pub prometheus: Option<Moment>,
}

impl Board {
    /// A board without any report.
    #[must_use]
    pub fn new(
        clock: Clock,
        rules: Rules,
        stale_after: Duration,
        coordinators: impl IntoIterator<Item = CoordinatorSpec>,
    ) -> Self {
        let unreported = |spec| Input { spec, report: None };
        let inputs: Vec<_> = coordinators.into_iter().map(unreported).collect();
        let state = State {
            started: vec![None; inputs.len()],
            inputs,
            sources: Sources::default(),
            source_times: SourceTimes::default(),
            roster: Roster::default(),
        };
        Self {
            clock,
            rules,
            stale_after,
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        }
    }

    /// The clock of all moments on this board.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Puts the report of coordinator number `index`, whose cycle began at `started`.
    pub fn report(&self, index: usize, started: Moment, report: Report) {
        let mut state = self.lock();
        if let Some(input) = state.inputs.get_mut(index) {
            input.report = Some(report);
            state.started[index] = Some(started);
        }
        drop(state);
        self.tell();
    }

    /// Puts the pods that the Kubernetes API lists.
    pub fn kubernetes(&self, directory: Directory) {
        self.source(|state| {
            state.source_times.kubernetes = Some(self.clock.now());
            let before = state.sources.kubernetes.replace(directory);
            before != state.sources.kubernetes
        });
    }

    /// Puts the pods that Prometheus names.
    pub fn prometheus(&self, directory: Directory) {
        self.source(|state| {
            state.source_times.prometheus = Some(self.clock.now());
            let before = state.sources.prometheus.replace(directory);
            before != state.sources.prometheus
        });
    }

    /// Lets `put` change a source and tells everybody if it says that something is new.
    fn source(&self, put: impl FnOnce(&mut State) -> bool) {
        let news = put(&mut self.lock());
        if news {
            self.tell();
        }
    }

    /// Everything that is known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.lock();
        let State {
            inputs,
            sources,
            roster,
            ..
        } = &mut *state;
        let assembly = Assembly {
            inputs,
            rules: self.rules,
            sources,
            stale_after: self.stale_after,
            now: self.clock.now(),
        };
        assembly.snapshot(roster)
    }

    /// When each mapping source answered last.
    #[must_use]
    pub fn source_times(&self) -> SourceTimes {
        self.lock().source_times
    }

    /// Runs `read` on what the mapping sources say now.
    pub fn with_sources<T>(&self, read: impl FnOnce(&Sources) -> T) -> T {
        read(&self.lock().sources)
    }

    /// Whether each coordinator's first cycle has ended, well or badly.
    #[must_use]
    pub fn all_reported(&self) -> bool {
        self.lock()
            .inputs
            .iter()
            .all(|input| input.report.is_some())
    }

    /// Whether the first cycle of coordinator number `index` has ended, well or badly.
    #[must_use]
    pub fn reported(&self, index: usize) -> bool {
        let state = self.lock();
        state
            .inputs
            .get(index)
            .is_some_and(|input| input.report.is_some())
    }

    /// Whether nobody who asked at `asked` for facts of at most `max_age` could be served better by waiting:
    /// each coordinator has such facts, or a cycle that began after the question has ended.
    #[must_use]
    pub fn serves(&self, asked: Moment, max_age: Duration) -> bool {
        let state = self.lock();
        let now = self.clock.now();
        let young = |report: &Report| {
            let as_of = report.closed.as_of.filter(|_| report.closed.whole);
            as_of.is_some_and(|as_of| now.since(as_of) <= max_age)
        };
        state
            .inputs
            .iter()
            .zip(&state.started)
            .all(|(input, started)| {
                let later = started.is_some_and(|started| started >= asked);
                later || input.report.as_ref().is_some_and(young)
            })
    }

    /// `host:port` of the workers of a coordinator that run tasks, or did not long ago.
    #[must_use]
    pub fn authorities_of(&self, coordinator: &str) -> BTreeSet<String> {
        let state = self.lock();
        let known = state.roster.known(coordinator);
        let authorities = known.map(|(worker, _)| worker.authority().to_owned());
        authorities
            .filter(|authority| !authority.is_empty())
            .collect()
    }

    /// Host and `host:port` of the pods that mapping sources list for a coordinator's release.
    #[must_use]
    pub fn hosts_of(&self, spec: &CoordinatorSpec, port: u16) -> Vec<(String, String)> {
        let state = self.lock();
        let alone = state.inputs.len() == 1;
        let directories = self.rules.sources(&state.sources);
        let pods = directories.flat_map(|(_, directory)| directory.pods());
        pods.filter(|(_, pod)| match pod.release.as_deref() {
            Some(release) => release == spec.release,
            None => alone,
        })
        .map(|(host, _)| (host.to_owned(), authority(host, port)))
        .collect()
    }

    /// Changes whenever a report or a directory has changed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
