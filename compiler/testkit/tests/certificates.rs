//! Certificates, and their checker: every policy of the corpus has them, and nothing else than
//! what holds is accepted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::time::Instant;

use filterc::CompiledProgram;
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::interpret;
use filterc_certify::calls::Calls;
use filterc_certify::cbpf;
use filterc_certify::policy::Policy as Resolved;
use filterc_certify::{Certificate, Side, check, check_all, sha256, tree};
use filterc_check::{Stated, certificate, certificate_of, resolved};
use filterc_codegen as codegen;
use filterc_hir::eval::eval;
use filterc_hir::policy::Policy;
use filterc_ir as ir;
use filterc_testkit::rng::Rng;
use filterc_testkit::{boundary, corpus, mutants};

/// The checker's semantics against the reference and the interpreter, a call at a time.
#[test]
fn of_a_single_call_the_checker_knows_what_it_comes_to() {
    let mut calls = 0;
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let endian = program.endian();
            let policy = compiled.policy().of_order(endian);
            let text = Resolved::read(&resolved(&policy, endian)).unwrap();
            let machine = cbpf::Program::read(program.bytes(), endian == Endian::Big, &[]).unwrap();
            for call in boundary::calls(&policy, 20) {
                let point = Calls::point(call.words(endian), &[]);
                let of = || format!("{}: {call:x?}", compiled.name());
                assert_eq!(text.run(&point), Ok(eval(&policy, &call).to_ret()), "{}", of());
                let expected = interpret(program.verified(), &call, endian);
                assert_eq!(machine.run(&point), Ok(expected), "{}", of());
                calls += 1;
            }
        }
    }
    println!("{calls} calls");
}

#[test]
fn certificates_are_accepted_and_damaged_ones_are_not() {
    let (mut accepted, mut flipped) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let start = Instant::now();
            let made = certificate(compiled.policy(), program.bytes(), program.endian(), [7; 32]);
            let took = start.elapsed();
            let certificate = match made {
                Ok(certificate) => certificate,
                Err(why) => panic!("{}: no certificate: {why}", compiled.name()),
            };
            let start = Instant::now();
            let report = check(&certificate, program.bytes()).unwrap();
            let size = certificate.len();
            println!(
                "{}: {report:?}, {size} bytes, made in {took:?}, checked in {:?}",
                compiled.name(),
                start.elapsed()
            );
            accepted += 1;
            let stride = size.div_ceil(200).max(1);
            for at in (0..size).step_by(stride) {
                for bit in [0, 5] {
                    let mut damaged = certificate.clone();
                    damaged[at] ^= 1 << bit;
                    let verdict = check(&damaged, program.bytes());
                    assert!(verdict.is_err(), "{}: byte {at}", compiled.name());
                    flipped += 1;
                }
            }
            for length in [0, 7, 8, 100, size - 1] {
                assert!(check(&certificate[..length], program.bytes()).is_err());
            }
        }
    }
    println!("{accepted} accepted, {flipped} damaged and refused");
    assert!(accepted >= 19);
}

/// How long an inner node is, without its halves.
fn length_of(kind: u8) -> Option<usize> {
    match kind {
        tree::SPLIT_AT => Some(6),
        tree::SPLIT_ON => Some(3),
        tree::SPLIT_BY => Some(12),
        _ => None,
    }
}

/// Where the subtree that begins at a place ends, if it is one.
fn end_of(tree: &[u8], mut at: usize) -> Option<usize> {
    let mut open = 1;
    while open > 0 {
        let (length, children) = match *tree.get(at)? {
            tree::LEAF => (5, 0),
            tree::EMPTY => (1, 0),
            kind => (length_of(kind)?, 2),
        };
        (at, open) = (at + length, open + children - 1);
    }
    Some(at)
}

/// What the leaf says that a call comes to: the tree, read in another way than the checker does.
fn said(tree: &[u8], words: &[u32; 16]) -> Option<u32> {
    let number = |at: usize| Some(u32::from_le_bytes(tree.get(at..at + 4)?.try_into().ok()?));
    let mut at = 0;
    loop {
        let word = |at: usize| words.get(usize::from(*tree.get(at)?)).copied();
        let (first, into_first) = match *tree.get(at)? {
            tree::SPLIT_AT => (at + 6, word(at + 1)? < number(at + 2)?),
            tree::SPLIT_ON => (at + 3, word(at + 1)? >> tree.get(at + 2)? & 1 == 0),
            tree::SPLIT_BY => {
                let (left, right) =
                    (word(at + 1)? & number(at + 2)?, word(at + 7)? & number(at + 8)?);
                let order = 1 << (left.cmp(&right) as i8 + 1);
                (at + 12, tree.get(at + 6)? & order != 0)
            }
            tree::LEAF => return number(at + 1),
            _ => return None,
        };
        at = if into_first { first } else { end_of(tree, first)? };
    }
}

