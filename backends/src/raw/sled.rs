//! sled by its own interface.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ::sled::{Batch, Db};
use slotbench_core::Durability;
use slotbench_core::store::StoreError;

use super::{Pair, Writer};
use crate::Options;
use crate::sled::Settings;

const NAME: &str = "sled";

pub(super) struct Sled {
    db: Db,
    log: File,
    path: PathBuf,
    /// Several threads take turns, as they do in our store: sled 0.34.7 can stop for good when batches start before the ones
    /// before them are flushed.
    turn: Mutex<()>,
}

impl Sled {
    pub(super) fn open(dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        let settings = Settings::read(&Options::default())?;
        let db = settings.config(dir).open().map_err(StoreError::engine(NAME, "open"))?;
        let path = dir.join("db");
        let log = File::open(&path).map_err(StoreError::io("open", &path))?;
        Ok(Box::new(Self { db, log, path, turn: Mutex::default() }))
    }
}

impl Writer for Sled {
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for pair in pairs {
            batch.insert(&pair.key[..], &pair.value[..]);
        }
        {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            self.db.apply_batch(batch).map_err(StoreError::engine(NAME, "apply batch"))?;
            self.db.flush().map_err(StoreError::engine(NAME, "flush"))?;
        }
        if tier == Durability::Power {
            self.log.sync_data().map_err(StoreError::io("fdatasync", &self.path))?;
        }
        Ok(())
    }
}
