//! `slotbench serve` through the built binary, with clients that others wrote.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use slotbench_core::Wallet;
use slotbench_core::item::ItemBuilder;

/// A running node. Killed when dropped.
struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start(dir: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]).args(flags).current_dir(dir);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
        let mut lines = BufReader::new(process.stdout.take().expect("is piped")).lines();
        let first = lines.next().expect("a line").expect("is text");
        let url = first.split_once(' ').expect("protocols and a URL").1.to_owned();
        // The address follows when every listener is there.
        let ready = lines.map_while(Result::ok).any(|line| line.starts_with("address "));
        assert!(ready, "{first}");
        Self { process, url }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// As an operator stops it.
    fn terminate(mut self) {
        kill_process(self.pid(), Signal::TERM).expect("is running");
        assert_eq!(self.process.wait().expect("ends").code(), Some(0));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// To the terminal at once: of a test that passes, what the print macros say is never seen.
fn skip(test: &str, reason: &str) {
    assert!(std::env::var_os("SLOTBENCH_REQUIRE_NODE").is_none(), "{test}: {reason}");
    writeln!(std::io::stderr(), "skipped: {test}: {reason}").expect("somebody listens");
}

/// Whether a program can be run here.
fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn curl(args: &[&str]) -> (String, Value) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"]).args(args);
    let output = command.output().expect("curl runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("is text");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn get(url: &str) -> Value {
    let (status, body) = curl(&[url]);
    assert_eq!(status, "200", "{url}: {body}");
    body
}

/// The directory with arbundles in its `node_modules`, installed on first use; `None` after saying why not.
fn arbundles(test: &str) -> Option<PathBuf> {
    let missing: Vec<_> = ["node", "npm", "curl"].into_iter().filter(|program| !is_there(program)).collect();
    if !missing.is_empty() {
        skip(test, &format!("no {}", missing.join(", ")));
        return None;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arbundles");
    fs::create_dir_all(&dir).expect("creates");
    fs::copy(client().with_file_name("package.json"), dir.join("package.json")).expect("copies");
    if !dir.join("node_modules/arbundles").exists() {
        let mut command = Command::new("npm");
        command.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
        let output = command.current_dir(&dir).output().expect("npm runs");
        if !output.status.success() {
            skip(test, &format!("npm cannot install arbundles: {}", String::from_utf8_lossy(&output.stderr)));
            return None;
        }
    }
    Some(dir)
}

fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arbundles/client.cjs")
}

fn node(modules: &Path, args: &[&str]) -> Value {
    let mut command = Command::new("node");
    command.arg(client()).args(args).env("SLOTBENCH_NODE_MODULES", modules);
    let output = command.output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_real_client_schedules_on_a_served_node_and_verifies_what_comes_back() {
    let Some(modules) = arbundles("a_real_client_schedules_on_a_served_node") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let node_under_test = Node::start(dir.path(), &["--backend", "redb", "--durability", "power"]);
    let url = node_under_test.url.clone();
    let address = get(&url)["address"].as_str().expect("an address").to_owned();

    let items = dir.path().to_str().expect("is text");
    let signed = node(&modules, &["sign", &address, items]);
    let process = signed["process"].as_str().expect("an id");
    let post = |path: &str, file: &str| {
        let file = format!("@{items}/{file}");
        curl(&["--data-binary", &file, &format!("{url}{path}")])
    };
    let (status, answer) = post("/", "process");
    assert_eq!((status.as_str(), &answer["id"]), ("200", &signed["process"]), "{answer}");
    // Two by the legacy route, one by the native one.
    for (number, path) in [(0, "/"), (1, "/"), (2, "/~scheduler@1.0/schedule")] {
        let (status, answer) = post(path, &format!("message-{number}"));
        assert_eq!(status, "200", "{answer}");
    }

    let latest = get(&format!("{url}/{process}/latest"));
    assert_eq!(latest["message"]["id"], signed["messages"][2]);
    assert_eq!(latest["message"]["data"], json!("number 2"));
    assert_eq!(get(&format!("{url}/{process}/slot"))["current"], json!(3));
    let schedule = get(&format!("{url}/{process}/schedule"));
    let file = dir.path().join("schedule.json");
    fs::write(&file, schedule.to_string()).expect("writes");
    let found = node(&modules, &["verify", file.to_str().expect("is text")]);
    let found = found.as_array().expect("a list");
    let ids: Vec<_> = found.iter().map(|entry| entry["message"].clone()).collect();
    let messages = signed["messages"].as_array().expect("a list").iter().cloned();
    assert_eq!(ids, std::iter::once(signed["process"].clone()).chain(messages).collect::<Vec<_>>());
    for (slot, entry) in found.iter().enumerate() {
        assert_eq!(entry["valid"], json!(true), "{entry}");
        let tags = &entry["tags"];
        assert_eq!((&tags["slot"], &tags["process"]), (&json!(slot.to_string()), &json!(process)));
        assert_eq!((&tags["type"], &tags["message"]), (&json!("Assignment"), &entry["message"]));
    }

    // Somebody changes a signed message on its way.
    let mut forged = fs::read(dir.path().join("message-0")).expect("reads");
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    fs::write(dir.path().join("forged"), forged).expect("writes");
    assert_eq!(post("/", "forged").0, "400");
    node_under_test.terminate();

    // What was acknowledged is there again, and the process still ours: the key is kept beside the store.
    let again = Node::start(dir.path(), &["--backend", "redb", "--protocol", "h1"]);
    assert_eq!(get(&again.url)["address"], json!(address));
    let slot = get(&format!("{}/{process}/schedule", again.url));
    assert_eq!(slot["error"], Value::Null);
    assert_eq!(slot["assignments"]["3"]["message"], signed["messages"][2]);
}

#[test]
fn a_request_that_cannot_be_served_is_bad_usage() {
    let dir = tempfile::tempdir().expect("a directory");
    for (flags, said) in [
        (vec!["--backend", "none"], "--backend"),
        (vec!["--backend", "redb", "--mode", "sync"], "--mode"),
        (vec!["--backend", "redb", "--mode", "remote"], "--bundler"),
        (vec!["--backend", "redb", "--protocol", "h4"], "--protocol"),
        (vec!["--backend", "redb", "--durability", "disk"], "--durability"),
        (vec!["--backend", "redb", "--wallet", "absent"], "--wallet"),
        (vec!["--backend", "redb", "--tls-cert", "absent"], "--tls-key"),
        (vec!["--backend", "redb,none"], "--backend"),
        (vec!["--backend", "redb,redb"], "--backend"),
        (vec!["--backend", "redb", "--url", "su.example"], "--url"),
        (vec!["--backend", "redb", "--gateway", "ftp://su.example"], "--gateway"),
        (vec!["--backend", "redb", "--notify", "http://one,two"], "--notify"),
        (vec!["--backend", "redb", "--operator", "me"], "--operator"),
        (vec!["--backend", "redb", "--follow-hints", "maybe"], "--follow-hints"),
        (vec!["--backend", "redb", "--follow-redirects", ""], "--follow-redirects"),
        (vec!["--backend", "redb", "--cache-in-background", "1"], "--cache-in-background"),
        (vec!["--backend", "redb", "--foreign-cache", "much"], "--foreign-cache"),
        (vec!["--backend", "redb", "--trust", "absent"], "--trust"),
        (vec!["--backend", "redb", "--aos2", "small"], "--aos2"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
        let output = command.arg("serve").args(&flags).current_dir(dir.path()).output().expect("runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {err}");
        assert!(err.contains(said), "{flags:?}: {err}");
        assert_eq!(err.trim_end().lines().count(), if said == "--tls-key" { 6 } else { 1 }, "{flags:?}: {err}");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("is there").count(), 0, "nothing was created");
}

/// Cells over every transport: verified like the others, by reopening what the node's process left.
#[test]
fn c119_cells_over_transports_are_measured_and_verified() {
    let root = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
    command.args(["run", "--json", "--backend", "redb,memory", "--durability", "memory", "--mode", "all"]);
    command.args(["--transport", "h1,h2,h3", "--workers", "3", "--ops", "60", "--warmup", "10ms", "--rounds", "1"]);
    let output = command.args(["--out", "out"]).current_dir(root.path()).output().expect("runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let cells = document["cells"].as_array().expect("a list");
    assert_eq!(cells.len(), 2 * 2 * 3);
    for cell in cells {
        assert_eq!((&cell["status"], &cell["verified"]), (&json!("ok"), &json!(true)), "{}: {err}", cell["id"]);
        assert_eq!(cell["latency_ns"]["durable"]["count"], json!(60), "{}", cell["id"]);
        let round = &cell["rounds"][0];
        assert_eq!((&round["connections"], &round["messages"]), (&json!(3), &json!(60)), "{}", cell["id"]);
        assert!(round["resources"]["cpu_ns"].as_u64().is_some_and(|time| time > 0), "{}", cell["id"]);
    }
}

/// The same at a fixed rate: connections are shared by what is in flight, where the protocol lets them.
#[test]
fn open_loops_go_over_transports() {
    let root = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
    command.args(["run", "--json", "--backend", "redb", "--durability", "memory", "--transport", "h1,h2,h3"]);
    command.args(["--rate", "500", "--workers", "2", "--duration", "200ms", "--warmup", "20ms", "--rounds", "1"]);
    let output = command.args(["--out", "out"]).current_dir(root.path()).output().expect("runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    for cell in document["cells"].as_array().expect("a list") {
        assert_eq!(cell["verified"], json!(true), "{}: {err}", cell["id"]);
        let round = &cell["rounds"][0];
        assert_eq!(round["connections"], json!(2), "{}", cell["id"]);
        // A busy machine may not keep up; whatever was sent was counted.
        if cell["status"] == json!("ok") {
            assert_eq!(round["latency_ns"]["response"]["count"], json!(100), "{}", cell["id"]);
        }
    }
}

/// A node in front of another one, each a process of its own.
#[test]
fn c108_a_served_node_answers_for_another_one() {
    if !is_there("curl") {
        return skip("c108_a_served_node_answers_for_another_one", "no curl");
    }
    let (dir, front_dir) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let node = Node::start(dir.path(), &["--backend", "redb", "--durability", "memory"]);
    let front = Node::start(front_dir.path(), &["--backend", "memory,redb", "--durability", "memory"]);
    let address = get(&node.url)["address"].as_str().expect("an address").to_owned();

    let wallet = Wallet::ed25519_from_seed([8; 32]).expect("a key");
    let item = ItemBuilder::new().tag("Data-Protocol", "ao").tag("Type", "Process").tag("Module", "none");
    let process = item.tag("Scheduler", format!("{address}?hint={}", node.url)).sign(&wallet).expect("signs");
    let file = dir.path().join("item");
    fs::write(&file, process.as_bytes()).expect("writes");
    let body = format!("@{}", file.display());
    let (status, answer) = curl(&["--data-binary", &body, &format!("{}/~scheduler@1.0/schedule", front.url)]);
    assert_eq!((status.as_str(), &answer["slot"]), ("200", &json!(0)), "{answer}");
    let id = process.id();
    assert_eq!(get(&format!("{}/{id}/slot", node.url))["current"], json!(0));
    assert_eq!(get(&format!("{}/{id}/schedule", front.url))["assignments"]["0"]["message"], json!(id.to_string()));
    assert_eq!(get(&format!("{}/~scheduler@1.0/status", front.url))["processes"], json!([]));

    let (status, own) = curl(&[&format!("{}/~scheduler@1.0/location", front.url)]);
    assert_eq!((status.as_str(), own["error"].is_string()), ("404", true), "never announced: {own}");
    front.terminate();
    node.terminate();
}
