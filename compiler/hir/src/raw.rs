//! Raw registers that carry an argument of fewer bits: the kernel ignores the bits above,
//! and so a caller chooses them.
//!
//! `allow socket if args[0] > 40` lets `socket(40)` through as 0x1_0000_0028. Warned of is
//! what works against the policy: a call that its rule would not allow without those bits,
//! or one that it would refuse. A test that those bits only make stricter is left alone.
//! Every warning has a value of the register that shows it; where several masked tests of
//! one register work together, one may not be found.

use filterc_abi::{Abi, Action, Arg, Regs, SeccompData, Syscall};
use filterc_grammar::source::{FileId, Span};

use crate::advice::Advice;
use crate::error::Kind;
use crate::eval;
use crate::expr::{CmpOp, Predicate, Relation, Test};
use crate::findings::{Calls, Findings, Subject};
use crate::limits::MAX_PARAMS;
use crate::types::Place;

/// How many constants of a predicate are tried, and how many ranges of a set are read.
const MAX_CONSTANTS: usize = 16;
const MAX_RANGES: usize = 64;

/// Parts before one that are looked at for one like it.
const NEIGHBOURS: usize = 8;

/// What parameters are taken for: a test that can be got round for one small number can for
/// most.
const PARAM: u64 = 3;

/// A register in a predicate, and what of it the kernel uses.
#[derive(Clone, Copy)]
struct Raw<'p> {
    predicate: &'p Predicate,
    register: u8,
    /// The bits that the kernel uses.
    used: u64,
    /// Whether callers may put the sign above those bits, as C does with an `int`, and the
    /// policy expects it there.
    extended: bool,
}

/// Which ways of being bypassed count.
#[derive(Clone, Copy)]
struct Harm {
    /// The predicate comes to hold.
    rises: bool,
    /// The predicate ceases to hold.
    falls: bool,
}

impl Harm {
    /// For a rule with that action.
    const fn of(action: Action) -> Self {
        match action {
            // Nothing lets through more than `allow`.
            Action::Allow => Self { rises: true, falls: false },
            Action::Log | Action::Notify | Action::Trace(_) => Self { rises: true, falls: true },
            Action::Trap(_) | Action::Errno(_) | Action::KillThread | Action::KillProcess => {
                Self { rises: false, falls: true }
            }
        }
    }
}

/// Warns of the registers that a predicate looks at, each once; `tests` are its tests of
/// registers, in the order of the text.
pub(crate) fn warn(
    predicate: &Predicate,
    action: Action,
    tests: &[(u8, Span)],
    subject: Subject,
    findings: &mut Findings,
) {
    let Calls::One(call) = subject.calls else { return };
    let harm = Harm::of(action);
    let mut told = 0_u8;
    for &(register, span) in tests.iter().filter(|(_, span)| span.file == FileId(0)) {
        if told & (1 << register) != 0 {
            continue;
        }
        told |= 1 << register;
        let argument = carried(call, register);
        let width = argument.map_or(0, |arg| width_in(arg, subject.abi));
        let used = u64::MAX.checked_shr(64 - u32::from(width)).unwrap_or_default();
        let signed = argument.is_some_and(|arg| arg.signed) && subject.abi.register == 64;
        if used == u64::MAX {
            continue;
        }
        if let Some(value) = Raw::new(predicate, register, used).harmful(harm, signed) {
            let argument = argument.map(|arg| (arg.name, width));
            let advice = Advice::IgnoredBits { register, argument, value };
            findings.about(span, Kind::Advice(Box::new(advice)), subject);
        }
    }
}

