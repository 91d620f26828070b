//! The subcommands, one file each: its arguments and what it does.

pub(crate) mod asm;
pub(crate) mod attach;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod disasm;
pub(crate) mod doc;
pub(crate) mod equiv;
pub(crate) mod eval;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod explain_call;
pub(crate) mod explain_denial;
pub(crate) mod fmt;
pub(crate) mod import;
pub(crate) mod lift;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod merge;
pub(crate) mod run;
pub(crate) mod subset;
pub(crate) mod test;
pub(crate) mod verify;
