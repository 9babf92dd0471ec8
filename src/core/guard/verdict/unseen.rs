//! Requests that would be allowed because our cache does not know a pod, or another of its name, or as being deleted. The
//! cache may be behind: only what the API server says now counts. Says when it is to be asked, and what follows.

use crate::core::guard::ask::{Ask, Outcome, Request, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::ClusterId;
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::rows::Row;

use super::message;

/// The pod that the API server must be asked for before this verdict counts; `None` where it rests on no absence. Unlike a
/// deletion an eviction does not carry its pod.
#[must_use]
pub fn doubtful<'a>(view: &View, ask: &'a Ask, verdict: &Verdict) -> Option<&'a Name> {
    let Request::Evict { pod, .. } = &ask.request else {
        return None;
    };
    let absent = matches!(verdict.row, Row::PodGone | Row::OtherPod | Row::Deleting);
    let allowed = verdict.outcome == Outcome::Allow && !mutant::is(Mutant::TrustCache);
    (absent && allowed && view.mode(&pod.namespace).is_some()).then_some(pod)
}

/// The cluster whose coordinator the API server must be asked for: a suspended runtime's workers go without a drain, so
/// that none is there must be true now.
#[must_use]
pub fn suspended<'a>(view: &View<'a>, ask: &Ask, verdict: &Verdict) -> Option<&'a ClusterId> {
    let (Request::Evict { pod, .. } | Request::Delete { pod, .. }) = &ask.request else {
        return None;
    };
    let suspending = verdict.row == Row::Suspending && verdict.outcome == Outcome::Allow;
    let pod = view.world.pod(pod).filter(|_| suspending)?;
    Some(&pod.cluster)
}

/// The namespace whose pods the API server must be asked for: inside one that is being deleted nobody asks again, so that
/// a pod which the cache does not know would go unjudged.
#[must_use]
pub fn emptied<'a>(view: &View, ask: &'a Ask, verdict: &Verdict) -> Option<&'a str> {
    let Request::DeleteNamespace { name } = &ask.request else {
        return None;
    };
    let allowed = verdict.row == Row::NamespaceSafe && verdict.outcome == Outcome::Allow;
    (allowed && view.mode(name).is_some()).then_some(name)
}

/// What that verdict comes to, where these are the UIDs of Trino's pods there now.
#[must_use]
pub fn all_known(view: &View, name: &str, verdict: Verdict, uids: &[String]) -> Verdict {
    let unknown = uids
        .iter()
        .filter(|uid| view.world.pod_by_uid(uid).is_none())
        .count();
    if unknown == 0 {
        return verdict;
    }
    let text = message::namespace(name, unknown);
    Verdict::refuse(Row::NamespaceBusy, Outcome::Forbid, text)
}

/// What such a verdict comes to. `uid` is the UID of the pod of Trino's that has this name now; `None` where there is none.
#[must_use]
pub fn found(view: &View, ask: &Ask, verdict: Verdict, uid: Option<&str>) -> Verdict {
    let (Request::Evict { pod, precondition }, Some(uid)) = (&ask.request, uid) else {
        return verdict;
    };
    // The API server refuses what names another pod.
    let other = precondition.as_ref().is_some_and(|meant| meant != uid);
    let known = view.world.pod(pod);
    let deleting = known.is_some_and(|known| known.uid == uid && known.deleting.is_some());
    if other || deleting {
        return verdict;
    }
    Verdict::wait(Row::Unknown, message::not_seen(pod))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::plan::scene::Scene;
    use crate::core::guard::staging::{by_person, evict};
    use crate::core::guard::verdict::judge;

    fn asked(scene: &Scene, name: &str, uid: Option<&str>) -> Verdict {
        let ask = by_person(evict(name));
        let verdict = judge(&scene.view(), &ask);
        assert!(doubtful(&scene.view(), &ask, &verdict).is_some(), "{name}");
        found(&scene.view(), &ask, verdict, uid)
    }

    #[test]
    fn what_the_cache_does_not_know_is_gone_only_if_the_api_server_says_so() {
        let scene = Scene::deployment(1);
        assert_eq!(asked(&scene, "w-9", None).row, Row::PodGone);
        let there = asked(&scene, "w-9", Some("uid-w-9"));
        assert_eq!((there.row, there.outcome), (Row::Unknown, Outcome::Wait));
    }

    #[test]
    fn a_pod_that_is_deleted_may_have_a_successor_of_its_name() {
        let mut scene = Scene::stateful_set(1);
        scene.edit("w-0", |pod| pod.deleting = Some(pod.created));
        assert_eq!(asked(&scene, "w-0", Some("uid-w-0")).row, Row::Deleting);
        assert_eq!(asked(&scene, "w-0", Some("later")).outcome, Outcome::Wait);
    }

    #[test]
    fn an_eviction_of_an_earlier_pod_is_for_the_api_server_to_refuse() {
        let scene = Scene::stateful_set(1);
        let request = Request::Evict {
            pod: scene.pod("w-0").name,
            precondition: Some("uid-w-0-new".to_owned()),
        };
        let ask = by_person(request);
        let verdict = judge(&scene.view(), &ask);
        assert_eq!(verdict.row, Row::OtherPod);
        let same = found(&scene.view(), &ask, verdict.clone(), Some("uid-w-0-new"));
        assert_eq!(same.outcome, Outcome::Wait, "our copy is the earlier one");
        let other = found(&scene.view(), &ask, verdict, Some("uid-w-0"));
        assert_eq!(other.outcome, Outcome::Allow);
    }

    /// A coordinator that came a moment ago makes its workers busy, and the cache may not have it.
    #[test]
    fn a_namespace_goes_only_without_pods_that_the_cache_does_not_know() {
        let mut scene = Scene::deployment(1);
        scene.crash("w-0");
        scene.list(0);
        scene.pass(5);
        scene.list(0);
        let name = crate::core::guard::plan::scene::SPACE.to_owned();
        let ask = by_person(Request::DeleteNamespace { name: name.clone() });
        let verdict = judge(&scene.view(), &ask);
        assert_eq!(emptied(&scene.view(), &ask, &verdict), Some(name.as_str()));
        let told = |uids: &[&str]| {
            let uids: Vec<_> = uids.iter().map(|uid| (*uid).to_owned()).collect();
            all_known(&scene.view(), &name, verdict.clone(), &uids).outcome
        };
        assert_eq!(told(&["uid-w-0"]), Outcome::Allow);
        assert_eq!(told(&["uid-w-0", "uid-c-1"]), Outcome::Forbid);
        let unasked = crate::core::guard::verdict::recalled(&scene.view(), &ask);
        assert_eq!(unasked.outcome, Outcome::Forbid);
    }

    #[test]
    fn what_rests_on_a_known_pod_is_not_doubted() {
        let scene = Scene::deployment(1);
        let ask = by_person(evict("w-0"));
        let verdict = judge(&scene.view(), &ask);
        assert!(doubtful(&scene.view(), &ask, &verdict).is_none());
    }
}
