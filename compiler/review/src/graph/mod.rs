//! A policy or program as a drawing: which calls it tells apart, what it asks about their
//! arguments, and what it comes to, each path as wide as the part of all calls that takes it.
//!
//! ```text
//! outcomes ─model::graph─▶ Graph ─layout─▶ places ─svg─▶ a page of lines and boxes
//!                            ├─dot─▶ text for Graphviz
//!                            └─json─▶ nodes and edges
//! ```
//!
//! What is drawn is what is decided, not how the program finds it out: numbers with one fate stand
//! in one box, whatever tests tell them apart, and a question is one for a whole argument, in the
//! words of the language. That the drawing says what the policy says is what the tests of this
//! crate prove: its paths, written as rules, are judged against the policy.

mod build;
mod dot;
mod frame;
mod json;
mod layout;
mod model;
mod order;
mod svg;

pub use build::{Drawn, graph};
pub use dot::dot;
pub use json::json;
pub use model::{CODES, Class, Edge, Graph, Kind, NoGraph, Node};
pub use svg::{inline, svg};
