//! What clauses are made of.

/// A variable, by its number, or its opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) variable: u32,
    pub(crate) inverted: bool,
}
