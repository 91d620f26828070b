//! The arms of a policy: each rule for each of its calls, on one ABI after the other.
//!
//! A rule without a predicate covers a call's part of its multiplexer too. A rule with
//! one cannot, for there the arguments are behind a pointer; then the policy must say
//! itself what becomes of the multiplexer.

use filterc_abi::{Abi, Action, SubCall};
use filterc_grammar::ast;
use filterc_grammar::source::Span;
use hashbrown::HashSet;

use crate::asking::Asking;
use crate::error::{Kind, Limit, Unasked};
use crate::expr::{CmpOp, Predicate, Relation, Test};
use crate::field;
use crate::findings::{Calls as About, Findings, Subject};
use crate::header;
use crate::limits::MAX_ARMS;
use crate::on_abi::OnAbi;
use crate::outcomes::{Known, Outcomes};
use crate::policy::{Arm, RuleId, Selector};
use crate::predicate::Reader;
use crate::raw;
use crate::resolve::{Calls, Entry};
use crate::types::{Field, Place};

/// A rule with its calls written out.
pub(crate) struct Rule<'r, 'a> {
    pub(crate) span: Span,
    pub(crate) action: &'a ast::Action,
    pub(crate) predicate: Option<&'a ast::Predicate>,
    pub(crate) entries: &'r [Entry<'a>],
    /// How many arms it has on all ABIs, and whether an error has kept one from it.
    arms: usize,
    failed: bool,
}

impl<'r, 'a> Rule<'r, 'a> {
    pub(crate) fn new(span: Span, rule: &'a ast::Rule, entries: &'r [Entry<'a>]) -> Self {
        let predicate = rule.predicate.as_ref();
        // No entry is left only where all were errors.
        let failed = entries.is_empty();
        Self { span, action: &rule.action, predicate, entries, arms: 0, failed }
    }

    /// A step of a sequence: calls, and what must hold of one.
    pub(crate) const fn of_step(
        span: Span,
        action: &'a ast::Action,
        predicate: Option<&'a ast::Predicate>,
        entries: &'r [Entry<'a>],
    ) -> Self {
        let failed = entries.is_empty();
        Self { span, action, predicate, entries, arms: 0, failed }
    }

    pub(crate) fn is_unconditional(&self) -> bool {
        self.predicate.is_none_or(ast::Predicate::is_true)
    }
}

/// Makes the arms of one ABI after the other, counting them all together.
pub(crate) struct Builder<'s, 'a> {
    reader: Reader<'s, 'a>,
    calls: &'s Calls<'a>,
    total: usize,
}

/// One rule on one ABI.
#[derive(Clone, Copy)]
struct Job<'r, 'a> {
    id: RuleId,
    rule: &'r Rule<'r, 'a>,
    action: Action,
    abi: &'static Abi,
    abi_index: usize,
    /// Multiplexers that some rule decides by name, whatever their arguments are.
    decided: &'r HashSet<&'static str>,
}

impl Job<'_, '_> {
    fn subject(&self, calls: About) -> Subject {
        Subject { abi: self.abi, abi_index: self.abi_index, calls, used_by: None }
    }
}

/// The arms so far of one ABI.
#[derive(Default)]
struct Arms {
    list: Vec<Arm>,
    /// What the rule at hand has an arm for: a number, perhaps a part of that multiplexer.
    seen: HashSet<(Selector, Option<u32>)>,
}

impl Arms {
    fn push(&mut self, job: &Job<'_, '_>, selector: Selector, predicate: Predicate) {
        self.list.push(Arm { rule: job.id, selector, predicate, action: job.action });
    }

    /// Whether the rule's arm for a number never matches, since it is for another ABI.
    fn is_idle(&self, job: &Job<'_, '_>, nr: u32) -> bool {
        let mut own = self.list.iter().rev().take_while(|arm| arm.rule == job.id);
        let arm = own.find(|arm| arm.selector == Selector::Nr(nr));
        let known = Known::new(job.abi, Some(nr));
        arm.is_some_and(|arm| known.predicate(&arm.predicate) == Some(false))
    }
}

