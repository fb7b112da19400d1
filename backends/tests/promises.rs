//! What every engine that keeps data promises beyond the conformance suite: what has left the process at each tier,
//! who may open a directory, and how a store stops after a failed write.
//!
//! A copy of the files of an open store is what the operating system has of it: what SIGKILL would leave.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slotbench_backends::{KINDS, Kind, Options};
use slotbench_core::store::{Batch, Durability, Entry, Store, StoreError};
use slotbench_core::{Durability as Tier, Key};
use tempfile::TempDir;

/// Names the store another process is to open, as `<kind> <task> <directory>`.
const TASK: &str = "SLOTBENCH_TEST_TASK";

fn persistent() -> impl Iterator<Item = Kind> {
    KINDS.iter().copied().filter(Kind::is_persistent)
}

fn key(path: &str) -> Key {
    Key::parse(path).unwrap()
}

fn open(kind: Kind, dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    kind.open(dir, &Options::default())
}

/// Every byte differs from its neighbours, so that no file system or compressor stores it for free.
fn noise(length: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn record(number: u64) -> Batch {
    // Every fourth is beyond the 128 KiB from which sled keeps a page in a file of its own.
    let length = if number % 4 == 3 { 300_000 } else { 1_000 };
    let content = key(&format!("data/{number}"));
    let mut batch = Batch::new();
    batch.put(content.clone(), noise(length, number)).link(key(&format!("slots/p/{number}")), content);
    batch
}

fn assert_holds(store: &dyn Store, number: u64, context: &str) {
    let expected = record(number);
    let link = store.get(&key(&format!("slots/p/{number}"))).unwrap();
    assert_eq!(link, Some(Entry::Link(key(&format!("data/{number}")))), "{context}: link {number}");
    let Some(Entry::Value(value)) = store.get(&key(&format!("data/{number}"))).unwrap() else {
        panic!("{context}: record {number} is gone")
    };
    assert_eq!(value, noise(value.len(), number), "{context}: record {number}");
    assert!(expected.size() > value.len());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&source, &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(source.read_link().unwrap(), target).unwrap();
        } else {
            fs::copy(source, target).unwrap();
        }
    }
}

/// The store as SIGKILL would leave it.
fn killed(kind: Kind, dir: &TempDir) -> (TempDir, Arc<dyn Store>) {
    let image = TempDir::new().unwrap();
    copy(dir.path(), image.path());
    let store = open(kind, image.path()).unwrap();
    (image, store)
}

/// Tiers that are to survive SIGKILL, as far as the temporary directory allows.
fn lasting(store: &dyn Store) -> Vec<Durability> {
    let tiers = store.describe().tiers;
    tiers.iter().filter(|tier| tier.effective >= Some(Tier::Process)).map(|tier| tier.asked).collect()
}

#[test]
fn what_is_acknowledged_at_process_or_power_has_left_the_process() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        let tiers = lasting(&*store);
        assert!(tiers.contains(&Tier::Process), "{kind}: on any file system");
        for (number, tier) in (0..).zip(tiers.iter().cycle().take(8)) {
            store.apply(&record(number), *tier).unwrap();
            let (_image, survivor) = killed(kind, &dir);
            (0..=number).for_each(|number| assert_holds(&*survivor, number, &format!("{kind} at {tier}")));
        }
    }
}

#[test]
fn a_stronger_batch_carries_the_weaker_ones_before_it() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        (0..4).for_each(|number| store.apply(&record(number), Tier::Memory).unwrap());
        store.apply(&record(4), Tier::Process).unwrap();
        let (_image, survivor) = killed(kind, &dir);
        (0..5).for_each(|number| assert_holds(&*survivor, number, kind.name()));
    }
}

#[test]
fn sync_and_an_orderly_close_keep_batches_of_tier_memory() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        store.apply(&record(0), Tier::Memory).unwrap();
        store.sync().unwrap();
        let (_image, survivor) = killed(kind, &dir);
        assert_holds(&*survivor, 0, &format!("{kind} after sync"));
        store.apply(&record(1), Tier::Memory).unwrap();
        drop(store);
        let reopened = open(kind, dir.path()).unwrap();
        (0..2).for_each(|number| assert_holds(&*reopened, number, &format!("{kind} after close")));
    }
}

