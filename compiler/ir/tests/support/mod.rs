//! Random policies and the calls that tell programs apart, for property tests of this crate
//! and of those behind it. Deterministic: a seed gives the same policy everywhere.

use filterc_abi::{Abi, Action, Endian, KernelVersion, SeccompData};
use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::types::{Field, Kind, Place, Type};

/// A xorshift generator (Marsaglia 2003).
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        rng.next();
        rng
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 11) % bound as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// ABIs of one byte order in an order of their own: x86_64 and x32, which share a token, both
/// or one of them; numbers that begin at 0, 4000 and 5000.
pub fn abis(endian: Endian, seed: u64) -> Vec<&'static Abi> {
    let sets: &[&[&str]] = match endian {
        Endian::Little => &[
            &["x86_64", "i386", "aarch64"],
            &["x86_64", "x32", "i386"],
            &["x32", "arm"],
            &["mipsel64n32", "x32", "x86_64"],
            &["x86_64"],
        ],
        Endian::Big => &[&["s390x"], &["ppc64", "ppc"], &["mips", "mips64", "s390"]],
    };
    let names = sets[seed as usize % sets.len()];
    names.iter().map(|name| filterc_abi::abi(name).unwrap()).collect()
}

pub fn int(width: u8, signed: bool) -> Type {
    Type::new(width, signed, Kind::Integer).unwrap()
}

pub fn arg(i: u8, width: u8, signed: bool) -> Field {
    Field::new(format!("a{i}"), Place::Arg(i), int(width, signed)).unwrap()
}

const WIDTHS: &[u8] = &[1, 8, 16, 16, 31, 32, 32, 32, 33, 48, 63, 64, 64, 64];

/// Few places, so that tests meet on the same words.
fn field(rng: &mut Rng, width: u8) -> Field {
    let place = match rng.below(12) {
        0 if width <= 32 => Place::Nr,
        1 if width <= 32 => Place::Arch,
        2 => Place::InstructionPointer,
        3 => Place::Pair { lo: 0, hi: 1 },
        4 => Place::Pair { lo: 2, hi: 1 },
        _ => Place::Arg(rng.below(3) as u8),
    };
    Field::new("f", place, int(width, rng.below(2) == 0)).unwrap()
}

fn constant(rng: &mut Rng) -> i128 {
    const NEAR: &[i128] = &[0, 1, 3, 7, 8, 0x7f, 0xff, 0x7fff, 0x8000, 0xffff];
    let far = [1 << 31, (1 << 31) - 1, 0xffff_ffff, 1 << 32, (1 << 32) + 5, 1 << 63, 0x300, -1];
    let value = if rng.below(3) > 0 { rng.pick(NEAR) } else { rng.pick(&far) };
    match rng.below(6) {
        0 => -value,
        1 => value + 1,
        2 => !value,
        _ => value,
    }
}

fn test(rng: &mut Rng) -> Test {
    const OPS: &[CmpOp] = &[CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];
    loop {
        let width = rng.pick(WIDTHS);
        let left = field(rng, width);
        let mask = (rng.below(3) == 0).then(|| constant(rng));
        let op = rng.pick(OPS);
        let made = match rng.below(9) {
            0 => {
                let right = field(rng, width);
                Test::compare_field(left, op, right).ok()
            }
            1 => {
                let count = 1 + rng.below(9);
                let items: Vec<_> = (0..count)
                    .map(|_| {
                        let first = constant(rng);
                        (first, first + [0, 0, 1, 5][rng.below(4)])
                    })
                    .collect();
                Test::within(left, mask, &items).ok()
            }
            2 => Test::any_bit(left, constant(rng)).ok(),
            3 if !matches!(left.place(), Place::Nr | Place::Arch) => {
                let ty = int(width, left.ty().signed() == (rng.below(4) > 0));
                let param = Field::new("p", Place::Param(rng.below(2) as u8), ty).unwrap();
                Test::compare_param(left, mask, op, param).ok()
            }
            _ => Test::compare(left, mask, op, constant(rng)).ok(),
        };
        if let Some(test) = made {
            return test;
        }
    }
}

pub fn predicate(rng: &mut Rng, depth: usize) -> Predicate {
    let parts = |rng: &mut Rng| {
        let count = rng.below(4);
        (0..count).map(|_| predicate(rng, depth - 1)).collect()
    };
    match rng.below(8) {
        0 => Predicate::True,
        1 if depth > 0 => Predicate::Not(Box::new(predicate(rng, depth - 1))),
        2 | 3 if depth > 0 => Predicate::And(parts(rng)),
        4 | 5 if depth > 0 => Predicate::Or(parts(rng)),
        _ => Predicate::Test(test(rng)),
    }
}

const ACTIONS: &[Action] = &[
    Action::Allow,
    Action::Allow,
    Action::Log,
    Action::Errno(1),
    Action::Errno(38),
    Action::Trap(0xffff),
    Action::KillProcess,
    Action::KillThread,
];

pub const KERNEL: KernelVersion = KernelVersion { major: 5, minor: 10 };

