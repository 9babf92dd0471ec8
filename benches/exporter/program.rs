//! The two processes of a measurement, the server of coordinators and the exporter under test, each
//! stopped by its own id; and the exporter's counters as a scraper sees them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::scene::Scene;

/// The program under test.
pub const PATH: &str = env!("CARGO_BIN_EXE_xtrinode");

/// Longer than any single measurement takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);

/// A process; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Running coordinators.
pub struct Coordinators {
    _process: Process,
    pub urls: Vec<String>,
}

impl Coordinators {
    /// Starts a process that serves `scene`.
    pub fn start(scene: &Scene) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(scene.words()?);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("the server has no output")?;
        let process = Process(child);
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        let urls: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        ensure!(urls.len() == scene.coordinators, "the server did not start");
        Ok(Self {
            _process: process,
            urls,
        })
    }
}

/// A running exporter.
pub struct Exporter {
    process: Process,
    address: String,
}

impl Exporter {
    /// Starts it with a configuration file and waits until it listens.
    pub fn start(config: &Path, kubeconfig: Option<&Path>) -> anyhow::Result<Self> {
        let mut command = Command::new(PATH);
        command.arg("exporter").arg("--config").arg(config);
        command.args(["--log-format", "json", "--log-level", "INFO"]);
        if let Some(path) = kubeconfig {
            command.env("KUBECONFIG", path);
        }
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let log = child.stderr.take().context("the exporter has no log")?;
        let process = Process(child);
        let address = follow(log)?;
        Ok(Self { process, address })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Waits until it has read this many documents since it started; the number it has.
    pub fn read(&self, documents: f64) -> anyhow::Result<f64> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let page = self.metrics()?;
            let failed = sum(&page, "trino_buffer_exporter_queries_failed_total");
            ensure!(failed == 0.0, "{failed} reads failed:\n{page}");
            let read = sum(&page, "trino_buffer_exporter_queries_read_total");
            if read >= documents {
                return Ok(read);
            }
            thread::sleep(LOOK);
        }
        bail!("it has not read {documents} documents in {PATIENCE:?}")
    }

    /// `GET /metrics`
    pub fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(answer)
    }
}

/// The sum of all series of one name.
pub fn sum(page: &str, name: &str) -> f64 {
    let of_name = page.lines().filter_map(|line| line.strip_prefix(name));
    of_name
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

/// Reads a log until it names the address; errors that come later are passed on.
fn follow(log: ChildStderr) -> anyhow::Result<String> {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let address = lines.find_map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let url = event["url"].as_str().map(str::to_owned);
        said.push(line);
        url.filter(|_| event["message"] == "Listening")
    });
    let url = address.with_context(|| format!("it did not start:\n{}", said.join("\n")))?;
    thread::spawn(move || lines.for_each(|line| pass_on(&line)));
    let (_, address) = url.split_once("://").context("no scheme")?;
    Ok(address.to_owned())
}

/// Warnings are expected here: the poll interval is short. A failed read is seen in the counters.
fn pass_on(line: &str) {
    if line.contains(r#""level":"ERROR""#) {
        eprintln!("{line}");
    }
}