#[test]
fn concurrent_batches_are_all_covered_by_their_own_acknowledgement() {
    const THREADS: u64 = 4;
    const EACH: u64 = 6;
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        let strongest = lasting(&*store).pop().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    (0..EACH).for_each(|n| store.apply(&record(thread * EACH + n), strongest).unwrap());
                });
            }
        });
        let (_image, survivor) = killed(kind, &dir);
        (0..THREADS * EACH).for_each(|number| assert_holds(&*survivor, number, kind.name()));
        let counters = store.counters();
        assert_eq!((counters.applies, counters.ops), (THREADS * EACH, 2 * THREADS * EACH), "{kind}");
    }
}

#[test]
fn power_syncs_and_memory_does_not() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        let tiers = store.describe().tiers;
        let Some(before) = store.counters().syncs.filter(|_| tiers[2].effective.is_some()) else { continue };
        (0..3).for_each(|number| store.apply(&record(number), Tier::Power).unwrap());
        let after = store.counters().syncs.unwrap();
        assert!(after >= before + 3, "{kind}: {before} then {after} syncs");
        if tiers[0].effective == Some(Tier::Memory) {
            (0..20).for_each(|number| store.apply(&record(4 * number), Tier::Memory).unwrap());
            let more = store.counters().syncs.unwrap() - after;
            assert!(more <= 1, "{kind}: {more} syncs, where only a growing file may need one");
        }
    }
}

#[test]
fn power_is_refused_in_memory_file_systems() {
    let Ok(dir) = TempDir::new_in("/dev/shm") else { return };
    for kind in persistent() {
        let store = open(kind, &dir.path().join(kind.name())).unwrap();
        assert_eq!(store.describe().tiers[2].effective, None, "{kind}");
        assert!(matches!(store.apply(&record(0), Tier::Power), Err(StoreError::Tier { .. })), "{kind}");
        store.apply(&record(1), Tier::Process).unwrap();
        assert_eq!(store.get(&key("data/0")).unwrap(), None, "{kind}: a refused batch is not stored");
    }
}

#[test]
fn a_second_handle_is_locked_out_and_the_first_one_unharmed() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        for _ in 0..2 {
            assert!(matches!(open(kind, dir.path()).err(), Some(StoreError::Locked { .. })), "{kind}");
        }
        store.apply(&record(0), Tier::Process).unwrap();
        drop(store);
        assert_holds(&*open(kind, dir.path()).unwrap(), 0, kind.name());
    }
}

#[test]
fn c044_another_process_locks_us_out_until_it_ends() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let mut holder = other_process(kind, "hold", dir.path());
        let said = first_report(&mut holder);
        assert_eq!(said, "open", "{kind}");
        assert!(matches!(open(kind, dir.path()).err(), Some(StoreError::Locked { .. })), "{kind}");
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_holds(&*open(kind, dir.path()).unwrap(), 0, &format!("{kind} after SIGKILL"));
    }
}

#[test]
fn a_failed_write_stops_the_store_and_loses_nothing_acknowledged() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let mut filler = other_process(kind, "fill", dir.path());
        let acknowledged: u64 = first_report(&mut filler).parse().unwrap();
        assert!(filler.wait().unwrap().success(), "{kind}");
        assert!(acknowledged > 0, "{kind}");
        let store = open(kind, dir.path()).unwrap();
        (0..acknowledged).for_each(|number| assert_filled(&*store, number, kind));
    }
}

fn filling(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(&format!("fill/{number}")), noise(100_000, number));
    batch
}

fn assert_filled(store: &dyn Store, number: u64, kind: Kind) {
    let stored = store.get(&key(&format!("fill/{number}"))).unwrap();
    assert!(stored == Some(Entry::Value(noise(100_000, number))), "{kind}: record {number} was acknowledged");
}

#[test]
fn strangers_files_are_left_alone() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("diary.txt"), "not a database").unwrap();
        let refused = open(kind, dir.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("diary.txt"), "{kind}: {refused}");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1, "{kind} added files of its own");
    }
}

/// Every file of `dir` and below, in a fixed order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in dir.read_dir().unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

