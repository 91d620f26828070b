//! What a text means, asked of the reference semantics.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod read;

use filterc_abi::{Abi, Action, SeccompData, abi, x86_64};
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir::check::{call_example, check};
use filterc_hir::eval::{Reason, decide, eval};
use filterc_hir::policy::RuleId;
use filterc_hir::{Checked, Options};
use read::{checked, codes, lines, options, policy, statements};

fn on(name: &str) -> &'static Abi {
    abi(name).unwrap()
}

/// The decision of a policy about a call in text form.
fn asks(text: &str, abi_name: &str, call: &str) -> Action {
    eval(&policy(text), &example(text, abi_name, call))
}

fn example(text: &str, abi_name: &str, call: &str) -> SeccompData {
    let (example, errors) = parser::parse_call(FileId(1), call);
    assert!(errors.is_empty(), "{call}: {errors:?}");
    call_example(&statements(text), &[], on(abi_name), &example).unwrap()
}

const ALLOW: Action = Action::Allow;
const KILL: Action = Action::KillProcess;

#[test]
fn defaults_are_those_of_the_language() {
    let policy = policy("allow read");
    assert_eq!(policy.foreign_action(), KILL);
    let part = &policy.abis()[0];
    assert_eq!(part.abi().name, "x86_64");
    assert_eq!((part.default_action(), part.unknown_action()), (KILL, Action::Errno(38)));
    assert_eq!(part.kernel(), filterc_abi::KernelVersion::TABLE);
    assert_eq!(policy.rules().len(), 1);
}

#[test]
fn headers_may_stand_anywhere() {
    let text = "allow read\nforeign errno(EPERM) unknown default default errno(ENOMEM)
        kernel 5.2 arch i386, x86_64";
    let policy = policy(text);
    let names: Vec<_> = policy.abis().iter().map(|part| part.abi().name).collect();
    assert_eq!(names, ["i386", "x86_64"]);
    assert_eq!(policy.foreign_action(), Action::Errno(1));
    for part in policy.abis() {
        assert_eq!(part.default_action(), Action::Errno(12));
        assert_eq!(part.unknown_action(), Action::Errno(12));
        assert_eq!(part.kernel().to_string(), "5.2");
        assert!(!part.has(435));
    }
}

#[test]
fn other_names_of_abis_are_understood_and_refused() {
    for (other, kernel) in [
        ("amd64", "x86_64"),
        ("arm64", "aarch64"),
        ("i686", "i386"),
        ("AUDIT_ARCH_S390X", "s390x"),
        ("SCMP_ARCH_MIPSEL64", "mipsel64"),
        ("ppc64el", "ppc64le"),
    ] {
        let text = format!("arch {other} allow read");
        let said = lines(&text, &checked(&text).diagnostics[0]);
        assert_eq!(said[2], format!("did you mean `{kernel}`?"));
    }
}

#[test]
fn the_command_line_wins_over_arch() {
    let statements = statements("arch x86_64, aarch64 allow read");
    let asked = Options { abis: Some(vec![on("riscv64"), on("riscv64")]), ..options() };
    let policy = check(&statements, &asked).policy.unwrap();
    assert_eq!(policy.abis().len(), 1);
    assert_eq!(policy.abis()[0].abi().name, "riscv64");
}

#[test]
fn without_an_abi_there_is_no_policy() {
    let none = Options { default_abi: None, ..options() };
    let Checked { policy, diagnostics } = check(&statements("allow read"), &none);
    assert!(policy.is_none());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!((diagnostics[0].code.0, &diagnostics[0].primary), ("F0205", &None));
}

