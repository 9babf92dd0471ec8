use super::*;
use crate::core::guard::notes::{Cause, Drain, Grant, GrantKey, Number, Want};
use crate::core::guard::plan::scene::Scene;

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1000)
}

const NOW: u64 = 100_000;

/// Whoever leads says so more often.
const SILENT: Duration = Duration::from_secs(15);

/// A pod whose drain was stamped then.
fn drained_at(stamp: u64) -> Pod {
    let mut pod = Scene::deployment(1).pod("w-0");
    pod.notes.drain = Some(Drain {
        container: "c-0".to_owned(),
        at: at(stamp),
    });
    pod
}

fn date(dates: &mut Dates, pod: &Pod, known: Option<&Pod>, arrival: Arrival) -> Time {
    let notes = dates.read(pod, known, arrival);
    let drain = notes.unwrap_or_else(|| pod.notes.clone()).drain;
    drain.expect("a drain").at
}

fn news(stamp: u64) -> Time {
    let arrival = Arrival::News(at(NOW));
    date(&mut Dates::default(), &drained_at(stamp), None, arrival)
}

#[test]
fn what_a_watch_tells_was_written_just_now_whatever_its_stamp() {
    assert_eq!(news(NOW - 3600), at(NOW), "by a clock that is behind");
    assert_eq!(news(NOW + 3600), at(NOW), "by a clock that is ahead");
    assert_eq!(news(NOW - 2), at(NOW - 2), "by a clock that agrees");
    assert_eq!(news(NOW + 2), at(NOW + 2));
}

#[test]
fn a_date_stays_whatever_else_changes_on_the_pod() {
    let mut dates = Dates::default();
    let pod = drained_at(NOW + 3600);
    let first = date(&mut dates, &pod, None, Arrival::News(at(NOW)));
    let later = Arrival::News(at(NOW + 500));
    let mut known = pod.clone();
    known.notes.drain = pod
        .notes
        .drain
        .clone()
        .map(|drain| Drain { at: first, ..drain });
    assert_eq!(date(&mut dates, &pod, Some(&known), later), at(NOW));
    let agreed = drained_at(NOW);
    let kept = date(&mut Dates::default(), &agreed, Some(&agreed), later);
    assert_eq!(kept, at(NOW), "it was known and is no news");
}

#[test]
fn a_pod_that_is_gone_is_forgotten() {
    let mut world = crate::core::guard::world::World::default();
    let pod = drained_at(NOW + 3600);
    world.meet_pod(pod.clone(), Arrival::News(at(NOW)));
    let drain = |world: &crate::core::guard::world::World| {
        let pod = world.pod_by_uid(&pod.uid).expect("a pod");
        pod.notes.drain.clone().expect("a drain").at
    };
    assert_eq!(drain(&world), at(NOW));
    let moved = Pod {
        node: Some("elsewhere".to_owned()),
        ..pod.clone()
    };
    world.meet_pod(moved, Arrival::News(at(NOW + 9)));
    assert_eq!(drain(&world), at(NOW), "the same pod, in other indexes");
    world.drop_pod(&pod.name);
    world.meet_pod(pod.clone(), Arrival::News(at(NOW + 50)));
    assert_eq!(drain(&world), at(NOW + 50));
}

#[test]
fn what_stood_there_at_the_start_is_as_old_as_it_says_but_for_the_times_without_a_guard() {
    let first = Arrival::First(at(NOW));
    let mut dates = Dates::default();
    assert_eq!(
        date(&mut dates, &drained_at(NOW - 900), None, first),
        at(NOW - 870),
        "by what clocks may differ"
    );
    let ahead = date(&mut Dates::default(), &drained_at(NOW + 900), None, first);
    assert_eq!(ahead, at(NOW), "nobody writes in the future");
    let mut dates = Dates::default();
    assert!(dates.gaps.begin(at(NOW - 600), at(NOW), SILENT));
    let before = date(&mut dates, &drained_at(NOW - 900), None, first);
    assert_eq!(before, at(NOW - 270), "nobody guarded for 600 of the 900 s");
    let meanwhile = date(
        &mut Dates {
            gaps: dates.gaps,
            ..Dates::default()
        },
        &drained_at(NOW - 300),
        None,
        first,
    );
    assert_eq!(meanwhile, at(NOW), "by an older clock, which goes on");
}

