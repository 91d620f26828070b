//! What a program costs, counted: instructions there, and instructions run.

use filterc_abi::Endian;
use filterc_cbpf::{Verified, interpret_counted};

use crate::neutral;

/// The instructions that a call runs, as the mean over each recording, and over recordings with
/// equal weight. They are of x86_64.
#[must_use]
pub fn executed(program: &Verified) -> f64 {
    let recordings = neutral::recordings();
    let mean = |calls: &[filterc_abi::SeccompData]| {
        let run = |call: &filterc_abi::SeccompData| {
            interpret_counted(program, call, Endian::Little).steps as f64
        };
        calls.iter().map(run).sum::<f64>() / calls.len() as f64
    };
    recordings.iter().map(|(_, calls)| mean(calls)).sum::<f64>() / recordings.len() as f64
}