#[test]
fn the_design_document_s_example() {
    let text = r#"
        arch x86_64, aarch64
        kernel 6.6
        default errno(EPERM)
        const KEEP   = O_CLOEXEC | O_NOFOLLOW
        group @io    = read, write, readv, writev, pread64, pwrite64
        let readonly = (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))
        allow @io, close, exit, exit_group, rt_sigreturn
        allow openat if readonly && (flags & KEEP) == KEEP
        allow socket if family in { AF_UNIX, AF_INET, AF_INET6 }
            && type & 0xf in { SOCK_STREAM, SOCK_DGRAM }
        allow mmap, mprotect if !(prot & PROT_EXEC)
        errno(EACCES) openat
        kill_process ptrace, process_vm_readv, process_vm_writev
        log any if nr >= 424
    "#;
    // What `log any` lets through goes round the rules above it.
    assert!(codes(text).iter().all(|code| *code == "F0311"));
    for arch in ["x86_64", "aarch64"] {
        let ask = |call: &str| asks(text, arch, call);
        assert_eq!(ask("read(0)"), ALLOW);
        assert_eq!(ask("openat(AT_FDCWD, 0, KEEP)"), ALLOW);
        assert_eq!(ask("openat(AT_FDCWD, 0, KEEP | O_WRONLY)"), Action::Errno(13));
        assert_eq!(ask("openat(AT_FDCWD, 0, KEEP | O_CREAT)"), Action::Errno(13));
        assert_eq!(ask("socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC)"), ALLOW);
        assert_eq!(ask("socket(AF_NETLINK, SOCK_STREAM)"), Action::Errno(1));
        assert_eq!(ask("mprotect(0, 1, PROT_READ)"), ALLOW);
        assert_eq!(ask("mprotect(0, 1, PROT_READ | PROT_EXEC)"), Action::Errno(1));
        assert_eq!(ask("ptrace(0)"), KILL);
        assert_eq!(ask("clone3(0)"), Action::Log);
    }
    let number = |nr: i32| SeccompData { nr, arch: 0xc000_003e, ..SeccompData::default() };
    let decided = decide(&policy(text), &number(463));
    // setxattrat is younger than 6.6, and `any` is what that kernel has.
    assert_eq!((decided.action, decided.reason), (Action::Errno(38), Reason::Unknown));
}

#[test]
fn fields_have_the_kernel_s_width() {
    let text = "allow read if fd == 3 allow fchmod if mode == 0600 allow mmap if !(prot & 4)";
    let with = |nr: i32, args: [u64; 3]| {
        let mut call = SeccompData { nr, arch: 0xc000_003e, ..SeccompData::default() };
        call.args[..3].copy_from_slice(&args);
        eval(&policy(text), &call)
    };
    assert_eq!(with(0, [0x1_0000_0003, 0, 0]), ALLOW);
    assert_eq!(with(0, [0x1_0000_0004, 0, 0]), KILL);
    assert_eq!(with(91, [0, 0xffff_0180, 0]), ALLOW);
    assert_eq!(with(9, [0, 0, 0x4_0000_0003]), ALLOW);
    assert_eq!(with(9, [0, 0, 0x0_0000_0007]), KILL);
}

#[test]
fn signs_are_the_kernel_s() {
    let text = "arch x86_64, i386 allow openat if dfd < 0 allow lseek if offset < 0
        allow pread64 if pos >= 0x100000000";
    for arch in ["x86_64", "i386"] {
        assert_eq!(asks(text, arch, "openat(AT_FDCWD)"), ALLOW);
        assert_eq!(asks(text, arch, "openat(3)"), KILL);
        assert_eq!(asks(text, arch, "lseek(0, -1)"), ALLOW);
        assert_eq!(asks(text, arch, "lseek(0, 1)"), KILL);
        assert_eq!(asks(text, arch, "pread64(0, 0, 0, 0x100000000)"), ALLOW);
        assert_eq!(asks(text, arch, "pread64(0, 0, 0, 0xffffffff)"), KILL);
        assert_eq!(asks(text, arch, "pread64(0, 0, 0, -1)"), KILL);
    }
}

#[test]
fn examples_take_the_abi_s_registers() {
    let text = "allow read";
    let args = |abi: &str, call: &str| example(text, abi, call).args;
    assert_eq!(args("x86_64", "openat(AT_FDCWD, _, 2)"), [0xffff_ff9c, 0, 2, 0, 0, 0]);
    assert_eq!(args("x86_64", "lseek(1, -1)"), [1, u64::MAX, 0, 0, 0, 0]);
    assert_eq!(args("i386", "lseek(1, -1)"), [1, 0xffff_ffff, 0, 0, 0, 0]);
    assert_eq!(args("i386", "pread64(1, 2, 3, -2)"), [1, 2, 3, 0xffff_fffe, 0xffff_ffff, 0]);
    // High half first.
    assert_eq!(args("i386", "_llseek(1, 0x200000003, 4, 5)"), [1, 2, 3, 4, 5, 0]);
    // Beyond its own arguments a call has registers still.
    assert_eq!(args("x86_64", "close(1, 2, 3)"), [1, 2, 3, 0, 0, 0]);
    let send = example(text, "i386", "send(3)");
    assert_eq!((send.nr, send.args[0]), (102, 9));
    let refused = |call: &str| {
        let (example, _) = parser::parse_call(FileId(1), call);
        let errors = call_example(&statements(text), &[], x86_64(), &example).unwrap_err();
        errors.iter().map(|error| error.code.0).collect::<Vec<_>>()
    };
    assert_eq!(refused("opnat(0)"), ["F0201"]);
    assert_eq!(refused("read(O_FOO, 0, O_BAR)"), ["F0204", "F0204"]);
    assert_eq!(refused("read(0x100000000)"), ["F0210"]);
    assert_eq!(refused("read(0, 0, 0, 0, 0, 0, 7)"), ["F0226"]);
    assert_eq!(refused("openat(\"/etc\")"), ["F0228"]);
    assert_eq!(refused("syscall(1)(\"/etc\")"), ["F0228"]);
    assert_eq!(refused("syscall(0x100000000)"), ["F0210"]);
    assert_eq!(refused("syscall(-0x80000001)"), ["F0210"]);
    assert_eq!(refused("syscall(FOO)"), ["F0204"]);
    assert_eq!(refused("syscall(1)(0, 0, 0, 0, 0, 0, 7)"), ["F0226"]);
}

