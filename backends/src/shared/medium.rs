//! What lies beneath a data directory: whether it can outlive a power cut, and whose files are in it.

use std::fs::File;
use std::path::Path;

use slotbench_core::Durability;
use slotbench_core::store::{StoreError, Tier};

// From <linux/magic.h>.
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58F6;

/// The file system of a data directory, as far as durability is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Medium {
    volatile: bool,
}

impl Medium {
    /// Looks at the file system that holds `dir`.
    ///
    /// # Errors
    /// [`StoreError::Io`] where there is no such directory.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let stat = rustix::fs::statfs(dir).map_err(|errno| StoreError::io("statfs", dir)(errno.into()))?;
        // The width and the sign of the field differ between architectures; the magic numbers have 32 bits.
        let kind = (stat.f_type as u64) & u64::from(u32::MAX);
        Ok(Self { volatile: matches!(kind, TMPFS | RAMFS) })
    }

    /// Refuses tier `power` where the directory lives in memory: fsync succeeds there and keeps nothing.
    ///
    /// # Errors
    /// [`StoreError::Tier`].
    pub fn require(self, engine: &'static str, asked: Durability) -> Result<(), StoreError> {
        if self.volatile && asked == Durability::Power {
            return Err(StoreError::Tier { engine, asked, reason: self.reason() });
        }
        Ok(())
    }

    /// An engine's tiers as this medium limits them.
    pub fn limit(self, tiers: [Tier; 3]) -> [Tier; 3] {
        if !self.volatile {
            return tiers;
        }
        tiers.map(|tier| match tier.asked {
            Durability::Power => Tier { effective: None, how: self.reason(), ..tier },
            _ => Tier { effective: tier.effective.map(|it| it.min(Durability::Process)), ..tier },
        })
    }

    fn reason(self) -> String {
        "the data directory is on tmpfs, which lives in memory".to_owned()
    }
}

/// Makes the entries of `dir`, and `dir` in its parent, survive a power cut. Engines sync the files they create but
/// not always the directory that names them.
///
/// # Errors
/// [`StoreError::Io`].
pub fn sync_created(dir: &Path) -> Result<(), StoreError> {
    sync_dir(dir)?;
    match dir.canonicalize().map_err(StoreError::io("resolve", dir))?.parent() {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// fsync of a directory.
///
/// # Errors
/// [`StoreError::Io`].
pub fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let open = File::open(dir).map_err(StoreError::io("open directory", dir))?;
    open.sync_all().map_err(StoreError::io("fsync directory", dir))
}

/// Refuses a directory with anything in it that `owns` does not recognise: it belongs to someone else, and engines
/// would add their files to it, or take it for damage.
///
/// # Errors
/// [`StoreError::Corrupt`] naming the first such entry.
pub fn expect_only(dir: &Path, engine: &'static str, owns: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    for entry in dir.read_dir().map_err(StoreError::io("read directory", dir))? {
        let name = entry.map_err(StoreError::io("read directory", dir))?.file_name();
        let name = name.to_string_lossy();
        // A file system's own directory: the data directory may be the root of a mount.
        if name != "lost+found" && !owns(&name) {
            let reason = format!("it holds '{name}', which is not a file of {engine}");
            return Err(StoreError::Corrupt { path: dir.display().to_string(), reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers() -> [Tier; 3] {
        Durability::ALL.map(|asked| Tier { asked, effective: Some(Durability::Power), how: "fsync".to_owned() })
    }

    #[test]
    fn memory_file_systems_refuse_power_and_nothing_else() {
        let medium = Medium { volatile: true };
        medium.require("x", Durability::Process).expect("tmpfs survives SIGKILL");
        assert!(matches!(medium.require("x", Durability::Power), Err(StoreError::Tier { .. })));
        let effective = medium.limit(tiers()).map(|tier| tier.effective);
        assert_eq!(effective, [Some(Durability::Process), Some(Durability::Process), None]);
    }

    #[test]
    fn a_disk_changes_nothing() {
        let medium = Medium { volatile: false };
        medium.require("x", Durability::Power).expect("a disk can");
        assert_eq!(medium.limit(tiers()), tiers());
    }

    #[test]
    fn tmpfs_is_recognised() {
        let shm = Path::new("/dev/shm");
        if shm.is_dir() {
            assert_eq!(Medium::of(shm).expect("statfs"), Medium { volatile: true });
        }
        assert!(matches!(Medium::of(Path::new("/no/such/directory")), Err(StoreError::Io { op: "statfs", .. })));
    }

    #[test]
    fn strangers_are_named() {
        let dir = tempfile::tempdir().expect("temporary directory");
        expect_only(dir.path(), "x", |_| false).expect("empty");
        std::fs::write(dir.path().join("diary.txt"), "mine").expect("writable");
        expect_only(dir.path(), "x", |name| name == "diary.txt").expect("owned");
        let refused = expect_only(dir.path(), "x", |_| false).expect_err("foreign").to_string();
        assert!(refused.contains("diary.txt"), "{refused}");
        sync_created(dir.path()).expect("a real directory");
    }
}
