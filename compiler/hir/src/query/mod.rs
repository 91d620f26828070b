//! Predicates over stored records: the tests of the language, over the columns of a record and the
//! arguments of its call.
//!
//! A record need not have what a test looks at: it is of another call, or of no call at all. The
//! test is false then, whatever its operator, as the kernel's filters are of a text that cannot be
//! read; `!` before it makes that true.

mod model;
mod typing;

pub use model::{Column, Pattern, Query, Row, Shape, Source, Test, Texts};
pub use typing::check;

/// The codes of what can be wrong, sorted.
pub const CODES: &[&str] = &["F0950", "F0951", "F0952"];
