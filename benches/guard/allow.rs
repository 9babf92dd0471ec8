//! The allow path: a drained worker is asked once more over loopback HTTP, a grant is written by compare-and-swap, then the
//! answer goes out. Measured apart, since it waits for others by design; here they answer at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use super::client::{Client, Door, Http};
use super::goals::Goals;
use super::load::{Reviews, steady};
use super::process::{LOAD, Running, alone};
use super::reviews::evictions;
use super::scene::{Doing, Scene};

/// Allows a second: far more than controllers delete.
const RATE: u32 = 200;

/// Each drained worker is asked for once: a second time there would be no grant to write.
pub fn path(_: &mut Goals) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    super::pki::Authority::write(folder.path())?;
    let work = std::thread::scope(|scope| {
        let work = scope.spawn(|| alone(LOAD)?.block_on(allows(folder.path())));
        work.join()
            .map_err(|_| anyhow::anyhow!("the load panicked"))
    });
    work?
}

async fn allows(folder: &std::path::Path) -> anyhow::Result<()> {
    let looks = Arc::new(AtomicUsize::new(0));
    let port = worker(looks.clone()).await?;
    let server = Running::start("ours", folder, &[port.to_string()])?;
    let names = Scene::large(port).names(Doing::Nothing);
    let mut reviews = Reviews::new(evictions(&names)?, true);
    let client = Client::new(Door::new(server.address, folder, Http::Two)?).await?;
    let count = u32::try_from(names.len())?;
    let before = server.spent()?;
    let times = steady(
        &client,
        &mut reviews,
        RATE,
        Duration::from_secs(1) * count / RATE,
    )
    .await?;
    let spent = server.spent()? - before;
    println!(
        "\nallows, {count} drained workers once each, {RATE} a second, HTTP/2: look over loopback HTTP, grant in memory"
    );
    println!(
        "  p50 {:.3} ms, p99 {:.3} ms, CPU {:.1} microseconds each; {} looks",
        times.within(50)?,
        times.within(99)?,
        spent.running * 1e6 / f64::from(count),
        looks.load(Ordering::Relaxed)
    );
    Ok(())
}

/// All workers behind one address: DRAINED, whoever asks.
async fn worker(looks: Arc<AtomicUsize>) -> anyhow::Result<u16> {
    let drained = async move || {
        looks.fetch_add(1, Ordering::Relaxed);
        axum::Json("DRAINED")
    };
    let router = Router::new().route("/v1/info/state", get(drained));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}
