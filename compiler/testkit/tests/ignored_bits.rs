//! Changing bits that the kernel ignores never changes a decision: of the reference and of the
//! programs, for every policy of the corpus and every ABI, in both byte orders.

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

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::{Abi, Action, Arg, KernelVersion, Regs, SeccompData, Syscall, abi};
use filterc_cbpf::{assemble, interpret, verify};
use filterc_hir::eval::eval;
use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::types::{Field, Kind, Place, Type};
use filterc_testkit::ignored::{check, ignored, random_calls};
use filterc_testkit::{boundary, corpus};

/// Random combinations for each number that has tests of arguments.
const COMBINATIONS: usize = 100;

fn on(name: &str) -> &'static Abi {
    abi(name).unwrap()
}

fn with_filters() -> impl Iterator<Item = &'static Abi> {
    corpus::filtered_abis()
}

fn holds(compiled: &Compiled) -> usize {
    let mut changed = 0;
    for program in compiled.programs() {
        let policy = compiled.policy().of_order(program.endian());
        let mut calls = boundary::calls(&policy, COMBINATIONS);
        calls.extend(random_calls(&policy, 2));
        let reference = |call: &SeccompData| eval(&policy, call).to_ret();
        let of_bytes = |call: &SeccompData| interpret(program.verified(), call, program.endian());
        let fails = |what| format!("{} {:?}: {what}", compiled.name(), program.abi_names());
        changed += check(&policy, &calls, reference)
            .unwrap_or_else(|found| panic!("{}: {found:x?}", fails("the reference")));
        changed += check(&policy, &calls, of_bytes)
            .unwrap_or_else(|found| panic!("{}: {found:x?}", fails("the program")));
    }
    changed
}

#[test]
fn no_policy_of_the_corpus_minds_what_the_kernel_ignores() {
    let changed: usize = corpus::policies().iter().map(holds).sum();
    println!("{changed} changed calls, decided as the unchanged ones");
    assert!(changed > 1_000_000);
}

#[test]
fn no_abi_minds_what_its_kernel_ignores() {
    let source = Source::read(&corpus::folder("policies").join("everywhere.flt")).unwrap();
    for abi in with_filters() {
        let options = Options { abis: Some(vec![abi]), ..corpus::options() };
        holds(&compile(&source, &options).unwrap());
    }
}

#[test]
fn ignored_bits_are_those_of_the_tables() {
    let bits = |name: &str, call: &str| ignored(on(name), on(name).syscall(call).unwrap().nr);
    const HIGH: u64 = 0xffff_ffff_0000_0000;
    const ALL: u64 = u64::MAX;
    // fd, buffer, count, position.
    assert_eq!(bits("x86_64", "pread64"), [HIGH, 0, 0, 0, ALL, ALL]);
    assert_eq!(bits("i386", "pread64"), [HIGH, HIGH, HIGH, HIGH, HIGH, ALL]);
    // The pair begins with an even register, and one is left out.
    assert_eq!(bits("arm", "pread64"), [HIGH, HIGH, HIGH, ALL, HIGH, HIGH]);
    assert_eq!(bits("x86_64", "fchmod"), [HIGH, !0xffff, ALL, ALL, ALL, ALL]);
    assert_eq!(bits("x86_64", "getpid"), [ALL; 6]);
    assert_eq!(ignored(on("x86_64"), 100_000), [ALL; 6]);
    for abi in with_filters().filter(|abi| abi.register == 32) {
        let high = |nr| ignored(abi, nr).iter().all(|bits| bits & HIGH == HIGH);
        assert!(abi.syscalls().iter().all(|call| high(call.nr)), "{}", abi.name);
    }
}

/// A value with bits of both sorts, but neither all of a width nor none.
const PATTERN: u64 = 0x5a3c_96e1_2d87_4b69;

/// The arguments in the registers as the ABI has them; the other registers hold other things.
fn with_value(arg: &Arg, value: u64) -> [u64; 6] {
    let mut args = [!PATTERN; 6];
    match arg.regs {
        Regs::One(register) => args[usize::from(register)] = value,
        Regs::Pair { lo, hi } => {
            (args[usize::from(lo)], args[usize::from(hi)]) = (value & 0xffff_ffff, value >> 32);
        }
        Regs::Invisible => (),
    }
    args
}