#[test]
fn examples_by_number_and_with_strings() {
    let text = "allow read const N = 7";
    let call = |call: &str| {
        let data = example(text, "x86_64", call);
        (data.nr, data.args)
    };
    assert_eq!(call("syscall(999)(1, _, -1)"), (999, [1, 0, u64::MAX, 0, 0, 0]));
    assert_eq!(call("syscall(N)"), (7, [0; 6]));
    assert_eq!(call("syscall(-1)"), (-1, [0; 6]));
    assert_eq!(call("syscall(0xffffffff)()"), (-1, [0; 6]));
    assert_eq!(call("syscall(0x40000000)"), (0x4000_0000, [0; 6]));
    assert_eq!(call("openat(AT_FDCWD, \"/etc/hosts\", 0)").1[1], 0x7fff_0000_1000);
    assert_eq!(example(text, "i386", "openat(0, \"/etc/hosts\")").args[1], 0x0804_1000);
    assert_eq!(asks("unknown errno(EPERM)", "x86_64", "syscall(-1)"), Action::Errno(1));
    assert_eq!(asks("foreign log allow read", "x86_64", "syscall(0x40000000)"), Action::Log);
    assert_eq!(asks("allow openat if filename != 0", "x86_64", "openat(0, \"\")"), ALLOW);
}

#[test]
fn constants_in_all_forms() {
    let test = |constant: &str, value: u64| {
        let text = format!("const A = 6 const B = A * 2 allow read if args[0] == {constant}");
        let call = SeccompData {
            nr: 0,
            arch: 0xc000_003e,
            args: [value, 0, 0, 0, 0, 0],
            ..SeccompData::default()
        };
        assert_eq!(eval(&policy(&text), &call), ALLOW, "{constant}");
    };
    test("A + B - 1", 17);
    test("1 << 63", 1 << 63);
    test("-1", u64::MAX);
    test("~0", u64::MAX);
    test("~0xffffffffffffffff | B", 12);
    test("(A | 1) ^ B & 4", 3);
    test("-(2 - 5) * B >> 2", 9);
    test("O_CREAT|O_EXCL", 0o300);
}

#[test]
fn complements_are_bits_of_the_field_s_width() {
    let text = "allow openat if flags & ~0x80000000 == 1 allow read if count < ~0xff";
    assert_eq!(asks(text, "x86_64", "openat(0, 0, 0x80000001)"), ALLOW);
    assert_eq!(asks(text, "x86_64", "openat(0, 0, 3)"), KILL);
    assert_eq!(asks(text, "x86_64", "read(0, 0, 0xfffffffffffffeff)"), ALLOW);
    assert_eq!(asks(text, "x86_64", "read(0, 0, 0xffffffffffffff00)"), KILL);
}

#[test]
fn definitions_win_over_consts_over_the_kernel() {
    let text = "allow openat if flags == O_MINE allow read if fd == O_CREAT
        const O_MINE = 1 const O_CREAT = 2";
    let statements = statements(text);
    let defines = [("O_MINE".to_owned(), 7), ("O_CREAT".to_owned(), 9)];
    let policy = check(&statements, &Options { defines: &defines, ..options() });
    assert!(policy.diagnostics.is_empty(), "{:?}", policy.diagnostics);
    let policy = policy.policy.unwrap();
    let ask = |nr, a, b| {
        let args = [a, 0, b, 0, 0, 0];
        eval(&policy, &SeccompData { nr, arch: 0xc000_003e, args, instruction_pointer: 0 })
    };
    assert_eq!([ask(257, 0, 7), ask(257, 0, 1)], [ALLOW, KILL]);
    assert_eq!([ask(0, 9, 0), ask(0, 2, 0)], [ALLOW, KILL]);
    assert_eq!(asks(text, "x86_64", "read(2)"), ALLOW);
    assert_eq!(codes(text), ["F0303"]);
}

