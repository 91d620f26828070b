//! The committed bytes are whole, and damaged ones never make a reader panic.

use std::collections::BTreeSet;

use super::*;
use crate::KernelVersion;
use crate::layout::SECTIONS;
use crate::layout::{CONSTANT_TYPES, MAX_LEN};

/// Reads everything that there is, and counts it; `None` where a table cannot be read.
fn read_all(blob: &Blob, every: usize) -> Vec<Option<usize>> {
    let abis = blob.abis();
    let mut counts = vec![abis.as_ref().map(Vec::len)];
    let abis = abis.unwrap_or_default();
    for abi in abis.iter().step_by(every) {
        let table = blob.calls(abi).map(RawCalls::count);
        counts.push(table);
    }
    let constants = blob.all_constants();
    counts.push(constants.as_ref().map(Vec::len));
    for (i, (name, _)) in constants.unwrap_or_default().iter().enumerate().step_by(every) {
        for abi in abis.iter().step_by(every) {
            blob.constant(abi, name);
        }
        blob.constant_name(u16::try_from(i).unwrap_or_default());
    }
    let sets = blob.sets();
    counts.push(sets.as_ref().map(Vec::len));
    for set in sets.unwrap_or_default().iter().step_by(every) {
        contains(&set.values, 17);
        contains(&set.flags, 17);
    }
    counts.push(blob.in_memory().map(|table| table.len()));
    counts.push(blob.groups().map(|table| table.len()));
    counts.push(blob.aliases().map(|table| table.len()));
    counts.push(blob.families().map(|table| table.len()));
    counts
}

#[test]
fn the_committed_bytes_are_whole_and_small() {
    println!("the tables take {} bytes", BYTES.len());
    assert!(BYTES.len() <= MAX_LEN, "{} bytes", BYTES.len());
    let version = KernelVersion::TABLE;
    assert_eq!(BYTES[10..14], [version.major.to_le_bytes(), version.minor.to_le_bytes()].concat());
    let blob = Blob::parse(BYTES).unwrap();
    assert!(read_all(&blob, 1).iter().all(Option::is_some));
    // Every byte belongs to a section, and to one only.
    let ends: usize = blob.sections.iter().map(|section| section.len()).sum();
    assert_eq!(ends + 14 + SECTIONS.len() * 8, BYTES.len());
}

#[test]
fn sections_are_in_order() {
    for (position, section) in SECTIONS.iter().enumerate() {
        assert_eq!(*section as usize, position);
    }
}

#[test]
fn strings_are_sorted() {
    let blob = Blob::parse(BYTES).unwrap();
    let count = u16::try_from(blob.string_offsets.len() / 4 - 1).unwrap();
    let strings: Vec<&str> = (0..count).map(|id| blob.string(id).unwrap()).collect();
    assert!(strings.is_sorted_by(|a, b| a < b));
    assert!(blob.string(count).is_none());
}

#[test]
fn constants_are_found_at_their_places() {
    let blob = Blob::parse(BYTES).unwrap();
    let all = blob.all_constants().unwrap();
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
    for (id, (name, _)) in (0_u16..).zip(&all) {
        assert_eq!(blob.constant_id(name), Some(id), "{name}");
        assert_eq!(blob.constant_name(id).as_ref(), Some(name));
    }
    let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in &all {
        // Neighbours of each name: what is not there is not found.
        let other =
            [format!("{name}_"), format!("{name}0"), format!("A{name}"), name[1..].to_owned()];
        let cut = name[..name.len() - 1].to_owned();
        for wrong in other.iter().chain([&cut]).filter(|wrong| !names.contains(wrong.as_str())) {
            assert_eq!(blob.constant_id(wrong), None, "{wrong}");
        }
    }
    for wrong in ["", "0", "~", "\u{ffff}", "O_CREAT\0"] {
        assert_eq!(blob.constant_id(wrong), None, "{wrong:?}");
    }
}

/// A small generator of numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn truncated_bytes_never_panic() {
    let mut random = Random(7);
    let header = 14 + SECTIONS.len() * 8;
    let lengths = (0..=header).chain((0..60).map(|_| random.below(BYTES.len())));
    for len in lengths.collect::<Vec<_>>() {
        assert!(Blob::parse(&BYTES[..len]).is_none(), "{len} bytes");
    }
    // The sections themselves cut short, each in turn.
    let whole = Blob::parse(BYTES).unwrap();
    for section in 0..SECTIONS.len() {
        for _ in 0..4 {
            let mut cut = whole.clone();
            let len = random.below(cut.sections[section].len().max(1));
            cut.sections[section] = &cut.sections[section][..len];
            read_all(&cut, 5);
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut random = Random(42);
    let mut parsed = 0;
    // What is read refers to the bytes for good, so that each variant is leaked.
    for round in 0..200 {
        let mut bytes = BYTES.to_vec();
        for _ in 0..1 << (round % 10) {
            // Headers and offsets are few, so that every other flip goes to some of them.
            let starts: Vec<usize> = Blob::parse(BYTES)
                .unwrap()
                .sections
                .iter()
                .map(|section| section.as_ptr().addr() - BYTES.as_ptr().addr())
                .collect();
            let at = match round % 3 {
                0 => random.below(bytes.len()),
                1 => (starts[random.below(starts.len())] + random.below(64)) % bytes.len(),
                _ => 14 + random.below(bytes.len() - 14),
            };
            bytes[at] ^= 1 << random.below(8);
        }
        if let Some(blob) = Blob::parse(bytes.leak()) {
            parsed += 1;
            read_all(&blob, 3);
        }
    }
    assert!(parsed > 60, "most variants get past the header: {parsed}");
}

#[test]
fn types_are_known() {
    let widths = CONSTANT_TYPES.map(|ty| (ty.starts_with('s'), &ty[1..]));
    assert_eq!(
        widths,
        [(true, "32"), (false, "32"), (true, "64"), (false, "64"), (true, "w"), (false, "w")]
    );
}
