//! `.BTF.ext`: for each section of an object file, where functions begin, which line an
//! instruction is from, and which instructions depend on the kernel's structures. Offsets are in bytes, and texts are places among the strings of `.BTF`.

use std::collections::BTreeMap;

use filterc_abi::Endian;

use super::build::{u16_bytes, words_bytes};
use super::kind;
use super::read::{BtfError, has_magic, part, word_at};

/// What is told of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The place of the section's name.
    pub name: u32,
    /// `(offset, function)`: the function's number among the types.
    pub functions: Vec<(u32, u32)>,
    /// Lines.
    pub lines: Vec<Line>,
    /// Relocations of fields.
    pub fields: Vec<FieldRecord>,
}

/// `struct bpf_core_relo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldRecord {
    /// Offset of the instruction.
    pub offset: u32,
    /// The structure's number among the types.
    pub structure: u32,
    /// The place of the way to the member: places among members, with colons.
    pub path: u32,
    /// What is asked ([`crate::field::Question`]).
    pub question: u32,
}

/// `struct bpf_line_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Offset of the first instruction.
    pub offset: u32,
    /// The place of the file's name.
    pub file: u32,
    /// The place of the line's text.
    pub text: u32,
    /// The line's number, and in the low ten bits the column's.
    pub place: u32,
}

/// Bytes of the header, up to the offset and length of relocations of fields.
const HEADER: u32 = 32;
/// Bytes of that of older files, without these.
const OLD_HEADER: u32 = 24;
const FUNCTION: u32 = 8;
const LINE: u32 = 16;
const FIELD: u32 = 16;

/// The bytes of the section.
#[must_use]
pub fn write(sections: &[Section], endian: Endian) -> Vec<u8> {
    let functions = records(FUNCTION, sections, |section| {
        section.functions.iter().map(|(offset, function)| vec![*offset, *function]).collect()
    });
    let lines = records(LINE, sections, |section| {
        let words = |line: &Line| vec![line.offset, line.file, line.text, line.place];
        section.lines.iter().map(words).collect()
    });
    let fields = records(FIELD, sections, |section| {
        let words = |it: &FieldRecord| vec![it.offset, it.structure, it.path, it.question];
        section.fields.iter().map(words).collect()
    });
    let mut bytes = u16_bytes(kind::MAGIC, endian).to_vec();
    bytes.extend([kind::VERSION, 0]);
    let length = |words: &[u32]| u32::try_from(words.len() * 4).unwrap_or(u32::MAX);
    let (first, second, third) = (length(&functions), length(&lines), length(&fields));
    let header = [HEADER, 0, first, first, second, first + second, third];
    bytes.extend(words_bytes(&header, endian));
    bytes.extend(words_bytes(&functions, endian));
    bytes.extend(words_bytes(&lines, endian));
    bytes.extend(words_bytes(&fields, endian));
    bytes
}

/// The size of a record, then for each section its name, how many records, and those.
fn records(size: u32, sections: &[Section], of: impl Fn(&Section) -> Vec<Vec<u32>>) -> Vec<u32> {
    let mut words = Vec::new();
    for section in sections {
        let records = of(section);
        if records.is_empty() {
            continue;
        }
        words.extend([section.name, u32::try_from(records.len()).unwrap_or(u32::MAX)]);
        words.extend(records.into_iter().flatten());
    }
    if words.is_empty() { words } else { [vec![size], words].concat() }
}

/// Reads the bytes of a section, in the order of the places of names. Records may be longer than
/// they are here: newer compilers may tell more.
///
/// # Errors
/// Where they are no such section.
pub fn read(bytes: &[u8], endian: Endian) -> Result<Vec<Section>, BtfError> {
    if !has_magic(bytes, endian) {
        return Err(BtfError::NotBtf);
    }
    let mut sections: BTreeMap<u32, Section> = BTreeMap::new();
    let [functions, lines, fields] = ["the list of functions", "the list of lines", FIELDS]
        .map(|what| BtfError::Damaged { what });
    let list = part(bytes, 4, 8, endian).ok_or(functions)?;
    each(list, FUNCTION, endian, &mut |name, record| {
        let word = |at| word_at(record, at, endian);
        let section =
            sections.entry(name).or_insert_with(|| Section { name, ..Section::default() });
        section.functions.push((word(0)?, word(4)?));
        Some(())
    })
    .ok_or(functions)?;
    let list = part(bytes, 4, 16, endian).ok_or(lines)?;
    each(list, LINE, endian, &mut |name, record| {
        let word = |at| word_at(record, at, endian);
        let line = Line { offset: word(0)?, file: word(4)?, text: word(8)?, place: word(12)? };
        let section =
            sections.entry(name).or_insert_with(|| Section { name, ..Section::default() });
        section.lines.push(line);
        Some(())
    })
    .ok_or(lines)?;
    if word_at(bytes, 4, endian) == Some(OLD_HEADER) {
        return Ok(sections.into_values().collect());
    }
    let list = part(bytes, 4, 24, endian).ok_or(fields)?;
    each(list, FIELD, endian, &mut |name, record| {
        let word = |at| word_at(record, at, endian);
        let (offset, structure, path) = (word(0)?, word(4)?, word(8)?);
        let section =
            sections.entry(name).or_insert_with(|| Section { name, ..Section::default() });
        section.fields.push(FieldRecord { offset, structure, path, question: word(12)? });
        Some(())
    })
    .ok_or(fields)?;
    Ok(sections.into_values().collect())
}

/// The third of the lists.
const FIELDS: &str = "the list of fields";

/// Calls `each` with the section's name and the bytes of every record.
fn each(
    list: &[u8],
    size: u32,
    endian: Endian,
    each: &mut impl FnMut(u32, &[u8]) -> Option<()>,
) -> Option<()> {
    if list.is_empty() {
        return Some(());
    }
    let record = word_at(list, 0, endian).filter(|record| *record >= size)?;
    let record = usize::try_from(record).ok()?;
    let mut rest = list.get(4..)?;
    while !rest.is_empty() {
        let (name, count) = (word_at(rest, 0, endian)?, word_at(rest, 4, endian)?);
        let length = usize::try_from(count).ok()?.checked_mul(record)?;
        let (records, behind) = rest.get(8..)?.split_at_checked(length)?;
        records.chunks_exact(record).try_for_each(|record| each(name, record))?;
        rest = behind;
    }
    Some(())
}
