//! A disk for tests: it works on a real directory, knows what a power cut would leave of it, and fails on command.
//!
//! The rule is the strict one: a file keeps the content of its last fdatasync, a directory the entries of its last
//! fsync. Nothing is really synced.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::FsWord;

use super::layout::parent;
use super::ops::{FileOps, Root};

/// What it passes for, wherever it is.
const EXT4: FsWord = 0xEF53;
/// Bytes a disk writes at once or not at all.
const SECTOR: usize = 512;

/// Which operations fail; the first is number 1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Never,
    /// This one only.
    Once(u64),
    /// This one and all after it, as if the process had died in it: a write is cut short in the middle.
    From(u64),
}

/// What survives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// Only what was synced.
    Strict,
    /// That, and at random any of the rest: each directory entry, each sector.
    Random(u64),
}

pub(super) struct Disk {
    root: Root,
    state: Mutex<State>,
}

struct State {
    fault: Fault,
    calls: u64,
    syncs: u64,
    magic: FsWord,
    nodes: Vec<Node>,
    by_inode: HashMap<u64, usize>,
}

enum Node {
    File { now: Vec<u8>, synced: Vec<u8> },
    Directory { now: Entries, synced: Entries },
    Link(String),
}

type Entries = BTreeMap<String, usize>;

impl Disk {
    /// The directory `path`, everything in it durable.
    pub(super) fn load(path: &Path, fault: Fault) -> Arc<Self> {
        let mut state = State { fault, calls: 0, syncs: 0, magic: EXT4, nodes: Vec::new(), by_inode: HashMap::new() };
        state.load(path);
        Arc::new(Self { root: Root::open(path).expect("a directory"), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics in an operation")
    }

    /// Operations asked for so far.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Syncs asked for so far.
    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Passes for another kind of file system.
    pub(super) fn pretend(&self, magic: FsWord) {
        self.state().magic = magic;
    }

    /// Writes what a power cut at this moment leaves to the empty directory `to`.
    pub(super) fn cut(&self, cut: Cut, to: &Path) {
        let mut coin = Coin::new(cut);
        self.state().export(0, &mut coin, to);
    }

    /// Counts one operation; `tear` does a part of it if the process dies in it.
    fn admit(&self, tear: impl FnOnce(&mut State)) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls += 1;
        let fails = match state.fault {
            Fault::Never => false,
            Fault::Once(at) => state.calls == at,
            Fault::From(at) => state.calls >= at,
        };
        match state.fault {
            Fault::From(at) if state.calls == at => tear(&mut state),
            _ => {}
        }
        if fails { Err(io::Error::other("injected")) } else { Ok(state) }
    }

    fn create_now(&self, state: &mut State, path: &str, bytes: &[u8]) -> io::Result<File> {
        let file = self.root.create(path, bytes)?;
        let node = state.add(Node::File { now: bytes.to_vec(), synced: Vec::new() });
        state.by_inode.insert(inode(&file), node);
        state.name(path, node);
        Ok(file)
    }
}

fn inode(file: &File) -> u64 {
    file.metadata().expect("an open file").ino()
}

impl FileOps for Arc<Disk> {
    fn create(&self, path: &str, bytes: &[u8]) -> io::Result<File> {
        let torn = |state: &mut State| drop(self.create_now(state, path, &bytes[..bytes.len() / 2]));
        let mut state = self.admit(torn)?;
        self.create_now(&mut state, path, bytes)
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        self.root.make_dir(path)?;
        let node = state.add(Node::Directory { now: Entries::new(), synced: Entries::new() });
        state.name(path, node);
        Ok(())
    }

    fn symlink(&self, text: &str, path: &str) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        self.root.symlink(text, path)?;
        let node = state.add(Node::Link(text.to_owned()));
        state.name(path, node);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        self.root.rename(from, to)?;
        let node = state.unname(from);
        state.name(to, node);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        self.root.remove(path)?;
        state.unname(path);
        Ok(())
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let write = |state: &mut State, bytes: &[u8]| {
            self.root.write_at(file, bytes, offset)?;
            state.reload(file);
            Ok(())
        };
        let torn = |state: &mut State| drop(write(state, &bytes[..bytes.len() / 2]));
        let mut state = self.admit(torn)?;
        write(&mut state, bytes)
    }

