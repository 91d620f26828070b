//! What the checker of certificates says of a box of calls is what the machine and the reference
//! semantics say to each call of it; and of a single call it always knows what to say.
//!
//! The checker has a decoder and semantics of its own: this holds them against ours.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile};
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{encode, interpret, verify};
use filterc_certify::calls::{Calls, Stop, WORDS};
use filterc_certify::cbpf::Program;
use filterc_certify::policy::Policy as Resolved;
use filterc_check::certificate::{Split, split};
use filterc_check::resolved;
use filterc_hir::eval::eval;
use filterc_testkit::rng::Rng;
use filterc_testkit::{boundary, corpus};

use crate::generate::{policy, program};

/// Boxes that are looked at, and calls of each.
const BOXES: usize = 30;
const CALLS: usize = 20;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let mut rng = Rng::new(u.arbitrary()?);
    if u.ratio(3, 4)? { programs(u, &mut rng) } else { policies(u, &mut rng) }
}

fn programs(u: &mut Unstructured<'_>, rng: &mut Rng) -> Result<()> {
    let Ok(verified) = verify(&program::legal(u)?) else { return Ok(()) };
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let read = Program::read(&encode(verified.insns(), endian), endian == Endian::Big, &[]);
    let Ok(machine) = read else { panic!("{read:?}: {:x?}", verified.insns()) };
    for _ in 0..BOXES {
        sound(rng, endian, &|calls| machine.run(calls), &|call| interpret(&verified, call, endian));
    }
    Ok(())
}

fn policies(u: &mut Unstructured<'_>, rng: &mut Rng) -> Result<()> {
    let text = policy::policy(u)?;
    let Ok(compiled) = compile(&Source::text("fuzz.flt", text.as_str()), &corpus::options()) else {
        return Ok(());
    };
    for part in compiled.programs() {
        let endian = part.endian();
        let policy = compiled.policy().of_order(endian);
        let read = Resolved::read(&resolved(&policy, endian));
        let Ok(checked) = read else { panic!("{read:?}: {text}") };
        for _ in 0..BOXES {
            sound(rng, endian, &|calls| checked.run(calls), &|call| eval(&policy, call).to_ret());
        }
        for call in boundary::calls(&policy, 20) {
            let found = checked.run(&point(&call, endian)).ok();
            assert_eq!(found, Some(eval(&policy, &call).to_ret()), "{call:x?}: {text}");
        }
    }
    Ok(())
}

/// Cuts a box where `run` asks for it, now and then elsewhere, and holds what it says against
/// calls.
fn sound(
    rng: &mut Rng,
    endian: Endian,
    run: &dyn Fn(&Calls) -> std::result::Result<u32, Stop>,
    value: &dyn Fn(&SeccompData) -> u32,
) {
    let mut calls = Calls::all(0);
    for _ in 0..200 {
        let found = match run(&calls) {
            Ok(said) => {
                for _ in 0..CALLS {
                    let Some(call) = member(rng, calls.clone(), endian) else { continue };
                    assert_eq!(value(&call), said, "{call:x?}");
                    assert_eq!(run(&point(&call, endian)).ok(), Some(said), "{call:x?}");
                }
                return;
            }
            Err(Stop::Undecided(question)) => split(&calls, &question),
            Err(Stop::Unknown(_)) => None,
        };
        let any = |rng: &mut Rng| u8::try_from(rng.below(32)).unwrap_or_default();
        let found = found.filter(|_| rng.below(4) != 0);
        let found = found.unwrap_or_else(|| Split::On(any(rng) % 16, any(rng)));
        let halves = found.halves(&calls);
        let halves = halves.map_or(Vec::new(), |(a, b)| [a, b].into_iter().flatten().collect());
        let Some(half) = rng.pick(&halves) else { return };
        calls = half.clone();
    }
    // It was not found out what the box comes to: a call of it is another matter.
    let Some(call) = member(rng, calls, endian) else { return };
    assert_eq!(run(&point(&call, endian)).ok(), Some(value(&call)), "{call:x?}");
}

/// A call of a box, by halving it; there may be none where words are compared with each other.
fn member(rng: &mut Rng, mut calls: Calls, endian: Endian) -> Option<SeccompData> {
    for bit in (0..32).rev() {
        for word in 0..16 {
            let (clear, set) = calls.split_on(word, bit)?;
            let halves: Vec<Calls> = [clear, set].into_iter().flatten().collect();
            calls = rng.pick(&halves)?.clone();
        }
    }
    let words = std::array::from_fn(|i| {
        let word = u8::try_from(i).ok().and_then(|i| calls.word(i)?.value());
        word.and_then(|word| u32::try_from(word).ok()).unwrap_or_default()
    });
    Some(call_of(words, endian))
}

/// The call whose words are these.
fn call_of(words: [u32; WORDS], endian: Endian) -> SeccompData {
    let [nr, arch, rest @ ..] = words;
    let mut longs = rest.chunks_exact(2).map(|pair| match (pair, endian) {
        (&[low, high], Endian::Little) | (&[high, low], Endian::Big) => {
            u64::from(low) | u64::from(high) << 32
        }
        _ => 0,
    });
    let mut long = || longs.next().unwrap_or_default();
    SeccompData {
        nr: nr.cast_signed(),
        arch,
        instruction_pointer: long(),
        args: std::array::from_fn(|_| long()),
    }
}

/// The box of one call.
fn point(call: &SeccompData, endian: Endian) -> Calls {
    Calls::point(call.words(endian), &[])
}
