//! The child processes: one method on one source. Prints CPU nanoseconds, bytes and digest.

use std::fs::{self, File};
use std::io::{BufReader, Read};

use anyhow::{Context, bail};
use futures::StreamExt;
use xtrinode::trino::query_info::Extractor;
use xtrinode::trino::{Engine, Limits, strict};

use super::facts::Facts;

const CHUNK: usize = 64 << 10;

/// Runs the method and reports.
pub fn run(method: &str, source: &str) -> anyhow::Result<()> {
    match method {
        "read" => bare_read(source),
        "vector" => push(source, Engine::Auto),
        "portable" => push(source, Engine::Portable),
        "strict" => pull(source),
        "http" => fetch(source),
        other => bail!("no method {other}"),
    }
}

fn bare_read(path: &str) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    let started = cpu()?;
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => bytes += count as u64,
        }
    }
    report(started, bytes, "-")
}

fn push(path: &str, engine: Engine) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    let started = cpu()?;
    let mut extractor = Extractor::with_engine(Facts::default(), Limits::default(), engine);
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                extractor.push(&buffer[..count])?;
                bytes += count as u64;
            }
        }
    }
    let (_, facts) = extractor.finish()?;
    report(started, bytes, &facts.digest())
}

fn pull(path: &str) -> anyhow::Result<()> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let started = cpu()?;
    let body = BufReader::with_capacity(CHUNK, file);
    let (_, facts) = strict::read_query_info(body, Facts::default(), Limits::default())?;
    report(started, bytes, &facts.digest())
}

fn fetch(url: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = cpu()?;
    let (bytes, facts) = runtime.block_on(stream(url))?;
    report(started, bytes, &facts.digest())
}

async fn stream(url: &str) -> anyhow::Result<(u64, Facts)> {
    // The client asks for a provider even where it will only speak plain HTTP.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()?;
    let response = client.get(url).send().await?.error_for_status()?;
    let mut body = response.bytes_stream();
    let mut extractor = Extractor::new(Facts::default(), Limits::default());
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        extractor.push(&chunk)?;
    }
    let (_, facts) = extractor.finish()?;
    Ok((bytes, facts))
}

fn report(started: u64, bytes: u64, digest: &str) -> anyhow::Result<()> {
    println!("{} {bytes} {digest}", cpu()? - started);
    Ok(())
}

/// Nanoseconds that this process has spent on processors.
fn cpu() -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path().join("schedstat");
        let text = fs::read_to_string(&path).with_context(|| {
            format!("{}: needs Linux with scheduler statistics", path.display())
        })?;
        let spent = text.split(' ').next().context("empty schedstat")?;
        sum += spent.parse::<u64>()?;
    }
    Ok(sum)
}
