//! What the prover says of two programs is what both say to calls: equal ones agree on all that
//! are tried, different ones differ on the call that is named, diagrams and solver say the same,
//! and the differences that are listed are all that there are.

use arbitrary::{Result, Unstructured};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{Verified, interpret};
use filterc_check::{Budget, Difference, Side, Verdict, differences, equivalent};

use crate::generate::{self, program};

/// Calls that are tried on each pair.
const CALLS: usize = 2000;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let Some((left, right)) = program::pair(u)? else { return Ok(()) };
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    // What is hard may be unknown: it is not to take long here.
    let budget = Budget {
        nodes: 50_000,
        states: 5000,
        rectangles: 300,
        conflicts: 2000,
        steps: 50_000_000,
        ..Budget::default()
    };
    let (one, other) = (Side::Program(&left), Side::Program(&right));
    let verdict = equivalent(one, other, endian, &budget);
    if let Verdict::Differ(found) = verdict {
        let values = [&left, &right].map(|program| interpret(program, &found.call, endian));
        assert_eq!(values, [found.left, found.right], "{}", shown(&left, &right, endian));
        assert_ne!(found.left, found.right, "{}", shown(&left, &right, endian));
    }
    // The second method: diagrams of two nodes never do.
    let solved = equivalent(one, other, endian, &Budget { nodes: 2, ..budget });
    let contradictory = matches!(
        (verdict, solved),
        (Verdict::Equal(_), Verdict::Differ(_)) | (Verdict::Differ(_), Verdict::Equal(_))
    );
    assert!(!contradictory, "{verdict:?}, {solved:?}: {}", shown(&left, &right, endian));
    let listed = differences(one, other, endian, &budget).ok();
    if let Some(listed) = &listed {
        for difference in listed {
            let call = &difference.witness;
            let values = [&left, &right].map(|program| interpret(program, call, endian));
            assert_eq!(values, [difference.left, difference.right], "{difference:x?}");
        }
        let agree = match verdict {
            Verdict::Equal(_) => listed.is_empty(),
            Verdict::Differ(_) => !listed.is_empty(),
            Verdict::Unknown(_) => true,
        };
        assert!(agree, "{verdict:?}, {listed:x?}: {}", shown(&left, &right, endian));
    }
    for call in calls(&left, &right, u.arbitrary()?) {
        let values = [&left, &right].map(|program| interpret(program, &call, endian));
        if values.first() == values.last() {
            continue;
        }
        let equal = matches!(verdict, Verdict::Equal(_));
        assert!(!equal, "{call:x?}: {values:x?}: {}", shown(&left, &right, endian));
        if let Some(listed) = &listed {
            let found = listed.iter().any(|it| covers(it, &call, values, endian));
            assert!(found, "{call:x?}: {values:x?}: {listed:x?}");
        }
    }
    Ok(())
}

/// Whether a call is one of those that a difference is about.
fn covers(difference: &Difference, call: &SeccompData, values: [u32; 2], endian: Endian) -> bool {
    let within = |span: (u32, u32), number| span.0 <= number && number <= span.1;
    let words = call.words(endian);
    values == [difference.left, difference.right]
        && within(difference.arch, call.arch)
        && within(difference.nr, call.nr.cast_unsigned())
        && (!difference.complete
            || difference.cubes.iter().any(|cube| {
                let given = cube.words.iter().zip(&words);
                given.clone().all(|((mask, value), word)| word & mask == *value)
            }))
}

/// Calls of which the words are constants of the programs, their neighbours, or anything.
fn calls(left: &Verified, right: &Verified, seed: u64) -> impl Iterator<Item = SeccompData> {
    let constants = left.insns().iter().chain(right.insns()).map(|insn| insn.k);
    let near = constants.flat_map(|k| [k, k.wrapping_add(1), k.wrapping_sub(1), !k]);
    let values: Vec<u32> = near.chain([0, 1, u32::MAX, 0x8000_0000]).collect();
    generate::calls::calls(values, seed).take(CALLS)
}

fn shown(left: &Verified, right: &Verified, endian: Endian) -> String {
    format!("{endian:?}\n{:x?}\n{:x?}", left.insns(), right.insns())
}
