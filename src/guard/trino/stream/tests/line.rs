//! An exporter on loopback that says exactly what it is told. Raw sockets: an HTTP library would not let it break off.

use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A listening exporter.
pub struct Exporter {
    listener: TcpListener,
}

/// One connection to it.
pub struct Line {
    socket: TcpStream,
    /// The request, in lower case.
    pub head: String,
}

impl Exporter {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { listener }
    }

    pub fn url(&self) -> Url {
        let address = self.listener.local_addr().expect("an address");
        Url::parse(&format!("http://{address}/base/")).expect("a URL")
    }

    /// The next request; it is not answered yet.
    pub async fn asked(&self) -> Line {
        let (mut socket, _) = self.listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = socket.read_u8().await.expect("a whole head");
            head.push(byte);
        }
        let head = String::from_utf8(head).expect("text").to_lowercase();
        Line { socket, head }
    }
}

impl Line {
    /// The head of an answer.
    pub async fn answer(&mut self, status: &str) {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        );
        self.say(head.as_bytes()).await;
    }

    /// An event.
    pub async fn tell(&mut self, name: &str, data: &impl Serialize) {
        let data = serde_json::to_string(data).expect("JSON");
        let event = format!("event: {name}\ndata: {data}\n\n");
        self.say(event.as_bytes()).await;
    }

    /// Any bytes.
    pub async fn say(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("a reader");
    }

    /// Whether the other side has closed it, as far as that has come here.
    pub fn is_left(&self) -> bool {
        let mut byte = [0];
        match self.socket.try_read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}
