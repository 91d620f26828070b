//! Structured texts, JSON and YAML, with the place of each value, and how one reads them when
//! their shape is known.

pub(crate) mod node;
pub(crate) mod reader;
pub(crate) mod yaml;
