//! Lints about rules that are exact for all inputs: a rule that never decides, a predicate
//! that never or always holds, a rule or a part of one that changes nothing, and calls that
//! the kernel could answer from its cache but for how the policy is written.
//!
//! The judge is [`filterc_check::rules`]; the warnings are made of what it says, and of a
//! policy that is too large for it there is none.
//!
//! Only rules of the policy's own file are judged. One of an included file may well be
//! shadowed by those before the `include`, or say what the default says: that is what
//! libraries are for. Only the cache is a matter of all rules together.

mod cached;
mod codes;
mod judge;
mod warn;
mod written;

pub(crate) use cached::uncached;
pub use codes::CODES;
pub use judge::facts;
pub(crate) use warn::warnings;
