//! Server-sent events out of chunks of any size. Bounded: a stream that never ends an event is an error.

/// An event may be as long as a snapshot of some thousand workers.
const LONGEST: usize = 64 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event` field; `message` where there is none.
    pub name: String,
    /// Its `data` lines, joined.
    pub data: String,
}

/// Takes a stream apart.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    name: String,
    data: String,
}

/// The stream is no stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// An event without an end.
    #[error("an event is longer than {LONGEST} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("an event is not UTF-8")]
    NotText,
}

impl Events {
    /// The events that end in this chunk.
    ///
    /// # Errors
    /// When the stream can't be one.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, StreamError> {
        let mut done = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() + self.data.len() > LONGEST {
                return Err(StreamError::TooLong);
            }
            if self.line.last() == Some(&b'\n') {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| StreamError::NotText)?;
                done.extend(self.line(line.trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(done)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.end();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments, ids, retries.
            _ => {}
        }
        None
    }

    fn end(&mut self) -> Option<Event> {
        let (name, data) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.data),
        );
        let name = if name.is_empty() {
            "message".to_owned()
        } else {
            name
        };
        (!data.is_empty()).then_some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b": hello\n\nevent: snapshot\ndata: {\"a\":\r\ndata: 1}\n\nevent: beat\n\ndata: x\n\n";

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let whole = Events::default().push(STREAM).expect("events");
        assert_eq!(whole.len(), 2);
        assert_eq!(
            (whole[0].name.as_str(), whole[0].data.as_str()),
            ("snapshot", "{\"a\":\n1}")
        );
        assert_eq!(
            (whole[1].name.as_str(), whole[1].data.as_str()),
            ("message", "x")
        );
        for size in 1..STREAM.len() {
            let mut events = Events::default();
            let cut = STREAM
                .chunks(size)
                .flat_map(|chunk| events.push(chunk).expect("events"));
            assert_eq!(cut.collect::<Vec<_>>(), whole, "{size}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        assert_eq!(
            Events::default().push(b"data: \xff\n"),
            Err(StreamError::NotText)
        );
    }
}
