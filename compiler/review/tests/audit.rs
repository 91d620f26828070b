//! What is found in policies and programs with a planted fault, and not in those without; bits
//! that do not count, against all calls of policies over a few bits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

use std::collections::BTreeSet;

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{Verified, interpret};
use filterc_check::{Budget, Side};
use filterc_hir::eval::decide;
use filterc_hir::policy::AbiPolicy;
use filterc_review::audit::{Finding, Level, Libc, Subject, audit};

fn compiled(text: &str) -> Compiled {
    compile(&Source::text("test.flt", text), &Options::default())
        .unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// What is found in the policy, which must be found in its program as well: that knows less of
/// what its author had in mind.
fn found(text: &str) -> Vec<Finding> {
    let compiled = compiled(text);
    let policy = compiled.policy();
    let abis: Vec<_> = policy.abis().iter().map(AbiPolicy::abi).collect();
    let program = compiled.program().verified();
    let subject = Subject {
        side: Side::Policy(policy),
        endian: compiled.program().endian(),
        abis: Some(&abis),
        kernel: policy.abis().iter().map(AbiPolicy::kernel).max(),
        program: Some(program),
    };
    let of_policy = audit(&subject, &Libc::all(), &Budget::default()).unwrap();
    let of_program = found_in(program);
    for finding in &of_policy {
        let alike = |other: &Finding| {
            other.code == finding.code && finding.calls.iter().all(|it| other.calls.contains(it))
        };
        assert!(of_program.iter().any(alike), "{text}: {finding:?}\n{of_program:?}");
    }
    of_policy
}

fn found_in(program: &Verified) -> Vec<Finding> {
    let endian = Endian::Little;
    let subject = Subject {
        side: Side::Program(program),
        endian,
        abis: None,
        kernel: None,
        program: Some(program),
    };
    let found = audit(&subject, &Libc::all(), &Budget::default()).unwrap();
    for finding in &found {
        if let Some((call, value)) = &finding.witness {
            assert_eq!(interpret(program, call, endian), *value, "{finding:?}");
        }
    }
    found
}

fn codes(text: &str) -> BTreeSet<&'static str> {
    found(text).iter().map(|finding| finding.code).collect()
}

fn assembled(text: &str) -> Verified {
    filterc_cbpf::verify(&filterc_cbpf::asm::assemble(text).unwrap()).unwrap()
}

/// A policy in which there is nothing to find.
const CLEAN: &str = "arch x86_64\nkernel 7.3\ndefault errno(ENOSYS)\nunknown errno(ENOSYS)\n\
                     allow read, write, close, exit, exit_group, rt_sigreturn, mmap, brk\n";

#[test]
fn nothing_is_found_where_there_is_nothing() {
    assert_eq!(found(CLEAN), []);
}

#[test]
fn each_planted_fault_is_found() {
    for (rule, code) in [
        ("foreign allow", "F0380"),
        ("unknown allow", "F0382"),
        ("unknown errno(EPERM)", "F0385"),
        ("errno(EPERM) openat\nallow open", "F0311"),
        ("allow ioctl if args[1] != TIOCSTI", "F0315"),
        ("errno(EPERM) chmod if args[1] == 04755\nallow chmod", "F0315"),
        ("allow openat if args[0] == 0xffffff9c", "F0383"),
        ("allow openat if args[0] == 0xffffffffffffff9c", "F0383"),
        ("errno(EPERM) clone3\nallow clone if !(clone_flags & CLONE_NEWUSER)", "F0314"),
        ("allow ioctl if cmd == TIOCSTI", "F0386"),
        ("allow unshare", "F0386"),
        ("allow clone\nerrno(EPERM) rseq", "F0387"),
    ] {
        let text = match rule.strip_prefix("unknown ") {
            Some(_) => CLEAN.replace("unknown errno(ENOSYS)", rule),
            None => format!("{CLEAN}{rule}\n"),
        };
        let found = found(&text);
        assert!(found.iter().any(|it| it.code == code), "{rule}: {found:?}");
    }
}

#[test]
fn what_is_in_order_is_not_told() {
    for rule in [
        "allow ioctl if cmd == TCGETS",
        "allow ioctl if args[1] == TCGETS",
        "allow openat if dfd == AT_FDCWD",
        "allow socket if args[0] == AF_UNIX",
        "errno(ENOSYS) clone3\nallow clone if !(clone_flags & CLONE_NEWUSER)",
        "allow unshare if !(unshare_flags & CLONE_NEWUSER)",
        "allow fchmod if mode == 0644",
    ] {
        let found = found(&format!("{CLEAN}{rule}\n"));
        let wrong = ["F0315", "F0383", "F0386", "F0314"];
        assert!(!found.iter().any(|it| wrong.contains(&it.code)), "{rule}: {found:?}");
    }
}

