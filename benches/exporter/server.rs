//! The serving process: coordinators, and a Kubernetes API server on the same ports. Knows paths and
//! HTTP/1.1; what is answered is decided elsewhere.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::answers::Answers;
use super::pods;
use super::scene::Scene;
use super::transport::{Stream, Transport};

const CHUNK: usize = 32 << 10;

/// Prints one URL for each coordinator, then serves until it is stopped.
pub fn serve(scene: &Scene) -> anyhow::Result<()> {
    let answers = Arc::new(Answers::new(scene)?);
    let transport = Transport::new(scene)?;
    let mut listening = Vec::new();
    for _ in 0..scene.coordinators {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}://{}", transport.scheme(), listener.local_addr()?);
        let (answers, transport) = (answers.clone(), transport.clone());
        listening.push(thread::spawn(move || {
            accept(&listener, &answers, &transport);
        }));
    }
    println!();
    for thread in listening {
        let _ = thread.join();
    }
    Ok(())
}

fn accept(listener: &TcpListener, answers: &Arc<Answers>, transport: &Transport) {
    for tcp in listener.incoming().flatten() {
        let (answers, transport) = (answers.clone(), transport.clone());
        thread::spawn(move || {
            // A client that leaves early is its own affair.
            let _ = transport
                .accept(tcp)
                .and_then(|stream| converse(stream, &answers));
        });
    }
}

/// Answers one request after the other.
fn converse(stream: Stream, answers: &Answers) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(target) = request(&mut stream)? {
        answer(stream.get_mut(), &target, answers)?;
    }
    Ok(())
}

/// The target of the next request; `None` at the end.
fn request(stream: &mut BufReader<Stream>) -> anyhow::Result<Option<String>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

fn answer(stream: &mut Stream, target: &str, answers: &Answers) -> anyhow::Result<()> {
    let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
    let json = "application/json";
    match path {
        "/v1/info" => whole(stream, json, &Answers::info()),
        "/v1/status" => whole(stream, json, &Answers::status()),
        "/metrics" => whole(stream, "text/plain", &answers.metrics()),
        "/v1/query" => whole(stream, json, &answers.list()),
        "/api/v1/pods" if parameters.contains("watch=true") => watch(stream),
        "/api/v1/pods" => whole(stream, json, &pods::list()),
        _ => {
            let id = path.strip_prefix("/v1/query/").unwrap_or("");
            match answers.document(id) {
                Some(document) => chunked(stream, &document),
                None => gone(stream),
            }
        }
    }
}

fn whole(stream: &mut Stream, kind: &str, body: &str) -> anyhow::Result<()> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes())?;
    Ok(stream.flush()?)
}

fn gone(stream: &mut Stream) -> anyhow::Result<()> {
    stream.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")?;
    Ok(stream.flush()?)
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunked(stream: &mut Stream, body: &[u8]) -> anyhow::Result<()> {
    stream.write_all(CHUNKED)?;
    let mut framed = Vec::with_capacity(CHUNK + 16);
    for chunk in body.chunks(CHUNK) {
        framed.clear();
        write!(framed, "{:x}\r\n", chunk.len())?;
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
        stream.write_all(&framed)?;
    }
    stream.write_all(b"0\r\n\r\n")?;
    Ok(stream.flush()?)
}

/// A watch in which nothing happens, until the client leaves.
fn watch(stream: &mut Stream) -> anyhow::Result<()> {
    let bookmark = concat!(
        r#"{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","#,
        r#""metadata":{"resourceVersion":"1000"},"spec":{"containers":[]}}}"#
    );
    stream.write_all(CHUNKED)?;
    loop {
        write!(stream, "{:x}\r\n{bookmark}\n\r\n", bookmark.len() + 1)?;
        stream.flush()?;
        thread::sleep(Duration::from_secs(1));
    }
}
