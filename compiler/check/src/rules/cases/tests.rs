//! Every word of a few bits, and diagrams.

use super::*;
use crate::random::{Rng, field, predicate};
use filterc_abi::SeccompData;
use filterc_hir::types::Place;

const STEPS: u32 = 1 << 20;

/// Fields whose bits are few and overlap, signed and not.
fn fields() -> [filterc_hir::types::Field; 4] {
    [
        field(Place::Arg(0), 3, false),
        field(Place::Arg(0), 2, true),
        field(Place::Arg(1), 3, true),
        field(Place::InstructionPointer, 1, false),
    ]
}

#[test]
fn what_is_possible_is_what_some_call_does() {
    let mut rng = Rng(7);
    let (mut some, mut none, mut unfit) = (0, 0, 0);
    for _ in 0..20_000 {
        let count = 1 + rng.next(4);
        let predicates: Vec<_> =
            (0..count).map(|_| (predicate(&mut rng, &fields(), 3), rng.next(2) == 0)).collect();
        let wanted = predicates.iter().map(|(predicate, wanted)| (predicate, *wanted));
        let call = Input::of(1, 2);
        let mut cases = Cases::new();
        cases.clear(STEPS);
        let Ok(found) = cases.find(wanted.clone(), &call) else {
            // It compares fields.
            unfit += 1;
            continue;
        };
        let comes_out = |call: &SeccompData| {
            let call = Input::new(*call);
            wanted.clone().all(|(predicate, wanted)| call.holds(predicate) == wanted)
        };
        let exists = (0..1 << 7).any(|bits: u64| {
            let args = [bits & 7, bits >> 3 & 7, 0, 0, 0, 0];
            comes_out(&SeccompData { nr: 1, arch: 2, instruction_pointer: bits >> 6, args })
        });
        assert_eq!(found.is_some(), exists, "{predicates:?}");
        if let Some(found) = found {
            assert!(comes_out(&found.call), "{predicates:?}\n{found:?}");
            some += 1;
        } else {
            none += 1;
        }
    }
    assert!(some > 3_000 && none > 1_000 && unfit > 3_000, "{some} {none} {unfit}");
}

#[test]
fn few_steps_are_an_error_and_no_answer() {
    let mut rng = Rng(8);
    let mut over = 0;
    for _ in 0..2_000 {
        let predicate = predicate(&mut rng, &fields(), 3);
        let ask = |steps| {
            let mut cases = Cases::new();
            cases.clear(steps);
            cases.find([(&predicate, true)], &Input::of(1, 2)).map(|found| found.is_some())
        };
        let right = ask(STEPS);
        for steps in 0..20 {
            let few = ask(steps);
            over += usize::from(few.is_err());
            assert!(few.is_err() || few == right, "{predicate:?}");
        }
    }
    assert!(over > 4_000, "{over}");
}