/// An error that has been recorded.
struct Told;

impl<'s, 'a> Builder<'s, 'a> {
    pub(crate) fn new(reader: Reader<'s, 'a>, calls: &'s Calls<'a>) -> Self {
        Self { reader, calls, total: 0 }
    }

    /// The arms of one ABI, in rule order.
    pub(crate) fn arms(
        &mut self,
        abi: &'static Abi,
        abi_index: usize,
        rules: &mut [Rule<'_, 'a>],
    ) -> Vec<Arm> {
        let decided = decided_multiplexers(abi, abi_index, rules, self.calls);
        let mut arms = Arms::default();
        arms.list.reserve(rules.len().min(MAX_ARMS));
        for (id, rule) in (0..).map(RuleId).zip(rules) {
            let before = arms.list.len();
            let subject = Subject { abi, abi_index, calls: About::None, used_by: None };
            let Reader { scope, constants, findings, .. } = &mut self.reader;
            let action = header::action(rule.action, scope, constants, subject, findings);
            // What is wrong with the action must not hide what is wrong with the predicate.
            let action = action.unwrap_or(Action::KillProcess);
            let job = Job { id, rule, action, abi, abi_index, decided: &decided };
            let told = self.rule(&job, &mut arms).is_err();
            rule.failed |= told;
            rule.arms += arms.list.len() - before;
            if self.is_full(rule, arms.list.len()) {
                break;
            }
        }
        self.total += arms.list.len();
        arms.list
    }

    /// The arms of steps of a sequence on one ABI: of calls that have ended.
    pub(crate) fn arms_of_steps(
        &mut self,
        abi: &'static Abi,
        abi_index: usize,
        rules: &mut [Rule<'_, 'a>],
    ) -> Vec<Arm> {
        self.reader.ended = true;
        let arms = self.arms(abi, abi_index, rules);
        self.reader.ended = false;
        arms
    }

    /// The bit of a signal on an ABI.
    pub(crate) fn signal(&mut self, abi: &'static Abi, name: &ast::Name) -> Option<u64> {
        let bit = abi.constant(&name.text).and_then(bit_of_signal);
        if bit.is_none() {
            let kind = Unasked::Signal { name: name.text.clone() };
            self.refuse(name.span, Kind::Unasked(kind));
        }
        bit
    }

    /// Records an error.
    pub(crate) fn refuse(&mut self, span: Span, kind: Kind) {
        self.reader.findings.add(span, kind);
    }

    /// What the tests came out as, once all arms are made.
    pub(crate) fn into_outcomes(self) -> (Outcomes, Asking) {
        (self.reader.outcomes, self.reader.questions)
    }

    fn is_full(&mut self, rule: &Rule<'_, 'a>, new: usize) -> bool {
        if self.total + new > MAX_ARMS {
            self.reader.findings.add(rule.span, Kind::TooLarge(Limit::Arms));
        }
        self.total + new > MAX_ARMS || self.reader.stops(rule.span)
    }

    fn rule(&mut self, job: &Job<'_, 'a>, arms: &mut Arms) -> Result<(), Told> {
        let mut result = Ok(());
        arms.seen.clear();
        for &entry in job.rule.entries {
            let done = match entry {
                Entry::Any => self.arm(job, Selector::Known, About::Any, arms),
                Entry::Number(number) => self.number(job, number, arms),
                Entry::Range(first, last) => self.range(job, (first, last), arms),
                Entry::Name(name) => match self.calls.on(name).get(job.abi_index) {
                    Some(&on) => self.name(job, on, arms),
                    None => Ok(()),
                },
            };
            result = result.and(done);
            if self.reader.stops(job.rule.span) || self.total + arms.list.len() > MAX_ARMS {
                return Err(Told);
            }
        }
        result
    }

