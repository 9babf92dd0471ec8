//! Waiting in bounded steps for something that another process has to do.

use std::time::Duration;

use anyhow::{Result, bail};

/// Between two looks.
const STEP: Duration = Duration::from_millis(250);

/// Calls `look` every quarter of a second until it gives a value, at most `seconds` long.
/// The bound is generous everywhere: it is there to end a hanging test, not to measure.
pub async fn until<T>(
    what: &str,
    seconds: u32,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    for _ in 0..seconds * 4 {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(STEP).await;
    }
    bail!("waited {seconds} s in vain for {what}")
}
