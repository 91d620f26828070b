//! The kernel's own reading of a filter's text, byte for byte: Linux 6.18.
//!
//! What the kernel accepts is accepted and means the same; what it rejects is rejected with its
//! errno, message and position. One class of texts, `a || b &&`, has no defined meaning to it;
//! those are rejected here and must never be given to a kernel ([`Message::Undefined`]).
//!
//! ```text
//! bytes ─strip─▶ scan (parentheses, quotes) ─▶ boolean (&& || ! and parentheses) ─▶ test
//! ```

mod boolean;
mod bytes;
mod cpulist;
mod error;
mod machine;
mod number;
mod parse;
pub(super) mod pattern;
mod scan;
mod symbols;
mod test;

pub use error::{Errno, Message, Rejection};
pub use machine::{Machine, NoSymbols, Symbols};
pub use parse::{Accepted, MAX_LEN, parse};
pub use symbols::Kallsyms;
pub(super) use test::{cpus, function};

#[cfg(test)]
mod tests;
