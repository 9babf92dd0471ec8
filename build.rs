//! Hands the commit and the target to `--version`. Decides nothing else, and works
//! without git: the commit is then `XTRINODE_COMMIT` from the environment, or `unknown`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=XTRINODE_COMMIT");
    println!("cargo::rustc-env=XTRINODE_COMMIT={}", commit());
    println!("cargo::rustc-env=XTRINODE_TARGET={}", variable("TARGET"));
}

/// An image build has no `.git`, so it passes the commit in.
fn commit() -> String {
    let given = variable("XTRINODE_COMMIT");
    if given == "unknown" {
        commit_from_git().unwrap_or(given)
    } else {
        given
    }
}

/// `None` outside a checkout, and inside somebody else's: a source archive unpacked
/// in another repository must not carry that repository's commit.
fn commit_from_git() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = Path::new(&variable("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .ok()?;
    if Path::new(&top).canonicalize().ok()? != here {
        return None;
    }
    // The reflog moves with every commit, `HEAD` with every branch switch.
    for name in ["HEAD", "logs/HEAD"] {
        let file = git(&["rev-parse", "--git-path", name])?;
        println!("cargo::rerun-if-changed={file}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn variable(name: &str) -> String {
    let value = std::env::var(name).unwrap_or_default();
    if value.trim().is_empty() {
        "unknown".to_owned()
    } else {
        value
    }
}