    fn truncate(&self, file: &File) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        self.root.truncate(file)?;
        state.reload(file);
        Ok(())
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        state.syncs += 1;
        let node = state.by_inode[&inode(file)];
        if let Node::File { now, synced } = &mut state.nodes[node] {
            synced.clone_from(now);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.admit(|_| {})?;
        state.syncs += 1;
        if path != ".." {
            let node = state.find(path);
            if let Node::Directory { now, synced } = &mut state.nodes[node] {
                synced.clone_from(now);
            }
        }
        Ok(())
    }

    fn magic(&self) -> io::Result<FsWord> {
        Ok(self.state().magic)
    }
}

impl State {
    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn load(&mut self, path: &Path) -> usize {
        let kind = path.symlink_metadata().expect("something is there");
        if kind.is_symlink() {
            let text = path.read_link().expect("a link");
            return self.add(Node::Link(text.to_str().expect("ASCII").to_owned()));
        }
        if kind.is_file() {
            let bytes = std::fs::read(path).expect("a file");
            let node = self.add(Node::File { now: bytes.clone(), synced: bytes });
            self.by_inode.insert(kind.ino(), node);
            return node;
        }
        // The directory first: the root is node 0.
        let node = self.add(Node::Directory { now: Entries::new(), synced: Entries::new() });
        let listed = std::fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
        let entries: Entries = listed
            .map(|below| (below.file_name().and_then(|n| n.to_str()).expect("ASCII").to_owned(), self.load(&below)))
            .collect();
        self.nodes[node] = Node::Directory { now: entries.clone(), synced: entries };
        node
    }

    fn find(&self, path: &str) -> usize {
        path.split('/').filter(|name| !name.is_empty()).fold(0, |node, name| match &self.nodes[node] {
            Node::Directory { now, .. } => now[name],
            Node::File { .. } | Node::Link(_) => panic!("{path}: not a directory"),
        })
    }

    fn entries(&mut self, directory: &str) -> &mut Entries {
        let node = self.find(directory);
        match &mut self.nodes[node] {
            Node::Directory { now, .. } => now,
            Node::File { .. } | Node::Link(_) => panic!("{directory}: not a directory"),
        }
    }

    fn name(&mut self, path: &str, node: usize) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.entries(parent(path)).insert(name, node);
    }

    fn unname(&mut self, path: &str) -> usize {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.entries(parent(path)).remove(name).expect("the real operation succeeded")
    }

    /// Takes over a file's content after a write.
    fn reload(&mut self, file: &File) {
        let mut bytes = vec![0; usize::try_from(file.metadata().expect("an open file").len()).expect("small")];
        file.read_exact_at(&mut bytes, 0).expect("opened for reading too");
        let node = self.by_inode[&inode(file)];
        if let Node::File { now, .. } = &mut self.nodes[node] {
            *now = bytes;
        }
    }

    fn export(&self, node: usize, coin: &mut Coin, to: &Path) {
        match &self.nodes[node] {
            Node::File { now, synced } => std::fs::write(to, coin.content(now, synced)).expect("room"),
            Node::Link(text) => symlink(text, to).expect("room"),
            Node::Directory { now, synced } => {
                std::fs::create_dir_all(to).expect("room");
                for (name, below) in coin.entries(now, synced) {
                    self.export(below, coin, &to.join(name));
                }
            }
        }
    }
}

/// Decides what of the unsynced is kept.
struct Coin(Option<u64>);

impl Coin {
    fn new(cut: Cut) -> Self {
        match cut {
            Cut::Strict => Self(None),
            Cut::Random(seed) => Self(Some(seed)),
        }
    }

    /// SplitMix64.
    fn keep(&mut self) -> bool {
        let Some(state) = &mut self.0 else { return false };
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 63 == 1
    }

    fn entries(&mut self, now: &Entries, synced: &Entries) -> Entries {
        let names: std::collections::BTreeSet<&String> = now.keys().chain(synced.keys()).collect();
        let kept = names.into_iter().filter_map(|name| {
            let changed = now.get(name) != synced.get(name);
            let side = if changed && self.keep() { now } else { synced };
            side.get(name).map(|node| (name.clone(), *node))
        });
        kept.collect()
    }

    fn content(&mut self, now: &[u8], synced: &[u8]) -> Vec<u8> {
        let len = if self.keep() { now.len() } else { synced.len() };
        let mut bytes = synced.to_vec();
        bytes.resize(len, 0);
        for (at, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let start = at * SECTOR;
            if self.keep() && now.len() >= start + sector.len() {
                sector.copy_from_slice(&now[start..start + sector.len()]);
            }
        }
        bytes
    }
}
