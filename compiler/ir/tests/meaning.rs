//! The DAG decides what the policy means, before and after each pass, in both byte orders.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

mod support;

use filterc_abi::{Action, Endian};
use filterc_hir::eval::{eval, eval_with as reference};
use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_ir::print::{parse, print};
use filterc_ir::{Dag, Node, build, eval_with, passes, validate, validate_lowered};

use support::{KERNEL, Rng, abis, arg, calls, params, policy};

const SEEDS: u64 = 400;

fn each(mut check: impl FnMut(u64, Endian, &Policy)) {
    for seed in 0..SEEDS {
        for endian in [Endian::Little, Endian::Big] {
            check(seed, endian, &policy(seed, endian));
        }
    }
}

#[test]
fn every_pass_keeps_the_meaning() {
    each(|seed, endian, policy| {
        let calls = calls(policy, seed, 150);
        let params = params(seed);
        let decide = |call| reference(policy, &params, call);
        let expected: Vec<Action> = calls.iter().map(decide).collect();
        // Parameters are inputs, or constants in the places of them.
        let bound = policy.bound(&params);
        assert!(calls.iter().zip(&expected).all(|(call, action)| eval(&bound, call) == *action));
        let agree = |stage: &str, dag: &Dag| {
            validate(dag).unwrap_or_else(|fault| panic!("{seed} {endian:?} {stage}: {fault}"));
            for (call, expected) in calls.iter().zip(&expected) {
                let found = eval_with(dag, &params, call);
                assert_eq!(found, *expected, "{seed} {endian:?} {stage} {call:x?}\n{}", print(dag));
            }
        };
        let dag = build(policy, endian).unwrap();
        agree("build", &dag);
        for level in 0..=2 {
            let last = passes::run(
                dag.clone(),
                level,
                &filterc_ir::Objective::default(),
                &mut |name, dag| agree(name, dag),
            );
            validate_lowered(&last).unwrap();
            agree("join", &passes::join(&last));
            // No level makes more of a policy than the one before it would have to.
            assert_eq!(
                last,
                passes::run(dag.clone(), level, &filterc_ir::Objective::default(), &mut |_, _| ()),
                "deterministic"
            );
        }
    });
}

