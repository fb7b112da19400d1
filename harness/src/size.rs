//! Sizes in bytes as people write them.

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `4096`, `4096B`, `4KiB`, `64MiB` or `1GiB`.
///
/// # Errors
/// A text that is none of these, or does not fit in 64 bits.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let factor = UNITS.iter().find(|(name, _)| *name == unit || unit.is_empty() && *name == "B");
    let size = factor.and_then(|(_, factor)| digits.parse::<u64>().ok()?.checked_mul(*factor));
    size.ok_or_else(|| format!("'{text}' is not a size (such as 4096, 1KiB or 64MiB)"))
}

/// The exact size in its largest whole unit: `1KiB`, `1025B`.
#[must_use]
pub fn format(bytes: u64) -> String {
    let (unit, factor) =
        UNITS.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_units_and_refuses_others() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("7B"), Ok(7));
        assert_eq!(parse("64MiB"), Ok(64 << 20));
        for bad in ["", "KiB", "1KB", "1 KiB", "-1", "1.5KiB", "99999999999GiB"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: u64) {
            prop_assert_eq!(parse(&format(bytes)), Ok(bytes));
        }

        #[test]
        fn round_sizes_take_their_unit(kib in 1_u64..1024) {
            prop_assert_eq!(format(kib << 10), format!("{kib}KiB"));
        }
    }
}
