//! The demo's core without its screen: the same disruptions, with the real guard and without it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use xtrinode::demo::stage::{News, Script, Stage};
use xtrinode::web::tls::install_provider;

/// One disruption of each kind.
const ROUND: u32 = 4;

/// Long enough for any machine; a run that is not over by then hangs.
const FOR_EVER: Duration = Duration::from_secs(300);

async fn play(guarded: bool) -> News {
    install_provider();
    let script = Script {
        workers: 4,
        queries: 6,
        seed: 1,
        guarded,
        disruptions: Some(ROUND),
        document_bytes: 0,
        port: 0,
    };
    let stop = CancellationToken::new();
    let mut stage = Stage::set(&script, &stop).await.expect("ports");
    let over = tokio::time::timeout(FOR_EVER, stage.disrupted()).await;
    over.expect("disruptions come to an end")
        .expect("nobody panics");
    stop.cancel();
    stage.end().await.expect("an orderly end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_lets_every_disruption_through_and_no_query_die() {
    let news = play(true).await;
    assert_eq!(news.disruptions.done, u64::from(ROUND), "{news:?}");
    assert_eq!((news.killed, news.queries.failed), (0, 0), "{news:?}");
    // Two pods of a node, a scale-down, four restarted, one deleted; each was drained first.
    assert!(news.requests.granted >= 7, "{news:?}");
    assert!(news.drained >= 7 && news.requests.refused >= 7, "{news:?}");
    assert!(news.queries.finished > 0, "{news:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_the_same_disruptions_kill_queries() {
    let news = play(false).await;
    assert_eq!(news.disruptions.done, u64::from(ROUND), "{news:?}");
    assert!(news.killed > 0, "{news:?}");
    assert_eq!((news.requests.refused, news.drained), (0, 0), "{news:?}");
}
