//! What the scripted server says: the shapes of good and bad answers. Sends nothing itself.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One answer.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<String>,
    pub body: Body,
    /// Between the request and the first byte.
    pub delay: Duration,
}

/// How the body goes.
#[derive(Clone)]
pub enum Body {
    /// With its true length.
    Whole(Vec<u8>),
    /// With a `Content-Length` of which ten bytes never come.
    Short(Vec<u8>),
    /// One chunk, then the end of the connection instead of the last chunk.
    Unended(Vec<u8>),
    /// The same chunk for as long as the client takes it.
    Endless(Vec<u8>),
    /// One byte a tick for as long as the client waits.
    Drip(Duration),
    /// Not even a head.
    Never,
    /// These bytes, then RST.
    Reset(Vec<u8>),
    /// These bytes in place of HTTP.
    Raw(Vec<u8>),
}

impl Reply {
    pub fn of(body: Body) -> Self {
        Self {
            status: 200,
            headers: vec!["content-type: application/json".to_owned()],
            body,
            delay: Duration::ZERO,
        }
    }

    /// A JSON document.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::of(Body::Whole(body.into()))
    }

    /// A web page.
    pub fn html(body: &str) -> Self {
        Self::typed("text/html; charset=utf-8", body)
    }

    /// A metrics page.
    pub fn text(body: &str) -> Self {
        Self::typed("text/plain; version=0.0.4", body)
    }

    /// A refusal.
    pub fn refusal(status: u16) -> Self {
        Self::html("<html>no</html>").status(status)
    }

    fn typed(content_type: &str, body: &str) -> Self {
        Self {
            headers: vec![format!("content-type: {content_type}")],
            ..Self::json(body)
        }
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The bytes before the body.
    pub fn head(&self) -> String {
        let framing = match &self.body {
            Body::Never | Body::Raw(_) => return String::new(),
            Body::Whole(bytes) => format!("content-length: {}", bytes.len()),
            Body::Short(bytes) | Body::Reset(bytes) => {
                format!("content-length: {}", bytes.len() + 10)
            }
            Body::Unended(_) | Body::Endless(_) | Body::Drip(_) => {
                "transfer-encoding: chunked".to_owned()
            }
        };
        let headers = self.headers.join("\r\n");
        let status = self.status;
        format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n{headers}\r\n{framing}\r\n\r\n")
    }
}

/// Bytes under gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
