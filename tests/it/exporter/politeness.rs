//! How the exporter treats a slow coordinator, and what it shows of one that goes away and comes back.

use std::time::Duration;

use xtrinode::core::buffers::wire::WireSnapshot;

use super::fake::{DETAIL as DETAILS, Fake};
use super::harness::{c, eventually, reason};
use super::reply::Reply;
use super::scene::{
    DETAIL, LIST, QUERY, Scene, behave, complete, coordinator, held, held_by, info, list,
    watch_fast,
};

#[tokio::test]
async fn a_slow_read_is_not_repeated_before_ten_times_its_duration() {
    let fake = coordinator(&[QUERY]).await;
    let slow = Reply::json(held(QUERY)).after(Duration::from_millis(100));
    fake.on(DETAIL, slow);
    let exporter = watch_fast(&fake.url, "").await;
    exporter.until("a complete cycle", complete).await;
    for _ in 0..5 {
        exporter.get("/v1/snapshot?maxAge=0s").await;
    }
    fake.until_asked(DETAIL, 2).await;
    // The read itself and its rest. A busy machine makes both longer, never shorter.
    let least = Duration::from_millis(100 + 1000);
    let intervals = fake.intervals(DETAIL);
    assert!(intervals.iter().all(|time| *time >= least), "{intervals:?}");
    exporter.stop().await;
}

#[tokio::test]
async fn two_details_at_most_are_asked_for_at_once() {
    let ids: Vec<String> = (0..9)
        .map(|n| format!("20261122_022841_{n:05}_js5gy"))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let fake = coordinator(&ids).await;
    for id in &ids {
        let slow = Reply::json(held(id)).after(Duration::from_millis(50));
        fake.on(&format!("{DETAILS}{id}"), slow);
    }
    let exporter = watch_fast(&fake.url, "").await;
    exporter.until("a complete cycle", complete).await;
    assert_eq!(fake.most_details(), 2);
    exporter.stop().await;
}

/// An address of its own, so that nobody takes the port while nobody listens.
const ADDRESS: &str = "127.0.0.77:0";

#[tokio::test]
async fn a_coordinator_that_goes_away_leaves_facts_then_nothing_then_comes_back() {
    let fake = Fake::start_at(ADDRESS, None).await;
    behave(&fake, &[QUERY]);
    let address = fake.authority().to_owned();
    let exporter = watch_fast(&fake.url, "staleAfterSeconds: 1").await;
    let good = exporter.until("a complete cycle", complete).await;
    drop(fake);
    let away = exporter
        .until("no connection", |s| reason(s) == Some("connect"))
        .await;
    if c(&away).state == "partial" {
        assert_eq!(held_by(&away), held_by(&good));
        assert_eq!(c(&away).up, Some(false));
    }
    let seen = exporter
        .until("staleness", |s| c(s).state == "unknown")
        .await;
    assert!(seen.workers.is_empty(), "{seen:#?}");
    let metrics = exporter.metrics().await;
    for name in [
        "output_buffered_bytes",
        "output_buffered_pages",
        "active_output_buffers",
    ] {
        assert_eq!(metrics.count(&format!("trino_worker_{name}")), 0);
    }
    assert_eq!(metrics.get("trino_buffer_exporter_up", &[]), Some(0.0));
    let fake = Fake::start_at(&address, None).await;
    behave(&fake, &[QUERY]);
    let back = exporter.until("a complete cycle", complete).await;
    assert_eq!(held_by(&back), held_by(&good));
    exporter.stop().await;
}