/// Calls of an ABI whose argument at that position a rule can compare, with the argument.
fn comparable(abi: &'static Abi, position: usize) -> Vec<(&'static Syscall, &'static Arg)> {
    let multiplexers: Vec<&str> = abi.sub_calls().iter().map(|sub| sub.multiplexer).collect();
    let calls = abi.syscalls().iter().filter(|call| !multiplexers.contains(&call.name));
    let args = calls.filter_map(|call| Some((call, call.args.get(position)?)));
    args.filter(|(_, arg)| arg.regs != Regs::Invisible).collect()
}

/// A rule on an argument looks at all bits that the kernel uses, and at no other: for every
/// argument of every call on every ABI, each bit of its registers, one at a time.
#[test]
fn exactly_the_bits_that_the_kernel_uses() {
    let (mut arguments, mut used, mut unused) = (0, 0, 0);
    for abi in with_filters() {
        for position in 0..6 {
            let compared = comparable(abi, position);
            let compiled = by_value(abi, &compared);
            for (call, arg) in compared {
                let (nr, args) = (call.nr.cast_signed(), with_value(arg, value(arg)));
                let clean = SeccompData { nr, arch: abi.audit_arch, args, instruction_pointer: 0 };
                let what = format!("{} {}.{}", abi.name, call.name, arg.name);
                assert!(allows(&compiled, &clean), "{what}");
                for (register, bit, is_used) in bits(abi, arg) {
                    let mut changed = clean;
                    changed.args[register] ^= 1 << bit;
                    let allowed = allows(&compiled, &changed);
                    assert_eq!(allowed, !is_used, "{what}: bit {bit} of args[{register}]");
                    *(if is_used { &mut used } else { &mut unused }) += 1;
                }
                arguments += 1;
            }
        }
    }
    println!("{arguments} arguments: {used} bits decide, {unused} do not");
    assert!(arguments > 20_000, "{arguments}");
}

/// The value that an argument is compared with.
fn value(arg: &Arg) -> u64 {
    PATTERN & (u64::MAX >> (64 - arg.width))
}

