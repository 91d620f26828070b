//! What people ask of a policy that is there: which rule decides a call and why, what a record of
//! a refused call means, and whether the policy's own tests hold.

pub mod audit;
