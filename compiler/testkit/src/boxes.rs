//! What the checker of certificates says of a box of calls, held against calls of it.

use filterc_abi::{Endian, SeccompData};
use filterc_certify::calls::{Calls, Stop, WORDS};
use filterc_check::certificate::{Split, split};

use crate::rng::Rng;

/// Calls of each box that are looked at.
const CALLS: usize = 20;

/// Cuts a box where `run` asks for it, now and then elsewhere, and holds what it says against
/// calls.
///
/// # Panics
/// It does not hold.
pub fn sound(
    rng: &mut Rng,
    endian: Endian,
    run: &dyn Fn(&Calls) -> Result<u32, Stop>,
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
#[must_use]
pub fn point(call: &SeccompData, endian: Endian) -> Calls {
    Calls::point(call.words(endian), &[])
}