#[tokio::test]
async fn facts_that_cannot_be_renewed_disappear_and_are_never_zero() {
    let scene = Scene::good("staleAfterSeconds: 1").await;
    scene.fake.on(DETAIL, Reply::refusal(500));
    let mut shown = 0;
    let seen = loop {
        let seen = scene.exporter.snapshot().await;
        if c(&seen).state == "unknown" {
            break seen;
        }
        assert_eq!(held_by(&seen), held_by(&scene.good));
        shown += 1;
        assert!(shown < 400, "never stale");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(seen.workers.is_empty(), "{seen:#?}");
    let metrics = scene.exporter.metrics().await;
    assert_eq!(metrics.count("trino_worker_output_buffered_bytes"), 0);
    scene.fake.on(DETAIL, Reply::json(held(QUERY)));
    let seen = scene.exporter.until("a complete cycle", complete).await;
    assert_eq!(held_by(&seen), held_by(&scene.good));
    scene.exporter.stop().await;
}

#[tokio::test]
async fn another_start_of_the_coordinator_drops_what_the_old_one_said() {
    let scene = Scene::good("").await;
    let new = "20261123_000000_00000_newer";
    scene
        .fake
        .on(&format!("{DETAILS}{new}"), Reply::refusal(500));
    scene.fake.on(LIST, list(&[new]));
    let dropped = |s: &WireSnapshot| s.workers.is_empty() && c(s).state == "unknown";
    let seen = scene.exporter.until("no old facts", dropped).await;
    assert_ne!(c(&seen).visibility, "hidden");
    scene.exporter.stop().await;
}

/// Whoever can't wait shortens the interval and nothing else: any number of them cause one cycle.
#[tokio::test]
async fn a_crowd_of_impatient_readers_is_one_reader() {
    let fake = coordinator(&[QUERY]).await;
    let exporter = super::harness::watch_with(
        &fake.url,
        "pollIntervalSeconds: 600\nstaleAfterSeconds: 900",
    )
    .await;
    exporter.until("a complete cycle", complete).await;
    eventually("the first cycle is over", || !fake.asked(DETAIL).is_empty()).await;
    let lists = fake.asked(LIST).len();
    let readers = (0..20).map(|_| exporter.get("/v1/snapshot?maxAge=0s"));
    futures::future::join_all(readers).await;
    let cycles = fake.asked(LIST).len() - lists;
    assert!((1..10).contains(&cycles), "{cycles}");
    exporter.stop().await;
}

#[tokio::test]
async fn a_cycle_that_overruns_its_interval_is_counted() {
    let fake = coordinator(&[QUERY]).await;
    let slow = Reply::json(held(QUERY)).after(Duration::from_millis(350));
    fake.on(DETAIL, slow);
    let exporter = watch_fast(&fake.url, "").await;
    exporter.until("a complete cycle", complete).await;
    let own = [("coordinator", "c"), ("release", "blue")];
    let metrics = exporter.metrics().await;
    let skipped = metrics.get("trino_buffer_exporter_skipped_ticks_total", &own);
    assert!(
        skipped >= Some(3.0),
        "0.35 s are three times 0.1 s: {skipped:?}"
    );
    exporter.stop().await;
}

/// The list has not changed and no query is new; only the uptime tells.
#[tokio::test]
async fn a_fallen_uptime_drops_everything_at_once() {
    let scene = Scene::good("").await;
    let up = |uptime: &str| {
        let mut info = info();
        info["uptime"] = uptime.into();
        Reply::json(info.to_string())
    };
    scene.fake.on("/v1/info", up("6.00m"));
    let lists = scene.fake.asked(LIST).len();
    scene.fake.until_asked(LIST, lists + 2).await;
    scene.fake.on(DETAIL, Reply::refusal(500));
    scene.fake.on("/v1/info", up("1.00s"));
    let dropped = |s: &WireSnapshot| c(s).state == "unknown" && c(s).age_seconds.is_none();
    let seen = scene.exporter.until("nothing known", dropped).await;
    assert!(seen.workers.is_empty(), "{seen:#?}");
    scene.exporter.stop().await;
}

/// Asked once in each cycle.
const INFO: &str = "/v1/info";

/// Facts of an hour ago would do for these readers; everybody else still gets them at the poll interval.
#[tokio::test]
async fn a_patient_reader_makes_nobody_wait() {
    let fake = coordinator(&[QUERY]).await;
    let exporter = watch_fast(&fake.url, "").await;
    exporter.until("a complete cycle", complete).await;
    let read_before = fake.asked(DETAIL).len();
    let cycles = fake.asked(INFO).len();
    for look in 1..=8 {
        exporter.get("/v1/snapshot?maxAge=60m").await;
        fake.until_asked(INFO, cycles + look).await;
    }
    let reads = fake.asked(DETAIL).len() - read_before;
    assert!(reads >= 3, "{reads} reads in eight cycles");
    exporter.stop().await;
}

/// Nothing is old, so nothing has to be read for this reader.
#[tokio::test]
async fn a_reader_who_is_served_causes_no_cycle() {
    let fake = coordinator(&[QUERY]).await;
    let lazy = "pollIntervalSeconds: 600\nstaleAfterSeconds: 900";
    let exporter = super::harness::watch_with(&fake.url, lazy).await;
    exporter.until("a complete cycle", complete).await;
    exporter.get("/v1/snapshot?maxAge=3s").await;
    // A cycle for this reader would begin three seconds after the one that served it.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(fake.asked(INFO).len(), 1);
    exporter.stop().await;
}

/// Reading can take minutes; the count is compared with the list as long as both are of one moment.
#[tokio::test]
async fn the_count_is_asked_for_before_queries_are_read() {
    let fake = coordinator(&[QUERY]).await;
    let exporter = watch_fast(&fake.url, "").await;
    exporter.until("a complete cycle", complete).await;
    let asked = fake.asked("/");
    let first = |prefix: &str| asked.iter().position(|one| one.target.starts_with(prefix));
    let (list, count, read) = (first(LIST), first("/metrics"), first(DETAIL));
    assert!(list < count && count < read, "{list:?} {count:?} {read:?}");
    assert!(list.is_some());
    exporter.stop().await;
}
