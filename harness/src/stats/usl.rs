//! The Universal Scalability Law: `X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))`.
//!
//! `sigma` is what workers lose to waiting for each other (Amdahl's serial share), `kappa` what each pair of them loses
//! to keeping agreed, and with it throughput has a peak (Gunther, *Guerrilla Capacity Planning*, 2007, chapter 4).
//!
//! `N / X` is linear in `1 / lambda`, `sigma / lambda` and `kappa / lambda`, so the fit is a least-squares problem with the
//! bounds `0 <= sigma <= 1` and `kappa >= 0`. It is convex, so its optimum lies in the inside or on one of the few faces
//! of the bounds: all are solved, and the best one that keeps the bounds is taken. There is no starting point, no
//! iteration and no way to end in a wrong minimum. Residuals are those of `N / X` relative to the measured value, for
//! throughputs span orders of magnitude.

/// Fewest different worker counts for three parameters.
const LEAST_COUNTS: usize = 3;

/// A parameter that betters the sum of squared relative residuals by no more than this is rounding, and left out: a
/// coherency of 1e-32 would have a peak.
const NEGLIGIBLE: f64 = 1e-20;

/// A fitted law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Throughput of one worker.
    pub lambda: f64,
    /// Contention, 0 to 1.
    pub sigma: f64,
    /// Coherency, not negative.
    pub kappa: f64,
    /// Root mean square of the relative residuals of throughput.
    pub error: f64,
}

impl Fit {
    /// Throughput of `workers`.
    #[must_use]
    pub fn at(&self, workers: f64) -> f64 {
        throughput(self.lambda, self.sigma, self.kappa, workers)
    }

    /// Workers of the highest throughput, at least 1; `None` where it grows without end, or stays.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        peak(self.sigma, self.kappa)
    }
}

/// The law.
#[must_use]
pub fn throughput(lambda: f64, sigma: f64, kappa: f64, workers: f64) -> f64 {
    lambda * workers / (1.0 + sigma * (workers - 1.0) + kappa * workers * (workers - 1.0))
}

fn peak(sigma: f64, kappa: f64) -> Option<f64> {
    (kappa > 0.0).then(|| ((1.0 - sigma) / kappa).sqrt().max(1.0))
}

/// Fits workers and throughputs. `None` with fewer than three different worker counts (each at least 1), or with a
/// throughput that is not a positive number.
#[must_use]
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let is_sound =
        |(workers, rate): &(f64, f64)| workers.is_finite() && *workers >= 1.0 && rate.is_finite() && *rate > 0.0;
    let mut counts: Vec<f64> = points.iter().map(|point| point.0).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    if counts.len() < LEAST_COUNTS || !points.iter().all(is_sound) {
        return None;
    }
    // One unit of throughput for all: the equations stay well-conditioned whatever the rates are.
    let unit = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let rows: Vec<Row> = points.iter().map(|(workers, rate)| Row::of(*workers, rate / unit)).collect();
    let feasible = FACES.iter().filter_map(|face| face.solve(&rows));
    let better = |best: [f64; 3], other: [f64; 3]| {
        if squares(&rows, &other) + NEGLIGIBLE < squares(&rows, &best) { other } else { best }
    };
    let best = feasible.reduce(better)?;
    let [a, b, c] = best;
    let mut fit = Fit { lambda: unit / a, sigma: b / a, kappa: c / a, error: 0.0 };
    let relative = points.iter().map(|(workers, rate)| (fit.at(*workers) / rate - 1.0).powi(2));
    fit.error = (relative.sum::<f64>() / points.len() as f64).sqrt();
    Some(fit)
}

/// One equation: `terms . [1, sigma, kappa] / lambda = 1`, scaled so that its residual is relative.
struct Row([f64; 3]);

impl Row {
    fn of(workers: f64, rate: f64) -> Self {
        let measured = workers / rate;
        Self([1.0 / measured, (workers - 1.0) / measured, workers * (workers - 1.0) / measured])
    }
}

fn dot(row: &Row, x: &[f64; 3]) -> f64 {
    row.0.iter().zip(x).map(|(one, other)| one * other).sum()
}

fn squares(rows: &[Row], x: &[f64; 3]) -> f64 {
    rows.iter().map(|row| (dot(row, x) - 1.0).powi(2)).sum()
}

