//! Records the commit the binary is built from, so that a result names the code that made it.

use std::process::Command;

fn main() {
    for source in ["src", "../core/src", "../backends/src"] {
        println!("cargo::rerun-if-changed={source}");
    }
    for file in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rustc-env=SLOTBENCH_COMMIT={}", commit().unwrap_or_default());
    println!("cargo::rustc-env=SLOTBENCH_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}

/// The commit, with `-dirty` where tracked files differ from it.
fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
