//! Small readers for bodies that are not Trino documents: one sample of a metrics page, and a whole small body.

use crate::trino::error::ParseError;

use super::body::Push;

/// No line of a metrics page that we look for is longer.
const LINE: usize = 4096;

/// Finds `NAME VALUE` in a metrics page while it streams by.
#[derive(Debug)]
pub struct Sample {
    name: &'static str,
    line: Vec<u8>,
    found: Option<f64>,
    bytes: u64,
    limit: u64,
}

impl Sample {
    /// Looks for `name` in at most `limit` bytes.
    #[must_use]
    pub const fn new(name: &'static str, limit: u64) -> Self {
        Self {
            name,
            line: Vec::new(),
            found: None,
            bytes: 0,
            limit,
        }
    }

    /// The value, if the page had it.
    #[must_use]
    pub fn finish(mut self) -> Option<f64> {
        self.end_of_line();
        self.found
    }

    fn end_of_line(&mut self) {
        let line = std::str::from_utf8(&self.line).unwrap_or("");
        let value = line
            .strip_prefix(self.name)
            .and_then(|rest| rest.strip_prefix(' '))
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        self.found = self.found.or(value);
        self.line.clear();
    }
}

impl Push for Sample {
    fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        count(&mut self.bytes, chunk, self.limit)?;
        for byte in chunk {
            if *byte == b'\n' {
                self.end_of_line();
            } else if self.line.len() < LINE {
                self.line.push(*byte);
            }
        }
        Ok(())
    }
}

/// Keeps a whole small body.
#[derive(Debug)]
pub struct Whole {
    /// The body.
    pub bytes: Vec<u8>,
    taken: u64,
    limit: u64,
}

impl Whole {
    /// A body of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self {
            bytes: Vec::new(),
            taken: 0,
            limit,
        }
    }
}

impl Push for Whole {
    fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        count(&mut self.taken, chunk, self.limit)?;
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

fn count(taken: &mut u64, chunk: &[u8], limit: u64) -> Result<(), ParseError> {
    *taken += chunk.len() as u64;
    if *taken > limit {
        return Err(ParseError::TooLarge { limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE q gauge\n# HELP q queries\nq_total 9\nq 3.0\nr 1";

    fn sample(name: &'static str, chunk: usize) -> Option<f64> {
        let mut sample = Sample::new(name, 1000);
        for part in PAGE.as_bytes().chunks(chunk) {
            sample.push(part).expect("short");
        }
        sample.finish()
    }

    #[test]
    fn a_sample_is_found_at_any_chunk_size() {
        for chunk in 1..=PAGE.len() {
            assert_eq!(sample("q", chunk), Some(3.0));
            assert_eq!(sample("r", chunk), Some(1.0));
            assert_eq!(sample("s", chunk), None);
        }
    }

    #[test]
    fn an_endless_body_ends() {
        let mut whole = Whole::new(10);
        assert!(whole.push(&[0; 10]).is_ok());
        assert_eq!(whole.push(&[0]), Err(ParseError::TooLarge { limit: 10 }));
    }
}
