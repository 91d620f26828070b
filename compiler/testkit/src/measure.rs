//! What a program costs, counted: instructions there, and instructions run.

use std::fmt::Write as _;

use filterc::Profile;
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

/// The recordings as a profile, each with equal weight.
#[must_use]
pub fn trained() -> Profile {
    let mut text = String::new();
    for (_, calls) in neutral::recordings() {
        let count = 1_000_000 / calls.len();
        for call in calls {
            let _ =
                writeln!(text, r#"{{"nr":{},"args":{:?},"count":{count}}}"#, call.nr, call.args);
        }
    }
    let profile = Profile::read("recordings", &text);
    profile.unwrap_or_else(|error| panic!("{error:?}")).0
}
