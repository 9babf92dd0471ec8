//! Counts the QueryInfos that the coordinator sends and their bytes. It changes none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Running counts.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    bytes: AtomicU64,
    largest: AtomicU64,
}

/// Documents sent to their last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// How many.
    pub sent: u64,
    /// Their bytes, uncompressed.
    pub bytes: u64,
    /// Bytes of the largest one.
    pub largest: u64,
}

impl Traffic {
    /// Passes the chunks of a document on and counts it once its end is reached.
    pub fn count(
        self: &Arc<Self>,
        mut chunks: impl Iterator<Item = Bytes> + Send + 'static,
    ) -> impl Iterator<Item = Bytes> + Send + 'static {
        let traffic = Arc::clone(self);
        let (mut length, mut ended) = (0, false);
        std::iter::from_fn(move || {
            let chunk = chunks.next();
            match &chunk {
                Some(chunk) => length += chunk.len() as u64,
                None if !ended => {
                    ended = true;
                    traffic.add(length);
                }
                // A body may be asked again after its end.
                None => {}
            }
            chunk
        })
    }

    /// The counts so far.
    #[must_use]
    pub fn so_far(&self) -> Documents {
        Documents {
            sent: self.sent.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            largest: self.largest.load(Ordering::Relaxed),
        }
    }

    fn add(&self, length: u64) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length, Ordering::Relaxed);
        self.largest.fetch_max(length, Ordering::Relaxed);
    }
}
