//! A quick search for a call with given properties. What it finds is one; that it finds
//! nothing means nothing. It spares most policies the decision diagrams.

use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::types::{Field, Place};

use crate::input::{FIRST_PARAM, IP, Input, REGISTERS};

/// Steps of one search, which bound its depth as well, and of all in one run.
const STEPS: u32 = 300;
const ALL_STEPS: u32 = 1 << 20;

/// Predicates that one search may be about.
pub(crate) const MAX_WANTED: usize = STEPS as usize;

/// Ranges of a set whose ends are tried.
const RANGES: usize = 4;

/// A predicate, and as what it must come out.
pub(crate) type Wanted<'p> = (&'p Predicate, bool);

/// What must be true of the call still: a list on the stack.
#[derive(Clone, Copy)]
enum Goal<'g, 'p> {
    /// All of these, then what the other goal says.
    Given(&'g [Wanted<'p>]),
    /// All parts must come out so.
    Parts { parts: &'p [Predicate], wanted: bool, rest: &'g Self },
}

impl<'g, 'p> Goal<'g, 'p> {
    fn one(predicate: &'p Predicate, wanted: bool, rest: &'g Self) -> Self {
        Self::Parts { parts: std::slice::from_ref(predicate), wanted, rest }
    }
}

/// The searches of one run: all of them together are bounded.
#[derive(Debug)]
pub(crate) struct Searches {
    steps: u32,
}

impl Searches {
    pub(crate) const fn new() -> Self {
        Self { steps: ALL_STEPS }
    }

    /// None is made.
    #[cfg(test)]
    pub(crate) const fn none() -> Self {
        Self { steps: 0 }
    }

    /// Spends steps on something else that is looked for; whether there were as many.
    pub(crate) fn spend(&mut self, steps: usize) -> bool {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps));
        self.steps = left.unwrap_or_default();
        left.is_some()
    }

    /// A call for which all predicates come out as wanted, with the number and token of the
    /// given one.
    pub(crate) fn find(&mut self, wanted: &[Wanted<'_>], call: &Input) -> Option<Input> {
        let mut literals = Vec::with_capacity(wanted.len());
        for (predicate, wanted) in wanted {
            flatten(predicate, *wanted, &mut literals)?;
        }
        literals.sort_by_key(|(predicate, wanted)| choices(predicate, *wanted));
        let call = [odd(call), *call].into_iter().find_map(|call| {
            let before = STEPS.min(self.steps);
            let mut left = before;
            let state = State { call, fixed: [0; REGISTERS] };
            let found = solve(&Goal::Given(&literals), &state, &mut left);
            self.steps -= before - left;
            found
        })?;
        // The bits that a goal needs stay as they are, so this holds; it costs little to be
        // sure.
        wanted.iter().all(|(predicate, wanted)| call.holds(predicate) == *wanted).then_some(call)
    }
}

/// The call with something in each register that hardly any constant of a policy is: to be
/// unlike many values is easiest so.
fn odd(call: &Input) -> Input {
    let mut next = 0x9e37_79b9_7f4a_7c15_u64;
    let mut other = *call;
    for register in 0..REGISTERS {
        next = next.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        if let Some(word) = other.word(register) {
            *word = next;
        }
    }
    other
}

/// What a predicate asks for without a choice, and where it leaves one, that.
fn flatten<'p>(
    predicate: &'p Predicate,
    wanted: bool,
    literals: &mut Vec<Wanted<'p>>,
) -> Option<()> {
    match predicate {
        Predicate::Not(inner) => flatten(inner, !wanted, literals),
        Predicate::And(parts) if wanted => {
            parts.iter().try_for_each(|part| flatten(part, true, literals))
        }
        Predicate::Or(parts) if !wanted => {
            parts.iter().try_for_each(|part| flatten(part, false, literals))
        }
        Predicate::True
        | Predicate::False
        | Predicate::And(_)
        | Predicate::Or(_)
        | Predicate::Test(_) => {
            literals.push((predicate, wanted));
            (literals.len() < MAX_WANTED).then_some(())
        }
    }
}

/// How many ways there are to make a predicate come out so, roughly: what has fewest is
/// reached first.
fn choices(predicate: &Predicate, wanted: bool) -> u32 {
    match predicate {
        Predicate::True | Predicate::False => 0,
        Predicate::Test(test) => match test.relation() {
            Relation::Compare(CmpOp::Eq, _) if wanted => 0,
            Relation::Compare(CmpOp::Ne, _) if !wanted => 0,
            Relation::In(_) if wanted => 1,
            Relation::Compare(CmpOp::Eq | CmpOp::Ne, _) => 3,
            Relation::In(_) | Relation::Compare(..) | Relation::Field(..) => 2,
        },
        Predicate::Not(_) | Predicate::And(_) | Predicate::Or(_) => 4,
    }
}

/// A call, and the bits of its registers that goals before rely on.
#[derive(Clone, Copy)]
struct State {
    call: Input,
    fixed: [u64; REGISTERS],
}