#[test]
fn a_gap_begins_when_the_lease_was_renewed_last() {
    let begin = |renewed: u64| {
        let mut gaps = Gaps::default();
        let begun = gaps.begin(at(renewed), at(NOW), SILENT);
        (begun, gaps.date(at(NOW - 7200)))
    };
    assert_eq!(begin(NOW - 14), (false, at(NOW - 7200)), "somebody leads");
    assert_eq!(begin(NOW - 3600), (true, at(NOW - 3600)));
    assert_eq!(
        begin(NOW + 3600),
        (false, at(NOW - 7200)),
        "the clock went back"
    );
}

#[test]
fn a_leader_by_an_older_clock_is_no_gap() {
    let mut gaps = Gaps::default();
    assert!(
        gaps.begin(at(NOW), at(NOW + 3600), SILENT),
        "the clock jumped ahead"
    );
    // The old leader has gone on for 60 s, by its clock; so has everybody.
    assert!(!gaps.begin(at(NOW + 60), at(NOW + 3660), SILENT));
    assert_eq!(gaps.date(at(NOW + 60)), at(NOW + 3660));
    assert_eq!(
        gaps.date(at(NOW + 3800)),
        at(NOW + 3800),
        "by the new clock"
    );
}

#[test]
fn nobody_leads_between_two_starts_in_vain() {
    let mut gaps = Gaps::default();
    for start in [100, 200, 300] {
        assert!(gaps.begin(at(NOW), at(NOW + start), SILENT));
    }
    assert_eq!(
        gaps.0,
        [Gap {
            from: at(NOW),
            to: at(NOW + 300)
        }]
    );
}

#[test]
fn of_many_gaps_the_oldest_become_one() {
    let mut gaps = Gaps::default();
    for day in 1..100_u64 {
        assert!(gaps.begin(at(day * 1000 - 100), at(day * 1000), SILENT));
    }
    assert_eq!(gaps.0.len(), GAPS);
    assert_eq!(gaps.date(at(0)), at(99 * 100), "as long as all of them");
}

#[test]
fn what_belongs_to_a_stamp_moves_with_it() {
    let mut pod = drained_at(NOW);
    pod.notes.want = Some(Want {
        at: at(NOW + 3600),
        since: at(NOW + 3000),
        cause: Cause::Evict,
        by: "a".to_owned(),
        number: Some(Number {
            target: 2,
            from: 5,
            at: at(NOW + 3300),
        }),
    });
    pod.notes.grant = Some(Grant {
        uid: pod.uid.clone(),
        container: "c-0".to_owned(),
        key: GrantKey::Pod,
        at: at(NOW - 3600),
        until: at(NOW - 3480),
    });
    let notes = Dates::default().read(&pod, None, Arrival::News(at(NOW)));
    let notes = notes.expect("dates");
    let want = notes.want.expect("a want");
    assert_eq!((want.at, want.since), (at(NOW), at(NOW - 600)));
    assert_eq!(want.number.map(|number| number.at), Some(at(NOW - 300)));
    let grant = notes.grant.expect("a grant");
    assert_eq!((grant.at, grant.until), (at(NOW), at(NOW + 120)));
}

#[test]
fn gaps_are_read_as_they_are_written() {
    let mut gaps = Gaps::default();
    assert!(gaps.begin(at(NOW), at(NOW + 60), SILENT));
    let text = crate::core::guard::notes::write(&gaps);
    assert_eq!(
        text,
        r#"[{"from":"1970-01-02T03:46:40.000Z","to":"1970-01-02T03:47:40.000Z"}]"#
    );
    assert_eq!(serde_json::from_str::<Gaps>(&text).ok(), Some(gaps));
}

#[test]
fn a_container_started_when_it_is_told_unless_it_ran_before_us() {
    let of = |started: u64, arrival: Arrival, known: Option<u64>| {
        let running = |started: u64| {
            let mut pod = Scene::deployment(1).pod("w-0");
            let container = pod.container.as_mut().expect("a container");
            container.started = Some(at(started));
            pod
        };
        let known = known.map(running);
        let pod = running(started);
        let date = Dates::default().started(&pod, known.as_ref(), arrival);
        date.or(pod.started())
    };
    let (first, news) = (Arrival::First(at(NOW)), Arrival::News(at(NOW)));
    assert_eq!(of(NOW - 5, news, None), Some(at(NOW - 5)));
    assert_eq!(
        of(NOW - 3600, news, None),
        Some(at(NOW)),
        "the kubelet's clock is behind"
    );
    assert_eq!(of(NOW + 3600, news, None), Some(at(NOW)), "or ahead");
    assert_eq!(of(NOW - 3600, first, None), Some(at(NOW - 3540)));
    assert_eq!(of(NOW + 3600, first, None), Some(at(NOW)));
    assert_eq!(
        of(NOW - 3600, news, Some(NOW - 7)),
        Some(at(NOW - 7)),
        "as dated before"
    );
}

