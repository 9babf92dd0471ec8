//! The async runtime of a process, sized so that its threads stay few. Decides nothing
//! about the work that runs on it.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

/// Blocking work is name lookups and small files; queueing it is better than threads by
/// the hundred. With the workers (one a core) and the main thread this stays under cores + 12.
const BLOCKING_THREADS: usize = 8;

/// A blocking call that hangs (a dead network file system) must not keep a finished
/// process alive.
const BLOCKING_GRACE: Duration = Duration::from_secs(1);

/// Runs `work` to its end on a new runtime and returns what it returned. Fails when the
/// system refuses the runtime's threads or descriptors.
pub fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(BLOCKING_GRACE);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_the_work_returned() {
        let sum = block_on(async { tokio::spawn(async { 40 }).await.unwrap() + 2 });
        assert_eq!(sum.unwrap(), 42);
    }
}