#[test]
fn a_lone_name_is_the_call_s_field_first() {
    // `count` is an argument of read, and would be the constant elsewhere.
    let text = "const count = 5 allow read if args[2] == count allow close if fd == count";
    assert!(codes(text).contains(&"F0211") || codes(text).contains(&"F0212"));
    let text = "const count = 5 allow dup2 if oldfd == newfd allow close if fd == count";
    assert_eq!(asks(text, "x86_64", "dup2(4, 4)"), ALLOW);
    assert_eq!(asks(text, "x86_64", "dup2(4, 5)"), KILL);
    assert_eq!(asks(text, "x86_64", "close(5)"), ALLOW);
    // Every call has these, so a constant of the name would be meant; there is none.
    assert_eq!(asks("allow close if args[0] == instruction_pointer", "x86_64", "close(0)"), ALLOW);
}

#[test]
fn every_argument_name_is_a_field() {
    for abi in filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some()) {
        for call in abi.syscalls() {
            if on(abi.name).sub_calls().iter().any(|sub| sub.name == call.name) {
                continue;
            }
            let visible = call.args.iter().filter(|arg| arg.regs != filterc_abi::Regs::Invisible);
            for arg in visible {
                let text = format!("arch {} allow {} if {} == 0", abi.name, call.name, arg.name);
                let errors = codes(&text);
                assert!(errors.is_empty(), "{text}: {errors:?}");
            }
        }
    }
}

#[test]
fn every_call_can_be_named() {
    for abi in filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some()) {
        for call in abi.syscalls() {
            let text = format!("arch {} allow {}", abi.name, call.name);
            let policy = policy(&text);
            let nr = call.nr.cast_signed();
            let data = SeccompData { nr, arch: abi.audit_arch, ..SeccompData::default() };
            assert_eq!(eval(&policy, &data), ALLOW, "{text}");
            let by_number = read::policy(&format!("arch {} allow syscall({})", abi.name, call.nr));
            assert_eq!(eval(&by_number, &data), ALLOW, "{text}");
        }
    }
}

