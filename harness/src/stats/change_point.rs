//! Change points of a series: E-divisive means.
//!
//! Matteson and James, *A nonparametric approach for multiple change point analysis of multivariate data* (JASA 109,
//! 2014), on one variable with exponent 1, hierarchical. It asks nothing of the distribution, and its permutation test
//! accounts for having looked for the best place first, which a t-test at that place does not. Segments are tested on
//! their own, so a level's noise never hides a change in another.

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePointSettings {
    /// Values on either side of a change, at least 2.
    pub min_segment: usize,
    /// A split this likely by chance, or likelier, is none.
    pub alpha: f64,
    /// Random orders that a split is held against; p-values are multiples of 1 / (this + 1).
    pub permutations: usize,
}

impl Default for ChangePointSettings {
    fn default() -> Self {
        Self { min_segment: 4, alpha: 0.002, permutations: 999 }
    }
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Index of the first value of the new level.
    pub index: usize,
    /// Energy distance of the two sides, scaled by their sizes.
    pub statistic: f64,
    /// The part of random orders (the one found included) with as good a split.
    pub p: f64,
}

/// The change points of `values`, in their order. `permutation` gives a random order of so many places, anew at every
/// call; it is a parameter so that another implementation can be handed the same ones.
///
/// Finite values only; none of a series that is too short.
pub fn change_points(
    values: &[f64],
    settings: &ChangePointSettings,
    permutation: &mut dyn FnMut(usize) -> Vec<usize>,
) -> Vec<ChangePoint> {
    let mut found = Vec::new();
    let mut open = vec![(0, values.len())];
    while let Some((start, end)) = open.pop() {
        let Some(part) = values.get(start..end) else { continue };
        if let Some(split) = significant_split(part, settings, permutation) {
            let index = start + split.index;
            open.extend([(index, end), (start, index)]);
            found.push(ChangePoint { index, ..split });
        }
    }
    found.sort_by_key(|point| point.index);
    found
}

fn significant_split(
    values: &[f64],
    settings: &ChangePointSettings,
    permutation: &mut dyn FnMut(usize) -> Vec<usize>,
) -> Option<ChangePoint> {
    let (index, statistic) = best_split(values, settings.min_segment)?;
    let orders = settings.permutations as f64 + 1.0;
    let mut as_good = 1.0;
    for _ in 0..settings.permutations {
        let shuffled: Vec<f64> =
            permutation(values.len()).into_iter().filter_map(|at| values.get(at)).copied().collect();
        let other = best_split(&shuffled, settings.min_segment).map_or(0.0, |(_, statistic)| statistic);
        // Sums of the same numbers in another order differ in the last digits.
        as_good += f64::from(u8::from(other >= statistic * (1.0 - 1e-12)));
        if as_good / orders > settings.alpha {
            return None;
        }
    }
    Some(ChangePoint { index, statistic, p: as_good / orders })
}

/// Where two neighbouring stretches differ most, and by how much: values from the first to the split against those from
/// there to some later end, so that a level that does not last is seen too. `None` of fewer values than two segments,
/// and where no split sets unlike values apart.
fn best_split(values: &[f64], min_segment: usize) -> Option<(usize, f64)> {
    let least = min_segment.max(2);
    let distances = Distances::of(values);
    let mut best: Option<(usize, f64)> = None;
    for split in least..=values.len().checked_sub(least)? {
        let left = (0..split).map(|value| distances.up_to(value, value)).sum::<f64>();
        let (mut right, mut across) = (0.0, 0.0);
        for value in split..values.len() {
            let (all, to_left) = (distances.up_to(value, value), distances.up_to(value, split));
            across += to_left;
            right += all - to_left;
            let count = value + 1 - split;
            let statistic = Sums { left, right, across }.statistic(split, count);
            if count >= least && statistic > best.map_or(0.0, |(_, largest)| largest) {
                best = Some((split, statistic));
            }
        }
    }
    best
}

/// Sums of each value's distances to those before it.
struct Distances {
    /// For value `k` from `k * (k + 1) / 2` on: its distances to the first 0, 1, ... `k` values.
    sums: Vec<f64>,
}

