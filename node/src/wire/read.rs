//! Reading what other schedulers answer: the inverse of [`native`](super::native) and [`legacy`](super::legacy).
//!
//! | module | document |
//! |---|---|
//! | [`document`] | an item written as JSON, and the ANS-104 item it was |
//! | [`legacy`] | pages, single items and processes of the legacy protocol, in both of its shapes |
//! | [`native`] | schedules, assignments and slots as this node writes them |
//!
//! Nothing that is read here is trusted: ids are recomputed from signatures, and whoever uses an item verifies it. Sizes
//! are bounded by [`ReadLimits`] and by the size of the answer; depth by `serde_json`, at 128 levels. One entry that
//! cannot be read does not lose a page: it ends there, and [`Cut`] says why.

pub mod document;
pub mod legacy;
pub mod native;

/// What one answer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Most entries of a page. A longer one is cut there.
    pub entries: usize,
}

impl Default for ReadLimits {
    /// The 1000 slots of a page.
    fn default() -> Self {
        Self { entries: slotbench_core::operations::PAGE_SLOTS }
    }
}

/// Why a page ends before its answer does. What was read up to there stands, and there is more to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// An entry cannot be read.
    #[error("entry {index} cannot be read: {reason}")]
    Malformed {
        /// Its place in the page, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry is not the one after its predecessor.
    #[error("entry {index} is slot {found}, not {expected}")]
    Gap {
        /// Its place in the page, from 0.
        index: usize,
        /// The slot that follows from the one before.
        expected: u64,
        /// The slot there.
        found: u64,
    },
    /// The page has more entries than [`ReadLimits::entries`].
    #[error("the page has more than {0} entries")]
    Long(usize),
}

/// An answer that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or not the JSON of such a document.
    #[error("the answer is no {what}: {cause}")]
    Json {
        /// What was expected.
        what: &'static str,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// A member cannot be what it is.
    #[error("the answer's {member} cannot be read: {reason}")]
    Member {
        /// Its name.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ReadError {
    fn member(member: &'static str, reason: &impl ToString) -> Self {
        Self::Member { member, reason: reason.to_string() }
    }
}

fn json<'a, T: serde::Deserialize<'a>>(what: &'static str, body: &'a [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(body).map_err(|cause| ReadError::Json { what, cause })
}

/// Of a text that others wrote, at most 80 characters, with nothing a terminal would act on.
fn quoted(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Entries in their order: those up to the first that cannot be read, that leaves a gap, or is one too many.
struct Entries<T> {
    read: Vec<T>,
    cut: Option<Cut>,
}

impl<T> Entries<T> {
    fn of(entries: impl IntoIterator<Item = Result<(u64, T), String>>, limits: ReadLimits) -> Self {
        let mut page = Self { read: Vec::new(), cut: None };
        let mut expected = None;
        for (index, entry) in entries.into_iter().enumerate() {
            page.cut = match entry {
                _ if index >= limits.entries => Some(Cut::Long(limits.entries)),
                Err(reason) => Some(Cut::Malformed { index, reason }),
                Ok((found, _)) if expected.is_some_and(|expected| expected != found) => {
                    Some(Cut::Gap { index, expected: expected.unwrap_or_default(), found })
                }
                Ok((slot, entry)) => {
                    expected = slot.checked_add(1);
                    page.read.push(entry);
                    None
                }
            };
            if page.cut.is_some() {
                break;
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_end_at_the_first_that_is_not_what_it_should_be() {
        let of = |slots: &[u64], entries| {
            let page = Entries::of(slots.iter().map(|slot| Ok((*slot, *slot))), ReadLimits { entries });
            (page.read, page.cut)
        };
        assert_eq!(of(&[], 2), (vec![], None));
        assert_eq!(of(&[4, 5], 2), (vec![4, 5], None));
        assert_eq!(of(&[4, 5, 6], 2), (vec![4, 5], Some(Cut::Long(2))));
        assert_eq!(of(&[4, 6], 2), (vec![4], Some(Cut::Gap { index: 1, expected: 5, found: 6 })));
        assert_eq!(of(&[4, 4], 2), (vec![4], Some(Cut::Gap { index: 1, expected: 5, found: 4 })));
        let bad = [Ok((7, 7)), Err("bad".to_owned()), Ok((8, 8))];
        let page = Entries::of(bad, ReadLimits::default());
        assert_eq!((page.read, page.cut), (vec![7], Some(Cut::Malformed { index: 1, reason: "bad".to_owned() })));
    }

    proptest! {
        #[test]
        fn what_is_read_is_contiguous_and_a_prefix(slots in prop::collection::vec(0_u64..6, 0..20), entries in 0_usize..20) {
            let page = Entries::of(slots.iter().map(|slot| Ok((*slot, *slot))), ReadLimits { entries });
            prop_assert!(page.read.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            prop_assert_eq!(&page.read[..], &slots[..page.read.len()]);
            prop_assert_eq!(page.cut.is_none(), page.read.len() == slots.len());
            prop_assert!(page.read.len() <= entries);
        }
    }
}
