//! What the project's tests have in common: where the corpus is, which calls are worth
//! trying on a policy, and how the engines are held against each other.
//!
//! Unpublished, and used by tests, fuzzing and benches only; it panics where a test should.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "this crate is test code: a failure is to stop the test with a message"
)]

pub mod agree;
pub mod boundary;
pub mod boxes;
pub mod corpus;
pub mod ebpf_mutants;
pub mod ebpf_programs;
pub mod event_text;
pub mod events;
pub mod foreign;
pub mod ignored;
pub mod libseccomp;
pub mod measure;
pub mod mutants;
pub mod neutral;
pub mod params;
pub mod peers;
pub mod rng;
pub mod scaling;
pub mod subjects;
pub mod tracing;
pub mod translated;
