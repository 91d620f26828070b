//! `&&`, `||`, `!` and parentheses around tests.
//!
//! `!` binds tightest, then `&&`, then `||`. What the kernel compiles this to was found equal to
//! that textbook meaning. Nothing here recurses: parentheses may nest as deep as the text is long.

use super::bytes::{at, is_space};
use super::error::{Errno, Message, Rejection};
use super::test::Reader;
use crate::event::filter::Predicate;

/// A pair of parentheses that is being read, or the whole text.
#[derive(Default)]
struct Group {
    /// It stands behind an odd number of `!`.
    negated: bool,
    /// The alternatives before the current one.
    alternatives: Vec<Predicate>,
    /// The current alternative's parts.
    parts: Vec<Predicate>,
}

impl Group {
    fn end_alternative(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        self.alternatives.extend(joined(parts, Predicate::And));
    }

    /// What the group says; `None` if it is empty.
    fn finish(mut self) -> Option<Predicate> {
        self.end_alternative();
        let all = joined(self.alternatives, Predicate::Or)?;
        Some(if self.negated { all.negate() } else { all })
    }
}

/// One predicate of several, without a list of one.
fn joined(mut parts: Vec<Predicate>, join: fn(Vec<Predicate>) -> Predicate) -> Option<Predicate> {
    if parts.len() > 1 { Some(join(parts)) } else { parts.pop() }
}

/// The predicate, and where an operator is that nothing follows. `most` is how many tests the
/// kernel has made room for, less two.
pub(super) fn parse(
    reader: &Reader<'_>,
    most: usize,
) -> Result<(Predicate, Option<usize>), Rejection> {
    let text = reader.text;
    let mut outer: Vec<Group> = Vec::new();
    let mut group = Group::default();
    let (mut index, mut tests) = (0, 0);
    let mut negated = false;
    let mut operator = None;
    while index < text.len() {
        let here = index;
        index += 1;
        match at(text, here) {
            byte if is_space(byte) => continue,
            b'(' => {
                outer.push(std::mem::take(&mut group));
                group.negated = std::mem::take(&mut negated);
                continue;
            }
            b'!' if !matches!(at(text, index), b'=' | b'~') => {
                negated = !negated;
                continue;
            }
            _ => {}
        }
        if tests >= most + 2 {
            return Err(reject(Errno::Einval, Message::TooManyTerms, here));
        }
        let (test, end) = reader.test(here)?;
        tests += 1;
        group.parts.push(if std::mem::take(&mut negated) { test.negate() } else { test });
        index = end;
        operator = None;
        // Behind a test: what closes groups, up to the next operator.
        loop {
            let here = index;
            index += 1;
            match (at(text, here), at(text, index)) {
                (byte, _) if is_space(byte) => {}
                (0, _) => break,
                (b')', _) => {
                    let outside =
                        outer.pop().ok_or(reject(Errno::Eperm, Message::TooFewOpen, index))?;
                    let inside = std::mem::replace(&mut group, outside);
                    group.parts.extend(inside.finish());
                }
                (b'&', b'&') => {
                    index += 1;
                    operator = Some(here);
                    break;
                }
                (b'|', b'|') => {
                    index += 1;
                    group.end_alternative();
                    operator = Some(here);
                    break;
                }
                _ => return Err(reject(Errno::Eperm, Message::TooManyTerms, here)),
            }
        }
    }
    let end = text.len();
    if !outer.is_empty() {
        return Err(reject(Errno::Eperm, Message::TooManyOpen, end));
    }
    // A last `&&` while an alternative is open: the one dangling operator without a meaning.
    if operator.is_some() && !group.parts.is_empty() && !group.alternatives.is_empty() {
        let position = operator.unwrap_or_default();
        return Err(reject(Errno::Einval, Message::Undefined, position));
    }
    match group.finish() {
        Some(predicate) => Ok((predicate, operator)),
        None => Err(reject(Errno::Einval, Message::NoFilter, end)),
    }
}

fn reject(errno: Errno, message: Message, position: usize) -> Rejection {
    Rejection { errno, message, position }
}