/// A policy for some ABIs of one byte order.
pub fn policy(seed: u64, endian: Endian) -> Policy {
    let rng = &mut Rng::new(seed);
    let mut parts = Vec::new();
    for abi in abis(endian, seed) {
        let arms = (0..rng.below(14)).map(|rule| {
            let nr = rng.pick(&[0, 1, 2, 3, 59, 257, 435, 436, 10_000, u32::MAX, 0x4000_0001]);
            let nr = nr.wrapping_add(rng.pick(&[0, 0, abi.nr_base]));
            let length = rng.pick(&[0, 3, 100, 0x3fff_ffff, u32::MAX]);
            let first = nr.min(u32::MAX - 1);
            let range = Selector::Range(first, first.saturating_add(length).min(u32::MAX - 1));
            let condition = predicate(rng, 3);
            let selector = match rng.below(6) {
                0 | 1 => Selector::Known,
                2 if !asks_for_nr(&condition) => range,
                _ => Selector::Nr(nr),
            };
            let rule = RuleId(rule as u32);
            Arm { rule, selector, predicate: condition, action: rng.pick(ACTIONS) }
        });
        let arms = arms.collect();
        let (default, unknown) = (rng.pick(ACTIONS), rng.pick(ACTIONS));
        parts.push(AbiPolicy::new(abi, KERNEL, default, unknown, arms));
    }
    Policy::new(parts, rng.pick(ACTIONS), Vec::new())
}

/// Values for the parameters of a policy: numbers that its constants are near to.
pub fn params(seed: u64) -> [u64; 2] {
    let rng = &mut Rng::new(seed ^ 0x9a7a);
    [0; 2].map(|_| {
        let value = constant(rng);
        u64::try_from(value & i128::from(u64::MAX)).unwrap()
    })
}

/// Bit patterns around each constant of a predicate.
fn constants(predicate: &Predicate, out: &mut Vec<u64>) {
    match predicate {
        Predicate::True | Predicate::False => {}
        Predicate::Not(inner) => constants(inner, out),
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().for_each(|part| constants(part, out));
        }
        Predicate::Test(test) => {
            out.push(test.mask());
            match test.relation() {
                Relation::Compare(_, bits) => out.push(*bits),
                Relation::In(ranges) => {
                    out.extend(ranges.iter().flat_map(|range| [range.first(), range.last()]));
                }
                Relation::Field(..) => {}
            }
        }
    }
}

/// Whether a predicate asks for the number of the call; one on a range of numbers does not.
fn asks_for_nr(predicate: &Predicate) -> bool {
    let is_nr = |field: &Field| field.place() == Place::Nr;
    match predicate {
        Predicate::True | Predicate::False => false,
        Predicate::Not(inner) => asks_for_nr(inner),
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(asks_for_nr),
        Predicate::Test(test) => match test.relation() {
            Relation::Compare(..) | Relation::In(_) => is_nr(test.field()),
            Relation::Field(_, other) => is_nr(test.field()) || is_nr(other),
        },
    }
}

/// Calls at the boundaries of everything that a policy mentions.
pub fn calls(policy: &Policy, seed: u64, count: usize) -> Vec<SeccompData> {
    let rng = &mut Rng::new(seed ^ 0xca11);
    let mut values = vec![0, 1, u64::MAX, 1 << 31, 1 << 63, 0xffff_ffff, 1 << 32];
    values.extend([params(seed); 3].concat());
    let mut numbers = vec![0, 1, u32::MAX, u32::MAX - 1, 0x4000_0000, 0x8000_0000, 462, 463, 600];
    let mut tokens = vec![0, 0xc000_003e];
    for part in policy.abis() {
        tokens.extend([part.abi().audit_arch; 6]);
        for (first, last) in part.ranges() {
            let inside = first + (last - first) / 2;
            numbers.extend([first.wrapping_sub(1), *first, inside, *last, last + 1]);
        }
        for nr in part.named() {
            numbers.extend([*nr, *nr, *nr, *nr, nr ^ 0x4000_0000]);
        }
        // Where the table has a hole, and where the policy's kernel ends.
        let base = part.abi().nr_base;
        numbers.extend((base..base + 600).filter(|nr| part.has(*nr) != part.has(nr + 1)));
        part.arms().iter().for_each(|arm| constants(&arm.predicate, &mut values));
    }
    let value = |rng: &mut Rng| {
        let near = rng.pick(&[0, 0, 0, 1, u64::MAX]);
        let value = rng.pick(&values).wrapping_add(near);
        match rng.below(8) {
            0 => value & 0xffff_ffff,
            1 => value | 0xffff_ffff_0000_0000,
            2 => (value & 0xffff_ffff) | 1 << 32,
            3 => value ^ 0x8000_0000,
            4 => value ^ (1 << 63),
            5 => value >> 32,
            _ => value,
        }
    };
    let call = |rng: &mut Rng| SeccompData {
        nr: rng.pick(&numbers).wrapping_add(rng.pick(&[0, 0, 0, 1, u32::MAX])).cast_signed(),
        arch: rng.pick(&tokens),
        instruction_pointer: value(rng),
        args: std::array::from_fn(|_| value(rng)),
    };
    (0..count).map(|_| call(rng)).collect()
}
