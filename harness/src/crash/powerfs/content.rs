//! The bytes of one file: as programs see them, as a power cut would leave them, and what lies between.

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::survival::Survival;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// One change that was not synced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Write { offset: usize, bytes: Box<[u8]> },
    Resize(usize),
}

/// The bytes of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// What programs see.
    live: Vec<u8>,
    /// What is on the disk: changes up to the last sync.
    durable: Vec<u8>,
    /// What lies between, in order.
    pending: Vec<Change>,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// At most `size` bytes from `offset` on.
    pub(super) fn read(&self, offset: usize, size: usize) -> &[u8] {
        let end = offset.saturating_add(size).min(self.live.len());
        self.live.get(offset..end).unwrap_or_default()
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let change = Change::Write { offset, bytes: bytes.into() };
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn resize(&mut self, length: usize) {
        if length != self.live.len() {
            let change = Change::Resize(length);
            change.apply(&mut self.live);
            self.pending.push(change);
        }
    }

    /// Everything so far reaches the disk.
    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync failed: what it was to write can still be read, and no later sync brings it to the disk. Linux marks
    /// pages clean whose write-back failed (<https://lwn.net/Articles/752063/>).
    pub(super) fn fail_sync(&mut self) {
        self.pending.clear();
    }

    /// Changes that are not synced.
    pub(super) fn unsynced(&self) -> usize {
        self.pending.len()
    }

    /// What a power cut leaves.
    pub(super) fn survivor(&self, survival: Survival, rng: &mut StdRng) -> Vec<u8> {
        let mut left = match survival {
            Survival::Everything => return self.live.clone(),
            Survival::Nothing | Survival::Journal => return self.durable.clone(),
            Survival::Subset | Survival::Torn | Survival::Sectors => self.durable.clone(),
        };
        let count = self.pending.len();
        // The write that was under way: all before it is there.
        let torn = rng.random_range(0..=count);
        for (index, change) in self.pending.iter().enumerate() {
            match survival {
                Survival::Torn if index > torn => break,
                Survival::Torn if index == torn => change.tear(rng).iter().for_each(|part| part.apply(&mut left)),
                Survival::Torn => change.apply(&mut left),
                Survival::Sectors => change.scatter(rng).iter().for_each(|part| part.apply(&mut left)),
                _ if rng.random() => change.apply(&mut left),
                _ => {}
            }
        }
        left
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
        }
    }

    /// The first sectors of a write, up to a random one; of a change of length, all or nothing.
    fn tear(&self, rng: &mut StdRng) -> Vec<Self> {
        let sectors = self.sectors();
        let kept = rng.random_range(0..=sectors.len());
        sectors.into_iter().take(kept).collect()
    }

    /// Each sector of a write at random.
    fn scatter(&self, rng: &mut StdRng) -> Vec<Self> {
        self.sectors().into_iter().filter(|_| rng.random()).collect()
    }

    /// A write cut at the file's sector borders.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write { offset, bytes } = self else { return vec![self.clone()] };
        let mut sectors = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            let border = ((offset + from) / SECTOR + 1) * SECTOR - offset;
            let to = border.min(bytes.len());
            sectors.push(Self::Write { offset: offset + from, bytes: bytes[from..to].into() });
            from = to;
        }
        sectors
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(usize, Vec<u8>),
        Resize(usize),
        Sync,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let write =
            (0_usize..3000, prop::collection::vec(1_u8.., 1..1500)).prop_map(|(at, bytes)| Step::Write(at, bytes));
        let step = prop_oneof![4 => write, 1 => (0_usize..4000).prop_map(Step::Resize), 1 => Just(Step::Sync)];
        prop::collection::vec(step, 0..12)
    }

    fn play(steps: &[Step]) -> Content {
        let mut content = Content::default();
        for step in steps {
            match step {
                Step::Write(at, bytes) => content.write(*at, bytes),
                Step::Resize(length) => content.resize(*length),
                Step::Sync => content.sync(),
            }
        }
        content
    }

    fn survivor(content: &Content, survival: Survival, seed: u64) -> Vec<u8> {
        content.survivor(survival, &mut StdRng::seed_from_u64(seed))
    }

    proptest! {
        #[test]
        fn what_was_synced_survives_every_rule(steps in steps(), seed: u64) {
            let mut content = play(&steps);
            content.sync();
            let live = content.read(0, usize::MAX).to_vec();
            for survival in Survival::ALL {
                prop_assert_eq!(&survivor(&content, survival, seed), &live, "{:?}", survival);
            }
            prop_assert_eq!(content.unsynced(), 0);
        }

        #[test]
        fn a_cut_never_invents_bytes(steps in steps(), seed: u64) {
            let content = play(&steps);
            for survival in Survival::ALL {
                // At each place only what was there at some time: written, durable, or a hole.
                for (at, byte) in survivor(&content, survival, seed).into_iter().enumerate() {
                    let durable = content.durable.get(at).copied();
                    let written = content.pending.iter().any(|change| match change {
                        Change::Write { offset, bytes } => at.checked_sub(*offset).and_then(|i| bytes.get(i)) == Some(&byte),
                        Change::Resize(_) => false,
                    });
                    prop_assert!(byte == 0 || durable == Some(byte) || written, "{:?} at {}", survival, at);
                }
            }
        }

        #[test]
        fn a_torn_write_ends_at_a_sector_border(offset in 0_usize..2000, length in 1_usize..3000, seed: u64) {
            let mut content = Content::default();
            content.write(offset, &vec![7; length]);
            let left = survivor(&content, Survival::Torn, seed);
            let end = left.len();
            prop_assert!(end == 0 || end == offset + length || end.is_multiple_of(SECTOR), "{}", end);
            prop_assert!(left.iter().skip(offset).all(|byte| *byte == 7));
        }

        #[test]
        fn reads_see_what_was_written(steps in steps()) {
            let mut expected: Vec<u8> = Vec::new();
            for step in &steps {
                match step {
                    Step::Write(at, bytes) => {
                        expected.resize(expected.len().max(at + bytes.len()), 0);
                        expected[*at..at + bytes.len()].copy_from_slice(bytes);
                    }
                    Step::Resize(length) => expected.resize(*length, 0),
                    Step::Sync => {}
                }
            }
            let content = play(&steps);
            prop_assert_eq!(content.read(0, usize::MAX), &expected[..]);
            prop_assert_eq!(content.read(100, 50), expected.get(100..expected.len().min(150)).unwrap_or_default());
            prop_assert_eq!(content.read(usize::MAX, 1), &[0_u8; 0][..]);
        }
    }

    #[test]
    fn unsynced_bytes_vanish() {
        let mut content = Content::default();
        content.write(0, b"old");
        content.sync();
        content.write(0, b"new and longer");
        assert_eq!(survivor(&content, Survival::Nothing, 1), b"old");
        assert_eq!(survivor(&content, Survival::Everything, 1), b"new and longer");
    }

    #[test]
    fn sectors_survive_out_of_order() {
        let mut content = Content::default();
        content.write(0, &[1; 4 * SECTOR]);
        let later_without_earlier = |seed| {
            let left = survivor(&content, Survival::Sectors, seed);
            let kept: Vec<bool> = left.chunks(SECTOR).map(|sector| sector[0] == 1).collect();
            kept.windows(2).any(|pair| pair == [false, true])
        };
        assert!((0..20).any(later_without_earlier));
    }

    #[test]
    fn a_failed_sync_loses_what_it_was_to_write_for_good() {
        let mut content = Content::default();
        content.write(0, b"first");
        content.fail_sync();
        content.write(5, b" second");
        content.sync();
        assert_eq!(content.read(0, 100), b"first second");
        assert_eq!(survivor(&content, Survival::Nothing, 1), b"\0\0\0\0\0 second");
    }
}
