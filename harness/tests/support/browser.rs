//! Headless Chromium, through its command line.
//!
//! Without Chromium each test prints why it is skipped, under its own name.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Chromium may be found, by name or path.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// To the terminal at once: of a test that passes, what the print macros say is never seen.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody listens");
}

/// Chromium, or `None` after saying that `test` is skipped. `SLOTBENCH_CHROMIUM` names another one.
pub(crate) fn browser(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("SLOTBENCH_CHROMIUM").map(PathBuf::from);
    let answers = |path: &PathBuf| {
        let version = Command::new(path).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found = named.into_iter().chain(BROWSERS.map(PathBuf::from)).find(answers);
    if found.is_none() {
        let looked = BROWSERS.join(", ");
        say(&format!("skipped: {test}: no Chromium (looked for {looked}; SLOTBENCH_CHROMIUM names another)"));
    }
    found
}

/// The document after its scripts have run, with the browser cut off from every network.
pub(crate) fn dump(browser: &Path, page: &Path, more: &[&str]) -> String {
    let profile = tempfile::tempdir().expect("a temporary directory");
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--proxy-server=127.0.0.1:9",
        "--dump-dom",
    ];
    let mut command = Command::new(browser);
    command.args(fixed).args(more).arg(format!("--user-data-dir={}", profile.path().display())).arg(page);
    let output = command.stderr(Stdio::null()).output().expect("runs");
    String::from_utf8(output.stdout).expect("is text")
}

/// The value of an attribute of the document's root.
pub(crate) fn mark(dom: &str, attribute: &str) -> Option<String> {
    let (root, _) = dom.split_once("<head>")?;
    let (_, rest) = root.split_once(&format!(" {attribute}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Where a page of a test stays to be looked at: below the build's directory.
pub(crate) fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
