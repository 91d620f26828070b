//! A rule's predicate as it is for its calls: the same text can be different tests on
//! different ABIs and for different calls.

use filterc_abi::Endian;
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{Policy, RuleId};
use filterc_hir::types::Place;

use super::search::{Searches, Wanted, all_hold};
use crate::input::Input;
use crate::region::Head;
use crate::space::Space;

/// Different predicates that one rule may have, over its calls and ABIs.
const MAX_VIEWS: usize = 64;

/// Of those, the ones that are searched, and the parts of which one is searched.
const QUICK_VIEWS: usize = 4;
const QUICK_PARTS: usize = 128;

/// A rule's predicate as it is for some of its calls.
#[derive(Debug)]
pub(crate) struct View<'p> {
    pub(crate) predicate: &'p Predicate,
    /// One of the calls, all registers 0; the number is not looked at.
    call: Input,
    endian: Endian,
}

/// As far as the predicate can tell: the calls may be others.
impl PartialEq for View<'_> {
    fn eq(&self, other: &Self) -> bool {
        let side = |view: &Self| (view.endian, view.call.call.arch);
        side(self) == side(other) && self.predicate == other.predicate
    }
}

impl View<'_> {
    /// One of its calls, all registers 0.
    pub(crate) const fn call(&self) -> &Input {
        &self.call
    }

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
            Place::InstructionPointer
            | Place::Arg(_)
            | Place::Pair { .. }
            | Place::Fact(_)
            | Place::Answer(_)
            | Place::Param(_) => {}
        }
    }
}

/// Which parts of a predicate matter, as far as a quick search finds calls that show it.
#[derive(Debug)]
pub(crate) struct Matters {
    /// Whether the part itself does.
    itself: bool,
    /// Its own parts, as long as they do.
    parts: Vec<Self>,
    /// How many it has.
    count: usize,
}

impl Matters {
    /// Nothing is known, nor how many parts there are.
    pub(crate) const UNKNOWN: Self = Self { itself: false, parts: Vec::new(), count: usize::MAX };

    /// Whether the part does, and all that it is made of.
    pub(crate) fn all(&self) -> bool {
        self.itself && self.all_inside()
    }

    /// Whether all does that it is made of.
    pub(crate) fn all_inside(&self) -> bool {
        self.parts.len() == self.count && self.parts.iter().all(Self::all)
    }

    /// Whether it is certain that a part does.
    pub(crate) const fn itself(&self) -> bool {
        self.itself
    }

    /// One of its parts.
    pub(crate) fn part(&self, index: usize) -> Option<&Self> {
        self.parts.get(index)
    }
}

/// What a quick search finds out of the parts of a rule's predicate: of the view in which all
/// matter, or of the first.
pub(crate) fn matters(views: &[View<'_>], searches: &mut Searches) -> Matters {
    let mut first = None;
    for view in views.iter().take(QUICK_VIEWS) {
        let mut look = Look { call: &view.call, wanted: Vec::new(), searches, is_hard: false };
        let found = look.parts(view.predicate, None);
        if found.all_inside() {
            return found;
        }
        first.get_or_insert(found);
    }
    first.unwrap_or(Matters::UNKNOWN)
}

/// A look at one view.
struct Look<'l, 'p> {
    call: &'l Input,
    /// What has to hold around the part that is looked at.
    wanted: Vec<Wanted<'p>>,
    searches: &'l mut Searches,
    /// Whether a search has failed: it has taken all the steps that it may, and where one does
    /// others do.
    is_hard: bool,
}

impl<'p> Look<'_, 'p> {
    /// The parts of a predicate. `known` is a call for which it matters, if there is one at hand.
    fn parts(&mut self, predicate: &'p Predicate, known: Option<&Input>) -> Matters {
        let itself = known.is_some();
        let mut found = Matters { itself, parts: Vec::new(), count: 0 };
        let (parts, is_alternative) = match predicate {
            Predicate::And(parts) => (parts, false),
            Predicate::Or(parts) => (parts, true),
            Predicate::Not(inner) => {
                let inner = self.parts(inner, known);
                return Matters { itself, ..inner };
            }
            Predicate::True | Predicate::False | Predicate::Test(_) => return found,
        };
        found.count = parts.len();
        if parts.len() > QUICK_PARTS || !self.searches.spend(parts.len()) {
            return found;
        }
        let outer = self.wanted.len();
        // Where the predicate matters, its conditions hold, or its alternatives fail, all but one.
        self.wanted.extend(parts.iter().map(|part| (part, !is_alternative)));
        let base = match known {
            Some(known) if all_hold(&self.wanted, known) => Some(known.clone()),
            Some(_) | None => self.find(),
        };
        self.wanted.truncate(outer);
        let Some(base) = base else { return found };
        for (index, part) in parts.iter().enumerate() {
            let others = parts.iter().enumerate().filter(|(other, _)| *other != index);
            self.wanted.extend(others.map(|(_, other)| (other, !is_alternative)));
            let inner = self.wanted.len();
            self.wanted.push((part, is_alternative));
            let near = self.searches.find_near(&self.wanted, &base);
            let shows = near.or_else(|| self.find());
            self.wanted.truncate(inner);
            found.parts.push(match shows {
                Some(shows) => self.parts(part, Some(&shows)),
                None => Matters::UNKNOWN,
            });
            self.wanted.truncate(outer);
        }
        found
    }

    fn find(&mut self) -> Option<Input> {
        let found = (!self.is_hard).then(|| self.searches.find(&self.wanted, self.call));
        self.is_hard |= found.as_ref().is_some_and(Option::is_none);
        found.flatten()
    }
}