/// A way a file goes bad: its name, and what becomes of the content.
type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGES: [Damage; 5] = [
    ("empty", |bytes| bytes.clear()),
    ("half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("noise", |bytes| *bytes = noise(bytes.len(), 99).to_vec()),
    ("zeros", |bytes| bytes.fill(0)),
    ("bits", |bytes| bytes.iter_mut().skip(50).step_by(997).for_each(|byte| *byte ^= 0x10)),
];

#[test]
fn damaged_files_make_errors_and_never_panics() {
    // LMDB maps its file and trusts it: damage ends the process.
    for kind in persistent().filter(|kind| kind.name() != "lmdb") {
        let dir = TempDir::new().unwrap();
        let store = open(kind, dir.path()).unwrap();
        (0..40).for_each(|number| store.apply(&record(number), Tier::Process).unwrap());
        drop(store);
        let mut noticed = 0;
        for (file, (damage, spoil)) in files(dir.path()).iter().flat_map(|file| DAMAGES.map(|damage| (file, damage))) {
            let image = TempDir::new().unwrap();
            copy(dir.path(), image.path());
            let name = file.strip_prefix(dir.path()).unwrap();
            let mut bytes = fs::read(file).unwrap();
            spoil(&mut bytes);
            fs::write(image.path().join(name), bytes).unwrap();
            match read_all(kind, image.path()) {
                Ok(()) => {}
                Err(StoreError::Corrupt { .. }) => noticed += 1,
                Err(other) => panic!("{kind}: {damage} in {}: {other}", name.display()),
            }
        }
        assert!(noticed > 0, "{kind} notices no damage at all");
    }
}

/// Reads whatever an opened store still has; the first error, if any.
fn read_all(kind: Kind, dir: &Path) -> Result<(), StoreError> {
    let store = open(kind, dir)?;
    for number in 0..40 {
        store.get(&key(&format!("data/{number}")))?;
    }
    store.scan(&Key::root(), &Key::root(), 1_000)?;
    store.last(&key("slots/p"))?;
    store.apply(&record(50), Tier::Process)
}

#[test]
fn settings_are_reported_and_unknown_ones_refused() {
    for kind in persistent() {
        let dir = TempDir::new().unwrap();
        let with = |name: &str, value: &str| Options::new([(name.to_owned(), value.to_owned())].into());
        let refused = kind.open(dir.path(), &with("no_such_setting", "1")).err().unwrap().to_string();
        assert!(refused.contains("no_such_setting"), "{kind}: {refused}");
        let description = open(kind, dir.path()).unwrap().describe();
        assert_eq!(description.engine, kind.name());
        // It may name what it lies on as well.
        assert!(description.version.starts_with(&kind.version()), "{kind}: {}", description.version);
        if description.options.contains_key("cache_bytes") {
            let store = kind.open(dir.path(), &with("cache_bytes", "16777216")).unwrap();
            assert_eq!(store.describe().options["cache_bytes"], "16777216", "{kind}");
            assert!(kind.open(&dir.path().join("x"), &with("cache_bytes", "much")).is_err(), "{kind}");
        }
    }
}

/// Runs [`the_other_process`] in a process of its own, which a file that grows too large does not kill.
fn other_process(kind: Kind, task: &str, dir: &Path) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg("trap '' XFSZ; exec \"$0\" --exact the_other_process --nocapture --test-threads 1")
        .arg(std::env::current_exe().unwrap())
        .env(TASK, format!("{kind} {task} {}", dir.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the other process says after `report: `.
fn first_report(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.map(Result::unwrap).find_map(|line| Some(line.split_once("report: ")?.1.to_owned())).unwrap()
}

/// The part of a test that needs a process of its own; nothing to do in an ordinary run.
#[test]
#[expect(clippy::print_stdout, reason = "its parent reads it")]
fn the_other_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let [kind, task, dir]: [&str; 3] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let store = open(Kind::find(kind).unwrap(), Path::new(dir)).unwrap();
    match task {
        "hold" => {
            store.apply(&record(0), Tier::Process).unwrap();
            println!("report: open");
            // Until the parent ends this process, or itself.
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        }
        _ => {
            let strongest = lasting(&*store).pop().unwrap();
            let limit = Rlimit { current: Some(8 << 20), ..getrlimit(Resource::Fsize) };
            setrlimit(Resource::Fsize, limit).unwrap();
            let acknowledged =
                (0..1_000).take_while(|number| store.apply(&filling(*number), strongest).is_ok()).count();
            assert!(acknowledged < 1_000, "{kind}: the limit was never reached");
            let refused = store.apply(&filling(0), strongest);
            assert!(matches!(refused, Err(StoreError::Poisoned { .. })), "{refused:?}");
            assert!(matches!(store.sync(), Err(StoreError::Poisoned { .. })));
            println!("report: {acknowledged}");
        }
    }
}
