//! The data of messages: how much, and how compressible.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use rand_distr::{Distribution as _, LogNormal};

use crate::cell::Payload;

/// Bytes of one compressible chunk, as fio's `buffer_compress_chunk`: small enough that every block an engine compresses
/// by itself has its share.
const CHUNK: usize = 512;

/// Draws data.
#[derive(Debug, Clone)]
pub struct Content {
    sizes: Sizes,
    compressible: u8,
}

#[derive(Debug, Clone)]
enum Sizes {
    Fixed(usize),
    Uniform { min: u64, max: u64 },
    Lognormal { distribution: LogNormal<f64>, cap: f64 },
}

impl Content {
    /// Data of these sizes of which a compressor can remove `compressible` percent. Real items have data of their own:
    /// for them this draws none.
    #[must_use]
    pub fn new(payload: Payload, compressible: u8) -> Self {
        let sizes = match payload {
            Payload::Fixed(bytes) => Sizes::Fixed(to_size(bytes)),
            Payload::Uniform { min, max } => Sizes::Uniform { min, max },
            Payload::Lognormal { median, sigma } => lognormal(payload, median, sigma.value()),
            Payload::Items(_) => Sizes::Fixed(0),
        };
        Self { sizes, compressible }
    }

    /// Replaces `data` by that of the next message.
    pub fn draw(&self, random: &mut StdRng, data: &mut Vec<u8>) {
        data.resize(self.sizes.draw(random), 0);
        for chunk in data.chunks_mut(CHUNK) {
            // A chunk begins with noise, which nothing can compress, and ends with zeros, which compress to nothing.
            let noise = chunk.len() - chunk.len() * usize::from(self.compressible.min(100)) / 100;
            let (noise, air) = chunk.split_at_mut(noise);
            random.fill_bytes(noise);
            air.fill(0);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn lognormal(payload: Payload, median: u64, sigma: f64) -> Sizes {
    let cap = payload.largest().unwrap_or(median);
    match LogNormal::new((median as f64).ln(), sigma) {
        Ok(distribution) => Sizes::Lognormal { distribution, cap: cap as f64 },
        // Only a deviation that is no finite number is refused, and a plan has none.
        Err(_) => Sizes::Fixed(to_size(median)),
    }
}

impl Sizes {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the cap")]
    fn draw(&self, random: &mut StdRng) -> usize {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Uniform { min, max } => to_size(random.random_range(*min..=*max)),
            Self::Lognormal { distribution, cap } => distribution.sample(random).round().clamp(1.0, *cap) as usize,
        }
    }
}

fn to_size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// The sizes of many messages.
    fn sizes(payload: &str) -> Vec<usize> {
        let content = Content::new(payload.parse().expect("a payload"), 0);
        let (mut random, mut data) = (StdRng::seed_from_u64(5), Vec::new());
        let size = |_| {
            content.draw(&mut random, &mut data);
            data.len()
        };
        let mut sizes: Vec<usize> = (0..20_000).map(size).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn uniform_sizes_have_the_mean_and_the_bounds_of_their_range() {
        let sizes = sizes("uniform:100B..300B");
        assert_eq!((sizes[0], sizes[sizes.len() - 1]), (100, 300));
        let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
        // The standard error of this mean is 0.41.
        assert!((mean - 200.0).abs() < 1.5, "{mean}");
    }

    #[test]
    fn lognormal_sizes_have_the_median_and_the_spread_they_are_asked_for() {
        let sizes = sizes("lognormal:median=1000B,sigma=1");
        let at = |per_million: usize| sizes[per_million * sizes.len() / 1_000_000] as f64;
        // One standard deviation to either side is a factor of e.
        for (share, expected) in [(500_000, 1000.0), (841_345, 2718.3), (158_655, 367.9)] {
            assert!((at(share) / expected - 1.0).abs() < 0.04, "{share}: {}", at(share));
        }
    }

    #[test]
    fn lognormal_sizes_are_cut_at_the_cap_and_never_empty() {
        let sizes = sizes("lognormal:median=2B,sigma=3");
        assert_eq!((sizes[0], sizes[sizes.len() - 1]), (1, 512));
    }

    #[test]
    fn a_compressor_removes_the_share_that_was_asked_for() {
        for (bytes, compressible) in [(1024_u64, 0_u8), (1024, 25), (4096, 50), (65536, 75), (65536, 90)] {
            let content = Content::new(Payload::Fixed(bytes), compressible);
            let (mut random, mut data) = (StdRng::seed_from_u64(9), Vec::new());
            content.draw(&mut random, &mut data);
            let left = lz4_flex::block::compress(&data).len() as f64 / bytes as f64;
            let expected = 1.0 - f64::from(compressible) / 100.0;
            assert!((left - expected).abs() < 0.03, "{bytes} bytes at {compressible}%: {left} is left");
        }
    }
}
