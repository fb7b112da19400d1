//! Real items, to be sent as they are: a file with one ANS-104 item or a bundle of them, or a directory of such files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use slotbench_core::Item;
use slotbench_core::scheduler::process_of;

use crate::cell::{Digest, MAX_PAYLOAD};

/// Items to send.
#[derive(Debug, Clone)]
pub struct Items {
    /// In the order of file names, and within a bundle in its own.
    pub items: Vec<Item>,
    /// Names the set: equal for equal items in equal order.
    pub digest: Digest,
}

/// Items that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Nothing in it can be scheduled.
    #[error("{} holds no item that is whole, whose signature holds, and that names a process", .0.display())]
    Empty(PathBuf),
}

impl Items {
    /// Reads all items of a file, or of the files in a directory, that can be scheduled: whole ones, signed and sound or
    /// not signed at all, that are for a process or are one. Everything else in a directory is passed over.
    ///
    /// # Errors
    /// [`ItemsError`].
    pub fn load(path: &Path) -> Result<Self, ItemsError> {
        let mut items = Vec::new();
        for file in files(path)? {
            let bytes = fs::read(&file).map_err(|source| ItemsError::Io { path: file, source })?;
            items.extend(items_in(&Bytes::from(bytes)).into_iter().filter(is_usable));
        }
        if items.is_empty() {
            return Err(ItemsError::Empty(path.to_owned()));
        }
        let digest = digest(&items);
        Ok(Self { items, digest })
    }
}

/// The file itself, or the regular files of a directory by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, ItemsError> {
    let fail = |source| ItemsError::Io { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(fail)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The items of a bundle, or the one item that the bytes are.
fn items_in(bytes: &Bytes) -> Vec<Item> {
    bundled(bytes).unwrap_or_else(|| Item::parse(bytes.clone()).into_iter().collect())
}

/// Bytes of a number, and of an id, in the head of a bundle.
const WORD: usize = 32;

/// The items of an ANS-104 bundle; `None` where the bytes are none: its head gives the number of items, then size and
/// id of each, and must agree with what follows.
fn bundled(bytes: &Bytes) -> Option<Vec<Item>> {
    let count = number(bytes, 0)?;
    let mut start = count.checked_mul(2 * WORD)?.checked_add(WORD).filter(|start| *start <= bytes.len())?;
    let mut items = Vec::new();
    for index in 0..count {
        let at = WORD + index * 2 * WORD;
        let end = start.checked_add(number(bytes, at)?).filter(|end| *end <= bytes.len())?;
        let item = Item::parse(bytes.slice(start..end)).ok()?;
        if bytes.get(at + WORD..at + 2 * WORD)? != item.id().as_bytes() {
            return None;
        }
        items.push(item);
        start = end;
    }
    (start == bytes.len()).then_some(items)
}

/// A little-endian number of 32 bytes, if it is one of 8.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let (low, high) = bytes.get(at..at + WORD)?.split_first_chunk::<8>()?;
    let is_small = high.iter().all(|byte| *byte == 0);
    is_small.then(|| usize::try_from(u64::from_le_bytes(*low)).ok()).flatten()
}

fn is_usable(item: &Item) -> bool {
    process_of(item).is_ok()
        && item.as_bytes().len() as u64 <= MAX_PAYLOAD
        && (!item.is_signed() || item.verify().is_ok())
}

fn digest(items: &[Item]) -> Digest {
    let mut hash = Sha256::new();
    for item in items {
        hash.update((item.as_bytes().len() as u64).to_le_bytes());
        hash.update(item.as_bytes());
    }
    Digest::of(&hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use slotbench_core::item::ItemBuilder;
    use slotbench_core::{Id, Wallet};

    use super::*;

    fn item(data: &str, target: Option<Id>) -> Item {
        let wallet = Wallet::ed25519_from_seed([4; 32]).expect("a key");
        let builder = ItemBuilder::new().tag("Type", "Message").data(data);
        let builder = target.into_iter().fold(builder, ItemBuilder::target);
        builder.sign(&wallet).expect("signs")
    }

    fn bundle(items: &[Item]) -> Vec<u8> {
        let word = |number: usize| {
            let mut word = [0; WORD];
            word[..8].copy_from_slice(&(number as u64).to_le_bytes());
            word
        };
        let heads = items.iter().flat_map(|item| [word(item.as_bytes().len()), *item.id().as_bytes()]);
        let head = std::iter::once(word(items.len())).chain(heads).flatten();
        head.chain(items.iter().flat_map(|item| item.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_directory_gives_the_items_of_its_files_and_bundles_that_can_be_scheduled() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("writes");
        let process = Id::from_bytes([9; 32]);
        let [one, two, three] = ["one", "two", "three"].map(|data| item(data, Some(process)));
        let lost = item("for nobody", None);
        write("b", &bundle(&[two.clone(), lost, three.clone()]));
        write("a", one.as_bytes());
        write("index.json", b"[]");
        write("cut", &one.as_bytes()[..90]);
        let mut tampered = one.as_bytes().to_vec();
        tampered.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        write("tampered", &tampered);
        let all = Items::load(dir.path()).expect("loads");
        assert_eq!(all.items, [one.clone(), two, three]);
        let single = Items::load(&dir.path().join("a")).expect("loads");
        assert_eq!(single.items, [one]);
        assert_ne!(single.digest, all.digest);
        fs::rename(dir.path().join("a"), dir.path().join("aa")).expect("renames");
        assert_eq!(Items::load(dir.path()).expect("loads").digest, all.digest, "names are not part of it");
    }

    #[test]
    fn nothing_to_send_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let error = |path: &Path| Items::load(path).expect_err("nothing there").to_string();
        assert!(error(dir.path()).contains("holds no item"));
        assert!(error(&dir.path().join("missing")).starts_with("cannot read "));
        fs::write(dir.path().join("bundle"), bundle(&[])).expect("writes");
        assert!(error(&dir.path().join("bundle")).contains("holds no item"));
    }
}
