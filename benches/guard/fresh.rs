//! 500 evictions on 500 fresh connections: what a drain of a large node looks like to a webhook behind many API servers. The
//! handshakes are the floor, and the peer has the same.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::client::{Door, Http};
use super::goals::Goals;
use super::load::median;
use super::process::{LOAD, Running, alone};
use super::reviews::evictions;
use super::scene::{Doing, Scene};

const CONNECTIONS: usize = 500;
const AT_ONCE: usize = 25;
const ROUNDS: usize = 7;

/// Seconds of a round.
struct Took {
    wall: f64,
    processor: f64,
}

/// Ours and the peer in turn.
pub fn connections(goals: &mut Goals) -> anyhow::Result<()> {
    println!(
        "\n{CONNECTIONS} evictions on {CONNECTIONS} fresh TLS connections, {AT_ONCE} at once, HTTP/2; of {ROUNDS} rounds"
    );
    let folder = tempfile::tempdir()?;
    super::pki::Authority::write(folder.path())?;
    let names = Scene::large(0).names(Doing::Work);
    let reviews = evictions(&names[..CONNECTIONS])?;
    let ours = Running::start("ours", folder.path(), &["9".to_owned()])?;
    let peer = Running::start("peer", folder.path(), &[])?;
    let (mut wall, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mine = round(&ours, folder.path(), &reviews)?;
        let theirs = round(&peer, folder.path(), &reviews)?;
        println!(
            "  ours {:>6.1} ms, CPU {:>6.1} ms; peer {:>6.1} ms, CPU {:>6.1} ms",
            mine.wall * 1e3,
            mine.processor * 1e3,
            theirs.wall * 1e3,
            theirs.processor * 1e3
        );
        wall.push(mine.wall / theirs.wall);
        processor.push(mine.processor / theirs.processor);
    }
    goals.at_most(
        "500 fresh connections, time, ours / peer".to_owned(),
        median(wall),
        1.2,
    );
    goals.at_most(
        "500 fresh connections, CPU, ours / peer".to_owned(),
        median(processor),
        1.2,
    );
    Ok(())
}

fn round(server: &Running, folder: &Path, reviews: &[Bytes]) -> anyhow::Result<Took> {
    let door = Door::new(server.address, folder, Http::Two)?;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime = alone(LOAD)?;
            let (before, started) = (server.spent()?, Instant::now());
            runtime.block_on(all(&door, reviews))?;
            let wall = started.elapsed().as_secs_f64();
            let processor = (server.spent()? - before).running;
            Ok(Took { wall, processor })
        });
        work.join()
            .map_err(|_| anyhow::anyhow!("the load panicked"))?
    })
}

async fn all(door: &Door, reviews: &[Bytes]) -> anyhow::Result<()> {
    let asked = stream::iter(reviews).map(|review| async move {
        let mut connection = door.open().await?;
        let allowed = connection.ask(review.clone()).await?;
        anyhow::ensure!(!allowed, "it was allowed");
        Ok(())
    });
    asked.buffer_unordered(AT_ONCE).try_collect().await
}