#[test]
fn a_call_that_an_abi_lacks_is_skipped_there() {
    let text = "arch x86_64, aarch64 allow open, openat";
    assert!(codes(text).is_empty());
    let policy = policy(text);
    assert_eq!(policy.abis().iter().map(|p| p.arms().len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(codes("arch aarch64 allow open"), ["F0201"]);
    let said = lines("arch aarch64 allow open", &checked("arch aarch64 allow open").diagnostics[0]);
    assert_eq!(
        said,
        [
            "F0201: unknown system call `open`",
            "open <- none of the policy's ABIs has it, though `x86_64`, `i386`, `arm` and 21 more \
             would",
            "of the same family they have `openat` and `openat2` (Opening a file)",
        ]
    );
}

/// x32 is an ABI that shares the token of x86_64: its calls have bit 30 in their numbers.
#[test]
fn x32_is_an_abi_of_its_own() {
    let decided = |text: &str, nr: u32| {
        let nr = nr.cast_signed();
        let arch = on("x86_64").audit_arch;
        decide(&policy(text), &SeccompData { nr, arch, ..SeccompData::default() })
    };
    let both = "arch x86_64, x32, i386 foreign trap(1) allow openat errno(EPERM) ioctl";
    assert!(codes(both).is_empty());
    for (nr, action) in [
        (257, ALLOW),
        (0x4000_0101, ALLOW),
        // ioctl has a number of its own on x32, where that of x86_64 is nothing.
        (16, Action::Errno(1)),
        (0x4000_0202, Action::Errno(1)),
        (0x4000_0010, Action::Errno(38)),
        (0x202, Action::Errno(38)),
        // −1 is a call of nobody, and counts for x86_64.
        (u32::MAX, Action::Errno(38)),
    ] {
        assert_eq!(decided(both, nr).action, action, "{nr:#x}");
    }
    let alone = "arch x32 foreign trap(1) allow openat";
    assert_eq!(decided(alone, 0x4000_0101).action, ALLOW);
    for nr in [257, 0, u32::MAX] {
        assert_eq!(decided(alone, nr).reason, Reason::Foreign);
    }
    assert_eq!(decided("arch x86_64 allow openat", 0x4000_0101).reason, Reason::Foreign);
}

#[test]
fn abis_without_filters_are_refused_wherever_they_come_from() {
    assert_eq!(codes("arch sparc allow read"), ["F0240"]);
    assert_eq!(codes("arch x86_64, sparc64, arc allow nosuch"), ["F0240", "F0205", "F0201"]);
    let statements = statements("allow read");
    for options in [
        Options { abis: Some(vec![on("sparc64")]), ..options() },
        Options { default_abi: Some(on("sparc64")), ..options() },
    ] {
        let Checked { policy, diagnostics } = check(&statements, &options);
        assert!(policy.is_none());
        assert_eq!((diagnostics[0].code.0, &diagnostics[0].primary), ("F0240", &None));
    }
    assert_eq!(codes("arch x86_64, aarch64 kernel 3.18 allow read"), ["F0330"]);
    assert!(codes("arch x86_64, aarch64 kernel 3.19 allow read").is_empty());
}

/// A rule's errno is the number of the call's own ABI; a foreign call is of no listed one.
#[test]
fn errno_names_have_the_number_of_the_abi() {
    let text = "arch x86_64, mips, alpha default errno(EDEADLK) errno(ENOSYS) read";
    let part = |name| policy(text).abi(on(name)).unwrap().clone();
    for (name, default, enosys) in [("x86_64", 35, 38), ("mips", 45, 89), ("alpha", 11, 78)] {
        assert_eq!(part(name).default_action(), Action::Errno(default), "{name}");
        assert_eq!(part(name).unknown_action(), Action::Errno(enosys), "{name}");
        assert_eq!(part(name).arms()[0].action, Action::Errno(enosys), "{name}");
    }
    let foreign = |text: &str| policy(text).foreign_action();
    assert_eq!(foreign("arch mips, mips64 foreign errno(ENOSYS) allow read"), Action::Errno(89));
    assert!(codes("arch mips, mips64 foreign errno(ENOSYS) allow read").is_empty());
    assert_eq!(codes("arch mips, x86_64 foreign errno(ENOSYS) allow read"), ["F0331"]);
    assert_eq!(foreign("arch mips, x86_64 foreign errno(ENOSYS) allow read"), Action::Errno(89));
    assert!(codes("arch mips, x86_64 foreign errno(EPERM) allow read").is_empty());
}

#[test]
fn a_number_is_of_the_abi_that_has_it() {
    let arms = |text: &str| -> Vec<usize> {
        policy(text).abis().iter().map(|part| part.arms().len()).collect()
    };
    assert_eq!(arms("arch x86_64, x32 allow syscall(0x40000001)"), [0, 1]);
    assert_eq!(arms("arch x86_64, x32 allow syscall(1), syscall(0x40000001)"), [1, 1]);
    assert_eq!(arms("arch x32 allow syscall(0x40000001)"), [1]);
    assert_eq!(codes("arch x32 allow syscall(1)"), ["F0218"]);
    assert_eq!(codes("arch x86_64 allow syscall(0x40000001)"), ["F0218"]);
    // Bit 30 means nothing to i386, but to x86_64.
    assert_eq!(codes("arch i386, x86_64 allow syscall(0x40000001)"), ["F0218"]);
    assert_eq!(arms("arch i386 allow syscall(0x40000001)"), [1]);
    // One number is one call here: nothing to warn of.
    assert!(codes("arch x86_64, x32 allow syscall(59)").is_empty());
}

#[test]
fn one_arm_for_a_call_that_a_rule_names_twice() {
    let policy = policy("group @a = read, write, any group @b = read, @a allow @a, @b, read");
    assert_eq!(policy.abis()[0].arms().len(), 3);
}

#[test]
fn rules_keep_their_order_and_number() {
    let policy = policy("let x = fd == 1 errno(1) read if x allow read, write log any");
    let arms: Vec<_> = policy.abis()[0].arms().iter().map(|arm| (arm.rule.0, arm.action)).collect();
    let expected = [(0, Action::Errno(1)), (1, ALLOW), (1, ALLOW), (2, Action::Log)];
    assert_eq!(arms, expected);
    let read = SeccompData { arch: 0xc000_003e, args: [1; 6], ..SeccompData::default() };
    assert_eq!(decide(&policy, &read).reason, Reason::Rule(RuleId(0)));
}

#[test]
fn multiplexers_are_covered_without_a_predicate() {
    let text = "arch i386 allow socket, accept, shmget errno(ENOSYS) socketcall";
    assert!(codes(text).is_empty());
    let ask = |call| asks(text, "i386", call);
    assert_eq!(ask("socket(AF_UNIX)"), ALLOW);
    assert_eq!(ask("socketcall(1)"), ALLOW);
    assert_eq!(ask("accept(1)"), ALLOW);
    assert_eq!(ask("socketcall(5)"), ALLOW);
    assert_eq!(ask("socketcall(2)"), Action::Errno(38));
    assert_eq!(ask("shmget(1)"), ALLOW);
    // The upper half of the number is the version of the call's layout.
    assert_eq!(ask("ipc(0x10000 + 23)"), ALLOW);
    assert_eq!(ask("ipc(24)"), KILL);
}

#[test]
fn multiplexers_must_be_decided_with_a_predicate() {
    let rule = "arch i386, x86_64 allow socket, bind if fd == 1 && family == 2";
    let rule = rule.replace("fd == 1 && family == 2", "args[0] == 2");
    let checked = checked(&rule);
    assert_eq!(codes(&rule), ["F0221"]);
    let said = lines(&rule, &checked.diagnostics[0]);
    assert!(said[1].ends_with("(in `socket` and `bind` on `i386`)"), "{said:?}");
    assert_eq!(said.len(), 2 + 4, "{said:?}");
    for decision in ["errno(ENOSYS) socketcall", "allow socketcall if true", "notify socketcall"] {
        assert!(codes(&format!("{rule} {decision}")).is_empty(), "{decision}");
    }
    assert_eq!(codes(&format!("{rule} allow socketcall if call == 3")), ["F0221"]);
    assert!(codes("arch x86_64 allow socket if family == 2").is_empty());
}

#[test]
fn an_error_is_told_once_for_all_calls_and_abis() {
    let text = "arch x86_64, aarch64 allow read, write, close if count == 0 && cuont == 1";
    let checked = checked(text);
    let said: Vec<_> = checked.diagnostics.iter().map(|d| lines(text, d)).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert_eq!(
        said[0],
        [
            "F0203: no field `count`",
            "count <- no argument has this name (in `close` on `x86_64` and `aarch64`)",
            "`close` has `fd`"
        ]
    );
    assert_eq!(said[1][2], "did you mean `count`?");
    assert!(said[1][1].contains("(in `read`, `write` and `close`"), "{said:#?}");
}

#[test]
fn all_errors_come_in_the_order_of_the_text() {
    let text = "errno(5000) opnat
        allow read if count >= 0
        arch x86_64
        allow @none, write if x && fd == FOO || buf < 3
        const A = B const B = A
        default trap(-1)";
    assert_eq!(
        codes(text),
        ["F0217", "F0201", "F0212", "F0202", "F0206", "F0204", "F0213", "F0209", "F0217"]
    );
}

#[test]
fn guesses_are_spelt_like_the_slip() {
    let guess = |text: &str| lines(text, &checked(text).diagnostics[0])[2].clone();
    assert_eq!(guess("group @files = read allow @file"), "did you mean `@files`?");
    assert_eq!(guess("allow opnat"), "did you mean `openat` or `openat2`?");
    assert_eq!(guess("let abc = nr == 1 allow read if abd"), "did you mean `abc`?");
}

#[test]
fn unknown_on_one_abi_only() {
    let text = "arch x86_64, aarch64 const A = MAP_32BIT + 1 allow mmap if flags & A";
    let checked = checked(text);
    assert_eq!(codes(text), ["F0225"]);
    let said = lines(text, &checked.diagnostics[0]);
    assert_eq!(said[1], "A <- it has no value (in `mmap` on `aarch64`)");
    // Where nothing uses it, it is not missed.
    let text = "arch x86_64, aarch64 const A = MAP_32BIT + 1 allow open if flags & A";
    assert!(codes(text).is_empty());
}

#[test]
fn limits_end_what_doubles() {
    let lets: String = (1..60).map(|i| format!("let a{i} = a{0} || a{0} ", i - 1)).collect();
    let text = format!("let a0 = nr == 1 {lets} allow any if a59");
    assert_eq!(codes(&text), ["F0227"]);
    let groups: String = (1..60).map(|i| format!("group @a{i} = @a{0}, @a{0} ", i - 1)).collect();
    let text = format!("group @a0 = read, write {groups} allow @a59");
    assert!(codes(&text).contains(&"F0227"));
    let many: String = (0..20_000).map(|i| format!("{i}, ")).collect();
    assert_eq!(codes(&format!("allow any if args[0] in {{ {many} 9 }}")), Vec::<&str>::new());
    let calls: String = x86_64().syscalls().iter().map(|call| format!("{}, ", call.name)).collect();
    let text = format!("allow {calls} any if args[0] in {{ {many} 9 }}");
    assert_eq!(codes(&text), ["F0227"]);
    let sum = "1 | ".repeat(20_000);
    let text = format!("allow {calls} any if instruction_pointer == {sum} 8");
    assert_eq!(codes(&text), ["F0227"]);
    let chain: String = (1..5000).map(|i| format!("let a{i} = !a{} ", i - 1)).collect();
    let text = format!("let a0 = nr == 1 {chain} allow any if a4999");
    assert_eq!(codes(&text), ["F0227"]);
    let chain: String = (1..5000).map(|i| format!("const A{i} = A{} + 1 ", i - 1)).collect();
    let text = format!("const A0 = 1 {chain} allow read if fd == A4999");
    assert!(codes(&text).is_empty());
    let chain: String = (1..5000).map(|i| format!("group @a{i} = @a{} ", i - 1)).collect();
    let text = format!("group @a0 = read {chain} allow @a4999");
    assert!(codes(&text).is_empty());
}

#[test]
fn warnings_about_constants() {
    assert_eq!(codes("allow openat if filename == 4096"), ["F0305"]);
    assert!(codes("allow openat if filename != 0").is_empty());
    assert_eq!(codes("allow socket if family == O_CREAT"), ["F0306"]);
    assert!(codes("allow openat if flags & (O_CREAT | O_ACCMODE)").is_empty());
    assert!(codes("const X = O_CREAT allow socket if family == X").is_empty());
    assert_eq!(codes("errno(0) read, write"), ["F0304"]);
    // The same bits are the same value.
    assert!(codes("const AT_FDCWD = 0xffffff9c allow openat if dfd == AT_FDCWD").is_empty());
}

#[test]
fn numbers_that_are_different_calls() {
    let text = "arch x86_64, i386 allow syscall(59)";
    let said = lines(text, &checked(text).diagnostics[0]);
    assert_eq!(said[0], "F0307: one number, different calls");
    assert_eq!(said[1], "59 <- `execve` on `x86_64`, `oldolduname` on `i386`");
    assert_eq!(codes("arch x86_64, i386 group @g = syscall(59) allow @g errno(1) @g")[0], "F0307");
    // One ABI, one call on both, one call at all, or an ABI that is asked for.
    assert!(codes("allow syscall(59)").is_empty());
    assert!(codes("arch x86_64, i386 allow syscall(435)").is_empty());
    assert!(codes("arch x86_64, i386 allow syscall(5000)").is_empty());
    assert!(codes("arch x86_64, i386 allow syscall(59) if arch == AUDIT_ARCH_X86_64").is_empty());
    assert_eq!(codes("arch x86_64, i386 allow syscall(59) if args[0] == 1"), ["F0307"]);
}

#[test]
fn ranges_of_numbers() {
    assert!(codes("allow syscall(1000..2000), syscall(3000..3000)").is_empty());
    assert!(codes("allow syscall(1000..2000) if args[0] == 1").is_empty());
    // −1 is none that can be named, and neither does a range go backwards.
    assert_eq!(codes("allow syscall(1000..0xffffffff)"), ["F0218"]);
    assert_eq!(codes("allow syscall(-1..5)"), ["F0218"]);
    assert_eq!(codes("allow syscall(2000..1000)"), ["F0215"]);
    // The range says which numbers are meant, and its calls have no argument in common.
    assert_eq!(codes("allow syscall(1000..2000) if nr > 1500"), ["F0230"]);
    assert_eq!(codes("let odd = nr & 1 allow syscall(1000..2000) if odd"), ["F0230"]);
    assert_eq!(codes("allow syscall(1000..2000) if fd == 1"), ["F0220"]);
    // Known calls are named, but not where another ABI is meant, or an older kernel.
    assert_eq!(codes("allow syscall(0..3)"), ["F0325"]);
    let text = "arch x86_64, i386 allow syscall(0..3)";
    let said = lines(text, &checked(text).diagnostics[0]);
    assert!(said[1].contains("`read`, `write`, `open`, `close` on `x86_64`; "), "{said:?}");
    let arm = "arch x86_64, arm allow syscall(0xf0000..0xf0005)";
    assert_eq!(codes(arm), ["F0325"]);
    assert!(codes(&format!("{arm} if arch == AUDIT_ARCH_X86_64")).is_empty());
    assert!(codes("kernel 5.0 allow syscall(450..460)").is_empty());
    // Numbers of x32 are x32's.
    assert_eq!(codes("allow syscall(0x3ffffff0..0x4000ffff)"), ["F0326"]);
    assert_eq!(codes("allow syscall(0x40010000..0x4002ffff)"), ["F0218"]);
    assert!(codes("arch x86_64, x32 allow syscall(0x3ffffff0..0x3fffffff)").is_empty());
    assert!(codes("arch x86_64, x32 allow syscall(0x40010000..0x4002ffff)").is_empty());
    assert!(codes("arch i386 allow syscall(0x3ffffff0..0x4000ffff)").is_empty());
}

#[test]
fn numbers_that_a_multiplexer_goes_round() {
    let text = "arch i386 allow syscall(359) if args[0] == 1";
    let said = lines(text, &checked(text).diagnostics[0]);
    assert_eq!(said[0], "F0308: a predicate that a caller can go round by `socketcall`");
    assert_eq!(said.len(), 5);
    assert_eq!(codes("arch i386 allow syscall(393) if args[0] == 1"), ["F0308"]);
    assert!(codes("arch i386 allow syscall(359)").is_empty());
    assert!(codes("arch i386 allow syscall(359) if (true)").is_empty());
    assert!(codes("arch i386 allow syscall(3) if args[0] == 1").is_empty());
    // Decided: by name or by number, but not for some arguments only.
    let rule = "arch i386 allow syscall(359) if args[0] == 1 errno(1)";
    assert!(codes(&format!("{rule} socketcall")).is_empty());
    assert!(codes(&format!("{rule} syscall(102)")).is_empty());
    assert_eq!(codes(&format!("{rule} socketcall if call == 1")), ["F0308"]);
    assert_eq!(codes(&format!("{rule} ipc")), ["F0308"]);
}

#[test]
fn tests_that_the_rule_settles() {
    let settled = |text: &str| {
        let checked = checked(text);
        assert!(checked.policy.is_some(), "{text}");
        let told = checked.diagnostics.iter().filter(|d| d.code.0 == "F0309");
        told.map(|d| d.message.contains("always")).collect::<Vec<_>>()
    };
    assert_eq!(settled("allow read if nr == 5"), [false]);
    assert_eq!(settled("allow read if nr == 0 && fd == 1"), [true]);
    assert_eq!(settled("allow syscall(5000) if nr in { 5000 }"), [true]);
    assert_eq!(settled("allow any if arch == AUDIT_ARCH_X86_64"), [true]);
    assert_eq!(settled("allow read if arch != AUDIT_ARCH_X86_64"), [false]);
    assert_eq!(settled("allow read if nr == arch"), [false]);
    // It picks some of several.
    assert!(settled("arch x86_64, i386 allow read if arch == AUDIT_ARCH_X86_64").is_empty());
    assert!(settled("arch x86_64, i386 allow read if nr == 0").is_empty());
    assert!(settled("allow read, write if nr == 0").is_empty());
    assert!(settled("let a = nr == 0 allow read if a errno(1) write if a").is_empty());
    assert_eq!(settled("let a = nr == 0 allow read if a errno(1) read if a"), [true]);
    assert!(settled("allow read if fd == 1 || args[0] == args[1]").is_empty());
}

#[test]
fn numbers_that_any_does_not_stand_for() {
    assert_eq!(codes("allow any if nr == -1"), ["F0309"]);
    assert_eq!(codes("allow any if nr != 5000"), ["F0309"]);
    assert_eq!(codes("allow any if nr in { -1, 5000 }"), ["F0309"]);
    assert_eq!(codes("kernel 5.2 allow any if nr == 435"), ["F0309"]);
    assert!(codes("allow any if nr == 435").is_empty());
    assert!(codes("allow any if nr in { 3, 5000 }").is_empty());
    assert!(codes("allow any if nr in { -3 .. 3 }").is_empty());
    assert!(codes("allow any if nr >= 424").is_empty());
    assert!(codes("allow any if nr & 7 == 1").is_empty());
    // i386 has it.
    assert!(codes("arch x86_64, i386 allow any if nr == 400").is_empty());
    assert_eq!(codes("arch x86_64, i386 allow any if nr == 5000"), ["F0309"]);
}

#[test]
fn a_field_alone_is_told_to_be_one() {
    let help = |text: &str| {
        let errors = checked(text).diagnostics;
        assert_eq!(codes(text), ["F0206"], "{text}");
        errors.iter().flat_map(|error| error.help.clone()).collect::<Vec<_>>()
    };
    let flags = "`flags` is a field: compare it, as in `flags == 0` or `flags & 1`";
    assert_eq!(help("arch x86_64 allow openat if flags"), [flags]);
    assert_eq!(help("arch x86_64 allow read if !flags"), [flags]);
    let address = "`filename` is a field: compare it, as in `filename == 0`";
    assert_eq!(help("arch x86_64 allow openat if filename"), [address]);
    assert!(help("arch x86_64 allow openat if nothing_like_it").is_empty());
}
