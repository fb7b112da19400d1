//! CRC-32C (Castagnoli), eight bytes a step.

/// The reflected polynomial 0x1EDC6F41 of RFC 3720.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `TABLES[k][b]`: what byte `b` contributes when `k` more bytes follow in the same step.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0_u32;
    while byte < 256 {
        tables[0][byte as usize] = shifted(byte, 8);
        byte += 1;
    }
    let mut index = 0;
    while index < 256 * 7 {
        let (table, byte) = (index / 256, index % 256);
        tables[table + 1][byte] = shifted(tables[table][byte], 8);
        index += 1;
    }
    tables
}

/// `state` after `bits` zero bits.
const fn shifted(mut state: u32, bits: u32) -> u32 {
    let mut done = 0;
    while done < bits {
        state = if state & 1 == 1 { (state >> 1) ^ POLYNOMIAL } else { state >> 1 };
        done += 1;
    }
    state
}

/// The checksum of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let (steps, rest) = bytes.as_chunks::<8>();
    let state = steps.iter().fold(u32::MAX, |state, step| step_of_eight(state, *step));
    !rest.iter().fold(state, |state, byte| (state >> 8) ^ TABLES[0][usize::from(state.to_le_bytes()[0] ^ byte)])
}

fn step_of_eight(state: u32, step: [u8; 8]) -> u32 {
    let mixed = (u64::from_le_bytes(step) ^ u64::from(state)).to_le_bytes();
    mixed.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    #[test]
    fn published_vectors() {
        let ascending: Vec<u8> = (0..32).collect();
        for (bytes, sum) in [
            (&b""[..], 0),
            (&[0; 32], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&ascending, 0x46DD_794E),
            (b"123456789", 0xE306_9283),
        ] {
            assert_eq!(crc32c(bytes), sum);
        }
    }
}
