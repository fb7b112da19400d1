//! A store's directory: who owns it, how it is laid out, what it lies on.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::fs::{FlockOperation, FsWord, OFlags};
use rustix::io::Errno;
use slotbench_core::store::StoreError;

use super::disk::{Content, Disk, STAGING};
use super::journal::JOURNAL;
use super::layout::{Layout, NUMBER_FANOUT};
use super::unsynced::MAX_HELD;
use crate::Options;

const ENGINE: &str = "fs";
/// Bytes of journal after which a checkpoint is due.
pub(super) const CHECKPOINT_BYTES: u64 = 8 << 20;
/// Locked while the store is open.
const LOCK: &str = "LOCK";
/// Tells the layout.
const FORMAT: &str = "FORMAT";
/// First line of the format file.
const FORMAT_LINE: &str = "slotbench fs 2";
/// The directory that holds everything stored.
pub(super) const TREE: &str = "root.d";
/// There while entries may never have been synced, because their tier did not ask for it.
pub(super) const UNSYNCED: &str = "UNSYNCED";

/// The settings of an open store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) layout: Layout,
    /// Operations after which a checkpoint is due.
    pub(super) checkpoint_ops: usize,
}

const CONTENT_FANOUT: &str = "content_fanout";
const CHECKPOINT_OPS: &str = "checkpoint_ops";
const DEFAULT_FANOUT: u16 = 64;
const DEFAULT_CHECKPOINT_OPS: usize = 512;

/// Takes the directory for this handle; the lock goes with the file returned.
pub(super) fn lock(disk: &Disk, path: &Path) -> Result<std::fs::File, StoreError> {
    let ours = |name: &str| matches!(name, LOCK | FORMAT | TREE | STAGING | JOURNAL | UNSYNCED);
    crate::shared::medium::expect_only(path, ENGINE, ours)?;
    let file = disk.open(LOCK, OFlags::RDWR | OFlags::CREATE)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StoreError::Locked { path: path.display().to_string() }),
        Err(error) => Err(StoreError::io("flock", &path.join(LOCK))(error.into())),
    }
}

/// Reads the settings, and makes of an empty directory a store.
pub(super) fn prepare(disk: &Disk, path: &Path, options: &Options) -> Result<Settings, StoreError> {
    options.known(ENGINE, &[CONTENT_FANOUT, CHECKPOINT_OPS])?;
    let checkpoint_ops = checkpoint_ops(options)?;
    refuse_case_folding(disk, path)?;
    disk.make_dir(STAGING)?;
    clear_staging(disk)?;
    let asked = asked_fanout(options)?;
    let layout = match disk.read(FORMAT)? {
        Some(Content::File(text)) => stored_layout(&text, asked)?,
        Some(Content::Link(_)) => return Err(corrupt("is a symbolic link")),
        None => create(disk, asked)?,
    };
    disk.make_dir(TREE)?;
    disk.make_file(JOURNAL)?;
    // Every time: the process that made them may have died before it came to this.
    disk.sync_dir("")?;
    disk.sync_dir("..")?;
    Ok(Settings { layout, checkpoint_ops })
}

impl Settings {
    /// Everything in force, for reports.
    pub(super) fn describe(self) -> BTreeMap<String, String> {
        let options = [
            (CONTENT_FANOUT, self.layout.content_fanout().to_string()),
            (CHECKPOINT_OPS, self.checkpoint_ops.to_string()),
            ("checkpoint_bytes", CHECKPOINT_BYTES.to_string()),
            ("checkpoint_values", MAX_HELD.to_string()),
            ("number_fanout", NUMBER_FANOUT.to_string()),
            ("atomicity", "write-ahead journal".to_owned()),
        ];
        BTreeMap::from(options.map(|(name, value)| (name.to_owned(), value)))
    }
}

fn checkpoint_ops(options: &Options) -> Result<usize, StoreError> {
    match options.get(ENGINE, CHECKPOINT_OPS, DEFAULT_CHECKPOINT_OPS)? {
        0 => Err(refused(format!("{CHECKPOINT_OPS} = 0: a checkpoint needs something to write"))),
        ops => Ok(ops),
    }
}

