//! The program under test, started as a child: run to its end, or kept running and
//! stopped by its own id.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Long enough for any machine; a program that is silent or alive for longer hangs.
const FOR_EVER: Duration = Duration::from_secs(60);

/// A command that starts from no `XTRINODE_*` variables of whoever runs the tests.
pub fn xtrinode(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtrinode"));
    for name in ["CONFIG", "LOG_LEVEL", "LOG_FORMAT"] {
        command.env_remove(format!("XTRINODE_{name}"));
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What came out, with the exit code.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn run(arguments: &[&str]) -> Ended {
    ended(&xtrinode(arguments).output().unwrap())
}

pub fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended {
        code: output.status.code().expect("ended by a signal"),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// A running exporter; killed when dropped.
pub struct Running {
    child: Child,
    log: Receiver<String>,
    /// `HOST:PORT` that it listens on.
    pub address: String,
}

impl Running {
    /// Starts the exporter and waits until it says where it listens.
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// The same with further environment variables.
    pub fn start_with(config: &Path, variables: &[(&str, &str)]) -> Self {
        let config = config.to_str().unwrap();
        let mut command = xtrinode(&["exporter", "--config", config, "--log-format", "json"]);
        command.envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut running = Self {
            child,
            log,
            address: String::new(),
        };
        let listening = running.log_line("Listening");
        let url = listening["url"].as_str().unwrap();
        url.split_once("://")
            .unwrap()
            .1
            .clone_into(&mut running.address);
        running
    }

    /// Reads on until this message was logged.
    pub fn log_line(&self, message: &str) -> serde_json::Value {
        loop {
            let line = self.log.recv_timeout(FOR_EVER);
            let line = line.unwrap_or_else(|_| panic!("ended or hangs without saying {message:?}"));
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            if event["message"]
                .as_str()
                .is_some_and(|said| said.starts_with(message))
            {
                return event;
            }
        }
    }

    /// Sends a signal by its name, for example `TERM`.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &line])
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn exit_code(mut self) -> i32 {
        self.ended().code().expect("ended by a signal")
    }
}

impl Running {
    fn ended(&mut self) -> ExitStatus {
        for _ in 0..FOR_EVER.as_millis() / 10 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

/// The lines of a child's standard error, read on a thread so that waiting has a bound.
fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Drop for Running {
    fn drop(&mut self) {
        // Harmless where it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