/// The argument that a register carries.
fn carried(call: &'static Syscall, register: u8) -> Option<&'static Arg> {
    call.args.iter().find(|arg| match arg.regs {
        Regs::One(one) => one == register,
        Regs::Pair { lo, hi } => lo == register || hi == register,
        Regs::Invisible => false,
    })
}

/// How much of one register an argument takes, in bits.
fn width_in(arg: &Arg, abi: &Abi) -> u8 {
    match arg.regs {
        Regs::Pair { .. } => 32,
        Regs::One(_) | Regs::Invisible => arg.width.min(abi.register),
    }
}

impl<'p> Raw<'p> {
    fn new(predicate: &'p Predicate, register: u8, used: u64) -> Self {
        Self { predicate, register, used, extended: false }
    }

    /// A value of the register that shows harm; `signed` if the argument may be extended.
    fn harmful(mut self, harm: Harm, signed: bool) -> Option<u64> {
        if !self.may_harm(self.predicate, harm, false) {
            return None;
        }
        self.extended = signed && self.values().iter().any(|value| value & !self.used != 0);
        self.witness(harm)
    }

    /// Whether some test of the register can come out in a harmful way by its upper bits: a
    /// quick look at each alone.
    fn may_harm(&self, predicate: &Predicate, harm: Harm, negated: bool) -> bool {
        match predicate {
            Predicate::True | Predicate::False => false,
            Predicate::Not(inner) => self.may_harm(inner, harm, !negated),
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().any(|part| self.may_harm(part, harm, negated))
            }
            Predicate::Test(test) => {
                let (rises, falls) = self.moves(test);
                let (rises, falls) = if negated { (falls, rises) } else { (rises, falls) };
                (harm.rises && rises) || (harm.falls && falls)
            }
        }
    }

    /// Whether upper bits may make a test true, and whether they may make it false.
    fn moves(&self, test: &Test) -> (bool, bool) {
        if test.field().place() != Place::Arg(self.register) || test.mask() & !self.used == 0 {
            return (false, false);
        }
        let low = |bits: u64| bits & !self.used == 0;
        match test.relation() {
            Relation::Compare(CmpOp::Eq | CmpOp::Lt | CmpOp::Le, bits) if low(*bits) => {
                (false, true)
            }
            Relation::Compare(CmpOp::Ne | CmpOp::Gt | CmpOp::Ge, bits) if low(*bits) => {
                (true, false)
            }
            Relation::In(ranges) if ranges.iter().all(|range| low(range.last())) => (false, true),
            Relation::Compare(..) | Relation::In(_) => (true, true),
            Relation::Field(CmpOp::Eq | CmpOp::Lt | CmpOp::Le, other) if other.is_param() => {
                (false, true)
            }
            Relation::Field(_, other) if other.is_param() => (true, false),
            Relation::Field(_, other) => {
                let same = other.place() == test.field().place();
                (same, same)
            }
        }
    }

    /// A value of the register that harms, though it is a harmless one to the kernel.
    fn witness(&self, harm: Harm) -> Option<u64> {
        let mut constants = vec![0];
        self.constants(self.predicate, Part::All, &mut constants);
        constants.truncate(MAX_CONSTANTS);
        let near = |c: &u64| [*c, c.wrapping_sub(1), c.wrapping_add(1)];
        let mut values: Vec<u64> = constants.iter().flat_map(near).collect();
        values.push(u64::MAX);
        values.sort_unstable();
        values.dedup();
        let one = (!self.used) & (!self.used).wrapping_neg();
        // The plainest first: it is shown.
        let uppers = [one].into_iter().chain(values.iter().map(|v| v & !self.used));
        // Also with a bit that makes it large, should a mask clear that.
        let uppers: Vec<u64> = uppers.flat_map(|upper| [upper, upper | 1 << 63]).collect();
        let mut lows: Vec<u64> = Vec::with_capacity(values.len());
        for low in values.iter().map(|value| value & self.used) {
            if !lows.contains(&low) {
                lows.push(low);
            }
        }
        let own = self.own(self.predicate);
        lows.into_iter().find_map(|low| {
            let canonical = self.canonical(low);
            let expected = canonical.iter().map(|value| self.holds(&own, *value)).max()?;
            let can_rise = harm.rises && expected != Holds::Yes;
            let can_fall = harm.falls && expected != Holds::No;
            if !can_rise && !can_fall {
                return None;
            }
            uppers.iter().map(|upper| low | upper).find(|value| {
                let found = self.holds(&own, *value);
                (can_rise && found > expected) || (can_fall && found < expected)
            })
        })
    }

    /// The values of the register with which a caller passes a value of the argument.
    fn canonical(&self, low: u64) -> Vec<u64> {
        let negative = self.extended && low & (self.used ^ (self.used >> 1)) != 0;
        if negative { vec![low, low | !self.used] } else { vec![low] }
    }

    /// How far the predicate holds for a value of the register: no, as the other tests
    /// will have it, yes.
    fn holds(&self, own: &Own<'_>, value: u64) -> Holds {
        let mut args = [0; 6];
        if let Some(arg) = args.get_mut(usize::from(self.register)) {
            *arg = value;
        }
        own.holds(&SeccompData { args, ..SeccompData::default() })
    }

    /// What the register has a say in of a predicate.
    fn own(&self, predicate: &'p Predicate) -> Own<'p> {
        match predicate {
            Predicate::True => Own::All(Vec::new()),
            Predicate::False => Own::Any(Vec::new()),
            Predicate::Not(inner) => Own::Not(Box::new(self.own(inner))),
            Predicate::And(parts) => Own::All(self.own_parts(parts)),
            Predicate::Or(parts) => Own::Any(self.own_parts(parts)),
            Predicate::Test(test) if self.decides(test) => Own::Test(test),
            Predicate::Test(_) => Own::Perhaps,
        }
    }

    fn own_parts(&self, parts: &'p [Predicate]) -> Vec<Own<'p>> {
        let mut all: Vec<Own<'p>> = Vec::new();
        for part in parts {
            let part = self.own(part);
            // With the other registers away, many are alike.
            if !all.iter().rev().take(NEIGHBOURS).any(|other| *other == part) {
                all.push(part);
            }
        }
        all
    }

    /// Whether the register alone decides a test.
    fn decides(&self, test: &Test) -> bool {
        let own = |place| place == Place::Arg(self.register);
        own(test.field().place())
            && match test.relation() {
                Relation::Compare(..) => true,
                Relation::In(ranges) => ranges.len() <= MAX_RANGES,
                Relation::Field(_, other) => own(other.place()) || other.is_param(),
            }
    }

    /// What the register is compared with.
    fn values(&self) -> Vec<u64> {
        let mut values = Vec::new();
        self.constants(self.predicate, Part::Values, &mut values);
        values
    }

    /// The constants in tests of the register.
    fn constants(&self, predicate: &Predicate, part: Part, constants: &mut Vec<u64>) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => self.constants(inner, part, constants),
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().for_each(|inner| self.constants(inner, part, constants));
            }
            Predicate::Test(test) if self.decides(test) => {
                if test.mask() != u64::MAX && part == Part::All {
                    constants.extend([test.mask(), !test.mask()]);
                }
                match test.relation() {
                    Relation::Compare(_, bits) => constants.push(*bits),
                    Relation::In(ranges) => {
                        constants.extend(ranges.iter().flat_map(|r| [r.first(), r.last()]));
                    }
                    Relation::Field(_, other) if other.is_param() => constants.push(PARAM),
                    Relation::Field(..) => {}
                }
            }
            Predicate::Test(_) => {}
        }
    }
}

