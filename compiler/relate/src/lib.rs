//! Policies and programs held against each other, by what they mean.
//!
//! [`differences`] says where two sides differ: which calls, for which arguments, in the words of
//! the policy language, with a call as an example of each. It is derived from the decision diagrams
//! of [`filterc_check::outcomes()`], so that it is about all calls; that the words say what the
//! diagrams say is what the tests of this crate prove, by having the words parsed and judged again.

mod diagram;
mod difference;
mod extent;
mod fates;
mod fields;
mod formula;
mod group;
mod groups;
mod inexpressible;
mod numbers;
mod policy;
mod questions;
mod rules;
mod spell;
mod values;

pub use difference::{Calls, Change, Condition, Kind, differences};
pub use extent::{Extent, Subject, extent};
pub use fates::Said;
pub use group::{CallSet, Group, groups};
pub use groups::named;
pub use inexpressible::Inexpressible;
pub use numbers::{Numbers, numbers};
pub use policy::policy;
pub use questions::{Leads, Question, Questions, Reply, questions};
