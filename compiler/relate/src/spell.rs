//! Predicates, calls and actions in the words of the language.

use std::collections::BTreeMap;

use filterc_abi::spelling::{self, Bits, Spelling};
use filterc_abi::{Abi, Action, ArgKind, Syscall};
use filterc_cbpf::errno::errno_name_on;
use filterc_grammar::ast::{
    self, ActionKind, BinOp, Call, CmpOp, Constant, ConstantKind, Field, Item, Mask, Predicate,
    PredicateKind, Relation,
};
use filterc_grammar::source::Span;

use crate::diagram::Order;
use crate::fields::{Fields, Name, Slot};
use crate::formula::Formula;
use crate::values::{Shape, Test};

/// A predicate in our syntax.
pub(crate) fn predicate(
    formula: &Formula,
    fields: &Fields,
    abi: Option<&'static Abi>,
) -> Predicate {
    Speech { fields, abi, selected: BTreeMap::new() }.predicate(formula)
}

/// Words for formulas about one call.
struct Speech<'f> {
    fields: &'f Fields,
    abi: Option<&'static Abi>,
    /// Arguments that have one value here: what others mean may depend on it.
    selected: BTreeMap<&'static str, u64>,
}

impl Speech<'_> {
    fn predicate(&self, formula: &Formula) -> Predicate {
        let list =
            |parts: &[std::rc::Rc<Formula>]| parts.iter().map(|it| self.predicate(it)).collect();
        let kind = match formula {
            Formula::True => PredicateKind::True,
            Formula::False => PredicateKind::False,
            Formula::And(parts) => {
                let mut selected = self.selected.clone();
                selected.extend(parts.iter().filter_map(|part| self.one_value(part)));
                let inner = Speech { selected, ..*self };
                PredicateKind::And(parts.iter().map(|part| inner.predicate(part)).collect())
            }
            Formula::Or(parts) => PredicateKind::Or(list(parts)),
            Formula::Test(slot, test) => match self.fields.slots().get(*slot) {
                Some(slot) => return self.speller(slot).test(test),
                None => PredicateKind::Error,
            },
            Formula::Compare(left, order, right) => self.compared(*left, *order, *right),
        };
        Predicate { kind, span: Span::default() }
    }

    fn compared(&self, left: usize, order: Order, right: usize) -> PredicateKind {
        let slots = self.fields.slots();
        let (Some(left), Some(right)) = (slots.get(left), slots.get(right)) else {
            return PredicateKind::Error;
        };
        let op = match order {
            Order::Equal => CmpOp::Eq,
            Order::Differ => CmpOp::Ne,
            Order::Less => CmpOp::Lt,
            Order::AtMost => CmpOp::Le,
        };
        let relation = Relation::CompareField(op, field(right));
        PredicateKind::Test(Box::new(ast::Test { field: field(left), mask: None, relation }))
    }

    /// The argument that a formula gives one value.
    fn one_value(&self, formula: &Formula) -> Option<(&'static str, u64)> {
        let Formula::Test(slot, Test::Equal { mask: u64::MAX, value }) = formula else {
            return None;
        };
        let arg = self.fields.slots().get(*slot)?.arg?;
        Some((arg.name, *value))
    }

    fn speller<'s>(&self, slot: &'s Slot) -> Speller<'s> {
        let names = |abi: &'static Abi, call: &'static Syscall, arg| {
            let set = spelling::set_of(abi, call, arg, |name| self.selected.get(name).copied())?;
            Some(Spelling::new(abi, set, slot.shape.width))
        };
        let spelling = match (self.abi, self.fields.call(), slot.arg) {
            (Some(abi), Some(call), Some(arg)) => names(abi, call, arg),
            _ => None,
        };
        Speller { slot, spelling }
    }
}

pub(crate) fn name(text: &str) -> ast::Name {
    ast::Name { text: text.to_owned(), span: Span::default() }
}

pub(crate) fn integer(value: u64) -> Constant {
    Constant { kind: ConstantKind::Integer(value), span: Span::default() }
}

/// An ABI's token, by its name.
pub(crate) fn token(abi: &'static Abi) -> Constant {
    let mut names = abi.constant_names().filter(|name| name.starts_with("AUDIT_ARCH_"));
    let is = |name: &&str| abi.constant(name) == Some(abi.audit_arch.into());
    match names.find(is) {
        Some(name) => Constant { kind: ConstantKind::Name(name.to_owned()), span: Span::default() },
        None => integer(abi.audit_arch.into()),
    }
}

