//! The solver for clauses: BatSat, which is Rust like the rest; with the feature `cadical`
//! CaDiCaL, which is C++, takes a minute to build, and sees through more.

#[cfg(not(feature = "cadical"))]
mod batsat;
#[cfg(feature = "cadical")]
mod cadical;
mod literal;

#[cfg(not(feature = "cadical"))]
pub(crate) use batsat::Clauses;
#[cfg(feature = "cadical")]
pub(crate) use cadical::Clauses;
pub(crate) use literal::Literal;
