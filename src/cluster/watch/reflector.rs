//! One list and watch, for ever: reads pages, follows events and bookmarks, and begins again where the server has lost
//! the thread.
//!
//! Own loop instead of kube's watcher, which does not tell an idle watch from a dead one. Bookmarks alone do not either:
//! kube-apiserver sends none to a watch that began at the newest version while nothing of its kind changes (seen with
//! 1.36.3). So watches are short, and the end of one that lasted its whole time is as good as a bookmark: the server
//! has said all that there was.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::api::{ListParams, WatchParams};
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;

use crate::cluster::client::{Kubernetes, PAGE};
use crate::cluster::failure::{Failure, Permission};
use crate::cluster::raw::place::{RawNamespace, RawNode};
use crate::cluster::raw::pod::RawPod;
use crate::cluster::raw::workload::RawWorkload;
use crate::collect::clock::Clock;

use super::Watched;
use super::keep::Keep;
use super::plan::{Item, Subject};

/// Tries to go on from where a watch broke before everything is listed again.
const RESUMES: u32 = 3;

/// How long anything may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Length of one watch, in seconds.
    pub watch: u32,
    /// A watch that ended after less was cut off, and its end says nothing.
    pub whole: Duration,
    /// A watch that is silent for longer is dead: its connection may be half open. This and the length of the next
    /// watch must fit into [`super::freshness::STALE`].
    pub idle: Duration,
    /// Until a page of a list is there.
    pub page: Duration,
    /// The first pause after a failure; it doubles.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// The pause after a watch was refused that the guard can do without.
    pub left_out: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            watch: 30,
            whole: Duration::from_secs(28),
            idle: Duration::from_secs(40),
            page: Duration::from_secs(30),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(8),
            left_out: Duration::from_secs(300),
        }
    }
}

/// One list and watch.
pub struct Reflector {
    /// The server.
    pub kubernetes: Kubernetes,
    /// Where everything goes.
    pub watched: Watched,
    /// Which of all watches this is.
    pub index: usize,
    /// What it is about.
    pub item: Item,
    /// How long anything may take.
    pub pace: Pace,
    /// The process's clock.
    pub clock: Clock,
}

/// Objects that a reflector can follow.
trait Followed: Keep + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Keep + DeserializeOwned + Clone + Send + Sync + 'static> Followed for T {}

impl Reflector {
    /// Lists and watches; never returns.
    pub async fn run(self) {
        match self.item.subject {
            Subject::Pods => self.follow::<RawPod>().await,
            Subject::Workloads(_) => self.follow::<RawWorkload>().await,
            Subject::Nodes => self.follow::<RawNode>().await,
            Subject::Namespaces => self.follow::<RawNamespace>().await,
        }
    }

    async fn follow<T: Followed>(self) {
        let mut trouble = Trouble::new(self.pace);
        loop {
            match self.list::<T>().await {
                Ok(version) => self.watch::<T>(version, &mut trouble).await,
                Err(failure) => self.suffer(&failure, &mut trouble).await,
            }
        }
    }

    /// Reads every page, and answers the version to watch from.
    async fn list<T: Followed>(&self) -> Result<String, Failure> {
        let (store, subject) = (&self.watched.store, self.item.subject);
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector.clone_from(&self.item.selector);
        let mut listed = HashSet::new();
        loop {
            let namespace = self.item.namespace.as_deref();
            let page =
                self.kubernetes
                    .page::<T>(subject.resource(), namespace, &params, self.pace.page);
            let page = page.await?;
            let (version, next) = (page.version().to_owned(), page.next());
            listed.extend(store.list(self.index, subject, &page.items()));
            if next.is_none() {
                store.retain(self.index, subject, &listed);
                self.heard();
                return Ok(version);
            }
            params.continue_token = next;
        }
    }

    /// Watches from `version` on, one watch after another, until everything has to be listed again.
    async fn watch<T: Followed>(&self, mut version: String, trouble: &mut Trouble) {
        let mut resumes = 0;
        while resumes < RESUMES {
            let failure = match self.watch_once::<T>(&mut version).await {
                Ok(true) => {
                    trouble.over(&self.item);
                    resumes = 0;
                    continue;
                }
                Ok(false) => {
                    Failure::Unavailable("the watch was cut off before it said anything".to_owned())
                }
                Err(failure) => failure,
            };
            self.suffer(&failure, trouble).await;
            if matches!(failure, Failure::Expired(_)) {
                return;
            }
            resumes += 1;
        }
    }