/// What one register has a say in of a predicate.
#[derive(PartialEq)]
enum Own<'p> {
    /// Nothing: that is as the other tests will have it.
    Perhaps,
    Test(&'p Test),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Own<'_> {
    fn holds(&self, call: &SeccompData) -> Holds {
        match self {
            Self::Perhaps => Holds::Perhaps,
            Self::Not(inner) => match inner.holds(call) {
                Holds::No => Holds::Yes,
                Holds::Perhaps => Holds::Perhaps,
                Holds::Yes => Holds::No,
            },
            Self::All(parts) => Self::all_hold(parts, call, Holds::Yes, Holds::No),
            Self::Any(parts) => Self::all_hold(parts, call, Holds::No, Holds::Yes),
            Self::Test(test) if eval::test_holds(test, &[PARAM; MAX_PARAMS], call) => Holds::Yes,
            Self::Test(_) => Holds::No,
        }
    }

    /// How far parts hold together: `all` if each of them comes to that, `decisive` if one
    /// comes to that.
    fn all_hold(parts: &[Self], call: &SeccompData, all: Holds, decisive: Holds) -> Holds {
        let mut together = all;
        for part in parts {
            let holds = part.holds(call);
            if holds == decisive {
                return decisive;
            }
            if holds != all {
                together = holds;
            }
        }
        together
    }
}

/// Which constants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Values and masks.
    All,
    /// Values alone.
    Values,
}

/// How far a predicate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Perhaps,
    Yes,
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
