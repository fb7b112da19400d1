//! RocksDB's options for a scheduler that mostly writes, on a machine with few cores.

use std::collections::BTreeMap;

use ::rocksdb::statistics::StatsLevel;
use ::rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LruCacheOptions};
use slotbench_core::store::StoreError;

use super::NAME;
use crate::Options;
use crate::shared::CACHE_BYTES;

/// What is buffered in memory before it becomes a table.
const MEMTABLE_BYTES: usize = 64 << 20;
/// How many may wait for their flush before writers do.
const MEMTABLES: i32 = 4;
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Background writes are handed to the disk in pieces, lest a foreground fdatasync waits for all of them.
const BYTES_PER_SYNC: u64 = 1 << 20;

/// A shard of the cache is at least as large, unless the cache is not: it must hold the filter of any table in one piece, and a
/// table of short links has millions of keys. With the 64 shards of 2 MiB that RocksDB makes of 128 MiB, a look-up could take
/// 97 us at ten million slots instead of 5 (`benches/growth`); partitioned filters cured that too, but cost smaller stores more.
const SHARD_BYTES: usize = 16 << 20;
/// As many as RocksDB makes at most by itself.
const MAX_SHARDS: usize = 64;

/// What a plan may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    cache_bytes: usize,
    memtable_bytes: usize,
    background_jobs: i32,
    lz4: bool,
    blob_min_bytes: u64,
}

impl Settings {
    pub(crate) fn read(options: &Options) -> Result<Self, StoreError> {
        options.known(NAME, &["cache_bytes", "memtable_bytes", "background_jobs", "lz4", "blob_min_bytes"])?;
        Ok(Self {
            cache_bytes: options.get(NAME, "cache_bytes", CACHE_BYTES)?,
            memtable_bytes: options.get(NAME, "memtable_bytes", MEMTABLE_BYTES)?,
            background_jobs: options.get(NAME, "background_jobs", 2)?,
            lz4: options.get(NAME, "lz4", true)?,
            blob_min_bytes: options.get(NAME, "blob_min_bytes", 0)?,
        })
    }

    pub(crate) fn options(&self) -> ::rocksdb::Options {
        let mut options = ::rocksdb::Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&self.tables());
        self.set_log(&mut options);
        self.set_writing(&mut options);
        self.set_blobs(&mut options);
        set_housekeeping(&mut options);
        options
    }

    fn tables(&self) -> BlockBasedOptions {
        let mut tables = BlockBasedOptions::default();
        tables.set_block_cache(&self.cache());
        tables.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
        // Counted against the cache: otherwise memory grows with what is stored.
        tables.set_cache_index_and_filter_blocks(true);
        tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
        tables
    }

    fn cache(&self) -> Cache {
        let mut cache = LruCacheOptions::default();
        cache.set_capacity(self.cache_bytes);
        cache.set_num_shard_bits(self.shard_bits());
        Cache::new_lru_cache_opts(&cache)
    }

    /// The binary logarithm of the number of the cache's shards.
    fn shard_bits(&self) -> i32 {
        (self.cache_bytes / SHARD_BYTES).clamp(1, MAX_SHARDS).ilog2().cast_signed()
    }

    fn set_log(&self, options: &mut ::rocksdb::Options) {
        options.set_manual_wal_flush(true);
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    }

    fn set_writing(&self, options: &mut ::rocksdb::Options) {
        options.set_write_buffer_size(self.memtable_bytes);
        options.set_max_write_buffer_number(MEMTABLES);
        options.set_max_background_jobs(self.background_jobs);
        options.set_bytes_per_sync(BYTES_PER_SYNC);
        options.set_compression_type(self.compression());
    }

    fn set_blobs(&self, options: &mut ::rocksdb::Options) {
        if self.blob_min_bytes > 0 {
            options.set_enable_blob_files(true);
            options.set_min_blob_size(self.blob_min_bytes);
            options.set_enable_blob_gc(true);
            options.set_blob_compression_type(self.compression());
        }
    }

    fn compression(&self) -> DBCompressionType {
        if self.lz4 { DBCompressionType::Lz4 } else { DBCompressionType::None }
    }

    pub(super) fn effective(&self) -> BTreeMap<String, String> {
        let options = [
            ("cache_bytes", self.cache_bytes.to_string()),
            ("cache_shards", (1 << self.shard_bits()).to_string()),
            ("memtable_bytes", self.memtable_bytes.to_string()),
            ("memtables", MEMTABLES.to_string()),
            ("background_jobs", self.background_jobs.to_string()),
            ("compression", if self.lz4 { "lz4" } else { "none" }.to_owned()),
            ("blob_min_bytes", self.blob_min_bytes.to_string()),
            ("bloom_bits_per_key", BLOOM_BITS_PER_KEY.to_string()),
            ("bytes_per_sync", BYTES_PER_SYNC.to_string()),
            ("wal", "on".to_owned()),
            ("wal_flush", "manual".to_owned()),
            ("wal_bytes_per_sync", "0".to_owned()),
            ("wal_recovery_mode", "point_in_time".to_owned()),
            ("wal_sync_call", "fdatasync".to_owned()),
            ("pipelined_write", "false".to_owned()),
            ("compaction_style", "level".to_owned()),
            ("column_families", "1".to_owned()),
            ("max_open_files", "-1".to_owned()),
            ("statistics", "tickers".to_owned()),
        ];
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What runs beside the work, and would blur a measurement.
fn set_housekeeping(options: &mut ::rocksdb::Options) {
    // Counters only: one add in a per-core slot, no clock is read.
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_keep_log_file_num(2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_of_the_cache_holds_a_filter_wherever_the_cache_does() {
        for (cache_bytes, shards) in
            [(0, 1), (1 << 20, 1), (47 << 20, 2), (CACHE_BYTES, 8), (1 << 30, 64), (1_usize << 40, 64)]
        {
            let options = Options::new(BTreeMap::from([("cache_bytes".to_owned(), cache_bytes.to_string())]));
            let settings = Settings::read(&options).expect("settings");
            assert_eq!(1 << settings.shard_bits(), shards, "{cache_bytes} bytes");
        }
    }
}
