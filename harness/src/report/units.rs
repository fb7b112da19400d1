//! Numbers as people read them: three significant digits and a unit.

/// A time in nanoseconds: `850 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`.
#[must_use]
pub fn time(nanoseconds: f64) -> String {
    scaled(nanoseconds, &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)])
}

/// A size in bytes: `512 B`, `1.50 KiB`, `3.00 GiB`.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    scaled(bytes, &[("B", 1.0), ("KiB", KIB), ("MiB", KIB * KIB), ("GiB", KIB * KIB * KIB)])
}

/// A plain number: whole and with commas from 100 on, three significant digits below.
#[must_use]
pub fn number(value: f64) -> String {
    if value.abs() < 99.95 { three_digits(value) } else { with_commas(&format!("{value:.0}")) }
}

/// In the largest unit that leaves at least one digit before the point once rounded.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let fits = |(_, factor): &&(&str, f64)| value.abs() >= factor * 0.9995;
    let (unit, factor) = units.iter().rev().find(fits).or(units.first()).copied().unwrap_or(("", 1.0));
    let number = if factor == 1.0 && value.fract() == 0.0 { format!("{value}") } else { three_digits(value / factor) };
    format!("{number} {unit}")
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn with_commas(digits: &str) -> String {
    let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
    let comma = |index: usize| (index > 0 && (digits.len() - index).is_multiple_of(3)).then_some(',');
    let grouped = digits.chars().enumerate().flat_map(|(index, digit)| comma(index).into_iter().chain([digit]));
    format!("{sign}{}", grouped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_take_the_unit_that_reads_best() {
        let cases = [
            (0.0, "0 ns"),
            (41.25, "41.2 ns"),
            (850.0, "850 ns"),
            (999.9, "1.00 µs"),
            (12_345.0, "12.3 µs"),
            (4_560_000.0, "4.56 ms"),
            (999_949_000.0, "1.00 s"),
            (61e9, "61.0 s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(time(nanoseconds), text);
        }
    }

    #[test]
    fn sizes_and_numbers() {
        assert_eq!((bytes(0.0).as_str(), bytes(1536.0).as_str()), ("0 B", "1.50 KiB"));
        assert_eq!(bytes(24.0 * 1024_f64.powi(3)), "24.0 GiB");
        let shown = [0.0, 3.123, 42.0, 99.96, 1234.5, 1_234_567.0, -1234.0].map(number);
        assert_eq!(shown, ["0.00", "3.12", "42.0", "100", "1,234", "1,234,567", "-1,234"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_within_half_a_percent(nanoseconds in 1.0_f64..1e13) {
            let text = time(nanoseconds);
            let (number, unit) = text.split_once(' ').expect("number and unit");
            let factor = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)].iter().find(|(name, _)| *name == unit);
            let shown = number.parse::<f64>().expect("a number") * factor.expect("a known unit").1;
            prop_assert!((shown / nanoseconds - 1.0).abs() < 0.0051, "{} for {}", text, nanoseconds);
        }
    }
}