#[test]
fn needed_calls_are_missed() {
    let text = CLEAN.replace("exit_group, rt_sigreturn, ", "getpid, getuid, gettid, ");
    assert!(codes(&text).contains("F0313"), "{text}");
}

#[test]
fn calls_newer_than_everything_are_named() {
    let text = "arch x86_64\nkernel 5.4\ndefault errno(EPERM)\nunknown errno(EPERM)\n\
                allow read, write, exit_group, rt_sigreturn\n";
    let found = found(text);
    let newer = found.iter().find(|finding| finding.code == "F0384").unwrap();
    assert!(newer.calls.contains(&"openat2") && !newer.calls.contains(&"read"), "{newer:?}");
}

#[test]
fn calls_of_another_abi_with_the_same_token_are_found() {
    // A policy of x86_64 alone never lets them through: such a program is written by hand.
    let program = assembled(
        "ld [4]
         jne #0xc000003e, kill
         ld [0]
         jeq #57, kill
         ret #0x7fff0000
         kill: ret #0x80000000",
    );
    let found = found_in(&program);
    let has = |code: &str| found.iter().any(|it| it.code == code && it.level >= Level::Warning);
    assert!(has("F0381") && has("F0382") && has("F0386"), "{found:?}");
    assert!(!has("F0380"), "{found:?}");
}

#[test]
fn calls_in_memory_go_round_rules() {
    let program = assembled(
        "ld [4]
         jne #0x40000003, kill
         ld [0]
         jeq #359, socket
         jeq #102, allow
         jeq #1, allow
         jeq #3, allow
         ret #0x00050026
         socket: ld [16]
         jeq #1, allow
         ret #0x00050001
         allow: ret #0x7fff0000
         kill: ret #0x80000000",
    );
    let found = found_in(&program);
    let way = found.iter().find(|finding| finding.code == "F0308").unwrap();
    assert_eq!((way.level, way.calls.as_slice()), (Level::Error, &["socket"][..]));
}

#[test]
fn calls_that_miss_the_cache_are_found() {
    let program = assembled(
        "ld [4]
         jne #0xc000003e, kill
         ld [0]
         jeq #0, read
         jeq #1, allow
         jmp kill
         read: ld [16]
         jgt #9, allow
         allow: ret #0x7fff0000
         kill: ret #0x80000000",
    );
    let found = found_in(&program);
    let missed = found.iter().find(|finding| finding.code == "F0323").unwrap();
    assert_eq!((missed.level, missed.calls.as_slice()), (Level::Note, &["read"][..]));
}

/// A small source of numbers, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Bits of `args[0]` over which policies are made: two that the kernel sees, the sign one of them,
/// and two that it ignores.
const BITS: [u32; 4] = [0, 31, 32, 63];

fn spread(value: u64) -> u64 {
    BITS.iter().enumerate().map(|(at, bit)| (value >> at & 1) << bit).sum()
}

#[test]
fn ways_round_are_found_if_there_are_any() {
    let mut chance = Chance(7);
    let (mut with, mut without) = (0, 0);
    for _ in 0..400 {
        let mut tests = Vec::new();
        for _ in 0..=chance.below(3) {
            let (mask, value) = (spread(1 + chance.below(15)), spread(chance.below(16)));
            tests.push(format!("args[0] & {mask:#x} == {:#x}", value & mask));
        }
        // The kernel takes `fd` of ioctl for an unsigned number, `pid` of kill has a sign.
        for (call, signed) in [("ioctl", false), ("kill", true)] {
            let text = format!("{CLEAN}allow {call} if {}\n", tests.join(" || "));
            let compiled = compiled(&text);
            let abi = filterc_abi::x86_64();
            let nr = abi.syscall(call).unwrap().nr.cast_signed();
            let passes = |word: u64| {
                let (arch, args) = (abi.audit_arch, [word, 0, 0, 0, 0, 0]);
                let call = SeccompData { nr, arch, instruction_pointer: 0, args };
                decide(compiled.policy(), &call).action == Action::Allow
            };
            let forms = |word: u64| {
                let low = word & 0xffff_ffff;
                let negative = signed && low >> 31 == 1;
                if negative { vec![low, low | 0xffff_ffff << 32] } else { vec![low] }
            };
            let expected = (0..16)
                .map(spread)
                .any(|word| passes(word) && !forms(word).into_iter().any(passes));
            let found = found(&text);
            let told = found.iter().any(|it| it.code == "F0315" && it.calls == [call]);
            assert_eq!(told, expected, "{text}");
            let forms = (0..16).map(spread).map(forms);
            let mut differ = forms.filter(|forms| forms.len() == 2);
            let expected = differ.any(|forms| passes(forms[0]) != passes(forms[1]));
            let told = found.iter().any(|it| it.code == "F0383" && it.calls == [call]);
            assert_eq!(told, expected, "{text}");
            *if told { &mut with } else { &mut without } += 1;
        }
    }
    assert!(with > 50 && without > 50, "{with} {without}");
}
