//! Student's t distribution.

/// Upper 97.5 % points for 1 to 30 degrees of freedom (NIST/SEMATECH, *e-Handbook of Statistical Methods*, 1.3.6.7.2).
const T975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Beyond the table: the point for the largest tabulated number of degrees not above the one asked for.
const TAIL: [(usize, f64); 4] = [(1000, 1.962), (100, 1.984), (60, 2.000), (40, 2.021)];

/// The factor of a two-sided 95 % confidence interval; infinite for 0 degrees of freedom. Between tabulated points it
/// errs on the wide side, by less than 1.1 %.
pub(super) fn t975(freedom: usize) -> f64 {
    let Some(row) = freedom.checked_sub(1) else { return f64::INFINITY };
    T975.get(row).copied().unwrap_or_else(|| {
        let beyond = TAIL.iter().find(|(degrees, _)| *degrees <= freedom);
        beyond.map_or(T975[T975.len() - 1], |(_, t)| *t)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_and_a_falling_tail() {
        assert_eq!((t975(1), t975(4), t975(30)), (12.706, 2.776, 2.042));
        assert_eq!((t975(35), t975(60), t975(99), t975(5000)), (2.042, 2.000, 2.000, 1.962));
        assert!(t975(0).is_infinite());
        assert!((1..2000).map(t975).is_sorted_by(|a, b| a >= b));
    }
}
