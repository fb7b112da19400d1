//! redb by its own interface.

use std::path::Path;

use ::redb::{Database, Durability as Commit};
use slotbench_core::Durability;
use slotbench_core::store::StoreError;

use super::{Pair, Writer};
use crate::Options;
use crate::redb::{ENTRIES, FILE, Settings};

const NAME: &str = "redb";

pub(super) struct Redb {
    db: Database,
    settings: Settings,
}

impl Redb {
    pub(super) fn open(dir: &Path) -> Result<Box<dyn Writer>, StoreError> {
        let settings = Settings::read(&Options::default())?;
        let db = Database::builder().set_cache_size(settings.cache_bytes).create(dir.join(FILE));
        Ok(Box::new(Self { db: db.map_err(StoreError::engine(NAME, "create"))?, settings }))
    }
}

impl Writer for Redb {
    fn write(&self, pairs: &[Pair], tier: Durability) -> Result<(), StoreError> {
        let mut transaction = self.db.begin_write().map_err(StoreError::engine(NAME, "begin write"))?;
        let level = if tier == Durability::Memory { Commit::None } else { Commit::Immediate };
        transaction.set_durability(level).map_err(StoreError::engine(NAME, "set durability"))?;
        transaction.set_two_phase_commit(self.settings.two_phase);
        transaction.set_quick_repair(self.settings.quick_repair);
        {
            let mut table = transaction.open_table(ENTRIES).map_err(StoreError::engine(NAME, "open table"))?;
            for pair in pairs {
                table.insert(&pair.key[..], &pair.value[..]).map_err(StoreError::engine(NAME, "insert"))?;
            }
        }
        transaction.commit().map_err(StoreError::engine(NAME, "commit"))
    }
}
