//! What becomes of calls: what was decided about each, in the order in which it is said best.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use filterc_abi::{Abi, Action, Arg, Endian};
use filterc_check::Part;
use filterc_grammar::ast::Predicate;
use filterc_grammar::print;

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
    parts: BTreeMap<&'static str, &'s Part>,
    endian: Endian,
    /// Numbers that no call has, in order.
    pub(crate) unknown: Vec<Gap>,
}

/// Numbers between those of calls.
pub(crate) struct Gap {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// What becomes of them.
    pub(crate) fate: Fate,
}

impl Gap {
    pub(crate) const fn has(&self, nr: u32) -> bool {
        self.first <= nr && nr <= self.last
    }
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
                        let (endian, decision) = (said.endian, &part.decision);
                        let fields = Fields::new(Some(abi), Some(call), endian, decision);
                        let registers =
                            || Fields::without_pointers(Some(abi), Some(call), endian, decision);
                        let error = || Inexpressible::Arguments { abi: abi.name, call: call.name };
                        let fate = fate(Some(abi), &fields, part, decide)
                            .or_else(|| fate(Some(abi), &registers()?, part, decide))
                            .ok_or_else(error)?;
                        new.fates.insert(call.name, fate);
                        new.parts.insert(call.name, part);
                    }
                    Numbers::Unknown(first, last) => {
                        let registers = Fields::new(None, None, said.endian, &part.decision);
                        let error = || Inexpressible::Numbers { abi: abi.name, first, last };
                        let fate = fate(None, &registers, part, decide).ok_or_else(error)?;
                        new.gap(Gap { first, last, fate });
                    }
                }
            }
        }
        Ok(new)
    }

    /// Adds numbers behind those that are there.
    fn gap(&mut self, new: Gap) {
        let joins = |old: &Gap| old.last.checked_add(1) == Some(new.first) && old.fate == new.fate;
        match self.unknown.last_mut() {
            Some(old) if joins(old) => old.last = new.last,
            _ => self.unknown.push(new),
        }
    }

    /// What becomes of a number, if no call has it.
    pub(crate) fn gap_of(&self, nr: u32) -> Option<&Gap> {
        self.unknown.iter().find(|gap| gap.has(nr))
    }

    /// The fate of a call in terms of registers, which mean the same on every ABI; `None` if
    /// that cannot be said.
    pub(crate) fn raw(&self, name: &str, decide: &dyn Fn(&[u32]) -> Action) -> Option<Fate> {
        let part = self.parts.get(name)?;
        let registers = Fields::new(None, None, self.endian, &part.decision);
        fate(Some(self.abi), &registers, part, decide)
    }

    /// Whether the arguments that decide calls have the same types on another ABI.
    pub(crate) fn is_typed_as(&self, other: &'static Abi) -> bool {
        let ty = |arg: &'static Arg| (arg.width, arg.signed, arg.kind);
        self.fates.iter().all(|(name, fate)| {
            let (Some(own), Some(call)) = (self.abi.syscall(name), other.syscall(name)) else {
                return true;
            };
            let texts: Vec<String> =
                fate.iter().filter_map(|(_, it)| it.as_ref()).map(print::predicate).collect();
            let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
            let mut words = texts.iter().flat_map(|text| text.split(|c| !is_name(c)));
            words.all(|word| own.arg(word).map(ty) == call.arg(word).map(ty))
        })
    }

    /// Whether everything has one fate.
    pub(crate) fn is_always(&self, action: Action) -> bool {
        let gaps = self.unknown.iter().map(|gap| &gap.fate);
        self.fates.values().chain(gaps).all(|fate| only(fate) == Some(action))
    }
}

/// The one action of a fate, if arguments decide nothing.
pub(crate) fn only(fate: &Fate) -> Option<Action> {
    match fate.as_slice() {
        [(only, None)] => Some(*only),
        _ => None,
    }
}

/// The fate of calls: what is said shortly comes first; `None` if we have no words for it.
fn fate(
    abi: Option<&'static Abi>,
    fields: &Fields,
    part: &Part,
    decide: &dyn Fn(&[u32]) -> Action,
) -> Option<Fate> {
    let decision = &part.decision;
    if let Some(values) = decision.only() {
        return Some(vec![(decide(values), None)]);
    }
    let actions: BTreeSet<Action> = decision.values.iter().map(|values| decide(values)).collect();
    let mut found: Vec<(Action, Option<Rc<Formula>>)> = actions
        .into_iter()
        .map(|action| (action, formula(decision, fields, |values| decide(values) == action)))
        .collect();
    found.sort_by_key(|(action, formula)| {
        (formula.as_ref().map_or(usize::MAX, |formula| formula.cost()), *action)
    });
    let Some((last, _)) = found.pop() else { return Some(Vec::new()) };
    let mut fate = Fate::new();
    for (action, formula) in found {
        let formula = formula?;
        if *formula != Formula::False {
            fate.push((action, Some(spell::predicate(&formula, fields, abi))));
        }
    }
    fate.push((last, None));
    Some(fate)
}
