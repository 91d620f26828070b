//! What the words of a difference say is what the sides do: the words are parsed, typed, and
//! judged again, for every pair of policies of the corpus and every call.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at what it does not expect"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use filterc::{Options, Source, analyse};
use filterc_abi::{self as abi, Action, Endian};
use filterc_check::{Budget, Side, outcomes, precedence};
use filterc_grammar::diagnostic::Severity;
use filterc_hir::policy::Policy;
use filterc_relate::{Calls, Change, Condition, Said, differences};

fn policy(name: &str, text: &str) -> Policy {
    let analysis = analyse(&Source::text(name, text), &Options::default());
    let errors: Vec<_> = analysis.diagnostics.iter().filter(|it| it.code.0 < "F03").collect();
    analysis.policy.unwrap_or_else(|| {
        panic!(
            "{:?}",
            errors
                .iter()
                .map(|e| {
                    let s = e.primary.as_ref().unwrap().span;
                    (
                        e.code.0,
                        &e.message,
                        text.lines().find(|l| text.find(l).unwrap() + l.len() >= s.start as usize),
                    )
                })
                .take(5)
                .collect::<Vec<_>>()
        )
    })
}

fn corpus() -> Vec<(String, Policy)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/policies");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let policies = files.iter().filter(|file| file.extension().is_some_and(|it| it == "flt"));
    policies
        .map(|file| {
            let source = Source::read(file).unwrap();
            let analysis = analyse(&source, &Options::default());
            (file.file_stem().unwrap().to_str().unwrap().to_owned(), analysis.policy.unwrap())
        })
        .filter(|(_, policy)| policy.params().is_empty())
        .collect()
}

/// For each ABI a policy that refuses each difference with an errno of its own.
fn described(changes: &[Change]) -> BTreeMap<&'static str, Policy> {
    let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
    for (i, change) in changes.iter().enumerate() {
        let Calls::Named { abi, name } = change.calls else { continue };
        let nr = abi::abi(abi).unwrap().syscall(name).unwrap().nr;
        let text = texts.entry(abi).or_insert_with(|| {
            format!("arch {abi}\ndefault allow\nunknown allow\nforeign allow\n")
        });
        let _ = match &change.condition {
            Condition::Always => writeln!(text, "errno({}) syscall({nr})", errno(i)),
            Condition::If(condition) => {
                writeln!(text, "errno({}) syscall({nr}) if {condition}", errno(i))
            }
            // Where arguments are compared with each other, and more is asked of both.
            Condition::Some => Ok(()),
        };
    }
    texts.into_iter().map(|(abi, text)| (abi, policy(abi, &text))).collect()
}

fn errno(change: usize) -> usize {
    change % 4000 + 1
}

#[test]
fn words_say_what_the_sides_do() {
    let corpus = corpus();
    assert!(corpus.len() > 10);
    let mut conditions = 0;
    // Each with itself, with the one before it and with the third before it: all with all takes minutes.
    for (at, (left_name, left)) in corpus.iter().enumerate() {
        for distance in [0, 1, 3] {
            let Some((right_name, right)) = at.checked_sub(distance).map(|at| &corpus[at]) else {
                continue;
            };
            for endian in [Endian::Little, Endian::Big] {
                if left.abis().iter().chain(right.abis()).all(|p| p.abi().endian != endian) {
                    continue;
                }
                let sides = [Side::Policy(left), Side::Policy(right)];
                let budget = Budget::default();
                let changes = differences(sides[0], sides[1], endian, &budget).unwrap();
                assert!(distance > 0 || changes.is_empty());
                conditions += changes
                    .iter()
                    .filter(|change| matches!(change.condition, Condition::If(_)))
                    .count();
                for (abi, text) in described(&changes) {
                    let abi = abi::abi(abi).unwrap();
                    let vague: Vec<u32> = changes
                        .iter()
                        .filter(|change| change.condition == Condition::Some)
                        .map(|change| change.witness.nr.cast_unsigned())
                        .collect();
                    let all = [sides[0], sides[1], Side::Policy(&text)];
                    for part in outcomes(&all, endian, &budget).unwrap() {
                        let ours = |nr: u32| {
                            part.arch.0 == abi.audit_arch
                                && abi.admits(nr)
                                && abi.syscall_by_nr(nr).is_some()
                        };
                        let mut numbers = abi.syscalls().iter().map(|call| call.nr);
                        let here = |nr: &u32| part.nr.0 <= *nr && *nr <= part.nr.1 && ours(*nr);
                        if !numbers.any(|nr| here(&nr)) {
                            continue;
                        }
                        for values in &part.decision.values {
                            let said = match Action::from_ret(values[2]) {
                                Action::Errno(i) => changes.iter().enumerate().any(|(at, it)| {
                                    errno(at) == usize::from(i)
                                        && (it.left, it.right) == (values[0], values[1])
                                }),
                                _ => values[0] == values[1] || vague.contains(&part.nr.0),
                            };
                            assert!(said, "{left_name} {right_name} {part:?}");
                        }
                    }
                }
            }
        }
    }
    println!("{conditions} conditions");
    assert!(conditions > 100);
}

/// Of two values the one that the kernel would take, or the other.
fn combine(union: bool, values: &[u32]) -> u32 {
    let [a, b] = [values[0], values[1]];
    let weaker = precedence(a) > precedence(b);
    if precedence(a) != precedence(b) && weaker == union { a } else { b }
}

#[test]
fn merged_policies_decide_as_both_do() {
    let corpus = corpus();
    let (mut written, mut refused) = (0, Vec::new());
    for (at, (left_name, left)) in corpus.iter().enumerate() {
        for distance in [0, 1, 2, 5] {
            let Some((right_name, right)) = at.checked_sub(distance).map(|at| &corpus[at]) else {
                continue;
            };
            let sides = [Side::Policy(left), Side::Policy(right)];
            let all = [Endian::Little, Endian::Big]
                .map(|endian| (endian, outcomes(&sides, endian, &Budget::default()).unwrap()));
            let said = all.each_ref().map(|(endian, parts)| Said { endian: *endian, parts });
            for union in [false, true] {
                match filterc_relate::policy(&said, &|values| combine(union, values)) {
                    Err(why) => refused.push(format!("{left_name} {right_name}: {why}")),
                    Ok(text) => {
                        let analysis =
                            analyse(&Source::text("merged", &*text), &Options::default());
                        let Some(result) = analysis.policy else {
                            let error = analysis
                                .diagnostics
                                .iter()
                                .find(|it| it.severity == Severity::Error);
                            refused.push(format!(
                                "{left_name} {right_name}: {}",
                                error.unwrap().message
                            ));
                            continue;
                        };
                        written += 1;
                        let three = [sides[0], sides[1], Side::Policy(&result)];
                        for endian in [Endian::Little, Endian::Big] {
                            for part in outcomes(&three, endian, &Budget::default()).unwrap() {
                                for values in &part.decision.values {
                                    let meant = combine(union, values);
                                    assert_eq!(
                                        Action::from_ret(values[2]),
                                        Action::from_ret(meant),
                                        "{left_name} {right_name} {union} {part:?}\n{text}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{written} written, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(written > 40, "{written}");
}
