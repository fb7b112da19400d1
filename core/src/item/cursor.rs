//! Reading from the front of a byte slice, every length checked first.

/// The bytes not read yet.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

/// Why an Avro `long` cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LongError {
    /// The input ends within it.
    Truncated,
    /// More than 64 bits.
    Overflow,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes left.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The next `count` bytes, or nothing (and nothing consumed) when there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    /// An Avro `long`: zig-zag, then base 128 with the lowest group first, at most 10 bytes. Encodings longer than
    /// need be are legal in Avro and taken.
    pub(super) fn long(&mut self) -> Result<i64, LongError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array().ok_or(LongError::Truncated)?;
            let group = u64::from(byte & 0x7F);
            // The tenth byte holds the one bit that is left.
            if shift == 63 && group > 1 {
                return Err(LongError::Overflow);
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(unzigzag(value));
            }
        }
        Err(LongError::Overflow)
    }
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_read_as_the_avro_specification_lists_them() {
        for (bytes, value) in [
            (&[0x00_u8][..], 0),
            (&[0x01], -1),
            (&[0x02], 1),
            (&[0x7F], -64),
            (&[0x80, 0x01], 64),
            (&[0x80, 0x00], 0),
            (&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], i64::MAX),
            (&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], i64::MIN),
        ] {
            assert_eq!(Cursor::new(bytes).long(), Ok(value), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_long_is_refused_when_cut_or_beyond_64_bits() {
        assert_eq!(Cursor::new(&[]).long(), Err(LongError::Truncated));
        assert_eq!(Cursor::new(&[0x80]).long(), Err(LongError::Truncated));
        assert_eq!(Cursor::new(&[0xFF; 11]).long(), Err(LongError::Overflow));
        let mut two_bits = [0xFF; 10];
        two_bits[9] = 0x02;
        assert_eq!(Cursor::new(&two_bits).long(), Err(LongError::Overflow));
    }

    #[test]
    fn taking_more_than_there_is_consumes_nothing() {
        let mut cursor = Cursor::new(b"abc");
        assert_eq!(cursor.take(4), None);
        assert_eq!(cursor.array::<4>(), None);
        assert_eq!(cursor.take(2), Some(&b"ab"[..]));
        assert_eq!(cursor.len(), 1);
    }
}