    /// The arm for a selector, if the rule has none yet.
    fn arm(
        &mut self,
        job: &Job<'_, 'a>,
        selector: Selector,
        calls: About,
        arms: &mut Arms,
    ) -> Result<(), Told> {
        // One entry names a call once.
        if job.rule.entries.len() > 1 && !arms.seen.insert((selector, None)) {
            return Ok(());
        }
        let predicate = match job.rule.predicate {
            Some(written) => {
                let subject = job.subject(calls);
                self.reader.action = job.action;
                let predicate = self.reader.read(written, subject).ok_or(Told)?;
                let Reader { raw, findings, .. } = &mut self.reader;
                raw::warn(&predicate, job.action, raw, subject, findings);
                predicate
            }
            None => Predicate::True,
        };
        arms.push(job, selector, predicate);
        Ok(())
    }

    /// `syscall(N)` is that number and nothing else, whatever multiplexer goes round it. Where
    /// two of the policy's ABIs share a token, it is of the one that the number belongs to.
    fn number(
        &mut self,
        job: &Job<'_, 'a>,
        written: &'a ast::Constant,
        arms: &mut Arms,
    ) -> Result<(), Told> {
        let nr = self.number_of(job, written)?;
        if !job.abi.admits(nr) {
            return self.elsewhere(job, written, nr);
        }
        let calls = job.abi.syscall_by_nr(nr).map_or(About::Number(nr), About::One);
        self.arm(job, Selector::Nr(nr), calls, arms)
    }

    /// `syscall(FIRST..LAST)` is all numbers between the two that are the ABI's.
    fn range(
        &mut self,
        job: &Job<'_, 'a>,
        (first, last): (&'a ast::Constant, &'a ast::Constant),
        arms: &mut Arms,
    ) -> Result<(), Told> {
        let (from, to) = (self.number_of(job, first), self.number_of(job, last));
        let (from, to) = (from?, to?);
        if from > to {
            let kind = Kind::EmptyRange { first: from.into(), last: to.into() };
            let span = Span { end: last.span.end, ..first.span };
            self.reader.findings.about(span, kind, job.subject(About::None));
            return Err(Told);
        }
        if !admits_some(job.abi, from, to) {
            return self.elsewhere(job, first, from);
        }
        self.arm(job, Selector::Range(from, to), About::Range(from, to), arms)?;
        let own = arms.list.last().filter(|arm| arm.selector == Selector::Range(from, to));
        match job.rule.predicate.filter(|_| own.is_some_and(|arm| asks_for_nr(&arm.predicate))) {
            Some(predicate) => {
                let subject = job.subject(About::Range(from, to));
                self.reader.findings.about(predicate.span, Kind::NumberOfRange, subject);
                Err(Told)
            }
            None => Ok(()),
        }
    }

    /// A number that a call can have.
    fn number_of(&mut self, job: &Job<'_, 'a>, written: &'a ast::Constant) -> Result<u32, Told> {
        let subject = job.subject(About::None);
        self.reader.count(written);
        let Reader { scope, constants, findings, .. } = &mut self.reader;
        let value = constants.read(scope, subject, written, findings).ok_or(Told)?.number();
        u32::try_from(value).ok().filter(|nr| *nr != u32::MAX).ok_or_else(|| {
            findings.about(written.span, Kind::BadNumber { value, foreign: false }, subject);
            Told
        })
    }

    /// A number that is not the ABI's: an error, unless another one of the policy's has it.
    fn elsewhere(
        &mut self,
        job: &Job<'_, 'a>,
        written: &'a ast::Constant,
        nr: u32,
    ) -> Result<(), Told> {
        if self.calls.has_sibling(job.abi, nr) {
            return Ok(());
        }
        let kind = Kind::BadNumber { value: nr.into(), foreign: true };
        self.reader.findings.about(written.span, kind, job.subject(About::None));
        Err(Told)
    }

