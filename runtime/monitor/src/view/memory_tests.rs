//! Made-up memory, and our own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// Memory from an address to its end.
struct Made {
    from: u64,
    bytes: Vec<u8>,
}

impl Memory for Made {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let offset = address.checked_sub(self.from).ok_or(Errno::FAULT)?;
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let rest = rest.filter(|rest| !rest.is_empty()).ok_or(Errno::FAULT)?;
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn made(from: u64, bytes: &[u8]) -> Made {
    Made { from, bytes: bytes.to_vec() }
}

#[test]
fn a_text_ends_at_its_nul() {
    let memory = made(0x1ffd, b"/etc/passwd\0more");
    assert_eq!(text(&memory, 0x1ffd, PATH_MAX), Ok(b"/etc/passwd".to_vec()));
    assert_eq!(text(&memory, 0x1ffd + 11, PATH_MAX), Ok(vec![]));
    assert_eq!(text(&memory, 0x1ffd + 12, PATH_MAX), Err(Errno::FAULT));
    assert_eq!(text(&memory, 0, PATH_MAX), Err(Errno::FAULT));
    assert_eq!(text(&memory, u64::MAX, PATH_MAX), Err(Errno::FAULT));
}

#[test]
fn a_text_has_at_most_so_many_bytes_with_its_nul() {
    for length in [0, 1, 255, 256, 257, 4094, 4095, 4096, 4097, 9000] {
        for from in [0x1000, 0x1001, 0x1fff] {
            let memory = made(from, &[vec![b'a'; length], vec![0]].concat());
            let expected =
                if length < PATH_MAX { Ok(vec![b'a'; length]) } else { Err(Errno::NAMETOOLONG) };
            assert_eq!(text(&memory, from, PATH_MAX), expected, "{length} at {from:#x}");
        }
    }
}

#[test]
fn vectors_are_of_the_callers_width() {
    let mut image = vec![0; 64];
    image[..8].copy_from_slice(&0x1030_u64.to_ne_bytes());
    image[8..16].copy_from_slice(&0x1038_u64.to_ne_bytes());
    image[24..28].copy_from_slice(&0x1038_u32.to_ne_bytes());
    image[48..51].copy_from_slice(b"ls\0");
    image[56..59].copy_from_slice(b"-l\0");
    let memory = made(0x1000, &image);
    let both = Ok(vec![b"ls".to_vec(), b"-l".to_vec()]);
    assert_eq!(words(&memory, 0x1000, Width::Bits64), both);
    assert_eq!(words(&memory, 0x1018, Width::Bits32), Ok(vec![b"-l".to_vec()]));
    assert_eq!(words(&memory, 0, Width::Bits64), Ok(vec![]));
    assert_eq!(words(&memory, 0x103c, Width::Bits64), Err(Errno::FAULT));
}

#[test]
fn endless_vectors_are_refused() {
    let mut image: Vec<u8> =
        std::iter::repeat_n(0x0800_u64.to_ne_bytes(), WORDS_MAX + 1).flatten().collect();
    let text = vec![b'x'; 0x800];
    let mut all = text;
    all[1] = 0;
    all.append(&mut image);
    let memory = made(0x800, &all);
    assert_eq!(words(&memory, 0x1000, Width::Bits64), Err(Errno::TOOBIG));
}

#[test]
fn own_memory_is_read() {
    let name = b"some name\0";
    let address = u64::try_from(name.as_ptr().addr()).unwrap();
    let memory = OfThread(std::process::id());
    assert_eq!(text(&memory, address, PATH_MAX), Ok(b"some name".to_vec()));
    assert_eq!(bytes(&memory, 16, 4), Err(Errno::FAULT));
}