impl Distances {
    fn of(values: &[f64]) -> Self {
        let mut sums = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
        for (index, value) in values.iter().enumerate() {
            let mut sum = 0.0;
            sums.push(sum);
            for before in &values[..index] {
                sum += (value - before).abs();
                sums.push(sum);
            }
        }
        Self { sums }
    }

    /// The distances of a value to the first `count`, at most all before it.
    fn up_to(&self, value: usize, count: usize) -> f64 {
        self.sums[value * (value + 1) / 2 + count]
    }
}

/// Sums of the distances between values on the left, on the right, and across.
#[derive(Debug, Clone, Copy)]
struct Sums {
    left: f64,
    right: f64,
    across: f64,
}

impl Sums {
    /// The energy distance of the two sides, scaled by their sizes: equation (5) of the paper.
    fn statistic(self, left: usize, right: usize) -> f64 {
        let (left, right) = (left as f64, right as f64);
        let within = |sum: f64, count: f64| if count < 2.0 { 0.0 } else { 2.0 * sum / (count * (count - 1.0)) };
        let energy = 2.0 * self.across / (left * right) - within(self.left, left) - within(self.right, right);
        left * right / (left + right) * energy
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::SplitMix64;

    fn orders(seed: u64) -> impl FnMut(usize) -> Vec<usize> {
        let mut random = SplitMix64(seed);
        move |count| {
            let mut order: Vec<usize> = (0..count).collect();
            random.shuffle(&mut order);
            order
        }
    }

    fn found(values: &[f64]) -> Vec<usize> {
        let points = change_points(values, &ChangePointSettings::default(), &mut orders(1));
        points.iter().map(|point| point.index).collect()
    }

    /// Noise of 1 around levels.
    fn series(levels: &[(usize, f64)]) -> Vec<f64> {
        let mut random = SplitMix64(7);
        let mut noise = move || random.below(2001) as f64 / 1000.0 - 1.0;
        levels.iter().flat_map(|(count, level)| vec![*level; *count]).map(|level| level + noise()).collect()
    }

    #[test]
    fn steps_up_and_down_are_found_where_they_are() {
        assert_eq!(found(&series(&[(20, 10.0), (20, 15.0)])), [20]);
        assert_eq!(found(&series(&[(15, 10.0), (12, 15.0), (15, 10.0)])), [15, 27]);
    }

    #[test]
    fn noise_has_no_change_points() {
        assert_eq!(found(&series(&[(60, 10.0)])), [0; 0]);
        assert_eq!(found(&[3.0; 30]), [0; 0]);
        assert_eq!(found(&[1.0, 1.0, 9.0, 9.0]), [0; 0], "too short to tell");
        assert_eq!(found(&[]), [0; 0]);
    }

    #[test]
    fn one_wild_value_is_no_change() {
        let mut values = series(&[(40, 10.0)]);
        values[17] = 100.0;
        assert_eq!(found(&values), [0; 0]);
    }

    proptest! {
        /// The running sums are those of the definition.
        #[test]
        fn the_best_split_is_that_of_the_definition(values in prop::collection::vec(-9.0_f64..9.0, 4..14)) {
            let mean = |one: &[f64], other: &[f64], pairs: usize| {
                one.iter().flat_map(|x| other.iter().map(move |y| (x - y).abs())).sum::<f64>() / pairs as f64
            };
            let mut largest = 0.0_f64;
            for end in 4..=values.len() {
                for split in 2..=end - 2 {
                    let (left, right) = values[..end].split_at(split);
                    let (m, n) = (left.len(), right.len());
                    let energy = 2.0 * mean(left, right, m * n) - mean(left, left, m * (m - 1)) - mean(right, right, n * (n - 1));
                    largest = largest.max((m * n) as f64 / (m + n) as f64 * energy);
                }
            }
            let found = best_split(&values, 2).map_or(0.0, |(_, statistic)| statistic);
            prop_assert!((found - largest).abs() < 1e-9, "{} and {}", found, largest);
        }
    }
}
