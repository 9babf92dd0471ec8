//! The life of a process as a kubelet meets it: probes, signals, exit codes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tempfile::TempDir;

use super::binary::{Running, run};

fn start(grace_seconds: &str) -> (TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    // Port 9 (discard) of loopback: nothing listens there.
    let text = format!(
        "coordinators: {{a: {{url: 'http://127.0.0.1:9', release: a}}}}\nmetricsPort: 0\nshutdownGraceSeconds: {grace_seconds}\n"
    );
    fs::write(&file, text).unwrap();
    let running = Running::start(&file);
    (folder, running)
}

/// A request whose head has begun and does not end: an orderly stop waits for it.
fn unfinished_request(running: &Running) -> TcpStream {
    let mut unfinished = TcpStream::connect(&running.address).unwrap();
    unfinished.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    // The server reads it about now; a whole request later it is sure to have accepted it.
    let mut whole = TcpStream::connect(&running.address).unwrap();
    whole
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    whole.read_to_end(&mut Vec::new()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    unfinished
}

/// The answer to a request, head and body.
fn get(running: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(&running.address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn probes_and_people_get_answers() {
    let (_folder, running) = start("1");
    assert!(get(&running, "/livez").ends_with("\r\n\r\nok\n"));
    assert!(get(&running, "/metrics").contains("text/plain; version=0.0.4"));
    assert!(get(&running, "/").contains("/readyz"));
    let nowhere = get(&running, "/nowhere");
    assert!(
        nowhere.starts_with("HTTP/1.1 404 ") && nowhere.contains("application/problem+json"),
        "{nowhere}"
    );
}

#[test]
fn one_signal_is_an_orderly_stop() {
    for signal in ["TERM", "INT"] {
        let (_folder, running) = start("60");
        running.signal(signal);
        assert_eq!(running.exit_code(), 0);
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    for (second, code) in [("TERM", 143), ("INT", 130)] {
        let (_folder, running) = start("600");
        let _open = unfinished_request(&running);
        running.signal("TERM");
        running.log_line("Shutting down");
        running.signal(second);
        running.log_line("Left at once");
        assert_eq!(running.exit_code(), code);
    }
}

#[test]
fn an_orderly_stop_has_a_bound() {
    let (_folder, running) = start("0.1");
    let _open = unfinished_request(&running);
    running.signal("TERM");
    running.log_line("Dropping connections");
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let (folder, running) = start("1");
    let port = running.address.rsplit_once(':').unwrap().1;
    let file = folder.path().join("config.yaml");
    let file = file.to_str().unwrap();
    let second = run(&["exporter", "--config", file, "--metrics-port", port]);
    assert_eq!(second.code, 1);
    let said = format!("cannot listen on {}", running.address);
    assert!(second.err.contains(&said), "{}", second.err);
}

#[test]
fn a_silent_connection_does_not_hold_up_an_orderly_stop() {
    let (_folder, running) = start("600");
    let _silent = TcpStream::connect(&running.address).unwrap();
    running.signal("TERM");
    assert_eq!(running.exit_code(), 0);
}
