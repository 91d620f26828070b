//! The decision DAG between the typed policy and the instructions: [`build()`] makes it of a
//! policy, [`passes`] rewrite it, [`eval()`] says what it decides.
//!
//! The model stands in [`dag`] and [`mod@test`]. Everything here is a pure function of its
//! arguments; the same policy gives the same DAG, node for node.

pub mod build;
pub mod builder;
pub mod dag;
pub mod dot;
pub mod error;
pub mod eval;
pub mod flow;
pub mod machine;
pub mod objective;
mod parse;
pub mod passes;
mod predicate;
pub mod print;
pub mod stage;
pub mod test;
pub mod validate;

pub use build::build;
pub use builder::DagBuilder;
pub use dag::{Case, Dag, Node, NodeId, Origin, Root};
pub use error::LimitError;
pub use eval::{eval, eval_with};
pub use filterc_hir::policy::RuleId;
pub use flow::Flow;
pub use objective::Objective;
pub use stage::stage;
pub use test::{Cmp, Half, Operand, Test, Word};
pub use validate::{validate, validate_lowered};
