//! The messages of all trials: made once, kept in a file that the engine's process and the examiner read.
//!
//! The engine's process sends them in order, over and over: message `k` of a trial is number `k mod sendable`. The last
//! few of each process are never sent; the examiner schedules them after the reopen.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use slotbench_core::{Id, Item};

use crate::cell::Payload;
use crate::driver::pool::{Pool, PoolError, PoolSpec};

/// Messages kept back for each process.
const KEPT_BACK: usize = 8;
/// Distinct messages. Long trials send them again, which schedules them again: content that is already stored is
/// then written anew, as it is for callers who repeat themselves.
const DISTINCT: usize = 8192;

/// The messages of all trials.
#[derive(Debug, Clone)]
pub struct Messages {
    items: Vec<Item>,
    processes: usize,
}

/// A file of messages that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// The system refused.
    #[error("messages {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Not what [`Messages::save`] writes.
    #[error("messages {}: damaged", .0.display())]
    Damaged(PathBuf),
    /// They could not be made.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Messages {
    /// Makes messages with that `payload` for that many processes, at least 1.
    ///
    /// # Errors
    /// [`MessagesError::Pool`].
    pub fn make(seed: u64, processes: usize, payload: Payload) -> Result<Self, MessagesError> {
        let processes = processes.clamp(1, DISTINCT / (2 * KEPT_BACK));
        let mut pool = Pool::new(PoolSpec { payload, ..PoolSpec::plain(seed, processes, 0) });
        pool.grow(DISTINCT - DISTINCT % processes)?;
        Ok(Self { items: pool.messages().to_vec(), processes })
    }

    /// Writes them to a file.
    ///
    /// # Errors
    /// [`MessagesError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), MessagesError> {
        let mut file = (self.processes as u64).to_le_bytes().to_vec();
        for item in &self.items {
            file.extend((item.as_bytes().len() as u64).to_le_bytes());
            file.extend_from_slice(item.as_bytes());
        }
        fs::write(path, file).map_err(|source| MessagesError::Io { path: path.to_owned(), source })
    }

    /// Reads them from a file.
    ///
    /// # Errors
    /// [`MessagesError`].
    pub fn load(path: &Path) -> Result<Self, MessagesError> {
        let bytes = fs::read(path).map_err(|source| MessagesError::Io { path: path.to_owned(), source })?;
        parse(Bytes::from(bytes)).ok_or_else(|| MessagesError::Damaged(path.to_owned()))
    }

    /// Every message.
    #[must_use]
    pub fn all(&self) -> &[Item] {
        &self.items
    }

    /// The message a trial sends as its `sequence`-th.
    #[must_use]
    pub fn sent(&self, sequence: u64) -> Option<&Item> {
        let sendable = self.items.len() - KEPT_BACK * self.processes;
        let index = usize::try_from(sequence % sendable as u64).ok()?;
        self.items.get(index)
    }

    /// Messages that no trial sends, for every process as many.
    #[must_use]
    pub fn kept_back(&self) -> &[Item] {
        &self.items[self.items.len() - KEPT_BACK * self.processes..]
    }

    /// The processes, in the order their messages take turns.
    #[must_use]
    pub fn processes(&self) -> Vec<Id> {
        self.items.iter().take(self.processes).filter_map(Item::target).collect()
    }
}

fn parse(mut bytes: Bytes) -> Option<Messages> {
    let processes = usize::try_from(take_number(&mut bytes)?).ok()?;
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(take_number(&mut bytes)?).ok()?;
        let item = (length <= bytes.len()).then(|| bytes.split_to(length))?;
        items.push(Item::parse(item).ok()?);
    }
    let enough = processes > 0 && items.len() >= 2 * KEPT_BACK * processes;
    enough.then_some(Messages { items, processes })
}

fn take_number(bytes: &mut Bytes) -> Option<u64> {
    let number = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    let _number = bytes.split_to(8);
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_back_what_was_saved_and_says_when_it_is_damaged() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("messages");
        let made = Messages::make(3, 2, Payload::Fixed(10)).expect("makes");
        made.save(&path).expect("writes");
        let read = Messages::load(&path).expect("reads");
        let ids = |messages: &Messages| messages.all().iter().map(Item::id).collect::<Vec<_>>();
        assert_eq!(ids(&read), ids(&made));
        assert_eq!(read.processes(), made.processes());
        let whole = fs::read(&path).expect("is there");
        for cut in [0, 7, 20, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).expect("writes");
            assert!(matches!(Messages::load(&path), Err(MessagesError::Damaged(_))), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_kept_back_is_never_sent() {
        let messages = Messages::make(3, 2, Payload::Fixed(10)).expect("makes");
        let sent: Vec<Id> = (0..2 * DISTINCT as u64).filter_map(|k| messages.sent(k)).map(Item::id).collect();
        assert_eq!(sent.len(), 2 * DISTINCT);
        assert!(messages.kept_back().iter().all(|item| !sent.contains(&item.id())));
        let targets: Vec<_> = messages.kept_back().iter().filter_map(Item::target).collect();
        assert_eq!(targets[..2], messages.processes()[..]);
    }
}
