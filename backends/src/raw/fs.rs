//! Files without a store: the two ends of what a file system can be asked for.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use slotbench_core::Durability;
use slotbench_core::store::StoreError;

use super::{Pair, Writer};

/// Everything to the end of one file. No message can be found again without reading all of it.
pub(super) struct Append {
    path: PathBuf,
    file: File,
}

impl Append {
    pub(super) fn open(dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        let path = dir.join("log");
        // In append mode the kernel places each write behind the one before, whoever makes it.
        let file =
            OpenOptions::new().append(true).create_new(true).open(&path).map_err(StoreError::io("open", &path))?;
        Ok(Box::new(Self { path, file }))
    }
}

impl Writer for Append {
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError> {
        let size = pairs.iter().map(|pair| pair.key.len() + pair.value.len()).sum();
        let mut bytes = Vec::with_capacity(size);
        for pair in pairs {
            bytes.extend_from_slice(&pair.key);
            bytes.extend_from_slice(&pair.value);
        }
        (&self.file).write_all(&bytes).map_err(StoreError::io("write", &self.path))?;
        if tier == Durability::Power {
            self.file.sync_data().map_err(StoreError::io("fdatasync", &self.path))?;
        }
        Ok(())
    }
}

/// A file for every value and a symbolic link for every link, in one directory. A batch is not atomic.
pub(super) struct Files {
    dir: PathBuf,
    handle: File,
}

impl Files {
    pub(super) fn open(dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        let handle = File::open(dir).map_err(StoreError::io("open directory", dir))?;
        Ok(Box::new(Self { dir: dir.to_owned(), handle }))
    }

    fn file(&self, pair: &Pair, lasting: bool) -> Result<(), StoreError> {
        let (place, new) = (self.dir.join(&pair.name), self.dir.join(format!("{}.new", pair.name)));
        let mut file = File::create_new(&new).map_err(StoreError::io("create", &new))?;
        file.write_all(&pair.value).map_err(StoreError::io("write", &new))?;
        if lasting {
            file.sync_all().map_err(StoreError::io("fsync", &new))?;
        }
        std::fs::rename(&new, &place).map_err(StoreError::io("rename", &place))
    }

    fn link(&self, pair: &Pair, target: &str) -> Result<(), StoreError> {
        let place = self.dir.join(&pair.name);
        symlink(target, &place).map_err(StoreError::io("link", &place))
    }
}

impl Writer for Files {
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError> {
        let lasting = tier == Durability::Power;
        for pair in pairs {
            match &pair.target {
                Some(target) => self.link(pair, target)?,
                None => self.file(pair, lasting)?,
            }
        }
        if lasting { self.handle.sync_all().map_err(StoreError::io("fsync directory", &self.dir)) } else { Ok(()) }
    }
}
