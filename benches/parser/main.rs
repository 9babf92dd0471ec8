//! How fast QueryInfos are read, beside a tuned Python reader and a bare `read()` loop, in one run
//! on one file. Each method runs in a process of its own, in rounds that interleave them; what
//! counts is CPU time. Exits 1 where a goal is missed.

mod facts;
mod http;
mod methods;
#[path = "../mix/mod.rs"]
mod mix;
mod peer;
mod rounds;
mod table;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mix::{Mix, Recipe, Wire};

const MEGABYTES: u64 = 100;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", path] => http::serve(Path::new(path)).map(|()| ExitCode::SUCCESS),
        ["run", method, source] => methods::run(method, source).map(|()| ExitCode::SUCCESS),
        _ => compare(),
    }
}

fn compare() -> anyhow::Result<ExitCode> {
    let cache = cache()?;
    let python = peer::install(&cache)?;
    let finished = generate(&cache, Mix::FinishedHeavy, Wire::Nested)?;
    let running = generate(&cache, Mix::RunningHeavy, Wire::Flat)?;
    let finished_rows = rounds::files(&python, &finished)?;
    let running_rows = rounds::files(&python, &running)?;
    let http_rows = rounds::http(&python, &finished)?;
    table::print("finished-heavy, nested, file", &finished_rows);
    table::print("running-heavy, flat, file", &running_rows);
    table::print("finished-heavy, HTTP chunked over loopback", &http_rows);
    let met = table::goals(&finished_rows, &running_rows, &http_rows);
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where downloads and generated files are kept between runs.
fn cache() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("XTRINODE_TEST_CACHE") {
        Some(path) => PathBuf::from(path),
        None => std::env::home_dir()
            .context("no home directory; set XTRINODE_TEST_CACHE")?
            .join(".cache/xtrinode-test"),
    };
    fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

fn generate(cache: &Path, mix: Mix, wire: Wire) -> anyhow::Result<PathBuf> {
    let path = cache.join(format!("{mix:?}-{wire:?}-{MEGABYTES}.json"));
    println!("writing {}", path.display());
    let recipe = Recipe {
        mix,
        wire,
        bytes: MEGABYTES * 1_000_000,
        workers: 200,
    };
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    recipe.write(&mut out)?;
    out.flush()?;
    Ok(path)
}
