//! Which warnings these are.

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0301", "F0320", "F0321", "F0322", "F0323", "F0324"];
