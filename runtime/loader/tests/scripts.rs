//! Scripts in the sandbox: what they see, and how their ends are told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]

use filterc_loader::probe::script::{
    Action, Ended, Flip, MEMORY, Operand, Outcome, Script, Step, Trial,
};
use filterc_loader::probe::{Entry, ProbeError, sandboxed};

const GETPID: u32 = 39;
const EXIT_GROUP: u32 = 231;
const KILL: u32 = 62;
const PAUSE: u32 = 34;
const FORK: u32 = 57;
const OPEN: u32 = 2;

fn call(nr: u32, args: [Operand; 6]) -> Step {
    Step { action: Action::Call { entry: Entry::Native, nr }, args }
}

fn values(first: &[u64]) -> [Operand; 6] {
    std::array::from_fn(|i| Operand::Value(first.get(i).copied().unwrap_or(0)))
}

fn run(memory: &[u8], scripts: &[Script]) -> Option<Vec<Outcome>> {
    let trials: Vec<Trial<'_>> =
        scripts.iter().map(|script| Trial { script, flip: None }).collect();
    answer(sandboxed(memory, &trials))
}

fn answer<T>(result: Result<T, ProbeError>) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(ProbeError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn ends_are_told_apart() {
    let script = |steps: &[Step]| Script { steps: steps.to_vec() };
    let scripts = [
        script(&[call(GETPID, values(&[]))]),
        script(&[call(EXIT_GROUP, values(&[113]))]),
        script(&[call(FORK, values(&[])), call(EXIT_GROUP, values(&[5]))]),
        script(&[
            Step { action: Action::Load, args: values(&[MEMORY]) },
            Step { action: Action::Load, args: values(&[MEMORY + 1]) },
        ]),
        script(&[call(KILL, values(&[0, 9]))]),
        script(&[call(PAUSE, values(&[]))]),
        // No file of the host can be reached.
        script(&[call(OPEN, values(&[MEMORY + 8, 0]))]),
    ];
    let Some(outcomes) = run(b"\x01\0\0\0\0\0\0\0/proc/self/exe\0", &scripts) else { return };
    assert_eq!(outcomes[0].end, Ended::Completed);
    assert!(outcomes[0].results[0] > 1, "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome { results: vec![], end: Ended::Exited(113) });
    assert_eq!(outcomes[2].end, Ended::Exited(5));
    assert_eq!(outcomes[3].results, [1, 0x2f00_0000_0000_0000]);
    // Whoever runs this test is in another process group.
    assert_eq!(outcomes[4], Outcome { results: vec![], end: Ended::Killed(9) });
    assert_eq!(outcomes[5].end, Ended::TimedOut);
    assert_eq!(outcomes[6].results, [-2]);
}

#[test]
fn a_sleeping_child_and_a_flipped_signal() {
    // kill(child, 0) succeeds; with bit 8 of the signal flipped it cannot; with bit 40 it does.
    let steps = vec![
        Step { action: Action::Child, args: values(&[]) },
        call(
            KILL,
            [
                Operand::Result(0),
                Operand::Value(0),
                Operand::Value(0),
                Operand::Value(0),
                Operand::Value(0),
                Operand::Value(0),
            ],
        ),
    ];
    let script = Script { steps };
    let flipped = |mask| Trial { script: &script, flip: Some(Flip { step: 1, arg: 1, mask }) };
    let trials = [Trial { script: &script, flip: None }, flipped(1 << 8), flipped(1 << 40)];
    let Some(outcomes) = answer(sandboxed(&[], &trials)) else { return };
    let last: Vec<i64> = outcomes.iter().map(|outcome| outcome.results[1]).collect();
    assert_eq!(last, [0, -22, 0]);
}

#[test]
fn the_host_is_as_before() {
    let before = std::fs::read_link("/proc/self/root").unwrap();
    let Some(outcomes) = run(&[], &[Script::default()]) else { return };
    assert_eq!(outcomes, [Outcome { results: vec![], end: Ended::Completed }]);
    assert_eq!(std::fs::read_link("/proc/self/root").unwrap(), before);
    let long = Script { steps: vec![call(GETPID, values(&[])); 25] };
    let trial = Trial { script: &long, flip: None };
    assert!(matches!(sandboxed(&[], &[trial]), Err(ProbeError::Invalid(_))));
}