/// Where sigma is: within its bounds, or on one of them.
#[derive(Clone, Copy, PartialEq)]
enum Sigma {
    Free,
    Zero,
    One,
}

/// A part of the space of parameters: the inside or a face.
struct Face {
    sigma: Sigma,
    kappa_is_free: bool,
}

const fn face(sigma: Sigma, kappa_is_free: bool) -> Face {
    Face { sigma, kappa_is_free }
}

/// Those with fewer parameters first.
const FACES: [Face; 6] = [
    face(Sigma::Zero, false),
    face(Sigma::One, false),
    face(Sigma::Free, false),
    face(Sigma::Zero, true),
    face(Sigma::One, true),
    face(Sigma::Free, true),
];

impl Face {
    /// The best `[1, sigma, kappa] / lambda` of this face; `None` if it breaks a bound, or is not determined.
    fn solve(&self, rows: &[Row]) -> Option<[f64; 3]> {
        let columns = self.columns();
        let solution = least_squares(rows, &columns)?;
        let mut x = [0.0; 3];
        for (column, value) in columns.iter().zip(&solution) {
            x.iter_mut().zip(column).for_each(|(x, share)| *x += share * value);
        }
        let [a, b, c] = x;
        (a > 0.0 && (0.0..=a).contains(&b) && c >= 0.0).then_some(x)
    }

    /// The directions in which this face extends.
    fn columns(&self) -> Vec<[f64; 3]> {
        let first = if self.sigma == Sigma::One { [1.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] };
        let second = (self.sigma == Sigma::Free).then_some([0.0, 1.0, 0.0]);
        let third = self.kappa_is_free.then_some([0.0, 0.0, 1.0]);
        std::iter::once(first).chain(second).chain(third).collect()
    }
}

/// Least squares by modified Gram-Schmidt, which does not square the condition as the normal equations do. `None` where
/// columns depend on each other.
fn least_squares(rows: &[Row], columns: &[[f64; 3]]) -> Option<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = columns.iter().map(|c| rows.iter().map(|row| dot(row, c)).collect()).collect();
    let mut rest: Vec<f64> = vec![1.0; rows.len()];
    let count = basis.len();
    let mut upper = vec![vec![0.0; count]; count];
    let mut projected = vec![0.0; count];
    for k in 0..count {
        let whole = norm(&columns_of(rows, &columns[k]));
        let length = norm(&basis[k]);
        if length <= 1e-12 * whole {
            return None;
        }
        upper[k][k] = length;
        let unit: Vec<f64> = basis[k].iter().map(|value| value / length).collect();
        for j in k + 1..count {
            upper[k][j] = product(&unit, &basis[j]);
            let share = upper[k][j];
            basis[j].iter_mut().zip(&unit).for_each(|(value, unit)| *value -= share * unit);
        }
        projected[k] = product(&unit, &rest);
        let share = projected[k];
        rest.iter_mut().zip(&unit).for_each(|(value, unit)| *value -= share * unit);
    }
    let mut solution = vec![0.0; count];
    for k in (0..count).rev() {
        let known: f64 = (k + 1..count).map(|j| upper[k][j] * solution[j]).sum();
        solution[k] = (projected[k] - known) / upper[k][k];
    }
    Some(solution)
}

