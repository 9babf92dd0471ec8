//! A body that ends early, at every byte: never a document, never a crash. No server: the body is poured directly.

use std::time::Duration;

use xtrinode::collect::body::pour;
use xtrinode::collect::failure::Failure;
use xtrinode::collect::strict;
use xtrinode::core::buffers::fold::Fold;
use xtrinode::trino::limits::Limits;
use xtrinode::trino::query_info::Extractor;

use super::reply::gzip;

/// Small, and with everything that is read: both shapes' keys, escapes, numbers, nested stages.
const DOCUMENT: &str = r#"{"queryId":"20261122_022841_00000_js5gy","session":{"user":"\u00e4\\"},"state":"RUNNING",
"self":"http://127.0.0.1:1/v1/query/q","pruned":false,"retryPolicy":"NONE","queryStats":{"totalTasks":1,"x":[1.5e3,null]},
"outputStage":{"stageId":"q.0","tasks":[{"taskStatus":{"taskId":"q.0.0.0","state":"RUNNING","self":"http://127.0.0.2:1/t",
"nodeId":"w"},"outputBuffers":{"type":"PARTITIONED","state":"FLUSHING","totalBufferedBytes":34010033,
"totalBufferedPages":7,"totalPagesSent":9}}],"subStages":[{"tasks":[]}]},"warnings":[]}"#;

const TIMEOUT: Duration = Duration::from_secs(60);

fn response(body: &[u8], encoding: &str) -> reqwest::Response {
    let response = http::Response::builder().header("content-encoding", encoding);
    response.body(body.to_vec()).unwrap().into()
}

async fn poured(body: &[u8], encoding: &str) -> Result<(), Failure> {
    let extractor = Extractor::new(Fold::default(), Limits::default());
    let (extractor, _) = pour(response(body, encoding), extractor, TIMEOUT).await?;
    extractor.finish()?;
    Ok(())
}

async fn pulled(body: &[u8], encoding: &str) -> Result<(), Failure> {
    let (response, fold) = (response(body, encoding), Fold::default());
    strict::query(response, fold, Limits::default(), TIMEOUT).await?;
    Ok(())
}

#[tokio::test]
async fn a_plain_body_cut_at_any_byte_is_truncated() {
    let whole = DOCUMENT.as_bytes();
    assert_eq!(poured(whole, "identity").await, Ok(()));
    for end in 0..whole.len() {
        let failure = poured(&whole[..end], "identity").await.unwrap_err();
        assert_eq!(failure.reason(), "truncated", "at {end}: {failure}");
    }
}

#[tokio::test]
async fn an_archive_cut_at_any_byte_is_broken() {
    let whole = gzip(DOCUMENT.as_bytes());
    assert_eq!(poured(&whole, "gzip").await, Ok(()));
    for end in 0..whole.len() {
        let failure = poured(&whole[..end], "gzip").await.unwrap_err();
        assert_eq!(failure.reason(), "body", "at {end}: {failure}");
    }
}

#[tokio::test]
async fn strict_reading_notices_every_cut() {
    let archive = gzip(DOCUMENT.as_bytes());
    for (whole, encoding) in [(DOCUMENT.as_bytes(), "identity"), (&archive, "gzip")] {
        assert_eq!(pulled(whole, encoding).await, Ok(()));
        for end in 0..whole.len() {
            let failure = pulled(&whole[..end], encoding).await.unwrap_err();
            assert!(
                ["truncated", "read", "syntax"].contains(&failure.reason()),
                "{encoding} at {end}: {failure}"
            );
        }
    }
}

/// A bit flipped anywhere in an archive shows in its checksum at the latest.
#[tokio::test]
async fn an_archive_with_a_flipped_bit_never_passes() {
    let whole = gzip(DOCUMENT.as_bytes());
    // The first ten bytes are the header: time and system say nothing about the content.
    for at in 10..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        for outcome in [
            poured(&flipped, "gzip").await,
            pulled(&flipped, "gzip").await,
        ] {
            assert!(outcome.is_err(), "at {at}");
        }
    }
}