/// Numbers of calls, from a first to a last.
pub(crate) fn numbers(first: u32, last: u32) -> Call {
    let (first, last, span) = (integer(first.into()), integer(last.into()), Span::default());
    if first == last { Call::Number(first, span) } else { Call::Range(first, last, span) }
}

fn field(slot: &Slot) -> Field {
    let (text, index) = match slot.name {
        Name::Named(text) => (text, None),
        Name::Register(index) => ("args", Some(integer(index.into()))),
        Name::InstructionPointer => ("instruction_pointer", None),
    };
    let (ustring, function, span) = (false, false, Span::default());
    Field { name: name(text), index, ustring, function, span }
}

/// More names than this are not written for one set of bits.
const MOST_NAMES: usize = 12;

/// With more bits without a name a set of bits is a number.
const MOST_UNNAMED: u32 = 8;

/// So many values are named one by one.
const FEW_VALUES: u64 = 4;

struct Speller<'s> {
    slot: &'s Slot,
    /// The names of its numbers, where they have some.
    spelling: Option<Spelling>,
}

impl Speller<'_> {
    fn test(&self, test: &Test) -> Predicate {
        let all = |parts: &[Test]| parts.iter().map(|part| self.test(part)).collect();
        let kind = match test {
            Test::True => PredicateKind::True,
            Test::False => PredicateKind::False,
            Test::And(parts) => PredicateKind::And(all(parts)),
            Test::Or(parts) => PredicateKind::Or(all(parts)),
            Test::Equal { mask, value: 0 } if self.is_partial(*mask) => {
                return not(self.any_bit(*mask));
            }
            Test::Differ { mask, value: 0 } if self.is_partial(*mask) => {
                return self.any_bit(*mask);
            }
            Test::Equal { mask, value } if mask == value && value.count_ones() == 1 => {
                return self.any_bit(*mask);
            }
            Test::Differ { mask, value } if mask == value && value.count_ones() == 1 => {
                return not(self.any_bit(*mask));
            }
            Test::Equal { mask, value } => return self.compare(*mask, CmpOp::Eq, *value),
            Test::Differ { mask, value } => return self.compare(*mask, CmpOp::Ne, *value),
            Test::Bound { at_least, value } => {
                let op = if *at_least { CmpOp::Ge } else { CmpOp::Le };
                return self.compare(u64::MAX, op, *value);
            }
            Test::In { mask, ranges } => return self.within(*mask, ranges),
            Test::NotIn { mask, ranges } => return not(self.within(*mask, ranges)),
        };
        Predicate { kind, span: Span::default() }
    }

    fn is_partial(&self, mask: u64) -> bool {
        mask != u64::MAX && mask != self.slot.shape.all()
    }

    fn make(&self, mask: u64, relation: Relation) -> Predicate {
        let mask = self.is_partial(mask).then(|| Mask {
            constant: self.bits(mask),
            parenthesised: !matches!(relation, Relation::In(_)),
        });
        let test = ast::Test { field: field(self.slot), mask, relation };
        Predicate { kind: PredicateKind::Test(Box::new(test)), span: Span::default() }
    }

    fn any_bit(&self, mask: u64) -> Predicate {
        let constant = self.bits(mask);
        let mask = Some(Mask { constant, parenthesised: false });
        let test = ast::Test { field: field(self.slot), mask, relation: Relation::AnyBit };
        Predicate { kind: PredicateKind::Test(Box::new(test)), span: Span::default() }
    }

    fn compare(&self, mask: u64, op: CmpOp, value: u64) -> Predicate {
        self.make(mask, Relation::Compare(op, self.value(value, self.is_partial(mask))))
    }

    fn within(&self, mask: u64, ranges: &[(u64, u64)]) -> Predicate {
        let partial = self.is_partial(mask);
        let mut items = Vec::new();
        for (first, last) in ranges {
            // A few values that have names are named.
            let few = last.wrapping_sub(*first) < FEW_VALUES && first <= last;
            if few && (*first..=*last).all(|value| self.has_name(value)) {
                items.extend((*first..=*last).map(|value| Item::One(self.value(value, partial))));
            } else {
                items.push(Item::Range(self.value(*first, partial), self.value(*last, partial)));
            }
            if let Some(Item::Range(first, last)) = items.last()
                && first == last
            {
                let one = Item::One(first.clone());
                items.pop();
                items.push(one);
            }
        }
        self.make(mask, Relation::In(items))
    }

    fn has_name(&self, value: u64) -> bool {
        self.spelling.is_some_and(|spelling| spelling.is_named(value))
    }

    /// A number, by its name if it has one.
    fn value(&self, value: u64, masked: bool) -> Constant {
        let Shape { width, signed, flags, .. } = self.slot.shape;
        if let Some(name) = self.named(value) {
            return name;
        }
        if let Some(spelling) = self.spelling
            && flags
            && value != 0
        {
            // Where only some flags count, nothing is said of the rest.
            let bits = if masked { spelling.mask(value) } else { spelling.bits(value) };
            return self.joined(value, bits);
        }
        let negative = signed && !masked && value >> (width - 1) & 1 == 1;
        if negative {
            let magnitude = value.wrapping_neg() & self.slot.shape.all();
            if self.slot.arg.is_some_and(|arg| arg.kind == ArgKind::Fd) && magnitude == 100 {
                let kind = ConstantKind::Name("AT_FDCWD".to_owned());
                return Constant { kind, span: Span::default() };
            }
            let kind = ConstantKind::Negate(Box::new(integer(magnitude)));
            return Constant { kind, span: Span::default() };
        }
        integer(value)
    }

    /// The name of one of the argument's values.
    fn named(&self, value: u64) -> Option<Constant> {
        let name = self.spelling?.value(value)?;
        Some(Constant { kind: ConstantKind::Name(name.to_owned()), span: Span::default() })
    }

    /// A mask, by the names of its bits as far as they have some.
    fn bits(&self, value: u64) -> Constant {
        let unnamed = || Bits { names: Vec::new(), left: value };
        self.joined(value, self.spelling.map_or_else(unnamed, |spelling| spelling.mask(value)))
    }

    fn joined(&self, value: u64, Bits { names, left }: Bits) -> Constant {
        let named = |name: &str| Constant {
            kind: ConstantKind::Name(name.to_owned()),
            span: Span::default(),
        };
        let mut parts: Vec<Constant> = names.into_iter().map(named).collect();
        // Most bits are rather said by those that are left out.
        let Shape { width, .. } = self.slot.shape;
        if value != self.slot.shape.all() && value.count_ones() * 4 > u32::from(width) * 3 {
            let others = Box::new(self.bits(!value & self.slot.shape.all()));
            let kind = ConstantKind::Complement(others);
            return Constant { kind, span: Span::default() };
        }
        // A list of everything says nothing.
        let unnamed = left.count_ones();
        if parts.len() > MOST_NAMES || unnamed > MOST_UNNAMED || value == self.slot.shape.all() {
            return integer(value);
        }
        if left != 0 || parts.is_empty() {
            parts.push(integer(left));
        }
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_else(|| integer(value));
        let rest: Vec<_> = parts.map(|part| (BinOp::Or, part)).collect();
        if rest.is_empty() {
            return first;
        }
        let kind = ConstantKind::Binary(Box::new(first), rest);
        let all = Constant { kind, span: Span::default() };
        Constant { kind: ConstantKind::Paren(Box::new(all)), span: Span::default() }
    }
}

pub(crate) fn not(inner: Predicate) -> Predicate {
    let inner = Predicate { kind: PredicateKind::Paren(Box::new(inner)), span: Span::default() };
    let kind = PredicateKind::Not(Box::new(inner));
    Predicate { kind, span: Span::default() }
}

/// An action, its errno by its name on an ABI.
pub(crate) fn action(action: Action, abi: Option<&'static Abi>) -> ast::Action {
    let some = |data: u16| (data != 0).then(|| integer(data.into()));
    let kind = match action {
        Action::Allow => ActionKind::Allow,
        Action::Log => ActionKind::Log,
        Action::Notify => ActionKind::Notify,
        Action::Trace(data) => ActionKind::Trace(some(data)),
        Action::Trap(data) => ActionKind::Trap(some(data)),
        Action::Errno(data) => {
            let name = abi.and_then(|abi| errno_name_on(abi, data));
            let named = |name: &str| Constant {
                kind: ConstantKind::Name(name.to_owned()),
                span: Span::default(),
            };
            ActionKind::Errno(name.map_or_else(|| integer(data.into()), named))
        }
        Action::KillThread => ActionKind::KillThread,
        Action::KillProcess => ActionKind::KillProcess,
    };
    ast::Action { kind, span: Span::default() }
}
