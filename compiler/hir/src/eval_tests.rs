//! The order of questions, and what a selector covers.

use super::*;
use crate::expr::{CmpOp, Predicate, Test};
use crate::policy::RuleOrigin;
use crate::types::{Field, Kind, Place, Type};
use filterc_abi::{Abi, KernelVersion, abi, x86_64};

fn arm(rule: u32, selector: Selector, predicate: Predicate, action: Action) -> Arm {
    Arm { rule: RuleId(rule), selector, predicate, action }
}

fn policy_on(abi: &'static Abi, kernel: &str, arms: Vec<Arm>) -> Policy {
    let kernel: KernelVersion = kernel.parse().unwrap();
    let rules = vec![RuleOrigin { span: Default::default() }; 4];
    let part = AbiPolicy::new(abi, kernel, Action::Errno(1), Action::Errno(38), arms);
    Policy::new(vec![part], Action::KillProcess, rules)
}

fn call(nr: i32) -> SeccompData {
    SeccompData { nr, arch: x86_64().audit_arch, ..SeccompData::default() }
}

fn second_argument_is(value: i128) -> Predicate {
    let ty = Type::new(32, false, Kind::Integer).unwrap();
    let field = Field::new("x", Place::Arg(1), ty).unwrap();
    Predicate::Test(Test::compare(field, None, CmpOp::Eq, value).unwrap())
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy = policy_on(
        x86_64(),
        "7.3",
        vec![
            arm(0, Selector::Nr(0), second_argument_is(7), Action::Trap(3)),
            arm(1, Selector::Nr(0), Predicate::True, Action::Allow),
            arm(2, Selector::Known, second_argument_is(7), Action::Log),
        ],
    );
    let with = |nr, arg| SeccompData { args: [0, arg, 0, 0, 0, 0], ..call(nr) };
    let decided = |call: SeccompData| {
        let decision = decide(&policy, &call);
        assert_eq!(eval(&policy, &call), decision.action);
        (decision.action, decision.reason)
    };
    assert_eq!(decided(with(0, 7)), (Action::Trap(3), Reason::Rule(RuleId(0))));
    assert_eq!(decided(with(0, 8)), (Action::Allow, Reason::Rule(RuleId(1))));
    assert_eq!(decided(with(1, 7)), (Action::Log, Reason::Rule(RuleId(2))));
    assert_eq!(decided(with(1, 8)), (Action::Errno(1), Reason::Default));
}

#[test]
fn foreign_unknown_and_skipped_calls() {
    let policy = policy_on(
        x86_64(),
        "5.2",
        vec![
            arm(0, Selector::Nr(9999), Predicate::True, Action::Allow),
            arm(1, Selector::Known, Predicate::True, Action::Log),
        ],
    );
    let reason = |call: SeccompData| decide(&policy, &call).reason;
    // x32, and i386.
    assert_eq!(reason(call(0x4000_0000)), Reason::Foreign);
    assert_eq!(eval(&policy, &call(0x4000_0000)), Action::KillProcess);
    assert_eq!(reason(SeccompData { arch: 0x4000_0003, ..call(0) }), Reason::Foreign);
    // A tracer's −1 has bit 30 set, and is not x32; −2 is.
    assert_eq!(reason(call(-1)), Reason::Unknown);
    assert_eq!(reason(call(-2)), Reason::Foreign);
    // Bit 31 alone is a number that nobody has.
    assert_eq!(reason(call(i32::MIN)), Reason::Unknown);
    // clone3 came with 5.3: `any` does not cover it, its own number would.
    assert_eq!(reason(call(435)), Reason::Unknown);
    assert_eq!(eval(&policy, &call(435)), Action::Errno(38));
    assert_eq!(reason(call(9999)), Reason::Rule(RuleId(0)));
    assert_eq!(reason(call(0)), Reason::Rule(RuleId(1)));
}

#[test]
fn any_does_not_cover_what_is_only_named() {
    let policy = policy_on(
        x86_64(),
        "7.3",
        vec![
            arm(0, Selector::Nr(9999), second_argument_is(1), Action::Allow),
            arm(1, Selector::Known, Predicate::True, Action::Log),
        ],
    );
    let decision = decide(&policy, &call(9999));
    assert_eq!((decision.action, decision.reason), (Action::Errno(1), Reason::Default));
}

#[test]
fn connectives() {
    let yes = || Predicate::True;
    let no = || Predicate::False;
    let truth = |predicate: Predicate| holds(&predicate, &call(0));
    assert!(truth(yes()) && !truth(no()));
    assert!(truth(Predicate::Not(Box::new(no()))));
    assert!(truth(Predicate::And(vec![])) && !truth(Predicate::Or(vec![])));
    assert!(truth(Predicate::And(vec![yes(), yes()])));
    assert!(!truth(Predicate::And(vec![yes(), no()])));
    assert!(truth(Predicate::Or(vec![no(), yes()])));
    assert!(!truth(Predicate::Or(vec![no(), no()])));
}

#[test]
fn pairs_take_the_low_words() {
    let ty = Type::new(64, true, Kind::Integer).unwrap();
    let field = Field::new("pos", Place::Pair { lo: 3, hi: 4 }, ty).unwrap();
    let test = Predicate::Test(Test::compare(field, None, CmpOp::Lt, 0).unwrap());
    let with = |lo, hi| SeccompData { args: [0, 0, 0, lo, hi, 0], ..SeccompData::default() };
    assert!(holds(&test, &with(0, 0x8000_0000)));
    // The upper halves of i386 registers may hold anything.
    assert!(!holds(&test, &with(0x8000_0000_0000_0000, 0xffff_ffff_7fff_ffff)));
}

#[test]
fn each_abi_has_its_own_part() {
    let i386 = abi("i386").unwrap();
    let policy =
        policy_on(i386, "7.3", vec![arm(0, Selector::Nr(1), Predicate::True, Action::Allow)]);
    assert_eq!(decide(&policy, &call(1)).reason, Reason::Foreign);
    let exit = SeccompData { arch: i386.audit_arch, ..call(1) };
    assert_eq!(eval(&policy, &exit), Action::Allow);
    // No other ABI hides behind i386's token: bit 30 is only an unknown number.
    let odd = SeccompData { arch: i386.audit_arch, ..call(0x4000_0001) };
    assert_eq!(decide(&policy, &odd).reason, Reason::Unknown);
    assert!(policy.abi(i386).is_some() && policy.abi(x86_64()).is_none());
    assert_eq!(policy.rules().len(), 4);
}
