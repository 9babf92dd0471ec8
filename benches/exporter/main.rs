//! What the exporter costs while it works: peak memory while it reads documents of 10, 100 and
//! 500 MB, and CPU and threads while it reads 200 queries of five coordinators. Measures the release
//! binary as a process of its own, from outside; the coordinators are another process. Exits 1 where
//! an "at most" is missed.

mod answers;
mod cpu;
mod goals;
mod machine;
mod memory;
mod mixes;
mod pods;
mod program;
mod sample;
mod scene;
mod server;
mod transport;

// The generator is shared with other benches, which use more of it.
#[path = "../mix/mod.rs"]
mod mix;

use std::process::ExitCode;

use goals::Goals;
use scene::Scene;

fn main() -> anyhow::Result<ExitCode> {
    xtrinode::web::tls::install_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", ref scene @ ..] => {
            server::serve(&Scene::from_words(scene)?).map(|()| ExitCode::SUCCESS)
        }
        ["memory", ..] => measure(&[memory::documents, memory::extras]),
        ["cpu", ..] => measure(&[cpu::many_queries]),
        _ => measure(&[memory::documents, memory::extras, cpu::many_queries]),
    }
}

/// One part of the bench: prints what it measures and notes its goals.
type Part = fn(&mut Goals) -> anyhow::Result<()>;

fn measure(parts: &[Part]) -> anyhow::Result<ExitCode> {
    machine::print("exporter")?;
    let mut goals = Goals::default();
    for part in parts {
        part(&mut goals)?;
    }
    Ok(if goals.print() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