#[test]
fn a_clock_that_goes_back_takes_back_what_it_jumped_ahead() {
    let mut gaps = Gaps::default();
    assert!(gaps.begin(at(NOW), at(NOW + 3600), SILENT));
    // 600 s later it is set right, or almost.
    let mut right = gaps.clone();
    assert!(right.begin(at(NOW + 4200), at(NOW + 600), SILENT));
    assert_eq!(right, Gaps::default());
    assert!(gaps.begin(at(NOW + 4200), at(NOW + 900), SILENT));
    assert_eq!(gaps.date(at(NOW)), at(NOW + 300), "it is 300 s ahead still");
    // Whoever leads by the clock of before says so for a while.
    assert!(!gaps.begin(at(NOW + 4220), at(NOW + 920), SILENT));
    assert_eq!(gaps.date(at(NOW)), at(NOW + 300));
    assert!(
        gaps.begin(at(NOW + 1000), at(NOW + 4600), SILENT),
        "it jumps again"
    );
    assert_eq!(gaps.date(at(NOW)), at(NOW + 3900));
}

#[test]
fn a_workload_was_made_when_it_is_told_unless_it_was_there_before_us() {
    let dates = Dates::default();
    let (first, news) = (Arrival::First(at(NOW)), Arrival::News(at(NOW)));
    assert_eq!(dates.of_object(at(NOW - 5), None, news), at(NOW - 5));
    assert_eq!(dates.of_object(at(NOW - 3600), None, news), at(NOW));
    assert_eq!(dates.of_object(at(NOW - 3600), None, first), at(NOW - 3540));
    let known = Some(at(NOW - 7));
    assert_eq!(dates.of_object(at(NOW - 3600), known, news), at(NOW - 7));
}

#[test]
fn what_is_less_than_a_second_is_not_apart() {
    let at = Time::from_millis;
    assert_eq!(apart(at(10_900), at(10_000), at(10_950)), Duration::ZERO);
    assert_eq!(
        apart(at(15_000), at(10_000), at(15_050)),
        Duration::from_secs(4)
    );
    assert_eq!(
        apart(at(10_000), at(15_000), at(10_500)),
        Duration::from_millis(4500)
    );
}

/// What was stamped right after a gap may be by the clock of before: that is decided once, and not for as long as the gap was.
#[test]
fn a_pod_is_ready_since_we_knew_it_at_the_latest() {
    let mut world = crate::core::guard::world::World::default();
    let mut gaps = Gaps::default();
    assert!(gaps.begin(at(NOW - 3600), at(NOW), SILENT));
    world.put_gaps(gaps);
    let mut pod = Scene::deployment(1).pod("w-0");
    pod.ready_changed = Some(at(NOW - 20));
    world.meet_pod(pod.clone(), Arrival::First(at(NOW)));
    let since = |world: &crate::core::guard::world::World| {
        let pod = world.pod_by_uid(&pod.uid).expect("a pod");
        (pod.ready_changed, world.ready_since(pod))
    };
    assert_eq!(since(&world), (Some(at(NOW - 20)), Some(at(NOW))));
    world.meet_pod(pod.clone(), Arrival::News(at(NOW + 50)));
    assert_eq!(since(&world), (Some(at(NOW - 20)), Some(at(NOW))));
    pod.ready_changed = Some(at(NOW + 90));
    world.meet_pod(pod.clone(), Arrival::News(at(NOW + 91)));
    let changed = Some(at(NOW + 90));
    let known = world.pod_by_uid(&pod.uid).expect("a pod");
    assert_eq!(
        (known.ready_changed, world.ready_since(known)),
        (changed, changed)
    );
}

#[test]
fn where_nobody_knows_who_guarded_everything_counts_from_now() {
    let gaps = Gaps::unknown(at(NOW));
    let mut dates = Dates {
        gaps,
        ..Dates::default()
    };
    let first = Arrival::First(at(NOW + 5));
    assert_eq!(date(&mut dates, &drained_at(0), None, first), at(NOW + 5));
    let pod = Pod {
        uid: "another".to_owned(),
        ..drained_at(NOW - 1)
    };
    assert_eq!(date(&mut dates, &pod, None, first), at(NOW + 5));
}

