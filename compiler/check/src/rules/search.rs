//! A quick search for a call with given properties. What it finds is one; that it finds
//! nothing means nothing. It spares most policies the decision diagrams.

use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::types::{Field, Place, answer_at};

use super::cases::Cases;
use crate::input::{FIRST_FACT, FIRST_PARAM, IP, Input, REGISTERS};

/// Steps of one search, which bound its depth as well: these and some for each predicate, as long
/// as they are not too many; and of all in one run. What is found is found within a few steps for
/// each predicate, and what is not costs all of them.
const LEAST_STEPS: usize = 64;
const STEPS_PER_WANTED: usize = 4;
const STEPS: u32 = 300;
const ALL_STEPS: u32 = 1 << 20;

/// Looks at goals that one search by cases may make.
const CASES: u32 = 1 << 12;

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
    cases: Cases,
}

impl Searches {
    pub(crate) const fn new() -> Self {
        Self { steps: ALL_STEPS, cases: Cases::new() }
    }

    /// None is made.
    #[cfg(test)]
    pub(crate) const fn none() -> Self {
        Self { steps: 0, cases: Cases::new() }
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
        // What is found by trying is found sooner.
        let found = self.try_values(wanted, call).or_else(|| self.by_cases(wanted, call));
        // The bits that a goal needs stay as they are, so this holds; it costs little to be
        // sure.
        found.filter(|call| all_hold(wanted, call))
    }

