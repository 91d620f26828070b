//! What becomes of calls: what was decided about each, in the order in which it is said best.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use filterc_abi::{Abi, Action, Endian, Syscall};
use filterc_check::Part;
use filterc_grammar::ast::Predicate;

use crate::fields::Fields;
use crate::formula::{Formula, formula};
use crate::inexpressible::Inexpressible;
use crate::numbers::{Numbers, numbers};
use crate::spell;

/// What several sides say on machines of one byte order, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'s> {
    /// The byte order.
    pub endian: Endian,
    /// All parts.
    pub parts: &'s [Part],
}

/// The fate of one call: for each action when, the last one else.
pub(crate) type Fate = Vec<(Action, Option<Predicate>)>;

/// What becomes of the calls of one ABI.
pub(crate) struct OfAbi<'s> {
    pub(crate) abi: &'static Abi,
    pub(crate) fates: BTreeMap<&'static str, Fate>,
    /// What the calls with these fates are decided by.
    parts: BTreeMap<&'static str, (&'static Syscall, &'s Part)>,
    endian: Endian,
    /// Numbers that no call has, first and last, and what becomes of them.
    pub(crate) unknown: Vec<(u32, u32, Action)>,
}

impl<'s> OfAbi<'s> {
    pub(crate) fn new(
        abi: &'static Abi,
        said: &Said<'s>,
        decide: &dyn Fn(&[u32]) -> Action,
    ) -> Result<Self, Inexpressible> {
        let (fates, parts, unknown) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut new = Self { abi, fates, parts, endian: said.endian, unknown };
        let here = |part: &&Part| part.arch.0 <= abi.audit_arch && abi.audit_arch <= part.arch.1;
        for part in said.parts.iter().filter(here) {
            for numbers in numbers(abi, part.nr) {
                match numbers {
                    Numbers::Call(call) => {
                        let fields =
                            Fields::new(Some(abi), Some(call), said.endian, &part.decision);
                        new.fates.insert(call.name, fate(abi, call, &fields, part, decide)?);
                        new.parts.insert(call.name, (call, part));
                    }
                    Numbers::Unknown(first, last) => {
                        let values = part.decision.only();
                        let error = || Inexpressible::Numbers { abi: abi.name, first, last };
                        new.gap(first, last, decide(values.ok_or_else(error)?));
                    }
                }
            }
        }
        Ok(new)
    }

    /// Numbers that no call has, behind those that are known.
    fn gap(&mut self, first: u32, last: u32, action: Action) {
        match self.unknown.last_mut() {
            Some(old) if old.2 == action && old.1.checked_add(1) == Some(first) => old.1 = last,
            _ => self.unknown.push((first, last, action)),
        }
    }

    /// The fate of a call in terms of registers, which mean the same on every ABI; `None` if
    /// that cannot be said.
    pub(crate) fn raw(&self, name: &str, decide: &dyn Fn(&[u32]) -> Action) -> Option<Fate> {
        let (call, part) = self.parts.get(name)?;
        let registers = Fields::new(None, None, self.endian, &part.decision);
        fate(self.abi, call, &registers, part, decide).ok()
    }

    /// Whether everything has one fate.
    pub(crate) fn is_always(&self, action: Action) -> bool {
        let is = |fate: &Fate| matches!(fate.as_slice(), [(only, None)] if *only == action);
        self.fates.values().all(is) && self.unknown.iter().all(|(_, _, it)| *it == action)
    }
}

/// The fate of a call: what is said shortly comes first.
fn fate(
    abi: &'static Abi,
    call: &'static Syscall,
    fields: &Fields,
    part: &Part,
    decide: &dyn Fn(&[u32]) -> Action,
) -> Result<Fate, Inexpressible> {
    let decision = &part.decision;
    if let Some(values) = decision.only() {
        return Ok(vec![(decide(values), None)]);
    }
    let actions: BTreeSet<Action> = decision.values.iter().map(|values| decide(values)).collect();
    let mut found: Vec<(Action, Option<Rc<Formula>>)> = actions
        .into_iter()
        .map(|action| (action, formula(decision, fields, |values| decide(values) == action)))
        .collect();
    found.sort_by_key(|(action, formula)| {
        (formula.as_ref().map_or(usize::MAX, |formula| formula.cost()), *action)
    });
    let Some((last, _)) = found.pop() else { return Ok(Vec::new()) };
    let mut fate = Fate::new();
    for (action, formula) in found {
        let error = || Inexpressible::Arguments { abi: abi.name, call: call.name };
        let formula = formula.ok_or_else(error)?;
        if *formula != Formula::False {
            fate.push((action, Some(spell::predicate(&formula, fields, Some(abi)))));
        }
    }
    fate.push((last, None));
    Ok(fate)
}
