//! One task, with the statistics that its state brings along.

use super::random::Random;
use super::template::{self, fill};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Running,
    Finished,
}

/// Which task it is, and where it runs.
pub struct Place {
    pub query: &'static str,
    pub stage: u64,
    pub partition: u64,
    pub worker: u64,
}

/// Appends the task's object.
pub fn append(out: &mut Vec<u8>, random: &mut Random, kind: Kind, place: &Place) {
    status(out, random, kind, place);
    buffers(out, random, kind);
    text(out, r#","noMoreSplits":["0","1"],"stats":"#);
    match kind {
        Kind::Running => fill(out, template::RUNNING_STATS, random),
        Kind::Finished => finished_stats(out, random),
    }
    text(out, r#","needsPlan":false}"#);
}

fn status(out: &mut Vec<u8>, random: &mut Random, kind: Kind, place: &Place) {
    let Place {
        query,
        stage,
        partition,
        worker,
    } = place;
    let id = format!("{query}.{stage}.{partition}.0");
    let (state, version) = match kind {
        Kind::Running => ("RUNNING", 1),
        Kind::Finished => ("FINISHED", 2),
    };
    let host = format!("10.0.{}.{}", worker / 250 + 1, worker % 250 + 2);
    let instance = random.next();
    text(
        out,
        &format!(
            r#"{{"taskStatus":{{"taskId":"{id}","taskInstanceId":"{instance:016x}-743c-667a-a120-b4","version":{version},"state":"{state}","self":"http://{host}:8080/v1/task/{id}","nodeId":"trino-worker-{worker}","#
        ),
    );
    fill(out, template::STATUS, random);
    text(out, r#"},"lastHeartbeat":"2026-11-22T02:28:56.618Z","#);
}

fn buffers(out: &mut Vec<u8>, random: &mut Random, kind: Kind) {
    let (state, open) = match kind {
        Kind::Running => ("NO_MORE_BUFFERS", true),
        Kind::Finished => ("FINISHED", false),
    };
    let held = u64::from(open);
    let bytes = held * random.below(40_000_000);
    let pages = held * random.below(64);
    let (rows, sent) = (random.below(1 << 24), random.below(1 << 12));
    text(
        out,
        &format!(
            r#""outputBuffers":{{"type":"PARTITIONED","state":"{state}","canAddBuffers":false,"canAddPages":{open},"totalBufferedBytes":{bytes},"totalBufferedPages":{pages},"totalRowsSent":{rows},"totalPagesSent":{sent}"#
        ),
    );
    if kind == Kind::Finished {
        text(out, ",");
        fill(out, template::UTILIZATION, random);
    }
    text(out, "}");
}

/// Four pipelines, each with three or four operators.
fn finished_stats(out: &mut Vec<u8>, random: &mut Random) {
    text(out, "{");
    fill(out, template::FINISHED_STATS, random);
    text(out, r#","pipelines":["#);
    for pipeline in 0..4 {
        text(out, if pipeline > 0 { ",{" } else { "{" });
        fill(out, template::PIPELINE, random);
        text(out, r#","operatorSummaries":["#);
        fill(out, template::EXCHANGE_OPERATOR, random);
        for _ in 0..random.below(2) + 2 {
            text(out, ",");
            fill(out, template::OPERATOR, random);
        }
        text(out, r#"],"drivers":[]}"#);
    }
    text(out, "]}");
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
