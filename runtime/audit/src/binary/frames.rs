//! Frames of a stream, one after the other, whatever is wrong with some of them.

use std::io::{self, Read};

use super::form::{
    FRAME_HEAD, HEADER_SIZE, MAGIC, MARKER, MAX_PAYLOAD, SELECTED, VERSION, checksum,
};
use super::payload;
use crate::crc::crc32;
use crate::record::Record;

/// A part of a stream that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins: bytes from the beginning, or the line, from 1.
    pub at: u64,
    /// How many bytes.
    pub length: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What comes next in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A record.
    Record(Record),
    /// Something that cannot be read.
    Damage(Damage),
}

/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// The longest payload of the first frame behind something damaged.
const MAX_AFTER_DAMAGE: usize = 1 << 16;

/// The frames of a stream. It is never kept as a whole.
#[derive(Debug)]
pub struct Frames<R> {
    input: R,
    buffer: Vec<u8>,
    /// Of the buffer: what is not yet read begins here.
    start: usize,
    /// Of the stream: the place of `start`.
    offset: u64,
    /// Bytes before `start` that are no frame.
    skipped: u64,
    selected: bool,
    follow: bool,
}

/// What stands at a place of the buffer.
enum Found {
    /// A header of so many bytes.
    Header(u16),
    Frame(usize),
    /// There may be one: more is needed.
    Incomplete,
    Nothing,
    Newer(u16),
}

impl<R: Read> Frames<R> {
    /// Reads frames. With `follow`, what ends in the middle of one is not damaged: the rest may
    /// come yet.
    pub fn new(input: R, follow: bool) -> Self {
        let (buffer, start, offset, skipped) = (Vec::new(), 0, 0, 0);
        Self { input, buffer, start, offset, skipped, selected: false, follow }
    }

    /// Whether a header said that the records are some of those that were made.
    #[must_use]
    pub const fn is_selection(&self) -> bool {
        self.selected
    }

    /// The next record, or damaged part; `None` at the end, which may move when the stream is
    /// followed.
    ///
    /// # Errors
    /// If the stream cannot be read.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            let found = self.look();
            // What cannot be read is told before what comes behind it.
            if !matches!(found, Found::Nothing | Found::Incomplete)
                && let Some(damage) = self.damage("no frame")
            {
                return Ok(Some(damage));
            }
            match found {
                Found::Header(flags) => {
                    self.selected |= flags & SELECTED != 0;
                    self.pass(HEADER_SIZE);
                }
                Found::Frame(length) => {
                    let read = self.payload(length).and_then(payload::read);
                    let at = self.offset;
                    self.pass(FRAME_HEAD + length);
                    return Ok(Some(match read {
                        Some(record) => Item::Record(record),
                        None => Item::Damage(Damage {
                            at,
                            length: (FRAME_HEAD + length) as u64,
                            reason: "a record of a kind that this version does not know".to_owned(),
                        }),
                    }));
                }
                Found::Newer(version) => {
                    let text = format!(
                        "version {version} of the binary form; this filterc reads up to {VERSION}"
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                Found::Nothing => self.skip(),
                Found::Incomplete => {
                    if self.fill()? {
                        continue;
                    }
                    if self.follow {
                        return Ok(None);
                    }
                    if self.left().is_empty() {
                        return Ok(self.damage("no whole frame"));
                    }
                    self.skip();
                }
            }
        }
    }

    fn left(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn payload(&self, length: usize) -> Option<&[u8]> {
        self.left().get(FRAME_HEAD..FRAME_HEAD + length)
    }

    fn look(&self) -> Found {
        let left = self.left();
        let begins = |with: &[u8]| left.iter().zip(with).all(|(a, b)| a == b);
        if begins(&MARKER) {
            let Some((head, rest)) = left.split_first_chunk::<FRAME_HEAD>() else {
                return Found::Incomplete;
            };
            let [_, _, _, _, a, b, c, d, e, f, g, h] = *head;
            let length = u32::from_le_bytes([a, b, c, d]) as usize;
            return match rest.get(..length) {
                _ if length > MAX_PAYLOAD => Found::Nothing,
                // What follows damage is where frames begin again only if that is soon seen.
                _ if self.skipped > 0 && length > MAX_AFTER_DAMAGE => Found::Nothing,
                None => Found::Incomplete,
                Some(payload) if checksum(payload) == u32::from_le_bytes([e, f, g, h]) => {
                    Found::Frame(length)
                }
                Some(_) => Found::Nothing,
            };
        }
        if begins(&MAGIC) {
            let Some(header) = left.first_chunk::<HEADER_SIZE>() else { return Found::Incomplete };
            let (fields, sum) = header.split_at(HEADER_SIZE - 4);
            if sum != crc32(fields).to_le_bytes() {
                return Found::Nothing;
            }
            let [_, _, _, _, _, _, _, _, v, w, x, y, ..] = *header;
            let version = u16::from_le_bytes([v, w]);
            return match version {
                VERSION => Found::Header(u16::from_le_bytes([x, y])),
                _ => Found::Newer(version),
            };
        }
        Found::Nothing
    }

    fn pass(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
    }

    /// Goes on to where the next frame may be.
    fn skip(&mut self) {
        let begins = |byte: &u8| Some(byte) == MARKER.first() || Some(byte) == MAGIC.first();
        let left = self.left().get(1..).unwrap_or_default();
        let count = 1 + left.iter().position(begins).unwrap_or(left.len());
        self.pass(count);
        self.skipped += count as u64;
    }

    fn damage(&mut self, reason: &str) -> Option<Item> {
        let length = std::mem::take(&mut self.skipped);
        let at = self.offset - length;
        (length > 0).then(|| Item::Damage(Damage { at, length, reason: reason.to_owned() }))
    }

    /// Reads on; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.input.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        read.map(|count| count > 0)
    }
}
