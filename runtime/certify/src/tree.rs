//! The walk over a certificate's tree.
//!
//! The tree stands in preorder. Each node begins with a byte:
//!
//! | byte | then | meaning |
//! |---|---|---|
//! | 0 | word, number (4 bytes) | two trees follow: for the calls whose word is below the number, and for the others |
//! | 1 | word, bit | two trees follow: for the calls in whose word the bit is 0, and for the others |
//! | 2 | value (4 bytes) | a leaf: both sides return that value for all calls of the box |
//! | 3 | | a leaf: the box has no call |
//! | 4 | word, mask (4 bytes), orders, word, mask (4 bytes) | two trees follow: for the calls in which the bits of the first word are less than (1), equal to (2) or greater than (4) those of the second, orders being the sum, and for the others |
//!
//! Words are numbered as in [`crate::calls`]; numbers are little endian. That the boxes of the
//! leaves hold all calls follows from the form: there is no way to leave out a half.

use crate::calls::{Calls, Halves};
use crate::orders::Orders;
use crate::rejected::Rejected;
use crate::value::Part;

/// Inner nodes on one way down: no tree needs more, and memory stays bounded.
pub const MAX_DEPTH: usize = 4096;

/// A node cuts a word at a number.
pub const SPLIT_AT: u8 = 0;

/// A node cuts by a bit of a word.
pub const SPLIT_ON: u8 = 1;

/// A leaf with a value.
pub const LEAF: u8 = 2;

/// A leaf without a call.
pub const EMPTY: u8 = 3;

/// A node cuts by how bits of a word stand to those of another.
pub const SPLIT_BY: u8 = 4;

/// The tree, walked to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// Leaves that hold calls.
    pub count: u64,
}

/// The tree's bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

const DAMAGED: Rejected = Rejected::Malformed("the tree");

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejected> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<u32, Rejected> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn part(&mut self) -> Result<Part, Rejected> {
        let [word] = self.take()?;
        Ok(Part { word, mask: self.number()? })
    }

    /// Both halves of a box at an inner node; those of a box without calls have none.
    fn halves(&mut self, kind: u8, calls: Option<&Calls>) -> Result<Halves, Rejected> {
        let none = Some((None, None));
        let halves = match kind {
            SPLIT_AT => {
                let ([word], at) = (self.take()?, self.number()?);
                calls.map_or(none, |calls| calls.split_at(word, at))
            }
            SPLIT_ON => {
                let [word, bit] = self.take()?;
                calls.map_or(none, |calls| calls.split_on(word, bit))
            }
            SPLIT_BY => {
                let (left, [orders], right) = (self.part()?, self.take()?, self.part()?);
                let orders = Orders::from_byte(orders).ok_or(DAMAGED)?;
                calls.map_or(none, |calls| calls.split_by(left, orders, right))
            }
            _ => None,
        };
        halves.ok_or(DAMAGED)
    }
}

/// Walks the tree over a box; `judge` says what a box comes to, on both sides.
///
/// # Errors
/// The tree is damaged, or a leaf is not what it says.
pub fn check(
    tree: &[u8],
    all: Calls,
    judge: impl Fn(&Calls) -> Result<u32, &'static str>,
) -> Result<Leaves, Rejected> {
    let mut rest = Rest(tree);
    let mut boxes: Vec<Option<Calls>> = vec![Some(all)];
    let (mut count, mut index) = (0_u64, 0_u64);
    while let Some(calls) = boxes.pop() {
        let wrong = |why| Rejected::Leaf(index, why);
        match (rest.take()?, calls) {
            ([LEAF], calls) => {
                let value = rest.number()?;
                if let Some(calls) = calls {
                    if judge(&calls).map_err(wrong)? != value {
                        return Err(wrong("it names another value"));
                    }
                    count += 1;
                }
                index += 1;
            }
            ([EMPTY], None) => index += 1,
            ([EMPTY], Some(_)) => return Err(wrong("the box may hold calls")),
            ([kind], calls) => {
                let (first, second) = rest.halves(kind, calls.as_ref())?;
                if boxes.len() + 2 > MAX_DEPTH {
                    return Err(Rejected::Malformed("the tree is too deep"));
                }
                boxes.push(second);
                boxes.push(first);
            }
        }
    }
    if rest.0.is_empty() { Ok(Leaves { count }) } else { Err(DAMAGED) }
}
