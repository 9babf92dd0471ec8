//! Peak memory while one query is read: by size and mix, and with TLS and the Kubernetes mapping.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::goals::Goals;
use super::mixes::{KINDS, Kind};
use super::program::{Coordinators, Exporter};
use super::sample::{Peaks, Sampler};
use super::scene::Scene;

const MEGABYTES: [u64; 3] = [10, 100, 500];

/// Fresh processes for each case.
const RUNS: usize = 3;

/// Documents that each of them reads at least.
const READS: f64 = 2.0;

/// How long each of them lives at least, so that what comes with time and scrapes (an allocator's
/// arena for each thread) is in every figure and only the size of the document makes a difference.
const LIFE: Duration = Duration::from_secs(20);

/// Between two scrapes after the reads.
const SCRAPE: Duration = Duration::from_millis(50);

/// Without encryption, by size and mix.
pub fn documents(goals: &mut Goals) -> anyhow::Result<()> {
    println!("\none plain-HTTP coordinator, 200 workers, one query; KiB, of {RUNS} runs");
    for kind in KINDS {
        let mut medians = Vec::new();
        for megabytes in MEGABYTES {
            let peaks = runs(kind, megabytes)?;
            let most = peaks.iter().map(Peaks::anonymous).max().unwrap_or(u64::MAX);
            let what = format!("RssAnon, MiB, {megabytes} MB {}", kind.name);
            goals.at_most(what, mebibytes(most), 8.0);
            medians.push(mebibytes(peaks[peaks.len() / 2].anonymous()));
        }
        let growth = medians.last().zip(medians.first()).map(|(l, f)| l - f);
        let what = format!("RssAnon, MiB more at 500 than at 10 MB, {}", kind.name);
        goals.at_most(what, growth.unwrap_or(f64::NAN), 1.0);
    }
    Ok(())
}

/// With what a real deployment adds.
pub fn extras(goals: &mut Goals) -> anyhow::Result<()> {
    println!("\nwith TLS, without and with the Kubernetes mapping of 200 pods; KiB");
    for kubernetes in [false, true] {
        let folder = tempfile::tempdir()?;
        let scene = Scene {
            tls: true,
            ..Scene::one(KINDS[0], 100_000_000, folder.path())
        };
        let coordinators = Coordinators::start(&scene)?;
        let peaks = peaks(&scene, &coordinators, kubernetes)?;
        let name = if kubernetes { "TLS, Kubernetes" } else { "TLS" };
        print(&format!("100 MB {}, {name}", KINDS[0].name), &peaks);
        goals.at_most(format!("VmHWM, MiB, {name}"), mebibytes(peaks.whole), 32.0);
    }
    Ok(())
}

/// The peaks of each run, least first.
fn runs(kind: Kind, megabytes: u64) -> anyhow::Result<Vec<Peaks>> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::one(kind, megabytes * 1_000_000, folder.path());
    let coordinators = Coordinators::start(&scene)?;
    let mut all = Vec::new();
    for _ in 0..RUNS {
        let peaks = peaks(&scene, &coordinators, false)?;
        print(&format!("{megabytes} MB {}", kind.name), &peaks);
        all.push(peaks);
    }
    all.sort_by_key(Peaks::anonymous);
    Ok(all)
}

fn peaks(scene: &Scene, coordinators: &Coordinators, kubernetes: bool) -> anyhow::Result<Peaks> {
    let config = config(scene, coordinators, kubernetes)?;
    let kubeconfig = if kubernetes {
        Some(kubeconfig(scene, &coordinators.urls[0])?)
    } else {
        None
    };
    let started = Instant::now();
    let exporter = Exporter::start(&config, kubeconfig.as_deref())?;
    let sampler = Sampler::start(exporter.id());
    exporter.read(READS)?;
    while started.elapsed() < LIFE {
        exporter.read(READS)?;
        thread::sleep(SCRAPE);
    }
    if kubernetes {
        anyhow::ensure!(
            exporter.metrics()?.contains(r#"namespace="trino""#),
            "the pods were not found"
        );
    }
    sampler.stop()
}

/// Writes a configuration for the scene's coordinators.
pub fn config(scene: &Scene, running: &Coordinators, kubernetes: bool) -> anyhow::Result<PathBuf> {
    let mut text = String::from("coordinators:\n");
    for (number, url) in running.urls.iter().enumerate() {
        writeln!(text, "  c{number}: {{url: \"{url}\", release: c{number}}}")?;
    }
    text.push_str("metricsPort: 0\npollIntervalSeconds: 1\nrequestTimeoutSeconds: 300\n");
    if scene.tls {
        writeln!(text, "tls: {{caFile: \"{}\"}}", scene.authority().display())?;
    }
    if kubernetes {
        text.push_str("workerMapping: kubernetes\nkubernetes: {enabled: true}\n");
    }
    write(&scene.folder, "config.yaml", &text)
}

fn kubeconfig(scene: &Scene, url: &str) -> anyhow::Result<PathBuf> {
    let authority = BASE64_STANDARD.encode(fs::read(scene.authority())?);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\n\
         clusters: [{{name: bench, cluster: {{server: \"{url}\", certificate-authority-data: {authority}}}}}]\n\
         users: [{{name: bench, user: {{token: bench}}}}]\n\
         contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]\n"
    );
    write(&scene.folder, "kubeconfig", &text)
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    Ok(path)
}

fn print(what: &str, peaks: &Peaks) {
    println!(
        "  {what:<42} RssAnon {:>6} (sampled {:>6}), RssFile {:>6}, VmHWM {:>6}, threads {:>2}",
        peaks.anonymous(),
        peaks.anon,
        peaks.file,
        peaks.whole,
        peaks.threads
    );
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
