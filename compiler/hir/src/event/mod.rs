//! Event filters: the kernel's own predicates over the records of its tracer.
//!
//! `event syscalls:sys_enter_openat if dfd == 3 && flags & 0x40` keeps a record or drops it.
//! The types are those of the [`record`], exactly as the kernel applies them: every argument
//! of a call is 64 bits wide and unsigned whatever its C type, `ret` is signed, and a constant
//! is cut to the width of its field. What a filter means is [`filter`] as data and [`eval()`] as
//! a function.

pub mod check;
pub mod eval;
pub mod explain;
pub mod filter;
pub(crate) mod glob;
pub mod kernel;
pub mod layout;
mod lint;
pub mod lower;
pub mod print;
pub mod record;
mod typing;

pub use crate::event_fault::Fault;
pub use eval::{eval, matches};
pub use filter::{Filter, Operand, Predicate, Test, TestKind};
pub use record::{Field, Part, Record};