    fn by_cases(&mut self, wanted: &[Wanted<'_>], call: &Input) -> Option<Input> {
        let allowed = CASES.min(self.steps);
        self.cases.clear(allowed);
        let found = self.cases.find(wanted.iter().copied(), call);
        self.steps -= allowed - self.cases.steps();
        found.unwrap_or(None)
    }

    /// The same, by trying values in registers one after the other.
    fn try_values(&mut self, wanted: &[Wanted<'_>], call: &Input) -> Option<Input> {
        let mut literals = Vec::with_capacity(wanted.len());
        for (predicate, wanted) in wanted {
            flatten(predicate, *wanted, &mut literals)?;
        }
        literals.sort_by_key(|(predicate, wanted)| choices(predicate, *wanted));
        let allowed = LEAST_STEPS + STEPS_PER_WANTED * literals.len();
        let allowed = u32::try_from(allowed).unwrap_or(STEPS).min(STEPS);
        [odd(call), call.clone()].into_iter().find_map(|call| {
            let before = allowed.min(self.steps);
            let mut state = State { call, fixed: [0; REGISTERS], steps: before };
            let is_found = solve(&Goal::Given(&literals), &mut state).is_some();
            self.steps -= before - state.steps;
            is_found.then_some(state.call)
        })
    }

    /// The same, where a call is known for which all but the last one come out as wanted: mostly
    /// it is enough to change what that looks at, and no more is tried.
    pub(crate) fn find_near(&mut self, wanted: &[Wanted<'_>], known: &Input) -> Option<Input> {
        // To ask whether a predicate holds is about an eighth of a step.
        if !self.spend(wanted.len() / 8) {
            return None;
        }
        let last = wanted.split_last().map_or(&[][..], |(last, _)| std::slice::from_ref(last));
        let before = STEPS.min(self.steps);
        let mut state = State { call: known.clone(), fixed: [0; REGISTERS], steps: before };
        let is_found = solve(&Goal::Given(last), &mut state).is_some();
        self.steps -= before - state.steps;
        Some(state.call).filter(|call| is_found && all_hold(wanted, call))
    }
}

/// Whether all predicates come out as wanted.
pub(crate) fn all_hold(wanted: &[Wanted<'_>], call: &Input) -> bool {
    wanted.iter().all(|(predicate, wanted)| call.holds(predicate) == *wanted)
}

/// The call with something in each argument that hardly any constant of a policy is: to be
/// unlike many values is easiest so.
fn odd(call: &Input) -> Input {
    let mut next = 0x9e37_79b9_7f4a_7c15_u64;
    let mut other = call.clone();
    for register in 0..FIRST_PARAM {
        next = next.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        other.set(register, next);
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

/// A call, and the bits of its registers that goals before rely on. There is one for a search:
/// what does not lead to the goal is taken back.
struct State {
    call: Input,
    fixed: [u64; REGISTERS],
    steps: u32,
}

/// Reaches a goal; `None`, and the state as it was, if that is not found.
fn solve(goal: &Goal<'_, '_>, state: &mut State) -> Option<()> {
    state.steps = state.steps.checked_sub(1)?;
    match goal {
        Goal::Given(all) => match all.split_first() {
            None => Some(()),
            Some(((predicate, wanted), rest)) => {
                reach(predicate, *wanted, &Goal::Given(rest), state)
            }
        },
        Goal::Parts { parts, wanted, rest } => match parts.split_first() {
            None => solve(rest, state),
            Some((predicate, parts)) => {
                let rest = Goal::Parts { parts, wanted: *wanted, rest };
                reach(predicate, *wanted, &rest, state)
            }
        },
    }
}

/// Makes a predicate come out so, then reaches the other goals.
fn reach(
    predicate: &Predicate,
    wanted: bool,
    rest: &Goal<'_, '_>,
    state: &mut State,
) -> Option<()> {
    match predicate {
        Predicate::True if wanted => solve(rest, state),
        Predicate::False if !wanted => solve(rest, state),
        Predicate::True | Predicate::False => None,
        Predicate::Not(inner) => solve(&Goal::one(inner, !wanted, rest), state),
        Predicate::And(parts) if wanted => solve(&Goal::Parts { parts, wanted, rest }, state),
        Predicate::Or(parts) if !wanted => solve(&Goal::Parts { parts, wanted, rest }, state),
        // One of them is enough.
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().find_map(|part| solve(&Goal::one(part, wanted, rest), state))
        }
        Predicate::Test(test) => {
            let before = Before::of(test, state);
            // What stands there is tried first, and mostly does.
            let mut attempts = None;
            loop {
                if state.call.holds(predicate) == wanted {
                    state.fix(test);
                    if solve(rest, state).is_some() {
                        return Some(());
                    }
                }
                before.put_back(state);
                let attempts = attempts.get_or_insert_with(|| Attempts::new(test, &state.call));
                attempts.next(state)?;
            }
        }
    }
}

/// The registers that a field lies in, with the bits that are of it: low ones, high ones.
fn registers(field: &Field, mask: u64) -> [Option<(usize, u64)>; 2] {
    match field.place() {
        Place::Nr | Place::Arch => [None, None],
        Place::InstructionPointer => [Some((IP, mask)), None],
        Place::Arg(register) => [Some((register.into(), mask)), None],
        Place::Param(i) => [Some((FIRST_PARAM + usize::from(i), mask)), None],
        Place::Fact(fact) => [Some((FIRST_FACT + usize::from(fact.index()), mask)), None],
        Place::Answer(question) => {
            let (at, bit) = answer_at(question);
            [Some((FIRST_PARAM + at, if mask == 0 { 0 } else { bit })), None]
        }
        Place::Pair { lo, hi } => {
            [Some((lo.into(), mask & 0xffff_ffff)), Some((hi.into(), mask >> 32))]
        }
    }
}

/// The other field, where a test compares two.
const fn other(test: &Test) -> Option<&Field> {
    match test.relation() {
        Relation::Field(_, other) => Some(other),
        Relation::Compare(..) | Relation::In(_) => None,
    }
}

/// The registers that a test looks at, as they were before it: number, value, fixed bits.
struct Before([Option<(usize, u64, u64)>; 4]);

impl Before {
    fn of(test: &Test, state: &State) -> Self {
        let [a, b] = registers(test.field(), u64::MAX);
        let [c, d] = other(test).map_or([None, None], |field| registers(field, u64::MAX));
        Self([a, b, c, d].map(|register| {
            let (register, _) = register?;
            let fixed = state.fixed.get(register).copied().unwrap_or_default();
            Some((register, state.call.word(register), fixed))
        }))
    }

    fn put_back(&self, state: &mut State) {
        for (register, word, fixed) in self.0.iter().flatten() {
            if state.call.word(*register) != *word {
                state.call.set(*register, *word);
            }
            if let Some(slot) = state.fixed.get_mut(*register) {
                *slot = *fixed;
            }
        }
    }
}

impl State {
    /// Keeps the bits that a test looks at as they are.
    fn fix(&mut self, test: &Test) {
        let own = registers(test.field(), test.mask());
        let others = other(test).map_or([None, None], |field| registers(field, field.ty().mask()));
        for (register, bits) in own.into_iter().chain(others).flatten() {
            if let Some(fixed) = self.fixed.get_mut(register) {
                *fixed |= bits;
            }
        }
    }

    /// Puts a value into a field, but for bits that are fixed.
    fn put(&mut self, field: &Field, value: u64) {
        let [low, high] = registers(field, field.ty().mask());
        let is_pair = high.is_some();
        // An answer is a bit somewhere among others.
        let is_yes = matches!(field.place(), Place::Answer(_)) && value & 1 == 1;
        let value = if is_yes { u64::MAX } else { value };
        let low = low.map(|(register, mask)| (register, mask, value));
        let high = high.map(|(register, mask)| (register, mask, value >> 32));
        for (register, mask, value) in low.into_iter().chain(high) {
            let value = if is_pair { value & 0xffff_ffff } else { value };
            let free = mask & !self.fixed.get(register).copied().unwrap_or(u64::MAX);
            let word = self.call.word(register);
            let new = (word & !free) | (value & free);
            if new != word {
                self.call.set(register, new);
            }
        }
    }
}

/// Values to try in the fields of a test: those around constants.
struct Attempts<'t> {
    test: &'t Test,
    other: Option<&'t Field>,
    bases: [u64; BASES],
    count: usize,
    next: usize,
}

/// Constants, at most.
const BASES: usize = 2 * RANGES + 3;

/// What is tried around each base.
const AROUND: [u64; 3] = [0, 1, u64::MAX];

impl<'t> Attempts<'t> {
    fn new(test: &'t Test, call: &Input) -> Self {
        let sign = 1 << (test.field().ty().width() - 1);
        let mut new = Self { test, other: other(test), bases: [0; BASES], count: 0, next: 0 };
        match test.relation() {
            Relation::Compare(_, value) => new.add(*value),
            Relation::In(ranges) => {
                for range in ranges.iter().take(RANGES) {
                    new.add(range.first());
                    new.add(range.last());
                }
            }
            Relation::Field(_, field) => {
                new.add(field.read(&call.call, call.params()));
                new.add(test.field().read(&call.call, call.params()));
            }
        }
        for base in [0, test.mask(), sign] {
            new.add(base);
        }
        new
    }

    fn add(&mut self, base: u64) {
        if let Some(slot) = self.bases.get_mut(self.count) {
            *slot = base;
            self.count += 1;
        }
    }

    /// Makes the next attempt, if there is one, in a state as it was before the first.
    fn next(&mut self, state: &mut State) -> Option<()> {
        let position = self.next;
        self.next += 1;
        // Of two fields, each is changed in turn.
        let sides = if self.other.is_some() { 2 } else { 1 };
        let (position, side) = (position / sides, position % sides);
        let bases = self.bases.get(..self.count).unwrap_or_default();
        let base = bases.get(position / AROUND.len())?;
        let around = AROUND.get(position % AROUND.len())?;
        let field = self.other.filter(|_| side == 1).unwrap_or(self.test.field());
        state.put(field, base.wrapping_add(*around));
        Some(())
    }
}
