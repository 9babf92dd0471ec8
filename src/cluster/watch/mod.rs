//! Keeps a [`World`] equal to what Kubernetes says: lists and watches of everything that verdicts need, one index, read
//! without I/O. Decides nothing; says how old it is.
//!
//! All pods that look like Trino's are kept, whether or not their namespace opted in: what may be done in a namespace is
//! asked of its [`Namespace`](crate::core::guard::facts::place::Namespace) at each verdict. So a namespace that opts in
//! needs no new list, and one that leaves can still be cleaned.

pub mod freshness;
pub mod keep;
pub mod plan;
pub mod reflector;
pub mod store;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::collect::Task;
use crate::collect::clock::Clock;
use crate::core::guard::dates::Gaps;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::facts::pod::ClusterId;
use crate::core::guard::world::World;
use crate::core::moment::Moment;

use super::calendar::Calendar;
use super::client::Kubernetes;
use super::selection::Selection;
use freshness::Freshness;
use plan::Item;
use reflector::{Pace, Reflector};
use store::{Gone, Store};

/// What is watched.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which pods are Trino's, and which namespaces may be read.
    pub selection: Selection,
    /// What the namespace label `enabled` stands for.
    pub enabled: Mode,
    /// Clusters whose coordinator the configuration names: guarded whatever Kubernetes knows of it.
    pub external: Vec<ClusterId>,
    /// What time it is.
    pub calendar: Calendar,
    /// The times without a guard, until now.
    pub gaps: Gaps,
}

/// What Kubernetes says now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watched {
    store: Arc<Store>,
    freshness: Arc<Freshness>,
}

/// The watches, not running yet.
pub struct Watches {
    /// What they will know.
    pub watched: Watched,
    /// The pods that have gone, so that what is remembered of them can be forgotten. It may be dropped.
    pub gone: mpsc::UnboundedReceiver<Gone>,
    /// The work, for the caller to spawn; each ends after `stop` only.
    pub tasks: Vec<Task>,
}

/// Prepares all watches; nothing is asked of the server until the tasks are spawned.
#[must_use]
pub fn prepare(
    kubernetes: &Kubernetes,
    options: &Options,
    clock: Clock,
    stop: &CancellationToken,
) -> Watches {
    let items = plan::items(&options.selection);
    let (store, gone) = Store::new(options.clone(), items.len());
    let freshness = Freshness::new(items.iter().map(ToString::to_string));
    let watched = Watched {
        store: Arc::new(store),
        freshness: Arc::new(freshness),
    };
    let task = |(index, item): (usize, Item)| {
        let reflector = Reflector {
            kubernetes: kubernetes.clone(),
            watched: watched.clone(),
            index,
            item,
            pace: Pace::default(),
            clock,
        };
        spawnable(reflector, stop.clone())
    };
    let tasks = items.into_iter().enumerate().map(task).collect();
    Watches {
        watched,
        gone,
        tasks,
    }
}

fn spawnable(reflector: Reflector, stop: CancellationToken) -> Task {
    let name = format!("watch {}", reflector.item);
    let work = async move {
        stop.run_until_cancelled(reflector.run()).await;
        Ok(())
    };
    (name, Box::pin(work))
}

impl Watched {
    /// Looks at everything at one moment. Writers wait meanwhile, so look briefly.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        self.store.read(look)
    }

    /// Says after each change that there was one; the number only counts them.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.store.changes()
    }

    /// What keeps verdicts from being given: watches that have not been listed yet, or have been silent for longer than
    /// [`freshness::STALE`]. Empty means ready.
    #[must_use]
    pub fn waiting(&self, now: Moment) -> Vec<String> {
        self.freshness.waiting(now)
    }
}
