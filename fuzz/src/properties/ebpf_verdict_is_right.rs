//! What the prover says of two eBPF programs, or of a classic one and itself as eBPF, is what both
//! sides say to calls: equal ones agree on all that are tried, different ones differ on the call
//! that is named, and diagrams and solver say the same.

use arbitrary::{Result, Unstructured};
use filterc_abi::{Endian, SeccompData};
use filterc_check::{Budget, Side, Verdict, Why, differences, equivalent};
use filterc_ebpf::{DisasmOptions, Fixed, Host, Target, Verified, disassemble, interpret, verify};
use filterc_testkit::ebpf_programs::{Knows, changed, program};
use filterc_testkit::translated::{Style, translated};

use crate::generate;

/// Calls that are tried on each pair.
const CALLS: usize = 500;

/// What is hard may be unknown: it is not to take long here.
const BUDGET: Budget = Budget {
    nodes: 30_000,
    states: 2000,
    rectangles: 100,
    gates: 50_000,
    conflicts: 500,
    steps: 20_000_000,
};

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    if u.ratio(1, 4)? {
        return classic(u, endian);
    }
    let statements = u.int_in_range(2..=16)?;
    // Where the bytes are used up, the first is chosen.
    let mut choose = |bound: usize| u.choose_index(bound).unwrap_or(0);
    let one = program(&mut choose, Knows::All, statements);
    let other = if choose(4) == 0 {
        program(&mut choose, Knows::All, statements)
    } else {
        changed(&mut choose, &one)
    };
    let verified = |insns: &[_]| verify(insns, &Target::SYSCALL);
    let (Ok(one), Ok(other)) = (verified(&one), verified(&other)) else { return Ok(()) };
    let verdict = equivalent(Side::Ebpf(&one), Side::Ebpf(&other), endian, &BUDGET);
    let said = |call: &SeccompData| [&one, &other].map(|program| value(program, call, endian));
    let both = || format!("{endian:?}\n{}\n{}", shown(&one), shown(&other));
    judge(verdict, said, u.arbitrary()?, both);
    // The second method: diagrams of two nodes never do.
    let few = Budget { nodes: 2, ..BUDGET };
    let solved = equivalent(Side::Ebpf(&one), Side::Ebpf(&other), endian, &few);
    let contradictory = matches!(
        (verdict, solved),
        (Verdict::Equal(_), Verdict::Differ(_)) | (Verdict::Differ(_), Verdict::Equal(_))
    );
    assert!(!contradictory, "{verdict:?}, {solved:?}: {}", both());
    if let Ok(listed) = differences(Side::Ebpf(&one), Side::Ebpf(&other), endian, &BUDGET) {
        let none = listed.is_empty();
        let agree = match verdict {
            Verdict::Equal(_) => none,
            Verdict::Differ(_) => !none,
            Verdict::Unknown(_) => true,
        };
        assert!(agree, "{verdict:?}, {listed:x?}: {}", both());
    }
    Ok(())
}

/// A classic program and what it is as eBPF are equal; as others, what they are.
fn classic(u: &mut Unstructured<'_>, endian: Endian) -> Result<()> {
    let Some((one, other)) = generate::program::pair(u)? else { return Ok(()) };
    let style = if u.arbitrary()? { Style::Words } else { Style::Halves(endian) };
    let Ok(same) = verify(&translated(&one, style), &Target::SYSCALL) else { return Ok(()) };
    let shown = || format!("{endian:?}\n{:x?}\n{:x?}", one.insns(), other.insns());
    for (program, equal) in [(&one, true), (&other, false)] {
        let verdict = equivalent(Side::Program(program), Side::Ebpf(&same), endian, &BUDGET);
        assert!(!equal || !matches!(verdict, Verdict::Differ(_)), "{verdict:?}: {}", shown());
        let said = |call: &SeccompData| {
            [filterc_cbpf::interpret(program, call, endian), value(&same, call, endian)]
        };
        judge(verdict, said, u.arbitrary()?, shown);
    }
    Ok(())
}

/// Holds a verdict against calls.
fn judge(
    verdict: Verdict,
    said: impl Fn(&SeccompData) -> [u32; 2],
    seed: u64,
    shown: impl Fn() -> String,
) {
    match verdict {
        Verdict::Differ(found) => {
            assert_eq!(said(&found.call), [found.left, found.right], "{}", shown());
            assert_ne!(found.left, found.right, "{}", shown());
        }
        Verdict::Unknown(why) => assert_ne!(why.why, Why::Spurious, "{}", shown()),
        Verdict::Equal(_) => {
            for call in calls(seed) {
                let [left, right] = said(&call);
                assert_eq!(left, right, "{call:x?}: {}", shown());
            }
        }
    }
}

fn value(program: &Verified, call: &SeccompData, endian: Endian) -> u32 {
    let mut host = Host::new(Fixed::default(), endian);
    let mut data = call.to_bytes(endian);
    let outcome = interpret(program.program(), &mut host, &mut data, 1_000_000);
    // No verified program has a fault.
    let ret = outcome.unwrap_or_else(|fault| panic!("{fault:?}: {}", shown(program))).ret;
    u32::try_from(ret & 0xffff_ffff).unwrap_or_default()
}

fn shown(program: &Verified) -> String {
    disassemble(program.program().insns(), &DisasmOptions::default())
}

/// Calls whose words are at the ends of numbers, or anything.
fn calls(seed: u64) -> impl Iterator<Item = SeccompData> {
    let ends = vec![0, 1, 2, 3, 7, 15, 31, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    generate::calls::calls(ends, seed).take(CALLS)
}
