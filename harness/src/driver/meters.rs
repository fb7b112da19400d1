//! What a pass used: readings before and after it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use slotbench_core::store::Store;

use crate::driver::sampler::Reading;
use crate::driver::usage::{Usage, peak_rss, reset_peak_rss};
use crate::model::Resources;

/// Bytes of a sector in the block layer's statistics, whatever the device's own.
const SECTOR: u64 = 512;

/// The meters of process, engine and device before a pass.
#[derive(Debug)]
pub struct Meters {
    usage: Usage,
    syncs: Option<u64>,
    device: Device,
    sectors: Option<u64>,
    /// Whether the process's peak counts from here on.
    peak_was_reset: bool,
    /// What of the resident set is none of the pass's.
    base: Option<u64>,
}

impl Meters {
    /// Reads everything, for a store in `dir`. `base` are the resident bytes that are none of the pass's, where they are
    /// known.
    #[must_use]
    pub fn read(store: &dyn Store, dir: &Path, base: Option<u64>) -> Self {
        let device = Device::of(dir);
        Self {
            sectors: device.sectors_written(),
            device,
            peak_was_reset: reset_peak_rss(),
            base,
            syncs: store.counters().syncs,
            usage: Usage::now(),
        }
    }

    /// What was used since. `readings` are those taken meanwhile.
    #[must_use]
    pub fn since(&self, store: &dyn Store, readings: impl FnOnce() -> Vec<Reading>) -> (Resources, Vec<Reading>) {
        let usage = Usage::now();
        let sectors = self.device.sectors_written();
        let syncs = store.counters().syncs;
        let exact = peak_rss().filter(|_| self.peak_was_reset);
        let readings = readings();
        let sampled = || readings.iter().filter_map(|reading| reading.rss_bytes).max();
        let peak = exact.or_else(sampled);
        let resources = Resources {
            cpu_ns: u64::try_from(usage.cpu.saturating_sub(self.usage.cpu).as_nanos()).ok(),
            foreign_cpu_ns: usage.foreign_cpu_since(&self.usage).and_then(|time| u64::try_from(time.as_nanos()).ok()),
            peak_rss_bytes: peak,
            peak_above_base_bytes: difference(peak, self.base),
            peak_rss_is_sampled: exact.is_none(),
            bytes_written: difference(usage.bytes_written, self.usage.bytes_written),
            device_bytes_written: difference(sectors, self.sectors).map(|sectors| sectors * SECTOR),
            syncs: difference(syncs, self.syncs),
            ..Resources::default()
        };
        (resources, readings)
    }
}

fn difference(after: Option<u64>, before: Option<u64>) -> Option<u64> {
    after.zip(before).map(|(after, before)| after.saturating_sub(before))
}

/// The statistics of the block device below a directory.
#[derive(Debug)]
struct Device(Option<PathBuf>);

impl Device {
    /// File systems without a block device of their own, such as tmpfs, have no statistics.
    fn of(dir: &Path) -> Self {
        let number = std::fs::metadata(dir).ok().map(|metadata| metadata.dev());
        let path = number.map(|dev| {
            PathBuf::from(format!("/sys/dev/block/{}:{}/stat", rustix::fs::major(dev), rustix::fs::minor(dev)))
        });
        Self(path.filter(|path| path.exists()))
    }

    fn sectors_written(&self) -> Option<u64> {
        sectors_written(&std::fs::read_to_string(self.0.as_ref()?).ok()?)
    }
}

/// The seventh figure, by the kernel's `Documentation/block/stat.rst`.
fn sectors_written(stat: &str) -> Option<u64> {
    stat.split_whitespace().nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seventh_figure_counts_written_sectors() {
        let stat = "  11398    2701  846554    5337    27121    32456  1834288    54932        0    31764    66420\n";
        assert_eq!(sectors_written(stat), Some(1_834_288));
        assert_eq!((sectors_written(""), sectors_written("1 2 3 4 5 6 x")), (None, None));
        assert_eq!(Device::of(Path::new("/nonexistent")).sectors_written(), None);
        assert_eq!(Device::of(Path::new("/proc")).sectors_written(), None);
    }
}