/// Trees that are not the one that was made: bits turned over, subtrees exchanged, cut off, and
/// something behind the end.
fn damaged(tree: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut other = tree.to_vec();
    match rng.below(8) {
        0..=2 => other[rng.below(tree.len())] ^= 1 << rng.below(8),
        3 => other.truncate(rng.below(tree.len())),
        4 => other.push(tree::EMPTY),
        _ => {
            // The children of a node that is not far down, which are large.
            let mut at = 0;
            for _ in 0..rng.below(12) {
                let first = at + length_of(tree[at]).unwrap();
                let next = if rng.below(2) == 0 { first } else { end_of(tree, first).unwrap() };
                if length_of(tree[next]).is_none() {
                    break;
                }
                at = next;
            }
            let first = at + length_of(tree[at]).unwrap();
            let second = end_of(tree, first).unwrap();
            let end = end_of(tree, second).unwrap();
            other[first..end].rotate_left(second - first);
        }
    }
    other
}

#[test]
fn a_damaged_tree_is_refused_though_its_seal_is_right() {
    let mut rng = Rng::new(11);
    let (mut refused, mut harmless) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let endian = program.endian();
            let policy = compiled.policy().of_order(endian);
            let Ok(made) = certificate(&policy, program.bytes(), endian, [0; 32]) else { continue };
            let read = Certificate::read(&made).unwrap();
            let calls = boundary::calls(&policy, 4);
            let leads = |tree: &[u8]| {
                for call in &calls {
                    let value = interpret(program.verified(), call, endian);
                    assert_eq!(said(tree, &call.words(endian)), Some(value), "{call:x?}");
                }
            };
            leads(read.tree);
            for _ in 0..100 {
                let tree = damaged(read.tree, &mut rng);
                if tree == read.tree {
                    continue;
                }
                let sealed = Certificate { tree: &tree, ..read.clone() }.write();
                if check(&sealed, program.bytes()).is_err() {
                    refused += 1;
                    continue;
                }
                // Another proof of what is true: it must still lead every call to its value.
                harmless += 1;
                leads(&tree);
            }
        }
    }
    println!("{refused} damaged trees refused, {harmless} that prove the same accepted");
    assert!(refused > 700 && harmless < refused / 10);
}

/// With another policy, whose digest is right.
fn with_policy(read: &Certificate<'_>, policy: &str) -> Vec<u8> {
    let [left, right] = read.sides;
    let left = Side { digest: sha256::of(policy.as_bytes()), ..left };
    let (sites, sides) = (read.sites.clone(), [left, right]);
    let Certificate { big_endian, source, tree, .. } = *read;
    Certificate { big_endian, sides, source, policy, sites, tree }.write()
}

