//! What is known of numbers holds of the numbers themselves, for every operation and test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests say what they expect"
)]

use super::scalar::Scalar;
use crate::machine::{Alu, Extend, Size, Test, Width};

struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.word() >> 32) as usize % from.len()]
    }

    fn number(&mut self) -> u64 {
        match self.word() % 5 {
            0 => self.word() & 0xff,
            1 => u64::MAX - (self.word() & 0xff),
            2 => 1 << (self.word() & 63),
            3 => (1 << (self.word() & 63)) - 1,
            _ => self.word(),
        }
    }
}

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];

fn has(scalar: &Scalar, number: u64) -> bool {
    scalar.contains(&Scalar::constant(number))
}

/// What is known of a number after a few tests and operations, and the number.
fn known(random: &mut Random) -> (Scalar, u64) {
    let number = random.number();
    let mut scalar =
        if random.word() & 7 == 0 { Scalar::constant(number) } else { Scalar::UNKNOWN };
    let mut number = number;
    for _ in 0..random.word() % 5 {
        let k = random.number();
        let constant = Scalar::constant(k);
        let width = random.pick(&WIDTHS);
        if random.word() & 1 == 0 {
            let test = random.pick(&Test::ALL);
            let holds = test.holds(width, number, k);
            scalar = told(&scalar, (width, test), &constant, holds);
        } else {
            let alu = random.pick(&Alu::ALL);
            scalar = scalar.alu(width, alu, &constant);
            number = alu.apply(width, number, k);
        }
        assert!(has(&scalar, number), "{scalar:x?} {number:#x}");
    }
    (scalar, number)
}

/// What is known of a number when a test has come out.
fn told(scalar: &Scalar, (width, test): (Width, Test), other: &Scalar, holds: bool) -> Scalar {
    match (holds, test.negated()) {
        (true, _) => scalar.refined(width, test, other),
        (false, Some(negated)) => scalar.refined(width, negated, other),
        (false, None) => scalar.without_bits(width, other),
    }
}

#[test]
fn tests_and_their_opposites() {
    let mut random = Random(7);
    for _ in 0..10_000 {
        let (width, x, y) = (random.pick(&WIDTHS), random.number(), random.number());
        for test in Test::ALL {
            let holds = test.holds(width, x, y);
            assert_eq!(test.exchanged().holds(width, y, x), holds, "{test:?} {x:#x} {y:#x}");
            if let Some(negated) = test.negated() {
                assert_eq!(negated.holds(width, x, y), !holds, "{test:?} {x:#x} {y:#x}");
            }
        }
    }
}

#[test]
fn what_is_known_is_true() {
    let mut random = Random(99);
    let (mut decided, mut bounded) = (0, 0);
    for _ in 0..400_000 {
        let ((a, x), (b, y)) = (known(&mut random), known(&mut random));
        let (width, alu, test) =
            (random.pick(&WIDTHS), random.pick(&Alu::ALL), random.pick(&Test::ALL));
        let result = a.alu(width, alu, &b);
        let number = alu.apply(width, x, y);
        assert!(has(&result, number), "{a:x?} {alu:?} {b:x?}: {result:x?} {x:#x} {y:#x}");
        bounded += u32::from(result != Scalar::UNKNOWN);
        let holds = test.holds(width, x, y);
        if let Some(verdict) = a.decide(width, test, &b) {
            assert_eq!(verdict, holds, "{a:x?} {test:?} {b:x?} {x:#x} {y:#x}");
            decided += 1;
        }
        let refined = told(&a, (width, test), &b, holds);
        assert!(has(&refined, x), "{a:x?} {test:?} {b:x?}: {refined:x?} {x:#x} {y:#x}");
        for (extend, size) in [
            (Extend::Zero, Size::B4),
            (Extend::Sign, Size::B1),
            (Extend::Sign, Size::B2),
            (Extend::Sign, Size::B4),
        ] {
            let extended = a.extended(extend, size);
            assert!(has(&extended, extend.apply(size, x)), "{a:x?}: {extended:x?} {x:#x}");
        }
    }
    assert!(decided > 20_000 && bounded > 100_000, "{decided} {bounded}");
}
