//! The solver for clauses: BatSat, which is Rust like the rest; with the feature `cadical`
//! CaDiCaL, which is C++, takes a minute to build, and sees through more.

#[cfg(not(feature = "cadical"))]
mod batsat;
#[cfg(feature = "cadical")]
mod cadical;

#[cfg(not(feature = "cadical"))]
pub(crate) use batsat::Clauses;
#[cfg(feature = "cadical")]
pub(crate) use cadical::Clauses;

/// A variable, by its number, or its opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) variable: u32,
    pub(crate) inverted: bool,
}
