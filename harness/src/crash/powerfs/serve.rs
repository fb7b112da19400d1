//! FUSE requests as calls of [`Disk`]. Each takes the disk's lock once, so calls happen one after the other.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::disk::{Body, Disk, Node};
use super::names::Ino;

/// The kernel may remember everything: all changes come through it.
const TTL: Duration = Duration::from_secs(3600);
const BLOCK: u32 = 4096;

/// The disk, and what happens at the moment of the cut.
pub(super) struct Shared {
    disk: Mutex<Disk>,
    /// Runs once, while the disk stands still.
    at_cut: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { disk: Mutex::default(), at_cut: Mutex::default() }
    }

    pub(super) fn at_cut(&self, act: impl FnOnce() + Send + 'static) {
        *self.at_cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    /// Calls the disk. If that cut the power, whoever waits for the cut is called before anything else can happen.
    pub(super) fn with<T>(&self, call: impl FnOnce(&mut Disk) -> T) -> T {
        let mut disk = self.lock();
        let result = call(&mut disk);
        if disk.is_frozen()
            && let Some(act) = self.at_cut.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            act();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name, number and kind of each entry of a directory.
type Listing = Vec<(OsString, Ino, FileType)>;

/// The server.
pub(super) struct Server {
    shared: Arc<Shared>,
    /// Listings under way: a directory is read as it was when it was opened.
    listings: Mutex<HashMap<u64, Listing>>,
    next_listing: AtomicU64,
    user: (u32, u32),
}

type Result<T> = std::result::Result<T, rustix::io::Errno>;

impl Server {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let user = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { shared, listings: Mutex::default(), next_listing: AtomicU64::new(1), user }
    }

    fn attributes(&self, ino: Ino, node: &Node) -> FileAttr {
        let size = node.body.len();
        let time = node.modified;
        FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: kind(&node.body),
            perm: node.mode,
            nlink: if matches!(node.body, Body::Directory) { 2 } else { 1 },
            uid: self.user.0,
            gid: self.user.1,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    /// A change that ends with the attributes of a node.
    fn node(&self, call: impl FnOnce(&mut Disk) -> Result<Ino>) -> Result<FileAttr> {
        self.shared.with(|disk| {
            let ino = call(disk)?;
            Ok(self.attributes(ino, disk.node(ino)?))
        })
    }

    fn create(&self, dir: INodeNo, name: &OsStr, body: Body, mode: u32) -> Result<FileAttr> {
        let mode = permissions(mode);
        self.node(|disk| disk.create(dir.0, name, body, mode, SystemTime::now()))
    }

    fn list(&self, dir: INodeNo) -> Result<Listing> {
        self.shared.with(|disk| {
            let own = [(".".into(), dir.0, FileType::Directory), ("..".into(), dir.0, FileType::Directory)];
            let entries = disk.list(dir.0)?.into_iter();
            let entries = entries.map(|(name, ino)| Ok((name, ino, kind(&disk.node(ino)?.body))));
            own.into_iter().map(Ok).chain(entries).collect()
        })
    }

    fn listings(&self) -> MutexGuard<'_, HashMap<u64, Listing>> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(body: &Body) -> FileType {
    match body {
        Body::File(_) => FileType::RegularFile,
        Body::Directory => FileType::Directory,
        Body::Link(_) => FileType::Symlink,
    }
}

fn permissions(mode: u32) -> u16 {
    u16::try_from(mode & 0o7777).unwrap_or(0o644)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}

fn entry(result: Result<FileAttr>, reply: ReplyEntry) {
    match result {
        Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        Err(error) => reply.error(errno(error)),
    }
}

fn attr(result: Result<FileAttr>, reply: ReplyAttr) {
    match result {
        Ok(attributes) => reply.attr(&TTL, &attributes),
        Err(error) => reply.error(errno(error)),
    }
}

fn empty(result: Result<()>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Filesystem for Server {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.node(|disk| disk.lookup(parent.0, name)), reply);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        attr(self.node(|_| Ok(ino.0)), reply);
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.node(|disk| {
            mode.map_or(Ok(()), |mode| disk.set_mode(ino.0, permissions(mode)))?;
            size.map_or(Ok(()), |size| disk.resize(ino.0, size, SystemTime::now()))?;
            Ok(ino.0)
        });
        attr(changed, reply);
    }

    fn readlink(&self, _req: &Request, ino: INodeNo, reply: ReplyData) {
        let text = self.shared.with(|disk| match &disk.node(ino.0)?.body {
            Body::Link(text) => Ok(text.clone()),
            Body::File(_) | Body::Directory => Err(rustix::io::Errno::INVAL),
        });
        match text {
            Ok(text) => reply.data(text.as_encoded_bytes()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mkdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        entry(self.create(parent, name, Body::Directory, mode & !umask), reply);
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.shared.with(|disk| disk.unlink(parent.0, name)), reply);
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.shared.with(|disk| disk.rmdir(parent.0, name)), reply);
    }

    fn symlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        entry(self.create(parent, name, Body::Link(target.into()), 0o777), reply);
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let keep = flags.contains(RenameFlags::RENAME_NOREPLACE);
        if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() {
            return reply.error(Errno::EINVAL);
        }
        empty(self.shared.with(|disk| disk.rename((parent.0, name), (newparent.0, newname), keep)), reply);
    }

    fn link(&self, _req: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let linked = self.node(|disk| disk.link(ino.0, newparent.0, newname).map(|()| ino.0));
        entry(linked, reply);
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.shared.with(|disk| disk.read(ino.0, offset, size).map(<[u8]>::to_vec)) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.shared.with(|disk| disk.write(ino.0, offset, data, SystemTime::now())) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn fsync(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        empty(self.shared.with(|disk| disk.sync_file(ino.0)), reply);
    }

    fn fsyncdir(&self, _req: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        empty(self.shared.with(|disk| disk.sync_dir(ino.0)), reply);
    }

    fn opendir(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.list(ino) {
            Ok(entries) => {
                let handle = self.next_listing.fetch_add(1, Ordering::Relaxed);
                self.listings().insert(handle, entries);
                reply.opened(FileHandle(handle), FopenFlags::empty());
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn readdir(&self, _req: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        // A program that rewinds wants to see what is there now.
        if offset == 0 {
            match self.list(ino) {
                Ok(entries) => _ = self.listings().insert(fh.0, entries),
                Err(error) => return reply.error(errno(error)),
            }
        }
        let listings = self.listings();
        let entries = listings.get(&fh.0).into_iter().flatten();
        for (next, (name, ino, kind)) in (1..).zip(entries).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(INodeNo(*ino), next, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _req: &Request, _ino: INodeNo, fh: FileHandle, _flags: OpenFlags, reply: ReplyEmpty) {
        self.listings().remove(&fh.0);
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        // As large as a file may be: engines that look for space find some.
        const BLOCKS: u64 = 1 << 24;
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, 1 << 24, 1 << 24, BLOCK, 255, BLOCK);
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.create(parent, name, Body::file(), mode & !umask) {
            Ok(attributes) => reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }
}
