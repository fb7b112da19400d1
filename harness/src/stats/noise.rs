//! How far rounds lie apart when nothing has changed.

use crate::stats::median;

/// Makes the median absolute deviation of normally distributed values their standard deviation.
const NORMAL: f64 = 1.482_602_218_505_602;

/// A standard deviation that outliers do not move (the scaled median absolute deviation); `None` below two values.
#[must_use]
pub fn robust_deviation(values: &[f64]) -> Option<f64> {
    let center = median(values).filter(|_| values.len() > 1)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    Some(NORMAL * median(&distances)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_does_not_move_it() {
        let calm = robust_deviation(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("values");
        assert!((calm - NORMAL).abs() < 1e-15);
        assert_eq!(robust_deviation(&[1.0, 2.0, 3.0, 4.0, 500.0]), Some(calm));
        assert_eq!((robust_deviation(&[]), robust_deviation(&[1.0])), (None, None));
    }
}
