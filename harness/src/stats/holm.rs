//! Many comparisons at once.

/// Holm's step-down correction (*Scand. J. Statist.* 6, 1979): adjusted p-values in the order given. Rejecting those of
/// at most `alpha` makes a single false alarm among all of them less likely than `alpha`, however they depend on each
/// other.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rejected, index) in order.into_iter().enumerate() {
        let left = (p_values.len() - rejected) as f64;
        largest = largest.max((p_values[index] * left).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worked_example() {
        // 4 x 0.005, 3 x 0.01, 2 x 0.03, then no less than that.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-15), "{adjusted:?}");
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn never_below_the_raw_value_and_never_above_bonferroni(values in prop::collection::vec(0.0_f64..=1.0, 1..20)) {
            let family = values.len() as f64;
            for (raw, adjusted) in values.iter().zip(holm(&values)) {
                prop_assert!(*raw <= adjusted && adjusted <= (raw * family).min(1.0) + 1e-15);
            }
        }
    }
}