/// What was one comparison of a whole member or of a word by its sign is one again.
#[test]
fn join_undoes_what_words_does() {
    let values = [-1, i128::from(i32::MIN), -77, 0, 1, 5, 0x7fff_ffff, 0x8000_0000, 1 << 32];
    let values = values.into_iter().chain([(1 << 33) + 5, i128::from(i64::MAX), 1 << 63]);
    let ops = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];
    let mut seen = 0;
    for value in values {
        for (op, (width, signed)) in ops
            .into_iter()
            .flat_map(|op| [(64, false), (64, true), (32, true), (32, false)].map(|of| (op, of)))
        {
            let field = arg(1, width, signed);
            let Ok(test) = Test::compare(field, None, op, value) else { continue };
            for endian in [Endian::Little, Endian::Big] {
                let arms = vec![any(0, Predicate::Test(test.clone()))];
                let abi = abis(endian, 0)[0];
                let part = AbiPolicy::new(abi, KERNEL, Action::Errno(1), Action::Errno(38), arms);
                let policy = Policy::new(vec![part], Action::KillProcess, Vec::new());
                let objective = filterc_ir::Objective::default();
                let dag = build(&policy, endian).unwrap();
                let dag = passes::join(&passes::run(dag, 0, &objective, &mut |_, _| ()));
                let asks = |node: &Node| match node {
                    Node::Branch { test: filterc_ir::Test::Word { word, .. }, .. } => {
                        word.index() > 1
                    }
                    Node::Branch { .. } => true,
                    Node::Leaf(_) | Node::Switch(_) => false,
                };
                let count = dag.nodes().iter().filter(|node| asks(node)).count();
                assert!(count <= 1, "{value} {op:?} {width} {signed}: {}", print(&dag));
                seen += count;
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn text_is_read_back() {
    each(|_, endian, policy| {
        let dag = build(policy, endian).unwrap();
        assert_eq!(parse(&print(&dag)).unwrap(), dag);
        let _ = passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, dag| {
            assert_eq!(&parse(&print(dag)).unwrap(), dag)
        });
    });
    for bad in ["", "dag little", "dag little\nn1 = leaf allow", "dag middle", "foreign x"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

/// The tests above must be able to fail: a DAG with one changed constant, one exchanged
/// pair of arms or one moved case is told from the right one in nearly all policies.
#[test]
fn planted_faults_are_found() {
    let (mut planted, mut found) = (0, 0);
    each(|seed, endian, policy| {
        let text = print(&passes::run(
            build(policy, endian).unwrap(),
            2,
            &filterc_ir::Objective::default(),
            &mut |_, _| (),
        ));
        let lines: Vec<&str> = text.lines().collect();
        let branches: Vec<usize> =
            (0..lines.len()).filter(|&i| lines[i].contains("= branch")).collect();
        if branches.is_empty() {
            return;
        }
        let victim = Rng::new(seed).pick(&branches);
        let (question, arms) = lines[victim].split_once(" ? ").unwrap();
        let (then, rest) = arms.split_once(" : ").unwrap();
        let (otherwise, comment) = rest.split_once(' ').unwrap_or((rest, ""));
        let line = format!("{question} ? {otherwise} : {then} {comment}");
        let mutant: Vec<&str> =
            (0..lines.len()).map(|i| if i == victim { line.as_str() } else { lines[i] }).collect();
        let mutant = parse(&mutant.join("\n")).unwrap();
        planted += 1;
        let params = params(seed);
        let differs =
            |call: &_| eval_with(&mutant, &params, call) != reference(policy, &params, call);
        found += usize::from(calls(policy, seed, 600).iter().any(differs));
    });
    // A fault in a corner that needs three particular values may be missed by chance.
    assert!(found * 10 >= planted * 8, "{found} of {planted}");
}

fn one_abi(arms: Vec<Arm>) -> Policy {
    let abi = abis(Endian::Little, 0)[0];
    let part = AbiPolicy::new(abi, KERNEL, Action::Errno(1), Action::Errno(38), arms);
    Policy::new(vec![part], Action::KillProcess, Vec::new())
}

fn any(rule: u32, predicate: Predicate) -> Arm {
    Arm { rule: RuleId(rule), selector: Selector::Known, predicate, action: Action::Allow }
}

#[test]
fn rules_for_every_call_are_shared_by_all_of_them() {
    let test = |i: u32| {
        let value = i128::from(i) * 3;
        Predicate::Test(Test::compare(arg(0, 64, false), None, CmpOp::Eq, value).unwrap())
    };
    let dag = build(&one_abi((0..1000).map(|i| any(i, test(i))).collect()), Endian::Little);
    let count = dag.unwrap().nodes().len();
    assert!(count < 1020, "{count} nodes for 1000 rules");
}

#[test]
fn a_policy_that_multiplies_out_is_refused_by_rule() {
    let test = |i: u32| {
        let value = i128::from(i) * 3;
        Predicate::Test(Test::compare(arg(0, 64, false), None, CmpOp::Eq, value).unwrap())
    };
    let mut arms: Vec<Arm> = (0..1500).map(|i| any(i, test(i))).collect();
    // A different end for each number, so that nothing before it can be shared.
    arms.extend((0..330).map(|nr| Arm {
        rule: RuleId(1500 + nr),
        selector: Selector::Nr(nr),
        predicate: Predicate::True,
        action: Action::Errno(nr as u16 + 100),
    }));
    let error = build(&one_abi(arms), Endian::Little).unwrap_err();
    assert_eq!(error.code(), "F0402");
    assert!(error.rule.is_some());
}

#[test]
fn pruning_forgets_nothing_that_was_asked() {
    // x == 1 || x == 5 || x == 9, 64 bits: the high word is asked for once.
    let test =
        |value| Predicate::Test(Test::compare(arg(0, 64, false), None, CmpOp::Eq, value).unwrap());
    let arm = any(0, Predicate::Or(vec![test(1), test(5), test(9)]));
    let arm = Arm { selector: Selector::Nr(0), ..arm };
    let dag = build(&one_abi(vec![arm]), Endian::Little).unwrap();
    let text = print(&passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ()));
    assert_eq!(text.matches("word5").count(), 1, "{text}");
    assert_eq!(text.matches("word4").count(), 3, "{text}");
}

#[test]
fn the_graph_has_all_nodes() {
    let dag = build(&policy(3, Endian::Little), Endian::Little).unwrap();
    let graph = filterc_ir::dot::dot(&dag);
    assert!(dag.iter().all(|(id, _)| graph.contains(&format!("  {id} ["))), "{graph}");
}

/// No pass may know better: a test against a parameter is decided by nothing but itself.
#[test]
fn nothing_is_folded_into_a_parameter() {
    let param = |i, width, signed| {
        let ty = support::int(width, signed);
        filterc_hir::types::Field::new("p", filterc_hir::types::Place::Param(i), ty).unwrap()
    };
    let is = |op, value| Predicate::Test(Test::compare(arg(0, 32, true), None, op, value).unwrap());
    let with = |op, i| {
        let made = Test::compare_param(arg(0, 32, true), None, op, param(i, 32, true));
        Predicate::Test(made.unwrap())
    };
    let nodes = |parts: Vec<Predicate>| {
        let arm = any(0, Predicate::And(parts));
        let arm = Arm { selector: Selector::Nr(0), ..arm };
        let dag = build(&one_abi(vec![arm]), Endian::Little).unwrap();
        let text = print(&passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ()));
        text.matches("param").count()
    };
    // Both are asked, whatever the constants are, for the parameters may be these.
    assert_eq!(nodes(vec![with(CmpOp::Eq, 0), is(CmpOp::Eq, 0)]), 1);
    assert_eq!(nodes(vec![is(CmpOp::Ne, 0), with(CmpOp::Eq, 0)]), 1);
    assert_eq!(nodes(vec![with(CmpOp::Eq, 0), with(CmpOp::Eq, 1)]), 2);
    assert_eq!(nodes(vec![with(CmpOp::Ne, 0), with(CmpOp::Ne, 1)]), 2);
    // The same question is one.
    assert_eq!(nodes(vec![with(CmpOp::Eq, 0), with(CmpOp::Eq, 0)]), 1);
    assert_eq!(nodes(vec![with(CmpOp::Eq, 0), with(CmpOp::Ne, 0)]), 0);
}
