//! Objectives of any kind, also such as nobody would ask for: what is minimised must never
//! decide what a program means.

use arbitrary::{Result, Unstructured};
use filterc_abi::SeccompData;
use filterc_ir::objective::{Frequencies, Sample};
use filterc_ir::{Dag, Objective};

/// Weights and shares: those of real objectives, the edges, and what is no weight at all.
const WEIGHTS: &[f64] = &[
    0.0,
    0.0,
    1.0,
    1.0,
    0.5,
    1.0 / 64.0,
    1.0 / 16384.0,
    1e-300,
    16.0,
    1e9,
    f64::MAX,
    f64::INFINITY,
    f64::NAN,
    -1.0,
];

/// An objective in which some of the calls are made.
///
/// # Errors
/// The bytes were used up.
pub fn objective(u: &mut Unstructured<'_>, dag: &Dag, calls: &[SeccompData]) -> Result<Objective> {
    let mut objective = Objective::default();
    if u.arbitrary()? {
        let weights = [
            &mut objective.size,
            &mut objective.worst,
            &mut objective.every,
            &mut objective.uncached,
            &mut objective.install,
        ];
        for weight in weights {
            *weight = *u.choose(WEIGHTS)?;
        }
    }
    for root in dag.roots() {
        let mut shares = Vec::new();
        for call in calls.iter().filter(|call| call.arch == root.audit_arch) {
            let share = f64::from(u.arbitrary::<u8>()?) / 4096.0;
            shares.push((call.nr.cast_unsigned(), share));
            if u.arbitrary()? {
                let share = if u.ratio(1, 16)? { *u.choose(WEIGHTS)? } else { share };
                objective.samples.push(Sample { call: *call, share });
            }
        }
        objective.frequencies.push(Frequencies::new(root.audit_arch, shares));
    }
    Ok(objective)
}
