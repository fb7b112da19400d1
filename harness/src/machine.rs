//! Reads what a machine is, without privileges and without running anything.

mod mounts;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::model::{Machine, Storage};

/// Digits of a fingerprint.
const FINGERPRINT_LEN: usize = 12;

/// This machine, with stores below `data_dir`. What cannot be read is `unknown`, or `None`.
#[must_use]
pub fn probe(data_dir: &Path) -> Machine {
    Probe { root: PathBuf::from("/") }.machine(data_dir, kernel())
}

/// Whether what is stored on this file system is gone after a power cut, whatever is synced.
#[must_use]
pub fn is_volatile(storage: &Storage) -> bool {
    matches!(storage.filesystem.as_str(), "tmpfs" | "ramfs")
}

fn kernel() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// Where `/proc` and `/sys` are: elsewhere in tests.
struct Probe {
    root: PathBuf,
}

impl Probe {
    fn machine(&self, data_dir: &Path, kernel: String) -> Machine {
        let mut machine = Machine {
            fingerprint: String::new(),
            cpu: self.cpu(),
            cores: cores(),
            memory_bytes: self.memory(),
            governor: self.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            huge_pages: self.line("sys/kernel/mm/transparent_hugepage/enabled").and_then(|line| chosen(&line)),
            kernel,
            storage: self.storage(data_dir),
        };
        machine.fingerprint = fingerprint(&machine);
        machine
    }

    fn cpu(&self) -> String {
        let info = self.read("proc/cpuinfo").unwrap_or_default();
        field(&info, "model name").or_else(|| field(&info, "Model")).unwrap_or(std::env::consts::ARCH).to_owned()
    }

    fn memory(&self) -> u64 {
        let info = self.read("proc/meminfo").unwrap_or_default();
        let kib = field(&info, "MemTotal").and_then(|value| value.strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    }

    fn storage(&self, data_dir: &Path) -> Storage {
        let table = self.read("proc/self/mountinfo").unwrap_or_default();
        let Some(mount) = mounts::find(&table, data_dir) else {
            let unknown = || "unknown".to_owned();
            return Storage {
                filesystem: unknown(),
                mount_options: unknown(),
                device: unknown(),
                model: None,
                write_cache: None,
            };
        };
        let device = format!("sys/dev/block/{}", mount.device_number);
        Storage {
            model: self.either(&device, "device/model"),
            write_cache: self.either(&device, "queue/write_cache"),
            filesystem: mount.filesystem,
            mount_options: mount.options,
            device: mount.source,
        }
    }

    /// A property of a block device; a partition's are those of the disk it is on.
    fn either(&self, device: &str, property: &str) -> Option<String> {
        let dir = fs::canonicalize(self.root.join(device)).ok()?;
        let disk = dir.parent()?;
        [dir.as_path(), disk].iter().find_map(|dir| read_line(&dir.join(property)))
    }

    fn line(&self, path: &str) -> Option<String> {
        read_line(&self.root.join(path))
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }
}

fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|line| !line.is_empty())
}

/// The value of the first `name : value` line.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// Of a line such as `always [madvise] never`, the word that holds.
fn chosen(line: &str) -> Option<String> {
    line.split_whitespace().find_map(|word| Some(word.strip_prefix('[')?.strip_suffix(']')?.to_owned()))
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

fn fingerprint(machine: &Machine) -> String {
    let Machine { fingerprint: _, cpu, cores, memory_bytes, governor, huge_pages, kernel: _, storage } = machine;
    let Storage { filesystem, mount_options, device, model, write_cache } = storage;
    // Rounded: the kernel keeps a little more or less for itself from one boot to the next.
    let memory_gib = (memory_bytes + (1 << 29)) >> 30;
    let parts = (cpu, cores, memory_gib, governor, huge_pages);
    let below = (filesystem, mount_options, device, model, write_cache);
    let digest = Sha256::digest(format!("{parts:?} {below:?}"));
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chars().take(FINGERPRINT_LEN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(governor: &str) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("creates");
            fs::write(path, text).expect("writes");
        };
        put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\n\nprocessor\t: 1\nmodel name\t: Other\n");
        put("proc/meminfo", "MemTotal:       16303752 kB\nMemFree: 1 kB\n");
        put("proc/self/mountinfo", "27 1 259:2 / / rw,relatime - ext4 /dev/nvme0n1p2 rw,discard\n");
        put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor);
        put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        put("sys/devices/nvme0n1/queue/write_cache", "write back\n");
        put("sys/devices/nvme0n1/device/model", "Quick 990   \n");
        put("sys/devices/nvme0n1/nvme0n1p2/partition", "2\n");
        fs::create_dir_all(root.path().join("sys/dev/block")).expect("creates");
        let link = root.path().join("sys/dev/block/259:2");
        std::os::unix::fs::symlink("../../devices/nvme0n1/nvme0n1p2", link).expect("links");
        let machine = Probe { root: root.path().to_owned() }.machine(Path::new("/var/data"), "Linux 6".to_owned());
        (root, machine)
    }

    #[test]
    fn reads_a_known_machine() {
        let (_root, machine) = fixture("powersave\n");
        assert_eq!((machine.cpu.as_str(), machine.memory_bytes), ("Fast CPU @ 3GHz", 16_303_752 * 1024));
        assert_eq!(machine.governor.as_deref(), Some("powersave"));
        assert_eq!(machine.huge_pages.as_deref(), Some("madvise"));
        let Storage { filesystem, mount_options, device, model, write_cache } = machine.storage;
        assert_eq!((filesystem.as_str(), mount_options.as_str()), ("ext4", "rw,relatime,discard"));
        assert_eq!((device.as_str(), model.as_deref()), ("nvme0n1p2", Some("Quick 990")));
        assert_eq!(write_cache.as_deref(), Some("write back"));
    }

    #[test]
    fn the_fingerprint_follows_what_makes_results_comparable() {
        let (one, same, other) = (fixture("powersave").1, fixture("powersave").1, fixture("performance").1);
        assert_eq!(one.fingerprint, same.fingerprint);
        assert_ne!(one.fingerprint, other.fingerprint);
        let newer = Machine { kernel: "Linux 7".to_owned(), memory_bytes: one.memory_bytes + 4096, ..one.clone() };
        assert_eq!(fingerprint(&newer), one.fingerprint);
        let larger = Machine { huge_pages: Some("always".to_owned()), ..one.clone() };
        assert_ne!(fingerprint(&larger), one.fingerprint);
        assert!(one.fingerprint.len() == FINGERPRINT_LEN && one.fingerprint.chars().all(|c| c.is_ascii_hexdigit()));
    }

    #[test]
    fn a_machine_that_tells_nothing_is_no_error() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let machine = Probe { root: empty.path().to_owned() }.machine(Path::new("/"), "Linux".to_owned());
        assert_eq!((machine.memory_bytes, machine.storage.filesystem.as_str()), (0, "unknown"));
    }

    #[test]
    fn this_machine_has_a_file_system() {
        let here = std::env::current_dir().expect("a working directory");
        assert_ne!(probe(&here).storage.filesystem, "unknown");
    }
}
