//! What a review costs the guard, and what the guard weighs: the real handler over TLS on one processor, beside the plainest
//! kube-rs admission webhook under the same load in the same run; a verdict alone, by the number of workers; the memory of
//! `xtrinode guard run` over 10 000 pods. Exits 1 where a goal is missed.

mod address;
mod allow;
mod api;
mod client;
mod compare;
mod cpu;
mod fresh;
mod load;
mod memory;
mod objects;
mod ours;
mod pen;
mod pki;
mod process;
mod reviews;
mod scene;
mod verdicts;

#[path = "../peer/admission.rs"]
mod admission;
// Shared with the exporter's bench.
#[path = "../exporter/goals.rs"]
mod goals;
#[path = "../exporter/machine.rs"]
mod machine;
#[path = "../exporter/sample.rs"]
mod sample;

/// The program under test.
mod program {
    pub const PATH: &str = env!("CARGO_BIN_EXE_xtrinode");
}

use std::path::Path;
use std::process::ExitCode;

use goals::Goals;

fn main() -> anyhow::Result<ExitCode> {
    xtrinode::web::tls::install_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let served = |served: anyhow::Result<()>| served.map(|()| ExitCode::SUCCESS);
    match words[..] {
        ["serve", "ours", folder, port] => served(ours::serve(Path::new(folder), port.parse()?)),
        ["serve", "peer", folder] => served(admission::serve(Path::new(folder))),
        ["serve", "api", folder] => served(api::serve(Path::new(folder))),
        ["load", "once", ..] => measure(&[compare::once]),
        ["load", ..] => measure(&[compare::denials]),
        ["fresh", ..] => measure(&[fresh::connections]),
        ["allow", ..] => measure(&[allow::path]),
        ["verdicts", ..] => measure(&[verdicts::sizes]),
        ["memory", ..] => measure(&[memory::steady]),
        _ => measure(&[
            verdicts::sizes,
            compare::denials,
            fresh::connections,
            allow::path,
            memory::steady,
        ]),
    }
}

/// One part of the bench: prints what it measures and notes its goals.
type Part = fn(&mut Goals) -> anyhow::Result<()>;

fn measure(parts: &[Part]) -> anyhow::Result<ExitCode> {
    machine::print("guard")?;
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
