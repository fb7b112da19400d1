//! The file system at a place where programs find it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption};
use rustix::mount::{UnmountFlags, unmount};

use super::disk::Disk;
use super::serve::{Server, Shared};

/// A mounted [`Disk`]. Dropping it takes it away, whoever has files open.
///
/// No program that keeps files of it open may run in this process: closing them waits for the server, which is here.
pub struct Mounted {
    path: PathBuf,
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts an empty file system at an empty directory.
    ///
    /// # Errors
    /// What the system reports: no `/dev/fuse`, or not allowed to mount.
    pub fn new(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let shared = Arc::new(Shared::new());
        let mut config = Config::default();
        let name = MountOption::FSName("slotbench-powerfs".to_owned());
        config.mount_options = vec![name, MountOption::NoAtime, MountOption::NoDev, MountOption::NoSuid];
        let session = fuser::spawn_mount(Server::new(Arc::clone(&shared)), &path, &config)?;
        Ok(Self { path, shared, session: Some(session) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the disk, or changes it.
    pub fn disk<T>(&self, call: impl FnOnce(&mut Disk) -> T) -> T {
        self.shared.with(call)
    }

    /// What to do at the moment of the cut, while the disk stands still.
    pub fn at_cut(&self, act: impl FnOnce() + Send + 'static) {
        self.shared.at_cut(act);
    }

    /// Cuts the power, unless it has failed already, and takes the mount away.
    pub fn cut(&mut self) {
        self.disk(Disk::freeze);
        self.unmount();
    }

    fn unmount(&mut self) {
        let Some(session) = self.session.take() else { return };
        // By force first: it ends calls that wait for an answer. Then away from the tree, whoever has it open. Either
        // fails where the other has done its work.
        let _ = unmount(&self.path, UnmountFlags::FORCE);
        let _ = unmount(&self.path, UnmountFlags::DETACH);
        // The server ends with the connection; its last word is of no interest.
        let _ = session.join();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.unmount();
    }
}
