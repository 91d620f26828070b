//! Limits that the parser and the messages about it share.

/// How many nodes a path down a tree can have within one predicate or constant:
/// parentheses, `!`, `&&`, `||` and operators that stand inside each other. Repeated
/// parentheses and repeated `!` do not count, nor does the length of `a && b && …`.
pub const MAX_NESTING: usize = 256;
