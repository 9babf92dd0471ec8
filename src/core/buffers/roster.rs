//! The workers that are known: listed by a mapping source now, or seen running tasks not long ago.
//! Also what each was last called, so that a worker's series keep their name after its pod has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::moment::Moment;

use super::address::WorkerKey;
use super::identity::{Identity, Method, Rules, Sources};

/// A worker that no source lists is remembered this long after its last task.
pub const REMEMBERED: Duration = Duration::from_secs(600);

/// A worker of one coordinator: coordinator's name, worker's key.
type MemberKey = (String, WorkerKey);

/// Pod, namespace and release under which a worker is published.
pub type Published = (String, String, String);

/// The workers of all coordinators.
#[derive(Debug, Default)]
pub struct Roster {
    members: BTreeMap<MemberKey, Member>,
    /// Workers whose zero the last snapshot could show: only these may be shown as zero by an incomplete cycle.
    pub proven: BTreeSet<Published>,
    /// Restarts of each coordinator that were seen.
    restarts: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Member {
    identity: Identity,
    last_task: Moment,
}

impl Roster {
    /// A worker has tasks. Returns its pod: the one found now, else the one found before.
    pub fn saw_task(
        &mut self,
        coordinator: &str,
        worker: &WorkerKey,
        found: Identity,
        now: Moment,
    ) -> &Identity {
        let member = self
            .members
            .entry((coordinator.to_owned(), worker.clone()))
            .or_insert_with(|| Member {
                identity: found.clone(),
                last_task: now,
            });
        member.last_task = now;
        // A pod of the node id's name was this worker; whoever has its address now is another.
        let was_named = member.identity.pod == worker.node_id();
        if found.method != Method::Unmapped && (!was_named || found.pod == worker.node_id()) {
            member.identity = found;
        }
        &member.identity
    }

    /// Forgets all workers of a coordinator that has been restarted since the last time: they may belong elsewhere.
    pub fn restarted(&mut self, coordinator: &str, restarts: u64) {
        let seen = self.restarts.insert(coordinator.to_owned(), restarts);
        if seen.is_some_and(|seen| seen != restarts) {
            self.members.retain(|(owner, _), _| owner != coordinator);
        }
    }

    /// Notes whose zero may be shown from now on, of one release.
    pub fn prove(&mut self, release: &str, shown: impl IntoIterator<Item = Published>) {
        self.proven.retain(|(_, _, owner)| owner != release);
        self.proven.extend(shown);
    }

    /// Forgets the workers of one coordinator that are neither listed nor recent.
    pub fn forget(&mut self, coordinator: &str, rules: Rules, sources: &Sources, now: Moment) {
        self.members.retain(|(owner, worker), member| {
            owner != coordinator || is_known(worker, member, rules, sources, now)
        });
    }

    /// The known workers of one coordinator.
    pub fn known<'a>(
        &'a self,
        coordinator: &'a str,
    ) -> impl Iterator<Item = (&'a WorkerKey, &'a Identity)> {
        self.members
            .iter()
            .filter(move |((owner, _), _)| owner == coordinator)
            .map(|((_, worker), member)| (worker, &member.identity))
    }
}

