//! The kernel's own reading of a filter's text, byte for byte: Linux 6.18.
//!
//! What the kernel accepts is accepted and means the same; what it rejects is rejected with its
//! errno, message and position. One class of texts, `a || b &&`, makes it read outside a buffer;
//! those are rejected here and must never be given to a kernel ([`Message::Undefined`]).
//!
//! ```text
//! bytes ─strip─▶ scan (parentheses, quotes) ─▶ boolean (&& || ! and parentheses) ─▶ test
//! ```

mod boolean;
mod bytes;
mod cpulist;
mod error;
mod number;
pub(super) mod pattern;
mod scan;
mod test;

use filterc_grammar::source::FileId;

use self::bytes::is_space;
use super::filter::Predicate;
use super::record::Record;

pub use error::{Errno, Message, Rejection};

/// The longest text that the kernel takes, in bytes.
pub const MAX_LEN: usize = 4095;

/// What of the machine decides whether a text is accepted, and what it means.
pub struct Machine<'m> {
    /// How many processors the kernel can have: the largest number, plus one.
    pub nr_cpu_ids: u32,
    /// Its functions.
    pub symbols: &'m dyn Symbols,
}

/// The functions of a kernel, as `/proc/kallsyms` has them.
pub trait Symbols {
    /// The address of a symbol.
    fn address(&self, name: &[u8]) -> Option<u64>;

    /// The first address of the function that has this one, and the first behind it.
    fn range(&self, address: u64) -> Option<(u64, u64)>;
}

/// A kernel whose functions are not known.
#[derive(Clone, Copy, Debug)]
pub struct NoSymbols;

impl Symbols for NoSymbols {
    fn address(&self, _: &[u8]) -> Option<u64> {
        None
    }

    fn range(&self, _: u64) -> Option<(u64, u64)> {
        None
    }
}

/// What an accepted text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// `0`: the filter is removed.
    Clear,
    /// A filter.
    Filter {
        /// Which records it keeps.
        predicate: Predicate,
        /// Where an operator at the end is that the kernel ignores.
        dangling: Option<usize>,
    },
}

/// Reads the text as the kernel does that is written to the event's `filter` file. Spans are of
/// `file`, in bytes of the text.
///
/// # Errors
/// What the kernel would answer.
pub fn parse(
    record: &Record,
    file: FileId,
    text: &[u8],
    machine: &Machine<'_>,
) -> Result<Accepted, Rejection> {
    if text.len() > MAX_LEN {
        return Err(Rejection { errno: Errno::Einval, message: Message::TooLong, position: 0 });
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let stripped = text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    let text = text.get(..stripped).unwrap_or_default();
    if text.iter().find(|byte| !is_space(**byte)) == Some(&b'0')
        && text.iter().filter(|byte| !is_space(**byte)).count() == 1
    {
        return Ok(Accepted::Clear);
    }
    let most = scan::scan(text)?;
    if most == 0 {
        return Err(Rejection { errno: Errno::Einval, message: Message::Error, position: 0 });
    }
    let reader = test::Reader { record, file, text, machine };
    let (predicate, dangling) = boolean::parse(&reader, most)?;
    Ok(Accepted::Filter { predicate, dangling })
}

#[cfg(test)]
mod tests;
