//! The file engine from outside: what people find in its directory, what they may do to it, what reading costs.
#![cfg(feature = "fs")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slotbench_backends::{Kind, Options};
use slotbench_core::store::{Batch, Durability, Entry, Node, Store, StoreError};
use slotbench_core::testing::Model;
use slotbench_core::{Id, Key};
use tempfile::TempDir;

const PROCESS: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

fn key(path: &str) -> Key {
    Key::parse(path).expect("a valid path")
}

fn slot(number: u64) -> Key {
    key(&format!("assignments/{PROCESS}/{number}"))
}

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory")
}

fn try_open(path: &Path, options: &[(&str, &str)]) -> Result<Arc<dyn Store>, StoreError> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Kind::find("fs").expect("its feature is on").open(path, &Options::new(options))
}

fn open(path: &Path) -> Arc<dyn Store> {
    try_open(path, &[]).expect("it opens")
}

fn apply(store: &dyn Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.apply(&batch, Durability::Process).expect("it stores");
}

fn value(text: &'static str) -> Option<Entry> {
    Some(Entry::Value(text.into()))
}

/// A store with one message in slot 7, and the path of that slot's link.
fn scheduled(path: &Path) -> PathBuf {
    let message = Id::from_bytes([0xFE; 32]);
    let content = key(&format!("data/{message}"));
    apply(open(path).as_ref(), |batch| _ = batch.put(content.clone(), "hello".into()).link(slot(7), content));
    path.join(format!("root.d/assignments.d/@00/{PROCESS}.d/+1/07"))
}

#[test]
fn c069_slots_are_symbolic_links_that_people_can_follow() {
    let place = directory();
    let link = scheduled(place.path());
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&link).expect("the link leads to the message"), b"hello");
    let text = std::fs::read_link(&link).expect("a link");
    assert!(text.is_relative() && text.starts_with("../../../../../root.d/data.d/@3f"), "{}", text.display());
}

#[test]
fn a_moved_directory_still_works() {
    let place = directory();
    let (before, after) = (place.path().join("before"), place.path().join("far/after"));
    let link = scheduled(&before);
    std::fs::create_dir_all(after.parent().expect("it has one")).expect("room");
    std::fs::rename(&before, &after).expect("same file system");
    let moved = after.join(link.strip_prefix(&before).expect("it lies there"));
    assert_eq!(std::fs::read(moved).expect("the link leads to the message"), b"hello");
    let store = open(&after);
    let content = store.resolve(&slot(7)).expect("it resolves");
    assert_eq!(store.get(&content).expect("it reads"), value("hello"));
}

#[test]
fn c078_the_last_slot_and_a_page_of_slots_are_found_in_a_few_listings_among_ten_thousand() {
    let place = directory();
    let store = open(place.path());
    let listings = |work: &dyn Fn()| {
        let before = store.counters().engine["listings"];
        work();
        store.counters().engine["listings"] - before
    };
    let mut costs = Vec::new();
    let mut stored = 0;
    for count in [10, 1_000, 10_001] {
        apply(store.as_ref(), |batch| (stored..count).for_each(|n| _ = batch.link(slot(n), key("data/x"))));
        stored = count;
        let prefix = key(&format!("assignments/{PROCESS}"));
        let last = listings(&|| {
            let last = store.last(&prefix).expect("it answers");
            assert_eq!(last, Some((slot(count - 1), Node::Link(key("data/x")))));
        });
        let page = listings(&|| {
            let from = count.saturating_sub(545);
            let page = store.scan(&prefix, &slot(from), 10).expect("it answers");
            assert_eq!(
                page.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
                (from..from + 10).map(slot).collect::<Vec<_>>()
            );
        });
        costs.push((last, page));
    }
    // The process, `+1`; the process, `+2`, `+2/09`; the process, `+3`, `+3/01`, `+3/01/00`.
    assert_eq!(costs, [(2, 2), (3, 3), (4, 3)]);
}

#[test]
fn c076_strays_are_passed_over_and_counted() {
    let place = directory();
    let link = scheduled(place.path());
    let slots = link.parent().expect("it has one");
    let process = slots.parent().expect("it has one");
    std::fs::write(slots.join("not a slot"), "").expect("room");
    std::fs::write(slots.join("008"), "").expect("room");
    std::fs::create_dir(slots.join("09")).expect("room");
    std::fs::write(process.join("+9"), "").expect("room");
    std::fs::create_dir_all(process.join("lost+found/deep")).expect("room");
    symlink("nowhere", process.join("a b")).expect("room");
    let store = open(place.path());
    let prefix = key(&format!("assignments/{PROCESS}"));
    let found = store.scan(&prefix, &Key::root(), 99).expect("it answers");
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [slot(7)]);
    assert_eq!(store.counters().engine["stray"], 6);
    assert_eq!(store.last(&prefix).expect("it answers").map(|(key, _)| key), Some(slot(7)));
    assert_eq!(store.get(&slot(9)).expect("a directory is no entry"), None);
}

