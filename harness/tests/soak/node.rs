//! The node's process, and what it uses.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use slotbench_node::Protocol;
use slotbench_node::client::Endpoint;
use slotbench_node::tls::Trust;

/// A certificate for `localhost`, as files and as clients want it.
pub(crate) struct Certificate {
    files: [PathBuf; 2],
    der: Bytes,
}

impl Certificate {
    pub(crate) fn make(dir: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files = ["chain.pem", "key.pem"].map(|name| dir.join(name));
        fs::write(&files[0], made.cert.pem()).expect("writes");
        fs::write(&files[1], made.signing_key.serialize_pem()).expect("writes");
        Self { files, der: Bytes::copy_from_slice(made.cert.der()) }
    }

    /// Itself for every other node: those without it speak cleartext, and no HTTP/3.
    pub(crate) fn by_turns(&self, turn: usize) -> Option<&Self> {
        (turn % 2 == 1).then_some(self)
    }
}

/// A running `slotbench serve`. Killed when dropped.
pub(crate) struct Node {
    process: Mutex<Child>,
    pid: Pid,
    said: PathBuf,
    data: PathBuf,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Node {
    pub(crate) fn start(dir: &Path, backend: &str, certificate: Option<&Certificate>) -> Self {
        let said = dir.join("stderr");
        let mut command = Command::new(env!("CARGO_BIN_EXE_slotbench"));
        command.args(["serve", "--backend", backend, "--durability", "process", "--any-process"]);
        command.args(["--listen", "127.0.0.1:0", "--data-dir", "data"]).current_dir(dir);
        let protocols: &[Protocol] = match certificate {
            None => &[Protocol::H1, Protocol::H2],
            Some(Certificate { files: [chain, key], .. }) => {
                command.arg("--tls-cert").arg(chain).arg("--tls-key").arg(key);
                &Protocol::ALL
            }
        };
        let names: Vec<_> = protocols.iter().map(|protocol| protocol.name()).collect();
        command.args(["--protocol", &names.join(",")]);
        command.stdout(Stdio::piped()).stderr(File::create(&said).expect("creates"));
        let mut process = command.spawn().expect("starts");
        let lines = BufReader::new(process.stdout.take().expect("is piped")).lines().map_while(Result::ok);
        // The address that signs follows when every listener is there.
        let told: Vec<String> = lines.take_while(|line| !line.starts_with("address ")).collect();
        let addr = told.first().and_then(|line| line.rsplit("//").next()?.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("no address: {}", fs::read_to_string(&said).unwrap_or_default()));
        let trusted = certificate.map(|certificate| Trust::certificate(&certificate.der).expect("a certificate"));
        let endpoint = |protocol: &Protocol| Endpoint {
            addr,
            protocol: *protocol,
            host: "localhost".to_owned(),
            trusted: trusted.clone(),
        };
        let endpoints = protocols.iter().map(endpoint).collect();
        Self { pid: Pid::from_child(&process), process: Mutex::new(process), said, data: dir.join("data"), endpoints }
    }

    /// As a crash ends it.
    pub(crate) fn kill(&self) {
        kill_process(self.pid, Signal::KILL).expect("is running");
        let ended = self.process.lock().expect("nobody panicked").wait().expect("ends");
        assert_eq!(ended.code(), None, "it had ended before: {}", self.words());
    }

    /// As an operator stops it; what it said of panics.
    pub(crate) fn terminate(self) -> Vec<String> {
        kill_process(self.pid, Signal::TERM).expect("is running");
        let ended = self.process.lock().expect("nobody panicked").wait().expect("ends");
        assert_eq!(ended.code(), Some(0), "{}", self.words());
        self.panics()
    }

    pub(crate) fn panics(&self) -> Vec<String> {
        self.words().lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect()
    }

    fn words(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Sockets of a node that nobody talks to: one for TCP, one for QUIC, and the pair that wakes the program for a signal.
    pub(crate) fn listeners(&self) -> usize {
        let quic = self.endpoints.iter().any(|endpoint| endpoint.protocol == Protocol::H3);
        1 + usize::from(quic) + self.other_sockets()
    }

    /// Sockets that are not the network's.
    fn other_sockets(&self) -> usize {
        let of = |kind: &str| table(self.pid, kind);
        let network: Vec<String> = ["tcp", "tcp6", "udp", "udp6"].into_iter().flat_map(of).collect();
        self.sockets().iter().filter(|inode| !network.contains(inode)).count()
    }

    fn sockets(&self) -> Vec<String> {
        let links = self.descriptors().filter_map(|entry| fs::read_link(entry).ok());
        let inode = |link: PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        links.filter_map(inode).collect()
    }

    fn descriptors(&self) -> impl Iterator<Item = PathBuf> {
        let dir = format!("/proc/{}/fd", self.pid.as_raw_nonzero());
        fs::read_dir(dir).expect("is running").map_while(Result::ok).map(|entry| entry.path())
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).expect("is running");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Usage {
            resident: resident.and_then(|text| text.parse::<u64>().ok()).expect("kilobytes") << 10,
            descriptors: self.descriptors().count(),
            sockets: self.sockets().len(),
            stored: bytes_below(&self.data),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            // Both fail for a process that is gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The inodes in one of the system's tables of sockets.
fn table(pid: Pid, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{}/net/{kind}", pid.as_raw_nonzero())).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9).map(str::to_owned)).collect()
}

fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => bytes_below(&path),
        // Files of an engine may go while they are looked at.
        found => found.map_or(0, |found| found.len()),
    };
    entries.map_while(Result::ok).map(|entry| size(entry.path())).sum()
}

/// What a process uses.
pub(crate) struct Usage {
    /// Bytes.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) sockets: usize,
    /// Bytes on disk.
    pub(crate) stored: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident, descriptors, sockets, stored } = self;
        let (resident, stored) = (resident >> 20, stored >> 20);
        write!(f, "{resident} MiB resident, {descriptors} descriptors, {sockets} sockets, {stored} MiB stored")
    }
}