fn solve(goal: &Goal<'_, '_>, state: &State, steps: &mut u32) -> Option<Input> {
    *steps = steps.checked_sub(1)?;
    match goal {
        Goal::Given(all) => match all.split_first() {
            None => Some(state.call),
            Some(((predicate, wanted), rest)) => {
                reach(predicate, *wanted, &Goal::Given(rest), state, steps)
            }
        },
        Goal::Parts { parts, wanted, rest } => match parts.split_first() {
            None => solve(rest, state, steps),
            Some((predicate, parts)) => {
                let rest = Goal::Parts { parts, wanted: *wanted, rest };
                reach(predicate, *wanted, &rest, state, steps)
            }
        },
    }
}

/// Makes a predicate come out so, then reaches the other goals.
fn reach(
    predicate: &Predicate,
    wanted: bool,
    rest: &Goal<'_, '_>,
    state: &State,
    steps: &mut u32,
) -> Option<Input> {
    match predicate {
        Predicate::True if wanted => solve(rest, state, steps),
        Predicate::False if !wanted => solve(rest, state, steps),
        Predicate::True | Predicate::False => None,
        Predicate::Not(inner) => solve(&Goal::one(inner, !wanted, rest), state, steps),
        Predicate::And(parts) if wanted => {
            solve(&Goal::Parts { parts, wanted, rest }, state, steps)
        }
        Predicate::Or(parts) if !wanted => {
            solve(&Goal::Parts { parts, wanted, rest }, state, steps)
        }
        // One of them is enough.
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().find_map(|part| solve(&Goal::one(part, wanted, rest), state, steps))
        }
        Predicate::Test(test) => {
            let mut next = *state;
            next.fix(test.field(), test.mask());
            if let Relation::Field(_, other) = test.relation() {
                next.fix(other, other.ty().mask());
            }
            let mut attempts = Attempts::new(test, state);
            std::iter::from_fn(|| attempts.next(state)).find_map(|call| {
                let fits = call.holds(predicate) == wanted;
                let mut there = next;
                there.call = call;
                if fits { solve(rest, &there, steps) } else { None }
            })
        }
    }
}

impl State {
    fn fix(&mut self, field: &Field, mask: u64) {
        let mut fix = |register: usize, bits: u64| {
            if let Some(fixed) = self.fixed.get_mut(register) {
                *fixed |= bits;
            }
        };
        match field.place() {
            Place::Nr | Place::Arch => {}
            Place::InstructionPointer => fix(IP, mask),
            Place::Arg(register) => fix(register.into(), mask),
            Place::Param(i) => fix(FIRST_PARAM + usize::from(i), mask),
            Place::Pair { lo, hi } => {
                fix(lo.into(), mask & 0xffff_ffff);
                fix(hi.into(), mask >> 32);
            }
        }
    }

    /// The call with another value in a field, but for bits that are fixed.
    fn with(&self, field: &Field, value: u64) -> Input {
        let mut call = self.call;
        let mask = field.ty().mask();
        let mut put = |register: usize, value: u64, mask: u64| {
            let free = mask & !self.fixed.get(register).copied().unwrap_or(u64::MAX);
            if let Some(word) = call.word(register) {
                *word = (*word & !free) | (value & free);
            }
        };
        match field.place() {
            Place::Nr | Place::Arch => {}
            Place::InstructionPointer => put(IP, value, mask),
            Place::Arg(register) => put(register.into(), value, mask),
            Place::Param(i) => put(FIRST_PARAM + usize::from(i), value, mask),
            Place::Pair { lo, hi } => {
                put(lo.into(), value & 0xffff_ffff, mask & 0xffff_ffff);
                put(hi.into(), value >> 32, mask >> 32);
            }
        }
        call
    }
}

/// Values to try in the fields of a test: what stands there, then those around constants.
struct Attempts<'t> {
    test: &'t Test,
    other: Option<&'t Field>,
    bases: Vec<u64>,
    next: usize,
}

/// What is tried around each base.
const AROUND: [u64; 3] = [0, 1, u64::MAX];

impl<'t> Attempts<'t> {
    fn new(test: &'t Test, state: &State) -> Self {
        let ty = test.field().ty();
        let sign = 1 << (ty.width() - 1);
        let mut bases = Vec::with_capacity(2 * RANGES + 3);
        let mut other = None;
        match test.relation() {
            Relation::Compare(_, value) => bases.push(*value),
            Relation::In(ranges) => {
                for range in ranges.iter().take(RANGES) {
                    bases.extend([range.first(), range.last()]);
                }
            }
            Relation::Field(_, field) => {
                other = Some(field);
                let read = |field: &Field| field.read(&state.call.call, &state.call.params);
                bases.extend([read(field), read(test.field())]);
            }
        }
        bases.extend([0, test.mask(), sign]);
        Self { test, other, bases, next: 0 }
    }

    /// The next call to try.
    fn next(&mut self, state: &State) -> Option<Input> {
        let position = self.next;
        self.next += 1;
        if position == 0 {
            return Some(state.call);
        }
        let position = position - 1;
        // Of two fields, each is changed in turn.
        let sides = if self.other.is_some() { 2 } else { 1 };
        let (position, side) = (position / sides, position % sides);
        let base = self.bases.get(position / AROUND.len())?;
        let value = base.wrapping_add(*AROUND.get(position % AROUND.len())?);
        let field = self.other.filter(|_| side == 1).unwrap_or(self.test.field());
        Some(state.with(field, value))
    }
}
