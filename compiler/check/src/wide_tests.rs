//! Every operation on terms against numbers. Where `nr` and `arch` are fixed, a term knows its
//! number, however it was taken apart: it has to be the machine's.

use filterc_ebpf::machine::Order;

use super::*;
use crate::layout::{ARCH, NR};
use crate::random::Rng;
use crate::region::Head;

const WORDS: [u32; 12] =
    [0, 1, 2, 31, 32, 63, 64, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];

fn number(rng: &mut Rng) -> u32 {
    if rng.next(3) == 0 { u32::try_from(rng.next(1 << 31)).unwrap() * 2 } else { rng.pick(&WORDS) }
}

fn pair(rng: &mut Rng) -> u64 {
    u64::from(number(rng)) << 32 | u64::from(number(rng))
}

/// Terms with the numbers that the machine has for them.
struct Both {
    terms: Terms,
    known: Vec<(TermId, u64)>,
}

impl Both {
    fn new(rng: &mut Rng) -> Self {
        let head = Head { nr: number(rng), arch: number(rng) };
        let mut terms = Terms::new(Some(head));
        let (nr, arch) = (terms.data(NR), terms.data(ARCH));
        let (first, second) = (terms.widened(nr), terms.widened(arch));
        let both = terms.join(nr, arch);
        let long = u64::from(head.nr) | u64::from(head.arch) << 32;
        let known = vec![(first, head.nr.into()), (second, head.arch.into()), (both, long)];
        Self { terms, known }
    }

    fn some(&mut self, rng: &mut Rng) -> (TermId, u64) {
        if rng.next(3) > 0 {
            return rng.pick(&self.known);
        }
        let value = if rng.next(2) == 0 { pair(rng) } else { rng.next(70) };
        (self.terms.constant64(value), value)
    }

    /// One operation more.
    fn grow(&mut self, rng: &mut Rng) {
        let (a, x) = self.some(rng);
        let (b, y) = self.some(rng);
        let size = rng.pick(&Size::ALL);
        let (term, value) = match rng.next(8) {
            0 => {
                let extend = rng.pick(&[Extend::Zero, Extend::Sign]);
                (self.terms.extend(extend, size, a), extend.apply(size, x))
            }
            1 => {
                assert!(Order::Reversed.reverses(filterc_abi::Endian::Little));
                let swapped = Extend::Zero.apply(size, x).swap_bytes() >> (64 - size.bits());
                (self.terms.reversed(size, a), swapped)
            }
            2 => {
                let (low, high) = (self.terms.low(a), self.terms.high(b));
                (self.terms.join(low, high), u64::from(super::low(x)) | y >> 32 << 32)
            }
            _ => {
                let (alu, width) = (rng.pick(&Alu::ALL), rng.pick(&[Width::W32, Width::W64]));
                (self.terms.alu(width, alu, a, b), alu.apply(width, x, y))
            }
        };
        assert_eq!(self.terms.width(term), Width::W64);
        assert_eq!(
            self.terms.value(term),
            Some(value),
            "{:?} of {x:#x}, {y:#x}",
            self.terms.get(term)
        );
        self.known.push((term, value));
    }

    fn ask(&mut self, rng: &mut Rng) {
        let (a, x) = self.some(rng);
        let (b, y) = self.some(rng);
        let (test, width) = (rng.pick(&Test::ALL), rng.pick(&[Width::W32, Width::W64]));
        let asked = self.terms.question(Question { test, width, left: a, right: b });
        let value = |id| self.terms.value(id).unwrap();
        let holds = asked.test.holds(asked.width, value(asked.left), value(asked.right));
        assert_eq!(holds, test.holds(width, x, y), "{test:?} {width:?} {x:#x} {y:#x}: {asked:?}");
        for side in [asked.left, asked.right] {
            assert_eq!(self.terms.width(side), asked.width);
        }
    }
}

#[test]
fn terms_are_the_numbers_that_they_stand_for() {
    let mut rng = Rng(5);
    for _ in 0..3000 {
        let mut both = Both::new(&mut rng);
        for _ in 0..12 {
            both.grow(&mut rng);
            both.ask(&mut rng);
            both.ask(&mut rng);
        }
    }
}

#[test]
fn what_is_asked_of_words_is_asked_of_halves() {
    let mut terms = Terms::new(None);
    let (low, high) = (terms.data(4), terms.data(5));
    let (word, long) = (terms.widened(low), terms.join(low, high));
    let signed = terms.extend(Extend::Sign, Size::B4, long);
    let (small, negative) = (terms.constant64(7), terms.constant64(5_u64.wrapping_neg()));
    let mut ask = |test, left, right| {
        let asked = terms.question(Question { test, width: Width::W64, left, right });
        (asked.test, asked.width)
    };
    assert_eq!(ask(Test::Gt, word, small), (Test::Gt, Width::W32));
    assert_eq!(ask(Test::SGt, small, word), (Test::Gt, Width::W32));
    // The upper halves say no.
    assert_eq!(ask(Test::Eq, word, negative), (Test::Eq, Width::W32));
    assert_eq!(ask(Test::SLt, signed, negative), (Test::SLt, Width::W32));
    assert_eq!(ask(Test::Eq, long, negative), (Test::Eq, Width::W64));
    assert_eq!(ask(Test::Set, long, small), (Test::Set, Width::W32));
    // Shifts go to halves, and come back.
    let by = terms.constant64(32);
    let upper = terms.alu(Width::W64, Alu::Rsh, long, by);
    assert_eq!(upper, terms.widened(high));
    let back = terms.alu(Width::W64, Alu::Lsh, upper, by);
    assert_eq!(terms.alu(Width::W64, Alu::Or, back, word), long);
    // Bytes that are turned over twice are where they were.
    let turned = terms.reversed(Size::B8, long);
    assert_eq!(terms.reversed(Size::B8, turned), long);
}