#[test]
fn a_certificate_with_another_policy_or_program_is_refused() {
    let policies = corpus::policies();
    let all: Vec<(Vec<u8>, &CompiledProgram)> = policies
        .iter()
        .flat_map(|compiled| compiled.programs().map(move |program| (compiled, program)))
        .filter_map(|(compiled, program)| {
            let made =
                certificate(compiled.policy(), program.bytes(), program.endian(), [0; 32]).ok()?;
            Some((made, program))
        })
        .collect();
    let mut pairs = 0;
    for (i, (one, program)) in all.iter().enumerate() {
        for (j, (other, another)) in all.iter().enumerate() {
            if i == j {
                continue;
            }
            let (read, foreign) =
                (Certificate::read(one).unwrap(), Certificate::read(other).unwrap());
            assert!(check(one, another.bytes()).is_err());
            assert!(
                check(&mutants::reattached(one, another.bytes()).unwrap(), another.bytes())
                    .is_err()
            );
            let swapped = with_policy(&read, foreign.policy);
            assert!(check(&swapped, program.bytes()).is_err());
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
    // A policy of which a digit is another: accepted only where that digit decides nothing.
    let mut rng = Rng::new(12);
    let (mut refused, mut harmless) = (0, 0);
    for (made, program) in &all {
        let read = Certificate::read(made).unwrap();
        let digits: Vec<usize> =
            read.policy.match_indices(|c: char| c.is_ascii_hexdigit()).map(|(at, _)| at).collect();
        for _ in 0..60 {
            let mut text = read.policy.to_owned();
            let at = *rng.pick(&digits).unwrap();
            let digit = *rng.pick(&["0", "1", "7", "a", "f"]).unwrap();
            text.replace_range(at..=at, digit);
            let sealed = with_policy(&read, &text);
            if text == read.policy {
                continue;
            }
            if check(&sealed, program.bytes()).is_err() {
                refused += 1;
                continue;
            }
            harmless += 1;
            let policy = Resolved::read(&text).unwrap();
            for _ in 0..200 {
                let word = |rng: &mut Rng| match rng.below(3) {
                    0 => u32::try_from(rng.below(500)).unwrap(),
                    1 => filterc_abi::x86_64().audit_arch,
                    _ => (rng.next() >> 32) as u32,
                };
                let args = [0; 6].map(|_: u64| rng.next() >> rng.below(64));
                let (nr, arch) = (word(&mut rng).cast_signed(), word(&mut rng));
                let call = SeccompData { nr, arch, instruction_pointer: rng.next(), args };
                let point = Calls::point(call.words(program.endian()), &[]);
                let value = interpret(program.verified(), &call, program.endian());
                assert_eq!(policy.run(&point).ok(), Some(value), "{call:x?}: {text}");
            }
        }
    }
    println!("{refused} changed policies refused, {harmless} that mean the same accepted");
    assert!(refused > harmless);
}

/// What eBPF the code generator makes of a decision DAG.
fn extended(dag: &ir::Dag, endian: Endian) -> Vec<u8> {
    let object = codegen::ebpf::emit(dag, &ir::Objective::default()).unwrap();
    filterc_ebpf::encode(&object.insns, endian)
}

/// Certificates of what a policy is compiled to, as a filter and as extended BPF, and that both are
/// the same, are accepted; how many leaves they have.
fn assert_certified(policy: &Policy, endian: Endian, level: u8, name: &str) -> [u64; 3] {
    let dag = ir::build(policy, endian).unwrap();
    let objective = ir::Objective::default();
    let dag = ir::passes::run(dag, level, &objective, &mut |_, _| ());
    let classic = codegen::cbpf::emit(&dag, &objective).unwrap().insns;
    let classic = filterc_cbpf::encode(&classic, endian);
    let extended = extended(&dag, endian);
    let policy = Stated::Policy(policy);
    let sides = (Stated::Cbpf(&classic, &[]), Stated::Ebpf(&extended));
    [
        (policy, sides.0, vec![&classic[..]]),
        (policy, sides.1, vec![&extended[..]]),
        (sides.0, sides.1, vec![&classic[..], &extended[..]]),
    ]
    .map(|(left, right, programs)| {
        let certificate = certificate_of(left, right, endian, [0; 32]);
        let certificate = certificate.unwrap_or_else(|why| panic!("{name} -O{level}: {why}"));
        let accepted = check_all(&certificate, &programs);
        accepted.unwrap_or_else(|why| panic!("{name} -O{level}: {why}")).leaves
    })
}

#[test]
fn every_program_at_every_level_has_certificates() {
    let (mut made, mut most) = (0, 0);
    for compiled in corpus::policies() {
        for endian in compiled.programs().map(CompiledProgram::endian) {
            for level in 0..=2 {
                let leaves = assert_certified(compiled.policy(), endian, level, compiled.name());
                most = leaves.into_iter().fold(most, u64::max);
                made += leaves.len();
            }
        }
    }
    println!("{made} certificates, of at most {most} leaves");
}

/// Comparisons that the corpus does not have: fields of 16 bits with each other, where extended
/// BPF asks for the bits in which they differ.
#[test]
fn narrow_fields_are_compared_with_each_other() {
    let text = "arch i386\nforeign kill_process\nallow setreuid if ruid == euid\n\
                allow setregid if rgid < egid\nerrno(5) setresuid if ruid == euid && euid != suid\n\
                allow chown if user == group || user >= group && user & 0xff == 7\n";
    let source = filterc::Source::text("test.flt", text);
    let compiled = filterc::compile(&source, &corpus::options()).unwrap_or_else(|e| panic!("{e}"));
    for level in 0..=2 {
        let leaves = assert_certified(compiled.policy(), Endian::Little, level, "narrow");
        assert!(leaves.into_iter().all(|leaves| leaves < 300), "{leaves:?}");
    }
}

#[test]
fn a_head_with_another_byte_is_refused_though_the_seal_is_right() {
    let all = corpus::policies();
    let compiled = all.iter().find(|compiled| compiled.name().ends_with("small.flt")).unwrap();
    let program = compiled.program();
    let made = certificate(compiled.policy(), program.bytes(), program.endian(), [7; 32]).unwrap();
    // Magic, byte order, two sides, source, and the length of the text.
    let (sides, source) = (8 + 1, 8 + 1 + 2 * 33);
    for at in 0..source + 32 + 4 {
        for bit in 0..8 {
            let mut other = made[..made.len() - 32].to_vec();
            other[at] ^= 1 << bit;
            other.extend(sha256::of(&other.clone()));
            let verdict = check(&other, program.bytes());
            // Whose source it is, is for who has the source.
            let harmless = (source..source + 32).contains(&at);
            assert_eq!(verdict.is_ok(), harmless, "byte {at} bit {bit}, sides at {sides}");
        }
    }
    let (left, right) = (Stated::Policy(compiled.policy()), Stated::Cbpf(program.bytes(), &[]));
    let turned = certificate_of(right, left, program.endian(), [7; 32]).unwrap();
    assert!(turned != made && check(&turned, program.bytes()).is_ok());
    let none = certificate_of(left, left, program.endian(), [7; 32]).unwrap();
    assert!(check_all(&none, &[]).is_ok() && check(&none, program.bytes()).is_err());
}
