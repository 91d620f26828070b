//! Text to tree and back: the lexer, the grammar, the syntax tree and the formatter
//! of `.flt` policies. It has never heard of a system call: what names mean is
//! decided in `filterc-hir`.

pub mod ast;
pub mod diagnostic;
pub mod source;