fn columns_of(rows: &[Row], column: &[f64; 3]) -> Vec<f64> {
    rows.iter().map(|row| dot(row, column)).collect()
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn norm(values: &[f64]) -> f64 {
    product(values, values).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const COUNTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 25.0, 100.0];

    fn exact(lambda: f64, sigma: f64, kappa: f64, counts: &[f64]) -> Vec<(f64, f64)> {
        counts.iter().map(|workers| (*workers, throughput(lambda, sigma, kappa, *workers))).collect()
    }

    #[test]
    fn the_law_at_known_points() {
        // Amdahl with a serial tenth: 10 workers are worth 10 / 1.9.
        assert!((throughput(100.0, 0.1, 0.0, 10.0) - 1000.0 / 1.9).abs() < 1e-9);
        let fit = fit(&exact(1000.0, 0.02, 0.0005, &COUNTS)).expect("six counts");
        assert!(fit.peak().is_some_and(|peak| (peak - (0.98_f64 / 0.0005).sqrt()).abs() < 1e-6));
        assert!(fit.at(44.0) > fit.at(40.0) && fit.at(45.0) > fit.at(50.0), "the peak is at 44.3");
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let points = |points: &[(f64, f64)]| fit(points);
        assert_eq!(points(&[]), None);
        assert_eq!(points(&[(1.0, 10.0), (2.0, 19.0)]), None, "two counts");
        assert_eq!(points(&[(1.0, 10.0), (2.0, 19.0), (2.0, 18.0), (1.0, 11.0)]), None, "two counts, twice");
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(points(&[(1.0, 10.0), (2.0, 19.0), (4.0, bad)]), None);
            assert_eq!(points(&[(1.0, 10.0), (2.0, 19.0), (bad, 30.0)]), None);
        }
    }

    #[test]
    fn faster_than_linear_is_fitted_with_nothing_lost() {
        let fit = fit(&[(1.0, 100.0), (2.0, 250.0), (4.0, 600.0), (8.0, 1400.0)]).expect("four counts");
        assert_eq!((fit.sigma, fit.kappa, fit.peak()), (0.0, 0.0, None));
        assert!(fit.error > 0.1, "and the error says that the law does not hold");
    }

    #[test]
    fn throughput_that_only_falls_keeps_the_bounds() {
        let fit = fit(&[(1.0, 1000.0), (2.0, 300.0), (4.0, 100.0), (8.0, 30.0)]).expect("four counts");
        assert!((0.0..=1.0).contains(&fit.sigma) && fit.kappa > 0.0);
        assert!(fit.peak().is_some_and(|peak| peak < 2.0), "{fit:?}");
    }

    proptest! {
        #[test]
        fn exact_data_give_exact_parameters(
            lambda in 1.0_f64..1e6,
            sigma in prop_oneof![Just(0.0), Just(1.0), 0.0_f64..1.0],
            kappa in prop_oneof![Just(0.0), 1e-6_f64..0.1],
            counts in 3_usize..=6,
        ) {
            let fit = fit(&exact(lambda, sigma, kappa, &COUNTS[..counts])).expect("three counts");
            prop_assert!((fit.lambda / lambda - 1.0).abs() < 1e-6, "{:?}", fit);
            prop_assert!((fit.sigma - sigma).abs() < 1e-6 && (fit.kappa - kappa).abs() < 1e-6, "{:?}", fit);
            prop_assert!(fit.error < 1e-6);
        }

        /// Two per cent of noise, three rounds a count.
        #[test]
        fn noise_moves_the_parameters_little(sigma in 0.01_f64..0.5, kappa in 1e-4_f64..1e-2, seed: u64) {
            let mut random = StdRng::seed_from_u64(seed);
            let mut noisy = Vec::new();
            for (workers, rate) in exact(5000.0, sigma, kappa, &COUNTS).into_iter().cycle().take(18) {
                noisy.push((workers, rate * (1.0 + 0.02 * (2.0 * random.random::<f64>() - 1.0))));
            }
            let fit = fit(&noisy).expect("six counts");
            prop_assert!((fit.lambda / 5000.0 - 1.0).abs() < 0.04, "{:?}", fit);
            prop_assert!((fit.sigma - sigma).abs() < 0.02 + 0.1 * sigma, "{:?}", fit);
            prop_assert!((fit.kappa / kappa - 1.0).abs() < 0.25 + 0.002 / kappa * sigma.max(0.05) , "{:?}", fit);
            prop_assert!(fit.error < 0.02, "{:?}", fit);
        }

        /// Any other parameters within the bounds fit no better.
        #[test]
        fn no_neighbour_is_better(rates in prop::collection::vec(1.0_f64..1e5, 4..=6), step in 0.9_f64..1.1, which in 0_usize..3) {
            let points: Vec<(f64, f64)> = COUNTS.into_iter().zip(rates).collect();
            let fit = fit(&points).expect("four counts");
            let cost = |lambda: f64, sigma: f64, kappa: f64| -> f64 {
                points.iter().map(|(n, x)| (x / throughput(lambda, sigma, kappa, *n) - 1.0).powi(2)).sum()
            };
            let mut other = [fit.lambda, fit.sigma, fit.kappa];
            other[which] *= step;
            prop_assume!(other[1] <= 1.0);
            let (best, found) = (cost(fit.lambda, fit.sigma, fit.kappa), cost(other[0], other[1], other[2]));
            prop_assert!(best <= found * (1.0 + 1e-9) + 1e-12, "{} > {}", best, found);
        }
    }
}