/// The fan-out the caller insists on, if any.
fn asked_fanout(options: &Options) -> Result<Option<Layout>, StoreError> {
    if !options.iter().any(|(name, _)| name == CONTENT_FANOUT) {
        return Ok(None);
    }
    let fanout = options.get(ENGINE, CONTENT_FANOUT, DEFAULT_FANOUT)?;
    let most = Layout::MAX_FANOUT;
    let layout = Layout::new(fanout);
    layout.map(Some).ok_or_else(|| refused(format!("{CONTENT_FANOUT} = {fanout} is not a power of two up to {most}")))
}

fn refused(reason: String) -> StoreError {
    StoreError::engine(ENGINE, "options")(reason)
}

fn corrupt(reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { path: FORMAT.to_owned(), reason: reason.into() }
}

/// Two names that differ in case only would be one file.
fn refuse_case_folding(disk: &Disk, path: &Path) -> Result<(), StoreError> {
    if disk.exists(&LOCK.to_ascii_lowercase())? {
        let reason = format!("{} folds upper and lower case in file names", path.display());
        return Err(StoreError::engine(ENGINE, "open")(reason));
    }
    Ok(())
}

/// Drops what a crash left half written.
fn clear_staging(disk: &Disk) -> Result<(), StoreError> {
    let left = disk.list(STAGING)?;
    left.iter().filter_map(|listed| listed.name.as_ref()).try_for_each(|name| disk.remove(&format!("{STAGING}/{name}")).map(drop))
}

/// Writes the format of a new store.
fn create(disk: &Disk, asked: Option<Layout>) -> Result<Layout, StoreError> {
    if !disk.list(TREE)?.is_empty() {
        return Err(corrupt(format!("is missing, although there is a {TREE}")));
    }
    let layout = asked.or_else(|| Layout::new(DEFAULT_FANOUT)).ok_or_else(|| corrupt("has no layout"))?;
    let text = format!("{FORMAT_LINE}\n{CONTENT_FANOUT} {}\n", layout.content_fanout());
    let (staged, file) = disk.stage(text.as_bytes())?;
    disk.sync_file(&file, FORMAT)?;
    disk.publish(&staged, FORMAT)?;
    Ok(layout)
}

fn stored_layout(text: &[u8], asked: Option<Layout>) -> Result<Layout, StoreError> {
    let text = String::from_utf8_lossy(text);
    let fields = text.strip_prefix(FORMAT_LINE).ok_or_else(|| corrupt(format!("does not start with '{FORMAT_LINE}'")))?;
    let fanout = fields.trim().strip_prefix(CONTENT_FANOUT).and_then(|number| number.trim().parse().ok());
    let stored = fanout.and_then(Layout::new).ok_or_else(|| corrupt(format!("has no valid {CONTENT_FANOUT}")))?;
    match asked.filter(|asked| *asked != stored) {
        None => Ok(stored),
        Some(asked) => {
            let (asked, stored) = (asked.content_fanout(), stored.content_fanout());
            Err(refused(format!("{CONTENT_FANOUT} = {asked}, but this store was made with {stored}")))
        }
    }
}

/// The file system a directory lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub(super) name: String,
    /// Whether it keeps its files in memory only.
    pub(super) volatile: bool,
}

/// Magic numbers of statfs(2).
const FILE_SYSTEMS: &[(FsWord, &str)] = &[
    (0xEF53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683E, "btrfs"),
    (0xF2F5_2010, "f2fs"),
    (0x2FC1_2FC1, "zfs"),
    (0xCA45_1A4E, "bcachefs"),
    (0x794C_7630, "overlayfs"),
    (0x6573_5546, "fuse"),
    (0x6969, "nfs"),
    (TMPFS, "tmpfs"),
    (RAMFS, "ramfs"),
];
pub(super) const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58F6;

/// What the store's directory lies on.
pub(super) fn file_system(disk: &Disk) -> Result<FileSystem, StoreError> {
    let magic = disk.magic()?;
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    let name = known.map_or_else(|| format!("file system {magic:#x}"), |(_, name)| (*name).to_owned());
    Ok(FileSystem { name, volatile: magic == TMPFS || magic == RAMFS })
}
