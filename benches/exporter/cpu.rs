//! CPU of a cycle over 200 queries of 1 MB on five coordinators, against one stream of 200 MB of the
//! same mix read by the same program in the same run; and how many threads that takes.

use super::goals::Goals;
use super::machine::cores;
use super::memory::config;
use super::mixes::{KINDS, Kind};
use super::program::{Coordinators, Exporter, sum};
use super::sample::{Sampler, cpu_seconds};
use super::scene::Scene;

const COORDINATORS: usize = 5;
const QUERIES: usize = 40;
const MEGABYTE: u64 = 1_000_000;

/// Every query is read so often after the first time.
const CYCLES: f64 = 10.0;

/// The stream is read so often after the first time.
const STREAMS: f64 = 5.0;

/// What reading cost.
struct Cost {
    /// CPU seconds for all documents of the scene, once.
    seconds: f64,
    /// Bytes that were read for it, lists included, in millions.
    megabytes: f64,
    threads: u64,
}

/// Many small documents against one large one.
pub fn many_queries(goals: &mut Goals) -> anyhow::Result<()> {
    println!("\n200 queries of 1 MB on 5 coordinators against one stream of 200 MB");
    for kind in KINDS {
        let stream = cost(kind, 1, 1, 200 * MEGABYTE, STREAMS)?;
        let cycle = cost(kind, COORDINATORS, QUERIES, MEGABYTE, CYCLES)?;
        print(&format!("one stream, {}", kind.name), &stream);
        print(&format!("one cycle, {}", kind.name), &cycle);
        let ratio = cycle.seconds / stream.seconds;
        goals.at_most(format!("CPU, cycle / stream, {}", kind.name), ratio, 3.0);
        let most = (cores() + 12) as f64;
        let what = format!("threads, {}", kind.name);
        goals.at_most(what, cycle.threads as f64, most);
    }
    Ok(())
}

fn cost(
    kind: Kind,
    coordinators: usize,
    queries: usize,
    bytes: u64,
    rounds: f64,
) -> anyhow::Result<Cost> {
    let folder = tempfile::tempdir()?;
    let scene = Scene {
        queries,
        coordinators,
        ..Scene::one(kind, bytes, folder.path())
    };
    let mut running = Coordinators::start(&scene)?;
    // Looking up names takes threads too.
    for url in &mut running.urls {
        *url = url.replace("127.0.0.1", "localhost");
    }
    let exporter = Exporter::start(&config(&scene, &running, false)?, None)?;
    let sampler = Sampler::start(exporter.id());
    let documents = (coordinators * queries) as f64;
    let first = look(&exporter, documents)?;
    let last = look(&exporter, documents * (rounds + 1.0))?;
    let share = documents / (last.read - first.read);
    Ok(Cost {
        seconds: (last.seconds - first.seconds) * share,
        megabytes: (last.bytes - first.bytes) * share / 1e6,
        threads: sampler.stop()?.threads,
    })
}

/// The counters at one moment.
struct Counters {
    seconds: f64,
    read: f64,
    bytes: f64,
}

fn look(exporter: &Exporter, documents: f64) -> anyhow::Result<Counters> {
    let read = exporter.read(documents)?;
    let seconds = cpu_seconds(exporter.id())?;
    let bytes = sum(
        &exporter.metrics()?,
        "trino_buffer_exporter_read_bytes_total",
    );
    Ok(Counters {
        seconds,
        read,
        bytes,
    })
}

fn print(what: &str, cost: &Cost) {
    println!(
        "  {what:<42} {:>7.3} CPU s for {:>6.1} MB, threads {:>2}",
        cost.seconds, cost.megabytes, cost.threads
    );
}
