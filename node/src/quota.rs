//! A quantity that is handed out in shares. Nobody waits for one, so there is no queue and no lock.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Quota(AtomicUsize);

/// A part of a quota; it goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    quota: &'a Quota,
    size: usize,
}

impl Quota {
    pub(crate) const fn new(size: usize) -> Self {
        Self(AtomicUsize::new(size))
    }

    /// A share, if so much is left.
    pub(crate) fn take(&self, size: usize) -> Option<Share<'_>> {
        let mut share = self.nothing();
        share.grow(size).then_some(share)
    }

    /// A share that may grow.
    pub(crate) const fn nothing(&self) -> Share<'_> {
        Share { quota: self, size: 0 }
    }
}

impl Share<'_> {
    /// Takes more. Says whether so much was left; if not it stays as it is.
    pub(crate) fn grow(&mut self, by: usize) -> bool {
        // The number guards no other memory.
        let taken = self.quota.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(by));
        self.size += if taken.is_ok() { by } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.quota.0.fetch_add(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_more_is_out_than_there_is_and_all_of_it_comes_back(
            size in 0_usize..100,
            steps in prop::collection::vec((0_usize..60, 0_usize..60, any::<bool>()), 0..40),
        ) {
            let quota = Quota::new(size);
            let (mut shares, mut left) = (Vec::new(), size);
            for (first, more, back) in steps {
                if let Some(mut share) = quota.take(first) {
                    prop_assert!(first <= left);
                    left -= first;
                    let grows = more <= left;
                    prop_assert_eq!(share.grow(more), grows);
                    left -= if grows { more } else { 0 };
                    shares.push(share);
                } else {
                    prop_assert!(first > left);
                }
                if back && let Some(share) = shares.pop() {
                    left += share.size;
                }
                prop_assert_eq!(quota.0.load(Ordering::Relaxed), left);
            }
            drop(shares);
            prop_assert_eq!(quota.0.into_inner(), size);
        }
    }
}