    /// Follows one watch to its end; answers whether it said anything, be it by lasting its whole time.
    async fn watch_once<T: Followed>(&self, version: &mut String) -> Result<bool, Failure> {
        let mut params = WatchParams::default().timeout(self.pace.watch);
        params.label_selector.clone_from(&self.item.selector);
        let (resource, namespace) = (self.item.subject.resource(), self.item.namespace.as_deref());
        let opened =
            self.kubernetes
                .watch::<T>(resource, namespace, &params, version, self.pace.idle);
        let mut events = pin!(opened.await?);
        let (began, mut heard) = (self.clock.now(), false);
        while let Some(event) = self.next(&mut events).await? {
            *version = self.take(event)?;
            self.heard();
            heard = true;
        }
        if self.clock.now().since(began) >= self.pace.whole {
            self.heard();
            heard = true;
        }
        Ok(heard)
    }

    async fn next<T>(
        &self,
        events: &mut (impl Stream<Item = Result<WatchEvent<T>, Failure>> + Unpin),
    ) -> Result<Option<WatchEvent<T>>, Failure> {
        match tokio::time::timeout(self.pace.idle, events.next()).await {
            Ok(event) => event.transpose(),
            Err(_) => Err(Failure::Unavailable(format!(
                "no event or bookmark within {:?}",
                self.pace.idle
            ))),
        }
    }

    /// Takes an event; answers the version that it is of.
    fn take<T: Followed>(&self, event: WatchEvent<T>) -> Result<String, Failure> {
        let (store, subject) = (&self.watched.store, self.item.subject);
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                store.apply(self.index, subject, &object);
                Ok(object.meta().resource_version.clone())
            }
            WatchEvent::Deleted(object) => {
                store.delete(self.index, subject, &object.meta().full_name());
                Ok(object.meta().resource_version.clone())
            }
            WatchEvent::Bookmark(bookmark) => Ok(bookmark.metadata.resource_version),
            WatchEvent::Error(status) => Err(Failure::of_status(&status, &self.permission())),
        }
    }

    async fn suffer(&self, failure: &Failure, trouble: &mut Trouble) {
        if self.item.optional && matches!(failure, Failure::Forbidden { .. }) {
            self.leave_out(failure, trouble);
            return tokio::time::sleep(self.pace.left_out).await;
        }
        tokio::time::sleep(trouble.again(&self.item, failure)).await;
    }

    fn leave_out(&self, failure: &Failure, trouble: &mut Trouble) {
        self.watched.freshness.leave_out(self.index);
        if trouble.is_news(failure) {
            tracing::info!(watch = %self.item, %failure, "May not be read in this namespaced installation; left out");
        }
        if self.item.subject == Subject::Namespaces {
            let store = &self.watched.store;
            store.assume(&store.options().selection.namespaces);
        }
    }

    fn heard(&self) {
        self.watched.freshness.heard(self.index, self.clock.now());
    }

    fn permission(&self) -> Permission {
        let namespace = self.item.namespace.as_deref();
        Permission::new("watch", self.item.subject.resource(), namespace)
    }
}

/// Failures in a row: how long to pause, and whether to say so again.
struct Trouble {
    pace: Pace,
    pause: Duration,
    last: Option<String>,
}

impl Trouble {
    const fn new(pace: Pace) -> Self {
        Self {
            pace,
            pause: pace.first_pause,
            last: None,
        }
    }

    /// One more failure: how long to wait.
    fn again(&mut self, item: &Item, failure: &Failure) -> Duration {
        if self.is_news(failure) {
            tracing::warn!(watch = %item, %failure, "A watch failed; it is tried again, and what it last said stays");
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(self.pace.longest_pause);
        pause
    }

    /// The watch says something again.
    fn over(&mut self, item: &Item) {
        if self.last.take().is_some() {
            tracing::info!(watch = %item, "The watch is back");
        }
        self.pause = self.pace.first_pause;
    }

    fn is_news(&mut self, failure: &Failure) -> bool {
        let text = Some(failure.to_string());
        let news = self.last != text;
        self.last = text;
        news
    }
}

#[cfg(test)]
mod tests;
