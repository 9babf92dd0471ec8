//! Bounds that keep a runaway or hostile body from costing memory. Plain numbers, no policy.

/// What a reader accepts at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one body, after decompression; 4 GiB unless told.
    pub document_bytes: u64,
    /// Bytes of one text or number that is kept, as written in the document; 64 KiB unless told.
    pub string_bytes: usize,
    /// Objects and arrays open at once; 1024 unless told. Each nested stage costs two.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 4 << 30,
            string_bytes: 64 << 10,
            depth: 1024,
        }
    }
}