/// Between two stamps something may have come: which was the first decides what is proven.
#[test]
fn what_was_stamped_first_is_dated_first() {
    let mut gaps = Gaps::unknown(at(NOW - 5000));
    assert!(gaps.begin(at(NOW - 3000), at(NOW - 2400), SILENT));
    assert!(gaps.begin(at(NOW - 1000), at(NOW), SILENT));
    let dates: Vec<_> = (0..NOW + 500).map(|stamp| gaps.date(at(stamp))).collect();
    assert!(dates.is_sorted());
    let over = LEAVES.as_secs();
    assert_eq!(
        gaps.date(at(NOW + over)),
        at(NOW + over),
        "by the new clock"
    );
}

/// What was seen after it was asked for is no part of it.
#[test]
fn a_proof_is_never_younger_than_its_stamp() {
    let of = |stamp: u64, arrival: Arrival| {
        let mut pod = drained_at(NOW);
        pod.notes.drained = Some(crate::core::guard::notes::Drained {
            container: "c-0".to_owned(),
            at: at(stamp),
            written: None,
        });
        let notes = Dates::default().read(&pod, None, arrival).expect("dates");
        let proof = notes.drained.expect("a proof");
        (proof.at, proof.written)
    };
    let told = Some(at(NOW));
    let news = Arrival::News(at(NOW));
    assert_eq!(of(NOW - 25, news), (at(NOW - 25), told));
    assert_eq!(
        of(NOW + 900, news),
        (at(NOW), told),
        "by a clock that is ahead"
    );
    let first = Arrival::First(at(NOW));
    assert_eq!(of(NOW - 25, first), (at(NOW - 25), told));
}

/// A node's clock was ahead when its pod became Ready.
#[test]
fn a_pod_does_not_become_ready_again_when_that_is_long_ago() {
    let mut dates = Dates::default();
    let mut pod = Scene::deployment(1).pod("w-0");
    pod.ready_changed = Some(at(NOW + 9000));
    dates.meet_ready(&pod, None, Arrival::First(at(NOW)));
    dates.meet_ready(&pod, Some(&pod), Arrival::News(at(NOW + 4000)));
    assert_eq!(dates.ready_since(&pod.uid, at(NOW + 9000)), at(NOW));
}

/// Nobody has guarded since it was written: a process that began and ended did not lead.
#[test]
fn who_begins_in_vain_where_nobody_knows_guards_nothing() {
    let mut gaps = Gaps::unknown(at(NOW));
    assert!(gaps.begin(at(NOW - 60), at(NOW + 36_000), SILENT));
    assert_eq!(gaps.date(at(NOW - 300)), at(NOW + 36_000) + LEAVES);
    assert_eq!(gaps.0.len(), 1);
    let mut led = Gaps::unknown(at(NOW));
    assert!(!led.begin(at(NOW + 900), at(NOW + 905), SILENT));
    assert!(led.begin(at(NOW + 900), at(NOW + 1000), SILENT));
    assert_eq!(led.date(at(NOW + 890)), at(NOW + 990));
}

/// A follower began by a clock that was wrong for a moment; whoever leads never saw it.
#[test]
fn a_gap_that_ends_in_the_future_is_none() {
    let mut gaps = Gaps::default();
    assert!(gaps.begin(at(NOW), at(NOW + 86_400), SILENT));
    assert!(gaps.begin(at(NOW + 18), at(NOW + 20), SILENT));
    assert_eq!(gaps.date(at(NOW - 600)), at(NOW - 580));
    assert!(!gaps.begin(at(NOW + 38), at(NOW + 40), SILENT));
}

#[test]
fn who_could_not_write_when_it_began_adds_that_to_what_others_wrote_since() {
    let mut others = Gaps::default();
    assert!(others.begin(at(NOW - 900), at(NOW - 600), SILENT));
    assert!(others.begin(at(NOW + 100), at(NOW + 400), SILENT));
    let all = Gaps::unknown(at(NOW)).and_later(&others, at(NOW));
    let gap = |from, to| Gap { from, to };
    let since = gap(at(NOW + 100), at(NOW + 400));
    assert_eq!(all.0, [gap(Time::default(), at(NOW)), since]);
}

/// A node whose clock is slow would make a coordinator that has just come look as if it had known its workers for long.
#[test]
fn a_pod_becomes_ready_when_it_is_told() {
    let mut dates = Dates::default();
    let mut pod = Scene::deployment(1).pod("w-0");
    let mut told = |said: u64| {
        let known = pod.clone();
        pod.ready_changed = Some(at(said));
        dates.meet_ready(&pod, Some(&known), Arrival::News(at(NOW)));
        dates.ready_since(&pod.uid, at(said))
    };
    assert_eq!(told(NOW - 40), at(NOW));
    assert_eq!(
        told(NOW - 2),
        at(NOW - 2),
        "as soon as one is told anything"
    );
}
