//! Runs the methods in interleaved rounds and keeps the median of each.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::http::Server;
use super::peer;

const ROUNDS: usize = 5;

/// What a method achieved.
pub struct Row {
    pub name: &'static str,
    /// 10^6 bytes per second of CPU time, median.
    pub rate: f64,
}

/// A method as a command line.
struct Method {
    name: &'static str,
    program: Vec<String>,
    rates: Vec<f64>,
}

impl Method {
    fn new(name: &'static str, program: Vec<String>) -> Self {
        Self {
            name,
            program,
            rates: Vec::new(),
        }
    }

    fn ours(name: &'static str, source: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.display().to_string();
        let words = [&program, "run", name, source].map(str::to_owned);
        Ok(Self::new(name, words.into()))
    }

    fn python(name: &'static str, python: &Path, script: &str, source: &str) -> Self {
        let script = peer::script(script).display().to_string();
        let words = [python.display().to_string(), script, source.to_owned()];
        Self::new(name, words.into())
    }

    /// Runs once; the digest.
    fn run(&mut self) -> anyhow::Result<String> {
        let output = Command::new(&self.program[0])
            .args(&self.program[1..])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        ensure!(
            output.status.success() && words.len() == 3,
            "{} failed: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        let (nanoseconds, bytes): (f64, f64) = (words[0].parse()?, words[1].parse()?);
        self.rates.push(bytes * 1e3 / nanoseconds);
        Ok(words[2].to_owned())
    }

    fn row(mut self) -> Row {
        self.rates.sort_by(f64::total_cmp);
        Row {
            name: self.name,
            rate: self.rates[self.rates.len() / 2],
        }
    }
}

/// All methods on a file.
pub fn files(python: &Path, path: &Path) -> anyhow::Result<Vec<Row>> {
    let source = path.to_str().context("the cache's path is not text")?;
    let mut methods = Vec::new();
    for name in ["read", "vector", "portable", "strict"] {
        methods.push(Method::ours(name, source)?);
    }
    methods.push(Method::python(
        "ijson",
        python,
        "ijson_own_stack.py",
        source,
    ));
    interleave(methods, &path.display().to_string())
}

/// The file over HTTP.
pub fn http(python: &Path, path: &Path) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(path)?;
    let methods = vec![
        Method::ours("http", &server.url)?,
        Method::python("ijson", python, "ijson_requests.py", &server.url),
    ];
    interleave(methods, &server.url)
}

/// Every method once a round, starting with another one each time; all must find the same.
fn interleave(mut methods: Vec<Method>, what: &str) -> anyhow::Result<Vec<Row>> {
    let mut digest: Option<String> = None;
    for round in 0..ROUNDS {
        println!("round {} of {ROUNDS} on {what}", round + 1);
        methods.rotate_left(1);
        for method in &mut methods {
            let found = method.run()?;
            if found == "-" {
                continue;
            }
            let first = digest.get_or_insert_with(|| found.clone());
            ensure!(
                *first == found,
                "{} found {found}, others {first}",
                method.name
            );
        }
    }
    println!("all found {}", digest.unwrap_or_default());
    Ok(methods.into_iter().map(Method::row).collect())
}
