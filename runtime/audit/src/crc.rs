//! The checksum of frames: CRC-32 of IEEE 802.3 (reflected, as zlib, gzip and PNG have it).

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// How many bytes are taken at once.
const SLICES: usize = 8;

/// By byte: the remainder of a byte that so many bytes of 0 follow.
static TABLES: [[u32; 256]; SLICES] = tables();

#[allow(
    clippy::indexing_slicing,
    reason = "in a constant expression: what is outside would not compile"
)]
const fn tables() -> [[u32; 256]; SLICES] {
    let mut tables = [[0_u32; 256]; SLICES];
    let mut byte = 0;
    let mut value = 0_u32;
    while byte < 256 {
        let mut rest = value;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ POLYNOMIAL } else { rest >> 1 };
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
        value += 1;
    }
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

fn look(slice: usize, byte: u32) -> u32 {
    let table = TABLES.get(slice);
    table.and_then(|table| table.get((byte & 0xff) as usize)).copied().unwrap_or_default()
}

/// The checksum of bytes.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<SLICES>();
    let mut crc = u32::MAX;
    for [a, b, c, d, e, f, g, h] in chunks {
        let low = crc ^ u32::from_le_bytes([*a, *b, *c, *d]);
        let high = u32::from_le_bytes([*e, *f, *g, *h]);
        crc = look(7, low) ^ look(6, low >> 8) ^ look(5, low >> 16) ^ look(4, low >> 24);
        crc ^= look(3, high) ^ look(2, high >> 8) ^ look(1, high >> 16) ^ look(0, high >> 24);
    }
    for byte in rest {
        crc = crc >> 8 ^ look(0, crc ^ u32::from(*byte));
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn known_values() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
    }

    #[test]
    fn every_length_is_that_of_bytes_one_by_one() {
        let text: Vec<u8> = (0..=255).collect();
        for length in 0..text.len() {
            let text = text.get(..length).unwrap_or_default();
            let mut slow = u32::MAX;
            for byte in text {
                slow ^= u32::from(*byte);
                for _ in 0..8 {
                    slow = if slow & 1 == 1 { slow >> 1 ^ 0xedb8_8320 } else { slow >> 1 };
                }
            }
            assert_eq!(crc32(text), !slow, "{length}");
        }
    }
}
