//! What people ask of a policy that is there: which rule decides a call and why, what a record of
//! a refused call means, and whether the policy's own tests hold.
//!
//! ```text
//! text of logs ─records─▶ Record ─seen─▶ Seen ─verdict─▶ what may become of it, and by which rule
//!                                        ▲
//!                            one call ───┘        near, edit: why not, and what would allow it
//! ```
//!
//! What is said of a call of which not all is known is derived from the decision diagrams of
//! [`filterc_check::outcomes()`]: it is about all calls that it can have been. What an edit does is
//! not guessed from its text either: the edited policy is typed and held against the old one.

pub mod audit;
pub mod denial;
pub mod edit;
pub mod labels;
pub mod learn;
pub mod near;
pub mod patch;
pub mod records;
pub mod seen;
pub mod stack;
pub mod stored;
pub mod suite;
pub mod verdict;
pub mod words;
pub mod written;