#[test]
fn c077_a_link_that_leads_out_of_the_store_is_damage_not_absence() {
    let place = directory();
    let link = scheduled(place.path());
    std::fs::remove_file(&link).expect("it is there");
    symlink("/etc/hostname", &link).expect("room");
    let store = open(place.path());
    let is_damage = |error: StoreError| matches!(&error, StoreError::Corrupt { path, .. } if path.ends_with("+1/07"));
    assert!(store.get(&slot(7)).is_err_and(is_damage));
    assert!(store.last(&key(&format!("assignments/{PROCESS}"))).is_err_and(is_damage));
}

#[test]
fn the_layout_is_fixed_when_a_store_is_made() {
    let place = directory();
    drop(try_open(place.path(), &[("content_fanout", "16")]).expect("it opens"));
    assert_eq!(open(place.path()).describe().options["content_fanout"], "16");
    let refusal = |options: &[(&str, &str)]| {
        let error = try_open(place.path(), options).err().expect("it refuses");
        assert!(matches!(error, StoreError::Engine { op: "options", .. }), "{error}");
        error.to_string()
    };
    assert!(refusal(&[("content_fanout", "64")]).contains("made with 16"));
    assert!(refusal(&[("content_fanout", "17")]).contains("power of two"));
    assert!(refusal(&[("content_fanout", "many")]).contains("many"));
    assert!(refusal(&[("checkpoint_ops", "0")]).contains("checkpoint_ops"));
    assert!(refusal(&[("fanout", "16")]).contains("content_fanout"));
}

#[test]
fn a_directory_of_another_format_is_refused_and_left_alone() {
    let place = directory();
    drop(open(place.path()));
    let format = place.path().join("FORMAT");
    for text in ["slotbench fs 1\ncontent_fanout 64\n", "slotbench fs 2\n", "slotbench fs 2\ncontent_fanout 63\n", ""] {
        std::fs::write(&format, text).expect("room");
        let error = try_open(place.path(), &[]).err().expect("it refuses");
        assert!(matches!(&error, StoreError::Corrupt { path, .. } if path == "FORMAT"), "{error}");
        assert_eq!(std::fs::read_to_string(&format).expect("it is there"), text);
    }
    std::fs::remove_file(&format).expect("it is there");
    std::fs::write(place.path().join("root.d/x"), "").expect("room");
    assert!(matches!(try_open(place.path(), &[]), Err(StoreError::Corrupt { .. })));
}

/// SplitMix64, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed >> 16) % bound as u64).expect("less than a usize")
    }

    fn key(&mut self) -> Key {
        let long = "n".repeat(80);
        let longer = [&long, "a"].concat();
        let longest = "n".repeat(170);
        let dotted = [&long, ".d"].concat();
        let names = [
            "0",
            "7",
            "99",
            "100",
            "1234567",
            "18446744073709551615",
            "00",
            "a",
            "B",
            "a.d",
            ".d",
            "~",
            "+1",
            "@3f",
            "%41",
            "a\u{1}",
            "ü",
            PROCESS,
            "__________________________________________8",
            &long,
            &longer,
            &longest,
            &dotted,
        ];
        let depth = 1 + self.below(3);
        key(&(0..depth).map(|_| names[self.below(names.len())]).collect::<Vec<_>>().join("/"))
    }

    fn batch(&mut self) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..=self.below(8) {
            let key = self.key();
            match self.below(8) {
                0..3 => batch.put(key, vec![b'x'; self.below(9)].into()),
                3..5 => batch.link(key, self.key()),
                5 => batch.group(key),
                _ => batch.delete(key),
            };
        }
        batch
    }
}

#[test]
fn it_answers_as_the_model_does() {
    for seed in 0..2 {
        let place = directory();
        let (mut random, model) = (Random(seed), Model::new());
        for reopened in 0..3 {
            let store = open(place.path());
            for _ in 0..60 {
                let batch = random.batch();
                let tier = if random.below(20) == 0 { Durability::Power } else { Durability::Process };
                model.apply(&batch, tier).expect("a model takes everything");
                store.apply(&batch, tier).expect("it stores");
                let (prefix, from, limit) = (random.prefix(), random.bound(), random.below(40));
                let context = format!("seed {seed}, opening {reopened}, {prefix} from {from}, {limit}");
                let scan = |store: &dyn Store| store.scan(&prefix, &from, limit).expect("it answers");
                assert_eq!(scan(store.as_ref()), scan(&model), "{context}");
                let last = |store: &dyn Store| store.last(&prefix).expect("it answers");
                assert_eq!(last(store.as_ref()), last(&model), "{context}");
            }
            assert_eq!(entries(store.as_ref()), entries(&model), "seed {seed}, opening {reopened}");
        }
    }
}

impl Random {
    fn prefix(&mut self) -> Key {
        if self.below(3) == 0 { Key::root() } else { self.key() }
    }

    fn bound(&mut self) -> Key {
        match self.below(4) {
            0 => Key::root(),
            1 => self.key().fence(),
            _ => self.key(),
        }
    }
}

fn entries(store: &dyn Store) -> BTreeMap<Key, Option<Entry>> {
    let found = store.scan(&Key::root(), &Key::root(), usize::MAX).expect("it answers");
    found.into_iter().map(|(key, _)| (key.clone(), store.get(&key).expect("it answers"))).collect()
}
