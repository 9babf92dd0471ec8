//! Where the real programs are. Asks `tests/parts/install.sh`, which installs what is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The top of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command of a part; installs the part when it is not there yet.
pub fn command(part: &str, name: &str) -> PathBuf {
    // One at a time: the tests of this binary run side by side.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock();
    let found = where_is(part).or_else(|| {
        let status = installer().arg(part).status().expect("bash starts");
        assert!(status.success(), "{part} could not be installed");
        where_is(part)
    });
    found.expect("an installed part has a folder").join(name)
}

fn where_is(part: &str) -> Option<PathBuf> {
    let output = installer()
        .args(["--where", part])
        .output()
        .expect("bash starts");
    let path = String::from_utf8(output.stdout).expect("UTF-8");
    output
        .status
        .success()
        .then(|| PathBuf::from(path.trim_end()))
}

fn installer() -> Command {
    let mut command = Command::new("bash");
    command.arg(root().join("tests/parts/install.sh"));
    command
}
