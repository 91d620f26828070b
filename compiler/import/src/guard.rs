//! Tests of the ABI that a call is of.

use filterc_abi::{Abi, SubCall};
use filterc_grammar::ast::{CmpOp, Field as AstField, Item, Mask, Predicate, PredicateKind};
use filterc_grammar::ast::{Relation, Test};
use filterc_grammar::source::Span;

use crate::arguments::conditions::Field;
use crate::arguments::{names, predicate};

/// The test that a call is of one of some ABIs, if not of all that there are.
pub(crate) fn guard(abis: &[&'static Abi], all: &[&'static Abi]) -> Option<Predicate> {
    if abis.len() == all.len() {
        return None;
    }
    let is_wanted = |abi: &Abi| abis.iter().any(|wanted| wanted.name == abi.name);
    let mut tokens: Vec<&'static Abi> = Vec::new();
    for &abi in abis {
        if !tokens.iter().any(|known| known.audit_arch == abi.audit_arch) {
            tokens.push(abi);
        }
    }
    // Where another ABI has the token, too, the number tells them apart.
    let whole = |abi: &&&Abi| {
        all.iter().filter(|o| o.audit_arch == abi.audit_arch).all(|other| is_wanted(other))
    };
    let (whole, part): (Vec<&&'static Abi>, Vec<_>) = tokens.iter().partition(whole);
    let mut any = Vec::new();
    match whole.as_slice() {
        [] => (),
        [one] => any.push(test(
            "arch",
            None,
            Relation::Compare(CmpOp::Eq, names::named(one.audit_arch_name)),
        )),
        many => {
            let item = |abi: &&&Abi| Item::One(names::named(abi.audit_arch_name));
            any.push(test("arch", None, Relation::In(many.iter().map(item).collect())));
        }
    }
    for abi in part {
        let arch =
            test("arch", None, Relation::Compare(CmpOp::Eq, names::named(abi.audit_arch_name)));
        any.push(predicate::and(std::iter::once(arch).chain(marked(abi)).collect()));
    }
    Some(predicate::or(any))
}

/// The test of an ABI's mark in its numbers.
fn marked(abi: &Abi) -> Option<Predicate> {
    let mark = abi.mark?;
    let mask = Mask { constant: names::integer(mark.bit.into()), parenthesised: false };
    let set = test("nr", Some(mask), Relation::AnyBit);
    Some(if mark.set { set } else { predicate::not(set) })
}

/// A test of a field that every call has, or of an argument by its name.
pub(crate) fn test(field: &str, mask: Option<Mask>, relation: Relation) -> Predicate {
    let field = AstField {
        name: predicate::name(field),
        index: None,
        ustring: false,
        function: false,
        span: Span::default(),
    };
    predicate::predicate(PredicateKind::Test(Box::new(Test { field, mask, relation })))
}

/// The test that a multiplexer is called for a part.
pub(crate) fn selects(sub: &SubCall, abi: &'static Abi) -> Option<Predicate> {
    let selector = abi.syscall(sub.multiplexer)?.args.first()?;
    let field = Field {
        name: Some(selector.name),
        signed: selector.signed,
        set: selector.set,
        ..Field::register(0, selector.width)
    };
    let value = names::of_value(sub.value.into(), &field, abi);
    let mask = (sub.mask != u32::MAX)
        .then(|| Mask { constant: names::integer(sub.mask.into()), parenthesised: true });
    Some(test(selector.name, mask, Relation::Compare(CmpOp::Eq, value)))
}
