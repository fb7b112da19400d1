//! RocksDB by its own interface.

use std::path::Path;

use ::rocksdb::{DB, WriteBatch, WriteOptions};
use slotbench_core::Durability;
use slotbench_core::store::StoreError;

use super::{Pair, Writer};
use crate::Options;
use crate::rocksdb::settings::Settings;

const NAME: &str = "rocksdb";

pub(super) struct Rocksdb {
    db: DB,
    buffered: WriteOptions,
    synced: WriteOptions,
}

impl Rocksdb {
    pub(super) fn open(dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        let options = Settings::read(&Options::default())?.options();
        let db = DB::open(&options, dir).map_err(StoreError::engine(NAME, "open"))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Box::new(Self { db, buffered: WriteOptions::default(), synced }))
    }
}

impl Writer for Rocksdb {
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for pair in pairs {
            batch.put(&pair.key, &pair.value);
        }
        let options = if tier == Durability::Power { &self.synced } else { &self.buffered };
        self.db.write_opt(batch, options).map_err(StoreError::engine(NAME, "write"))?;
        if tier == Durability::Process {
            self.db.flush_wal(false).map_err(StoreError::engine(NAME, "flush WAL"))?;
        }
        Ok(())
    }
}
