//! Writes a generated QueryInfo to standard output or a file, for trying readers on it:
//! `querymix finished-heavy|running-heavy nested|flat MEGABYTES [FILE]`.

#[path = "../benches/mix/mod.rs"]
mod mix;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail};
use mix::{Mix, Recipe, Wire};

const USAGE: &str = "usage: querymix finished-heavy|running-heavy nested|flat MEGABYTES [FILE]";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let recipe = recipe(&arguments)?;
    match arguments.get(3) {
        None => write(&recipe, io::stdout().lock()),
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {path}"))?;
            write(&recipe, file)
        }
    }
}

fn recipe(arguments: &[String]) -> anyhow::Result<Recipe> {
    let [mix, wire, megabytes, ..] = arguments else {
        bail!(USAGE);
    };
    let mix = match mix.as_str() {
        "finished-heavy" => Mix::FinishedHeavy,
        "running-heavy" => Mix::RunningHeavy,
        _ => bail!(USAGE),
    };
    let wire = match wire.as_str() {
        "nested" => Wire::Nested,
        "flat" => Wire::Flat,
        _ => bail!(USAGE),
    };
    let megabytes: u64 = megabytes.parse().context(USAGE)?;
    Ok(Recipe {
        mix,
        wire,
        bytes: megabytes * 1_000_000,
        workers: 200,
    })
}

fn write(recipe: &Recipe, out: impl Write) -> anyhow::Result<()> {
    let mut out = BufWriter::new(out);
    recipe.write(&mut out)?;
    out.flush()?;
    Ok(())
}
