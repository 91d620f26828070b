//! Records that were stored, in whichever form.

use std::io::{self, Read};

use crate::binary::{Damage, Frames, Item, MAGIC};
use crate::json;
use crate::ring::Form;

/// The longest line.
const MAX_LINE: usize = 64 << 20;

/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// The records of a stream. What form they have, its first bytes say.
#[derive(Debug)]
pub struct Stored<R> {
    state: State<R>,
    follow: bool,
}

#[derive(Debug)]
enum State<R> {
    /// The first bytes, as far as they are there.
    Unknown(R, Vec<u8>),
    Binary(Frames<Prefixed<R>>),
    Lines(Lines<Prefixed<R>>),
    /// Only while one of the others is made.
    None,
}

/// Bytes that were read already, and the stream that they are from.
#[derive(Debug)]
struct Prefixed<R> {
    before: Vec<u8>,
    at: usize,
    input: R,
}

impl<R: Read> Read for Prefixed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = self.before.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return self.input.read(out);
        }
        let count = rest.len().min(out.len());
        for (slot, byte) in out.iter_mut().zip(rest) {
            *slot = *byte;
        }
        self.at += count;
        Ok(count)
    }
}

impl<R: Read> Stored<R> {
    /// Reads records. With `follow`, the end of the stream may move, and what ends in the middle of
    /// a record may go on yet.
    pub const fn new(input: R, follow: bool) -> Self {
        Self { state: State::Unknown(input, Vec::new()), follow }
    }

    /// The form, once it is known.
    #[must_use]
    pub const fn form(&self) -> Option<Form> {
        match &self.state {
            State::Binary(_) => Some(Form::Binary),
            State::Lines(_) => Some(Form::Json),
            State::Unknown(..) | State::None => None,
        }
    }

    /// Whether the stream says that its records are some of those that were made.
    #[must_use]
    pub const fn is_selection(&self) -> bool {
        match &self.state {
            State::Binary(frames) => frames.is_selection(),
            State::Lines(_) | State::Unknown(..) | State::None => false,
        }
    }

    /// The next record, or what is none; `None` at the end, for now if the stream is followed.
    ///
    /// # Errors
    /// If the stream cannot be read, or is of a later version.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            match &mut self.state {
                State::Binary(frames) => return frames.next_item(),
                State::Lines(lines) => return lines.next_item(),
                State::Unknown(input, before) => {
                    let mut byte = [0; 1];
                    let known = before.len() == MAGIC.len() || !MAGIC.starts_with(before);
                    if !known && read(input, &mut byte)? == 1 {
                        before.extend_from_slice(&byte);
                        continue;
                    }
                    if !known && (self.follow || before.is_empty()) {
                        return Ok(None);
                    }
                    self.choose();
                }
                State::None => return Ok(None),
            }
        }
    }

    fn choose(&mut self) {
        let State::Unknown(input, before) = std::mem::replace(&mut self.state, State::None) else {
            return;
        };
        // Also one whose first byte was damaged, or that begins in the middle.
        let is_text = before.first().is_none_or(|byte| b"{ \t\r\n".contains(byte));
        let input = Prefixed { before, at: 0, input };
        self.state = if is_text {
            State::Lines(Lines::new(input, self.follow))
        } else {
            State::Binary(Frames::new(input, self.follow))
        };
    }
}

fn read(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// JSON Lines.
#[derive(Debug)]
struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    /// Up to here there is no end of a line.
    searched: usize,
    number: u64,
    follow: bool,
    /// Of a line that is too long, what is being passed over.
    passing: u64,
}

impl<R: Read> Lines<R> {
    const fn new(input: R, follow: bool) -> Self {
        Self { input, buffer: Vec::new(), start: 0, searched: 0, number: 0, follow, passing: 0 }
    }

    fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = unseen.iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                let item = self.line(end);
                self.start = end + 1;
                self.searched = self.start;
                match item {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                }
            }
            self.searched = self.buffer.len();
            if self.searched - self.start > MAX_LINE {
                self.passing += (self.searched - self.start) as u64;
                self.start = self.searched;
            }
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            let before = self.buffer.len();
            self.buffer.resize(before + CHUNK, 0);
            let count = read(&mut self.input, self.buffer.get_mut(before..).unwrap_or_default());
            self.buffer.truncate(before + *count.as_ref().unwrap_or(&0));
            if count? == 0 {
                if self.follow || (self.buffer.is_empty() && self.passing == 0) {
                    return Ok(None);
                }
                // The last line has no end.
                let item = self.line(self.buffer.len());
                self.buffer.clear();
                self.searched = 0;
                return Ok(item);
            }
        }
    }

    /// The line up to a place; `None` if it is empty.
    fn line(&mut self, end: usize) -> Option<Item> {
        self.number += 1;
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let length = std::mem::take(&mut self.passing) + line.len() as u64;
        if length == 0 || line.trim_ascii().is_empty() {
            return None;
        }
        let read = match length == line.len() as u64 {
            true => json::read(line),
            false => Err("longer than any record".to_owned()),
        };
        Some(match read {
            Ok(record) => Item::Record(record),
            Err(reason) => Item::Damage(Damage { at: self.number, length, reason }),
        })
    }
}
