//! Waiting in bounded steps for something that another process has to do.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks.
const STEP: Duration = Duration::from_millis(250);

/// Looks that take long themselves may make it so much longer.
const STRETCH: u64 = 3;

/// Calls `look` every quarter of a second until it gives a value, at most `seconds` long without the looks themselves, and
/// three times that with them. The bound is generous everywhere: it is there to end a hanging test, not to measure.
pub async fn until<T>(
    what: &str,
    seconds: u32,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    let longest = Duration::from_secs(u64::from(seconds) * STRETCH);
    for _ in 0..seconds * 4 {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > longest {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    bail!("waited {seconds} s in vain for {what}")
}