/// The policy that allows each call with that value of its argument.
fn by_value(abi: &'static Abi, compared: &[(&'static Syscall, &'static Arg)]) -> Compiled {
    let mut text = format!("arch {}\ndefault errno(1)\n", abi.name);
    for multiplexer in ["socketcall", "ipc"].into_iter().filter(|m| abi.syscall(m).is_some()) {
        text.push_str(&format!("errno(ENOSYS) {multiplexer}\n"));
    }
    for (call, arg) in compared {
        text.push_str(&format!("allow {} if {} == {:#x}\n", call.name, arg.name, value(arg)));
    }
    let compiled = compile(&Source::text("exact.flt", text), &corpus::options());
    compiled.unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Whether a call is allowed: by the reference, and so by the program.
fn allows(compiled: &Compiled, call: &SeccompData) -> bool {
    let program = compiled.program();
    let ret = interpret(program.verified(), call, program.endian());
    assert_eq!(eval(compiled.policy(), call).to_ret(), ret, "{call:x?}");
    ret == Action::Allow.to_ret()
}

/// Every bit of an argument's registers, and some of the others, with whether it is used.
fn bits(abi: &Abi, arg: &Arg) -> Vec<(usize, u32, bool)> {
    let used = used_by(abi, arg);
    let is_tried =
        |register: usize, bit: u32| used[register] != 0 || bit % 32 == u32::from(arg.width) / 5;
    (0..6)
        .flat_map(|register| (0..64).map(move |bit| (register, bit)))
        .filter(|(register, bit)| is_tried(*register, *bit))
        .map(|(register, bit)| (register, bit, used[register] >> bit & 1 == 1))
        .collect()
}

/// The bits of each register that carry an argument.
fn used_by(abi: &Abi, arg: &Arg) -> [u64; 6] {
    let mut used = [0; 6];
    match arg.regs {
        Regs::One(register) => {
            used[usize::from(register)] = u64::MAX >> (64 - arg.width.min(abi.register));
        }
        Regs::Pair { lo, hi } => {
            used[usize::from(lo)] = 0xffff_ffff;
            used[usize::from(hi)] = u64::MAX >> (96 - arg.width);
        }
        Regs::Invisible => (),
    }
    used
}

/// A policy with one arm, as a compiler would make it that took an argument for what it is not.
fn misread(abi: &'static Abi, call: &str, arg: &'static str, place: Place, width: u8) -> Policy {
    let ty = Type::new(width, false, Kind::Integer).unwrap();
    let field = Field::new(arg.to_owned(), place, ty).unwrap();
    let test = Test::compare(field, None, CmpOp::Eq, 3).unwrap();
    let arm = Arm {
        rule: RuleId(0),
        selector: Selector::Nr(abi.syscall(call).unwrap().nr),
        predicate: Predicate::Test(test),
        action: Action::Allow,
    };
    let kernel = KernelVersion::TABLE;
    let part = AbiPolicy::new(abi, kernel, Action::Errno(1), Action::Errno(38), vec![arm]);
    Policy::new(vec![part], Action::KillProcess, Vec::new())
}

/// Whether the check finds that a policy's decisions depend on what the kernel ignores: both
/// by the reference and by the program.
fn is_found(policy: &Policy) -> bool {
    let endian = policy.abis()[0].abi().endian;
    let dag = filterc_ir::build(policy, endian).unwrap();
    let dag = filterc_ir::passes::run(dag, 2, &filterc_ir::Objective::default(), &mut |_, _| ());
    let program = verify(
        &filterc_codegen::cbpf::emit(&dag, &filterc_ir::Objective::default()).unwrap().insns,
    )
    .unwrap();
    let calls = boundary::calls(policy, COMBINATIONS);
    let reference = check(policy, &calls, |call| eval(policy, call).to_ret());
    let of_bytes = check(policy, &calls, |call| interpret(&program, call, endian));
    assert_eq!(reference.is_err(), of_bytes.is_err());
    of_bytes.is_err()
}

/// The check must be able to fail: on every ABI, an `int` compared in 64 bits, a mode in 32, a
/// register that carries nothing, and a register for a pair.
#[test]
fn planted_faults_are_found() {
    let mut planted = 0;
    for abi in with_filters() {
        let place = |call: &str, arg: &str| {
            let arg = abi.syscall(call)?.arg(arg)?;
            let place = match arg.regs {
                Regs::One(register) => Place::Arg(register),
                Regs::Pair { lo, hi } => Place::Pair { lo, hi },
                Regs::Invisible => return None,
            };
            Some((place, arg.width))
        };
        // As the tables have it, nothing is found.
        let (fd, width) = place("close", "fd").unwrap();
        assert!(!is_found(&misread(abi, "close", "fd", fd, width)), "{}", abi.name);
        assert!(is_found(&misread(abi, "close", "fd", fd, 64)), "{}", abi.name);
        let other = if fd == Place::Arg(2) { Place::Arg(3) } else { Place::Arg(2) };
        assert!(is_found(&misread(abi, "close", "fd", other, 32)), "{}", abi.name);
        let (mode, width) = place("fchmodat", "mode").unwrap();
        assert!(!is_found(&misread(abi, "fchmodat", "mode", mode, width)), "{}", abi.name);
        assert!(is_found(&misread(abi, "fchmodat", "mode", mode, 32)), "{}", abi.name);
        planted += 3;
        if let Some((Place::Pair { lo, hi }, 64)) = place("pread64", "pos") {
            let pair = Place::Pair { lo, hi };
            assert!(!is_found(&misread(abi, "pread64", "pos", pair, 64)), "{}", abi.name);
            assert!(is_found(&misread(abi, "pread64", "pos", Place::Arg(lo), 64)), "{}", abi.name);
            planted += 1;
        }
    }
    println!("{planted} planted faults found");
}

/// The same for a program that nobody's compiler made: what other tools emit for `fd == 3`.
#[test]
fn the_programs_of_other_tools_are_found() {
    let source = Source::text("close.flt", "arch x86_64\ndefault errno(1)\nallow close if fd == 3");
    let compiled = compile(&source, &corpus::options()).unwrap();
    let calls = boundary::calls(compiled.policy(), COMBINATIONS);
    let minds = |test: &str| {
        let text = format!(
            "ld [4]\njeq #0xc000003e, +0, kill\nld [0]\njeq #3, +0, other\n{test}
            ret allow\nother: ret errno(1)\nkill: ret kill_process"
        );
        let program = verify(&assemble(&text).unwrap()).unwrap();
        let decide = |call: &SeccompData| interpret(&program, call, filterc_abi::Endian::Little);
        check(compiled.policy(), &calls, decide).is_err()
    };
    assert!(!minds("ld [16]\njeq #3, +0, other"));
    assert!(minds("ld [20]\njeq #0, +0, other\nld [16]\njeq #3, +0, other"), "all 64 bits");
    assert!(minds("ld [20]\njeq #0, +0, kill\nld [16]\njeq #3, +0, other"), "and it kills");
    assert!(minds("ld [20]\njeq #3, +0, other"), "the other byte order's half");
    assert!(minds("ld [16]\njeq #3, +0, other\nld [24]\njeq #0, +0, other"), "another register");
}
