//! A rule's predicate as it is for its calls: the same text can be different tests on
//! different ABIs and for different calls.

use filterc_abi::Endian;
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{Policy, RuleId};
use filterc_hir::types::Place;

use super::search::{Searches, Wanted};
use crate::input::Input;
use crate::region::Head;
use crate::space::Space;

/// Different predicates that one rule may have, over its calls and ABIs.
const MAX_VIEWS: usize = 64;

/// Of those, the ones that are searched, and the parts of which one is searched.
const QUICK_VIEWS: usize = 4;
const QUICK_PARTS: usize = 32;

/// A rule's predicate as it is for some of its calls.
pub(crate) struct View<'p> {
    pub(crate) predicate: &'p Predicate,
    /// One of the calls, all registers 0; the number is not looked at.
    call: Input,
    endian: Endian,
}

impl View<'_> {
    /// Its calls.
    pub(crate) fn space(&self) -> Space {
        let head = Head { arch: self.call.call.arch, nr: self.call.call.nr.cast_unsigned() };
        Space::new(Some(head), self.endian, [self.predicate])
    }
}

/// All of a rule's predicates; `None` where they cannot be looked at.
pub(crate) fn views(policy: &Policy, rule: RuleId) -> Option<Vec<View<'_>>> {
    let mut views: Vec<View<'_>> = Vec::new();
    for part in policy.abis() {
        let (arch, endian) = (part.abi().audit_arch, part.abi().endian);
        let first = part.arms().partition_point(|arm| arm.rule < rule);
        let arms = part.arms().iter().skip(first).take_while(|arm| arm.rule == rule);
        for arm in arms {
            let asks = Asks::of(&arm.predicate);
            if asks.nr {
                return None;
            }
            let is_same = |view: &View<'_>| {
                (!asks.arch || view.call.call.arch == arch) && *view.predicate == arm.predicate
            };
            if !views.iter().any(is_same) {
                if views.len() == MAX_VIEWS {
                    return None;
                }
                let call = Input::of(0, arch);
                views.push(View { predicate: &arm.predicate, call, endian });
            }
        }
    }
    (!views.is_empty()).then_some(views)
}

/// What a predicate asks for that is no register.
#[derive(Default)]
struct Asks {
    nr: bool,
    arch: bool,
}

impl Asks {
    fn of(predicate: &Predicate) -> Self {
        let mut asks = Self::default();
        asks.collect(predicate);
        asks
    }

    fn collect(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => self.collect(inner),
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().for_each(|part| self.collect(part));
            }
            Predicate::Test(test) => {
                self.note(test.field().place());
                if let Relation::Field(_, other) = test.relation() {
                    self.note(other.place());
                }
            }
        }
    }

    fn note(&mut self, place: Place) {
        match place {
            Place::Nr => self.nr = true,
            Place::Arch => self.arch = true,
            Place::InstructionPointer | Place::Arg(_) | Place::Pair { .. } | Place::Param(_) => {}
        }
    }
}

/// Whether a quick search finds for each part of a rule's predicate a call for which it
/// matters.
pub(crate) fn all_matter(views: &[View<'_>], searches: &mut Searches) -> bool {
    let mut some = views.iter().take(QUICK_VIEWS);
    some.any(|view| all_matter_in(view.predicate, &view.call, &mut Vec::new(), searches))
}

fn all_matter_in<'p>(
    predicate: &'p Predicate,
    call: &Input,
    wanted: &mut Vec<Wanted<'p>>,
    searches: &mut Searches,
) -> bool {
    let (parts, is_alternative) = match predicate {
        Predicate::And(parts) => (parts, false),
        Predicate::Or(parts) => (parts, true),
        Predicate::Not(inner) => return all_matter_in(inner, call, wanted, searches),
        Predicate::True | Predicate::False | Predicate::Test(_) => return true,
    };
    if parts.len() > QUICK_PARTS || !searches.spend(parts.len()) {
        return false;
    }
    let outer = wanted.len();
    parts.iter().enumerate().all(|(index, part)| {
        let others = parts.iter().enumerate().filter(|(other, _)| *other != index);
        wanted.extend(others.map(|(_, other)| (other, !is_alternative)));
        let inner = wanted.len();
        wanted.push((part, is_alternative));
        let matters = searches.find(wanted, call).is_some();
        wanted.truncate(inner);
        let matters = matters && all_matter_in(part, call, wanted, searches);
        wanted.truncate(outer);
        matters
    })
}