    fn name(&mut self, job: &Job<'_, 'a>, on: OnAbi, arms: &mut Arms) -> Result<(), Told> {
        let direct = match on.direct {
            Some(call) => self.arm(job, Selector::Nr(call.nr), About::One(call), arms),
            None => Ok(()),
        };
        let Some(sub_call) = on.sub_call else { return direct };
        let multiplexer = sub_call.multiplexer;
        match job.rule.predicate {
            Some(predicate) if !predicate.is_true() => {
                // A rule that cannot match here leaves nothing to go round.
                let idle = direct.is_ok() && on.direct.is_some_and(|c| arms.is_idle(job, c.nr));
                if !idle && !job.decided.contains(multiplexer) {
                    let subject = job.subject(About::Named(sub_call.name));
                    let direct = on.direct.is_some();
                    let kind = Kind::Multiplexed { multiplexer, direct };
                    self.reader.findings.about(predicate.span, kind, subject);
                    return Err(Told);
                }
            }
            Some(_) | None => {
                if let Some((nr, test)) = selects(job.abi, sub_call) {
                    let selector = Selector::Nr(nr);
                    if arms.seen.insert((selector, Some(sub_call.value))) {
                        arms.push(job, selector, Predicate::Test(test));
                    }
                }
            }
        }
        direct
    }
}

/// The multiplexer's number, and the test that it is called for this sub-call.
pub(crate) fn selects(abi: &'static Abi, sub_call: &SubCall) -> Option<(u32, Test)> {
    let multiplexer = abi.syscall(sub_call.multiplexer)?;
    let field = field::of_argument(multiplexer.args.first()?)?;
    let mask = u64::from(sub_call.mask);
    let mask = (mask != field.ty().mask()).then_some(i128::from(mask));
    let test = Test::compare(field, mask, CmpOp::Eq, sub_call.value.into()).ok()?;
    Some((multiplexer.nr, test))
}

/// Whether some number between two is the ABI's: numbers with and without its mark stand in
/// blocks of the mark's size.
pub(crate) fn admits_some(abi: &Abi, first: u32, last: u32) -> bool {
    let next_block = |bit: u32| (first | (bit - 1)).checked_add(1).filter(|next| *next <= last);
    abi.admits(first) || abi.mark.is_some_and(|mark| next_block(mark.bit).is_some())
}

/// Whether some number between two is of another ABI behind the same token.
pub(crate) fn admits_not_all(abi: &Abi, first: u32, last: u32) -> bool {
    let next_block = |bit: u32| (first | (bit - 1)).checked_add(1).filter(|next| *next <= last);
    !abi.admits(first) || abi.mark.is_some_and(|mark| next_block(mark.bit).is_some())
}

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

/// The multiplexers that a rule names without a predicate.
fn decided_multiplexers(
    abi: &'static Abi,
    abi_index: usize,
    rules: &[Rule<'_, '_>],
    calls: &Calls<'_>,
) -> HashSet<&'static str> {
    let mut decided = HashSet::new();
    let multiplexers: HashSet<&str> = abi.sub_calls().iter().map(|sub| sub.multiplexer).collect();
    if multiplexers.is_empty() {
        return decided;
    }
    for entry in rules.iter().filter(|rule| rule.is_unconditional()).flat_map(|r| r.entries) {
        let Entry::Name(name) = entry else { continue };
        let direct = calls.on(*name).get(abi_index).and_then(|on| on.direct);
        decided.extend(direct.map(|call| call.name).filter(|name| multiplexers.contains(name)));
    }
    decided
}

/// Refuses the rules that have no arm on any ABI, where no other error says why.
pub(crate) fn without_calls(rules: &[Rule<'_, '_>], findings: &mut Findings) {
    for rule in rules.iter().filter(|rule| rule.arms == 0 && !rule.failed) {
        findings.add(rule.span, Kind::NoCallLeft);
    }
}

/// The bit of a signal's number: the lowest is that of signal 1.
fn bit_of_signal(number: i128) -> Option<u64> {
    let at = u32::try_from(number.checked_sub(1)?).ok().filter(|at| *at < u64::BITS)?;
    1_u64.checked_shl(at)
}
