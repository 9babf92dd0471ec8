//! Kubernetes Events: what people see in `kubectl describe`. Callers hand one over and go on; a task sends them, the same
//! news about the same object once in a few minutes, and drops what does not fit into its queue. Decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::collect::clock::Clock;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;
use crate::core::moment::Moment;

use super::client::{Kubernetes, MANAGER};
use super::failure::{Failure, Permission};
use super::resource::Resource;

/// News that wait to be sent; more are dropped and counted.
const QUEUE: usize = 1000;

/// The same reason about the same object is not told again for so long. Longer than kube's recorder remembers an event
/// (6 min), which would otherwise patch it: permission to create is enough.
const QUIET: Duration = Duration::from_secs(7 * 60);

/// Until the server must have taken one.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest note, in bytes, that the API takes.
const NOTE: usize = 1024;

const EVENTS: Resource = Resource::new("events.k8s.io", "v1", "events");

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct About {
    api_version: &'static str,
    kind: &'static str,
    name: Name,
    uid: String,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What it is about.
    pub about: About,
    /// One word in CamelCase, such as `DrainStarted`.
    pub reason: &'static str,
    /// What was done, in one word, such as `Drain`.
    pub action: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
    /// A sentence for people. Never SQL, never user names of Trino.
    pub note: String,
}

/// Where news are handed over. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Herald {
    queue: mpsc::Sender<News>,
    dropped: Arc<AtomicU64>,
}

/// Sends what was handed over.
pub struct Sender {
    recorder: Recorder,
    queue: mpsc::Receiver<News>,
    quiet: Quiet,
    clock: Clock,
    failing: Option<Failure>,
}

impl About {
    /// A pod.
    #[must_use]
    pub fn pod(pod: &Pod) -> Self {
        Self::new("v1", "Pod", pod.name.clone(), &pod.uid)
    }

    /// A Deployment, ReplicaSet or StatefulSet.
    #[must_use]
    pub fn workload(workload: &Workload) -> Self {
        Self::new(
            "apps/v1",
            workload.kind.word(),
            workload.name.clone(),
            &workload.uid,
        )
    }

    /// A namespace: the Event stands in the namespace itself, where its people look.
    #[must_use]
    pub fn namespace(name: &str) -> Self {
        Self::new("v1", "Namespace", Name::new(name, name), "")
    }

    fn new(api_version: &'static str, kind: &'static str, name: Name, uid: &str) -> Self {
        let uid = uid.to_owned();
        Self {
            api_version,
            kind,
            name,
            uid,
        }
    }

    fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some(self.api_version.to_owned()),
            kind: Some(self.kind.to_owned()),
            name: Some(self.name.name.clone()),
            namespace: Some(self.name.namespace.clone()),
            uid: (!self.uid.is_empty()).then(|| self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

impl Herald {
    /// A queue and the work that empties it; `instance` is this process's name, such as its pod's.
    #[must_use]
    pub fn new(kubernetes: &Kubernetes, instance: String, clock: Clock) -> (Self, Sender) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let herald = Self {
            queue: sender,
            dropped: Arc::default(),
        };
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(instance),
        };
        let sender = Sender {
            recorder: Recorder::new(kubernetes.client(), reporter),
            queue,
            quiet: Quiet::default(),
            clock,
            failing: None,
        };
        (herald, sender)
    }

    /// Hands one over; never waits.
    pub fn tell(&self, news: News) {
        if self.queue.try_send(news).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many did not fit into the queue.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Sender {
    /// Sends until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(news)) = stop.run_until_cancelled(self.queue.recv()).await {
            if self.quiet.admits(&news, self.clock.now()) {
                let sent = stop.run_until_cancelled(self.send(&news)).await;
                self.report(sent.unwrap_or(Ok(())));
            }
        }
    }

    async fn send(&self, news: &News) -> Result<(), Failure> {
        let event = Event {
            type_: if news.warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: news.reason.to_owned(),
            note: Some(shortened(&news.note)),
            action: news.action.to_owned(),
            secondary: None,
        };
        let reference = news.about.reference();
        let permission = Permission::new("create", EVENTS, Some(&news.about.name.namespace));
        let published =
            tokio::time::timeout(ANSWER, self.recorder.publish(&event, &reference)).await;
        let late = |_| Failure::Unavailable(format!("no answer within {ANSWER:?}"));
        published
            .map_err(late)?
            .map_err(|error| Failure::of(&error, &permission))
    }

    /// An Event that is lost loses no query: it is said in the log, once as long as it stays so.
    fn report(&mut self, sent: Result<(), Failure>) {
        let failing = sent.err();
        if let Some(failure) = failing
            .as_ref()
            .filter(|failure| self.failing.as_ref() != Some(failure))
        {
            tracing::warn!(%failure, "An Event could not be written; what it would have said is lost");
        }
        self.failing = failing;
    }
}

/// What was told lately.
#[derive(Debug, Default)]
struct Quiet {
    told: HashMap<(About, &'static str), Moment>,
}

impl Quiet {
    fn admits(&mut self, news: &News, now: Moment) -> bool {
        let key = (news.about.clone(), news.reason);
        let recent = |at: &Moment| now.since(*at) < QUIET;
        if self.told.get(&key).is_some_and(recent) {
            return false;
        }
        if self.told.len() >= QUEUE {
            self.told.retain(|_, at| recent(at));
        }
        self.told.insert(key, now);
        true
    }
}

fn shortened(note: &str) -> String {
    note[..note.floor_char_boundary(NOTE)].to_owned()
}

#[cfg(test)]
mod tests;