/// A source that found a worker also says when it has gone; for the others only time tells.
fn is_known(
    worker: &WorkerKey,
    member: &Member,
    rules: Rules,
    sources: &Sources,
    now: Moment,
) -> bool {
    let by_source = rules
        .sources(sources)
        .find(|(method, _)| *method == member.identity.method);
    match by_source {
        Some((_, directory)) => {
            now == member.last_task
                || directory.lists(
                    &member.identity.pod,
                    &member.identity.namespace,
                    worker.host(),
                )
        }
        None => now.since(member.last_task) <= REMEMBERED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::buffers::directory::{Directory, Pod, Sighting};
    use crate::core::buffers::identity::Mapping;

    const RULES: Rules = Rules {
        mapping: Mapping::Auto,
        has_source: true,
    };

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    fn worker() -> WorkerKey {
        WorkerKey::from_text("10.0.0.1:8080 w-0")
    }

    fn identity(pod: &str, method: Method) -> Identity {
        Identity {
            pod: pod.into(),
            namespace: "trino".into(),
            method,
        }
    }

    fn listing(pods: &[&str]) -> Sources {
        let hosts: Vec<String> = pods.iter().map(|name| format!("{name}.host")).collect();
        let pods = pods.iter().zip(&hosts);
        let pods: Vec<_> = pods.map(|(name, host)| (*name, host.as_str())).collect();
        listing_at(&pods)
    }

    fn listing_at(pods: &[(&str, &str)]) -> Sources {
        let sightings = pods.iter().map(|(name, host)| Sighting {
            host: (*host).into(),
            pod: Pod {
                namespace: "trino".into(),
                name: (*name).into(),
                release: None,
            },
            preferred: false,
            recency: 0,
        });
        Sources {
            kubernetes: Some(Directory::new(sightings)),
            prometheus: None,
        }
    }

    fn names(roster: &Roster) -> Vec<&str> {
        roster.known("c").map(|(_, id)| id.pod.as_str()).collect()
    }

    #[test]
    fn a_listed_worker_is_known_until_its_source_drops_it() {
        let mut roster = Roster::default();
        roster.saw_task("c", &worker(), identity("w-0", Method::Kubernetes), at(0));
        roster.forget("c", RULES, &listing(&["w-0"]), at(5000));
        assert_eq!(names(&roster), ["w-0"]);
        roster.forget("c", RULES, &listing(&[]), at(5001));
        assert!(names(&roster).is_empty());
    }

    /// It would never answer again, and an idle cluster is proven only by all workers' answers.
    #[test]
    fn a_pod_that_came_back_under_its_name_is_forgotten_where_it_was() {
        let mut roster = Roster::default();
        roster.saw_task("c", &worker(), identity("w-0", Method::Kubernetes), at(0));
        let elsewhere = listing_at(&[("w-0", "10.0.0.9")]);
        roster.forget("c", RULES, &elsewhere, at(0));
        assert_eq!(names(&roster), ["w-0"], "it has tasks now");
        roster.forget("c", RULES, &elsewhere, at(1));
        assert!(names(&roster).is_empty());
    }

    #[test]
    fn a_worker_with_tasks_is_known_even_when_its_pod_is_gone() {
        let mut roster = Roster::default();
        roster.saw_task("c", &worker(), identity("w-0", Method::Kubernetes), at(0));
        roster.saw_task(
            "c",
            &worker(),
            identity("10.0.0.1", Method::Unmapped),
            at(60),
        );
        roster.forget("c", RULES, &listing(&[]), at(60));
        assert_eq!(names(&roster), ["w-0"], "and keeps its name");
    }

    #[test]
    fn an_unlisted_worker_is_remembered_for_ten_minutes() {
        for method in [Method::NodeId, Method::Unmapped] {
            let mut roster = Roster::default();
            roster.saw_task("c", &worker(), identity("w-0", method), at(0));
            roster.forget("c", RULES, &listing(&[]), at(600));
            assert_eq!(names(&roster), ["w-0"]);
            roster.forget("c", RULES, &listing(&[]), at(601));
            assert!(names(&roster).is_empty());
        }
    }

    #[test]
    fn a_source_that_stopped_answering_forgets_nobody_at_once() {
        let mut roster = Roster::default();
        roster.saw_task("c", &worker(), identity("w-0", Method::Kubernetes), at(0));
        roster.forget("c", RULES, &Sources::default(), at(100));
        assert_eq!(names(&roster), ["w-0"]);
    }

    #[test]
    fn coordinators_do_not_forget_for_each_other() {
        let mut roster = Roster::default();
        roster.saw_task("c", &worker(), identity("w-0", Method::NodeId), at(0));
        roster.forget("other", RULES, &Sources::default(), at(9999));
        assert_eq!(names(&roster), ["w-0"]);
    }
}
