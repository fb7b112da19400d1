//! The file system as a state machine: no mount, no clock, no thread.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::SystemTime;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustix::io::Errno;

use super::content::Content;
use super::image::Image;
use super::inject::{Call, Inject};
use super::names::{Ino, Names};
use super::survival::Survival;

/// The root directory.
pub(super) const ROOT: Ino = 1;
/// Longest file: content is kept in memory.
const MAX_LENGTH: usize = 1 << 30;

/// A file, directory or symbolic link.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) body: Body,
    /// Permission bits.
    pub(super) mode: u16,
    pub(super) modified: SystemTime,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Content),
    Directory,
    /// A link's text is made with it and never changes, so it lasts as long as its name does.
    Link(OsString),
}

impl Body {
    pub(super) fn file() -> Self {
        Self::File(Content::default())
    }

    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(content) => content.len() as u64,
            Self::Directory => 4096,
            Self::Link(text) => text.len() as u64,
        }
    }
}

/// The file system.
#[derive(Debug)]
pub struct Disk {
    nodes: BTreeMap<Ino, Node>,
    names: Names,
    next: Ino,
    /// Without power: every call fails, and nothing changes any more.
    frozen: bool,
    /// Calls that change or sync something, until the power fails by itself.
    fuse: Option<u32>,
    inject: Option<Inject>,
    injected: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let root = Node { body: Body::Directory, mode: 0o755, modified: SystemTime::UNIX_EPOCH };
        let mut names = Names::default();
        names.create(ROOT);
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self { nodes, names, next: ROOT + 1, frozen: false, fuse: None, inject: None, injected: false }
    }

    /// The power fails: from here on every call fails, and the state is what it is.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Whether the power has failed.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Makes the power fail at a call: that many more may change or sync something.
    pub fn freeze_after(&mut self, calls: u32) {
        self.fuse = Some(calls);
    }

    /// Makes calls fail.
    pub fn inject(&mut self, inject: Inject) {
        self.inject = Some(inject);
    }

    /// Whether a call has been made to fail.
    #[must_use]
    pub const fn has_injected(&self) -> bool {
        self.injected
    }

    /// Changes that are not synced.
    #[must_use]
    pub fn unsynced(&self) -> u64 {
        let files = self.nodes.values().map(|node| match &node.body {
            Body::File(content) => content.unsynced(),
            Body::Directory | Body::Link(_) => 0,
        });
        (files.sum::<usize>() + self.names.unsynced()) as u64
    }

    /// What is left after a power cut at this moment.
    #[must_use]
    pub fn image(&self, survival: Survival, seed: u64) -> Image {
        let mut rng = StdRng::seed_from_u64(seed);
        let tree = self.names.survivor(survival, &mut rng);
        Image::build(&tree, &mut |ino| {
            let node = self.nodes.get(&ino)?;
            Some(match &node.body {
                Body::File(content) => Image::File(content.survivor(survival, &mut rng)),
                Body::Link(text) => Image::Link(text.clone()),
                Body::Directory => Image::Directory(BTreeMap::new()),
            })
        })
    }

    pub(super) fn node(&self, ino: Ino) -> Result<&Node, Errno> {
        self.powered()?;
        self.nodes.get(&ino).ok_or(Errno::NOENT)
    }

    pub(super) fn lookup(&self, dir: Ino, name: &OsStr) -> Result<Ino, Errno> {
        self.powered()?;
        self.names.find(dir, name).ok_or(Errno::NOENT)
    }

    /// The entries of a directory.
    pub(super) fn list(&self, dir: Ino) -> Result<Vec<(OsString, Ino)>, Errno> {
        self.powered()?;
        let entries = self.names.list(dir).ok_or(Errno::NOTDIR)?;
        Ok(entries.iter().map(|(name, ino)| (name.clone(), *ino)).collect())
    }

    /// Creates a file, directory or link.
    pub(super) fn create(
        &mut self,
        dir: Ino,
        name: &OsStr,
        body: Body,
        mode: u16,
        now: SystemTime,
    ) -> Result<Ino, Errno> {
        self.step()?;
        self.vacant(dir, name)?;
        let ino = self.next;
        self.next += 1;
        if matches!(body, Body::Directory) {
            self.names.create(ino);
        }
        self.nodes.insert(ino, Node { body, mode, modified: now });
        self.names.enter(dir, name, ino);
        Ok(ino)
    }

    /// Gives a file another name.
    pub(super) fn link(&mut self, ino: Ino, dir: Ino, name: &OsStr) -> Result<(), Errno> {
        self.step()?;
        self.vacant(dir, name)?;
        self.content(ino)?;
        self.names.enter(dir, name, ino);
        Ok(())
    }

    pub(super) fn unlink(&mut self, dir: Ino, name: &OsStr) -> Result<(), Errno> {
        self.step()?;
        let ino = self.lookup(dir, name)?;
        if self.names.list(ino).is_some() {
            return Err(Errno::ISDIR);
        }
        self.names.remove(dir, name);
        Ok(())
    }

    pub(super) fn rmdir(&mut self, dir: Ino, name: &OsStr) -> Result<(), Errno> {
        self.step()?;
        let ino = self.lookup(dir, name)?;
        if !self.names.list(ino).ok_or(Errno::NOTDIR)?.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        self.names.remove(dir, name);
        Ok(())
    }

    /// Renames; what had the new name loses it, unless it is to be kept.
    pub(super) fn rename(&mut self, from: (Ino, &OsStr), to: (Ino, &OsStr), keep: bool) -> Result<(), Errno> {
        self.step()?;
        let ino = self.lookup(from.0, from.1)?;
        self.names.list(to.0).ok_or(Errno::NOTDIR)?;
        let moves_directory = self.names.list(ino).is_some();
        match self.names.find(to.0, to.1) {
            Some(_) if keep => return Err(Errno::EXIST),
            Some(same) if same == ino => return Ok(()),
            Some(old) => match (moves_directory, self.names.list(old)) {
                (true, None) => return Err(Errno::NOTDIR),
                (false, Some(_)) => return Err(Errno::ISDIR),
                (true, Some(entries)) if !entries.is_empty() => return Err(Errno::NOTEMPTY),
                _ => {}
            },
            None => {}
        }
        self.names.rename(from, to, ino);
        Ok(())
    }

    pub(super) fn read(&self, ino: Ino, offset: u64, size: u32) -> Result<&[u8], Errno> {
        match &self.node(ino)?.body {
            Body::File(content) => Ok(content.read(usize::try_from(offset).unwrap_or(usize::MAX), size as usize)),
            Body::Directory => Err(Errno::ISDIR),
            Body::Link(_) => Err(Errno::INVAL),
        }
    }

    pub(super) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8], now: SystemTime) -> Result<(), Errno> {
        self.step()?;
        self.meet(Call::Write)?;
        let offset = length(offset)?;
        length((offset + bytes.len()) as u64)?;
        self.content(ino)?.write(offset, bytes);
        self.touch(ino, now);
        Ok(())
    }

    pub(super) fn resize(&mut self, ino: Ino, size: u64, now: SystemTime) -> Result<(), Errno> {
        self.step()?;
        self.meet(Call::Write)?;
        let size = length(size)?;
        self.content(ino)?.resize(size);
        self.touch(ino, now);
        Ok(())
    }

    pub(super) fn set_mode(&mut self, ino: Ino, mode: u16) -> Result<(), Errno> {
        self.powered()?;
        self.nodes.get_mut(&ino).ok_or(Errno::NOENT)?.mode = mode;
        Ok(())
    }

    /// fsync and fdatasync of a file: both must make its length durable too, without which its data cannot be read.
    pub(super) fn sync_file(&mut self, ino: Ino) -> Result<(), Errno> {
        self.step()?;
        let injected = self.meet(Call::Sync);
        let content = self.content(ino)?;
        match injected {
            Ok(()) => content.sync(),
            Err(_) => content.fail_sync(),
        }
        injected?;
        self.names.note_sync();
        Ok(())
    }

    /// fsync of a directory.
    pub(super) fn sync_dir(&mut self, dir: Ino) -> Result<(), Errno> {
        self.step()?;
        self.meet(Call::Sync)?;
        self.names.list(dir).ok_or(Errno::NOTDIR)?;
        self.names.sync(dir);
        Ok(())
    }

    fn content(&mut self, ino: Ino) -> Result<&mut Content, Errno> {
        match &mut self.nodes.get_mut(&ino).ok_or(Errno::NOENT)?.body {
            Body::File(content) => Ok(content),
            Body::Directory => Err(Errno::ISDIR),
            Body::Link(_) => Err(Errno::INVAL),
        }
    }

    fn meet(&mut self, call: Call) -> Result<(), Errno> {
        let fate = Inject::meet(&mut self.inject, call);
        self.injected |= fate.is_err();
        fate
    }

    fn touch(&mut self, ino: Ino, now: SystemTime) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.modified = now;
        }
    }

    fn vacant(&self, dir: Ino, name: &OsStr) -> Result<(), Errno> {
        match self.names.list(dir) {
            None => Err(Errno::NOTDIR),
            Some(entries) if entries.contains_key(name) => Err(Errno::EXIST),
            Some(_) => Ok(()),
        }
    }

    fn powered(&self) -> Result<(), Errno> {
        if self.frozen { Err(Errno::IO) } else { Ok(()) }
    }

    /// Passes a call that changes or syncs something, while there is power.
    fn step(&mut self) -> Result<(), Errno> {
        if let Some(left) = self.fuse.as_mut() {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.frozen = true,
            }
        }
        self.powered()
    }
}

fn length(bytes: u64) -> Result<usize, Errno> {
    usize::try_from(bytes).ok().filter(|length| *length <= MAX_LENGTH).ok_or(Errno::FBIG)
}
