//! What the checker advises: warnings F0310 to F0317, and what it says about calls that are
//! not the same on every ABI.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod read;

use filterc_abi::{Action, SeccompData, abi};
use filterc_hir::eval::eval;
use read::{checked, codes, lines, policy};

/// Everything that is said about a text.
fn said(text: &str) -> String {
    let told = checked(text).diagnostics;
    let lines: Vec<_> = told.iter().flat_map(|diagnostic| lines(text, diagnostic)).collect();
    lines.join("\n")
}

#[track_caller]
fn says(text: &str, what: &str) {
    let said = said(text);
    assert!(said.contains(what), "{text}\n{said}");
}

#[track_caller]
fn silent(text: &str) {
    assert_eq!(said(text), "", "{text}");
}

#[test]
fn flags_of_several_bits() {
    for flag in ["O_TMPFILE", "O_SYNC", "O_TMPFILE | O_CREAT", "(O_SYNC)"] {
        assert_eq!(codes(&format!("allow openat if flags & {flag}")), ["F0310"], "{flag}");
        assert_eq!(codes(&format!("allow openat if (flags & {flag}) != 0")), ["F0310"], "{flag}");
        assert_eq!(codes(&format!("allow openat if !(flags & {flag})")), ["F0310"], "{flag}");
    }
    let text = "allow openat if flags & O_TMPFILE";
    says(text, "`O_DIRECTORY` has bits of it, too");
    says(text, "write `(flags & O_TMPFILE) == O_TMPFILE`");
    // Asked for as a whole, one bit, the bits named one by one, a mask, a number.
    silent("allow openat if (flags & O_TMPFILE) == O_TMPFILE");
    silent("allow openat if flags & O_DIRECTORY");
    silent("allow openat if flags & (O_TMPFILE | O_DIRECTORY)");
    silent("allow openat if flags & (O_SYNC | 0x1000)");
    silent("allow openat if flags & O_ACCMODE");
    silent("allow openat if flags & 0x410000");
    silent("allow openat if flags & ~O_TMPFILE");
    // A name for several flags is a mask.
    silent("allow fchmod if mode & S_IRWXU");
    silent("allow openat if mode & (S_ISUID | S_ISGID)");
    // The policy's own names are looked into.
    assert_eq!(codes("const TMP = O_TMPFILE allow openat if flags & TMP"), ["F0310"]);
    silent("const KEEP = O_CLOEXEC | O_NOFOLLOW allow openat if flags & KEEP");
    silent("const O_TMPFILE = 0x410000 allow openat if flags & O_TMPFILE");
}

#[test]
fn values_of_an_enumeration_as_masks() {
    let raw = "allow socket if type & SOCK_RAW";
    says(raw, "F0310: `SOCK_RAW` is a value, not a flag");
    says(raw, "write `(type & SOCK_TYPE_MASK) == SOCK_RAW`");
    says("allow fcntl if cmd & F_GETFL", "write `cmd == F_GETFL`");
    says("allow mmap if flags & MAP_SHARED_VALIDATE", "(flags & MAP_TYPE) == MAP_SHARED_VALIDATE");
    assert_eq!(codes("allow openat if flags & O_WRONLY"), ["F0310"]);
    // Together they are the whole mask.
    silent("allow openat if flags & (O_WRONLY | O_RDWR)");
    silent("allow openat if flags & (O_CREAT | O_WRONLY | O_RDWR)");
    silent("allow socket if (type & SOCK_TYPE_MASK) == SOCK_RAW");
    silent("allow socket if type & SOCK_CLOEXEC");
    // No other value shares its bits.
    silent("allow flock if cmd & LOCK_EX");
}

#[test]
fn values_beside_flags() {
    let raw = "errno(EPERM) socket if type == SOCK_RAW";
    assert_eq!(codes(raw), ["F0317"]);
    says(raw, "its flags are `SOCK_CLOEXEC` and `SOCK_NONBLOCK`");
    says(raw, "write `(type & SOCK_TYPE_MASK) == SOCK_RAW`");
    assert_eq!(codes("allow socket if type != SOCK_RAW"), ["F0317"]);
    assert_eq!(codes("allow socket if !(type in { SOCK_RAW, SOCK_PACKET })"), ["F0317"; 2]);
    assert_eq!(codes("notify openat if flags == O_WRONLY"), ["F0317"]);
    assert_eq!(codes("let raw = type == SOCK_RAW errno(1) socket if raw"), ["F0317"]);
    // With the mask; what `allow` only lets through less of; the whole value with its flags.
    silent("errno(EPERM) socket if (type & SOCK_TYPE_MASK) == SOCK_RAW");
    silent("allow socket if type == SOCK_STREAM");
    silent("allow openat if flags in { O_RDONLY, O_RDWR }");
    silent("errno(EPERM) socket if type != SOCK_STREAM");
    silent("errno(EPERM) socket if type == SOCK_RAW | SOCK_CLOEXEC");
    silent("errno(EPERM) socket if family == AF_PACKET");
}

#[test]
fn nothing_in_a_mask() {
    let text = "allow openat if flags & (O_RDONLY | O_CREAT)";
    assert_eq!(codes(text), ["F0316"]);
    says(text, "`O_RDONLY` is 0");
    // On the right it says what must be clear.
    silent("allow openat if (flags & (O_ACCMODE | O_CREAT)) == (O_RDONLY | O_CREAT)");
    assert_eq!(codes("allow openat if flags & O_RDONLY"), ["F0211"]);
    says("allow openat if flags & O_RDONLY", "`O_RDONLY` is 0: there is no bit to look at");
    says("allow openat if flags & O_RDONLY", "write `(flags & O_ACCMODE) == O_RDONLY`");
    says("allow mmap if prot & PROT_NONE", "write `prot == PROT_NONE`");
    says(
        "allow openat if flags & O_ACCMODE == O_CREAT",
        "`O_CREAT` (0x40) has bits that the mask `O_ACCMODE` (0x3) clears",
    );
    says("allow openat if flags & O_ACCMODE == O_CREAT", "write `flags & O_CREAT`");
    says("allow socket if type & 0xf in { 1, SOCK_CLOEXEC }", "write `type & SOCK_CLOEXEC`");
}

#[test]
fn sets_of_constants() {
    assert_eq!(codes("allow socket if family == SOCK_STREAM"), ["F0306"]);
    silent("allow socket if family == PF_UNIX");
    // An equal flag by another name.
    silent("allow accept4 if flags & O_CLOEXEC");
    // The exit signal has no names of its own in the set.
    silent("allow clone if (clone_flags & CSIGNAL) == SIGCHLD");
    silent("allow clone if clone_flags == CLONE_VM | CLONE_VFORK | SIGCHLD");
}

#[test]
fn sets_that_depend_on_another_argument() {
    let death = "option == PR_SET_PDEATHSIG";
    let wrong = format!("allow prctl if {death} && arg2 == CLONE_NEWUSER");
    assert_eq!(codes(&wrong), ["F0306"]);
    says(&wrong, "CLONE_NEWUSER <- not while `option` is `PR_SET_PDEATHSIG`");
    silent(&format!("allow prctl if {death} && arg2 == SIGKILL"));
    // What fixes it may stand further out, or have a name.
    for around in [
        format!("arg2 == CLONE_NEWUSER && {death}"),
        format!("{death} && (arg3 == 1 || !(arg2 in {{ SIGHUP, CLONE_NEWUSER }}))"),
        "option in { PR_SET_PDEATHSIG } && arg2 != CLONE_NEWUSER".to_owned(),
        "dies && arg2 == CLONE_NEWUSER".to_owned(),
    ] {
        let text = format!("let dies = {death} allow prctl if {around} allow prctl if dies");
        assert!(codes(&text).contains(&"F0306"), "{text}");
    }
    // Of this option the tables say nothing; of no option is said.
    silent("allow prctl if option == PR_GET_KEEPCAPS && arg2 == CLONE_NEWUSER");
    silent("allow prctl if option in { PR_SET_PDEATHSIG, PR_GET_KEEPCAPS } && arg2 == O_CREAT");
    silent("allow prctl if arg2 == SIGKILL");
    // No end of doubling is looked through.
    let lets: String = (1..60).map(|i| format!("let a{i} = a{0} && a{0} ", i - 1)).collect();
    let text = format!("let a0 = arg3 == 1 {lets} allow prctl if (a59 || arg2 == SIGHUP) && a59");
    assert_eq!(codes(&text), ["F0227"]);
}

#[test]
fn one_way_restricted_and_another_open() {
    let readonly = "(flags & O_ACCMODE) == O_RDONLY";
    let open = |rest: &str| {
        let mut codes = codes(&format!("allow openat if {readonly} {rest}"));
        codes.retain(|code| *code != "F0313");
        codes
    };
    assert_eq!(open("allow openat2"), ["F0311"]);
    assert_eq!(open("allow open"), ["F0311"]);
    assert_eq!(open("allow io_uring_setup"), ["F0311"]);
    assert_eq!(open("log any if nr >= 424"), ["F0311"]);
    assert_eq!(codes("default allow errno(EPERM) open"), ["F0311"]);
    assert_eq!(codes("notify openat allow open"), ["F0311"]);
    // Nothing is open: refused by default, by name, for some arguments, left to a supervisor.
    assert!(open("").is_empty());
    assert!(open("default errno(ENOSYS)").is_empty());
    assert!(open("errno(ENOSYS) openat2").is_empty());
    assert!(open("kill_process openat2, open").is_empty());
    assert!(open(&format!("allow open if {readonly}")).is_empty());
    assert!(open("notify openat2").is_empty());
    // Nothing is restricted: all allowed, logged, or sent elsewhere.
    assert!(open("log any").is_empty());
    assert!(open("default allow").is_empty());
    silent("allow openat, openat2");
    silent("log openat allow openat2");
    silent("allow openat errno(ENOSYS) openat2");
    silent("allow openat kill_process openat2");
    // What is refused through its other ways alone is no contradiction.
    silent("allow openat errno(EPERM) io_uring_setup");
    // Without arguments there is no way round a condition on arguments, but one round a refusal.
    silent("allow clone if !(clone_flags & CLONE_NEWUSER) allow vfork, fork errno(ENOSYS) clone3");
    assert_eq!(codes("kill_process clone, clone3 allow vfork"), ["F0311"]);
}

#[test]
fn ways_are_told_once_for_a_family() {
    let text = "arch x86_64, i386, aarch64 errno(EPERM) open, creat allow openat, openat2";
    assert_eq!(codes(text), ["F0311"]);
    says(text, "restricts `creat` and `open`");
    says(text, "by `openat` and `openat2`, which the policy allows whatever the arguments are");
    // A number that the policy's kernel lacks is not open: `unknown` decides it.
    let all = "creat, open, openat, open_by_handle_at, io_uring_setup";
    silent(&format!("kernel 5.2 default allow errno(EPERM) {all}"));
}

#[test]
fn calls_that_are_newer_than_the_kernel() {
    let text = "kernel 5.4 allow read, openat2 group @g = faccessat2 allow @g";
    assert_eq!(codes(text), ["F0312"]);
    says(text, "5.4 <- `openat2` (5.6), `faccessat2` (5.8)");
    says(text, "write `kernel 5.8`");
    silent("kernel 5.8 allow openat2, faccessat2");
    silent("allow openat2, faccessat2");
    silent("kernel 5.4 allow any if nr == 3");
    // Where one of the ABIs has it, the name is not too new.
    silent("kernel 5.7 arch x86_64, sparc64 allow clone3");
    assert_eq!(codes("kernel 5.2 arch x86_64, aarch64 allow clone3"), ["F0312"]);
}

#[test]
fn calls_that_every_process_needs() {
    let ends = "rt_sigreturn, exit_group";
    assert_eq!(codes("default errno(EPERM) allow read, poll"), ["F0313", "F0313", "F0313"]);
    assert_eq!(codes(&format!("default kill_process allow getpid, {ends}")), [""; 0]);
    assert_eq!(codes(&format!("default errno(1) allow poll, {ends}")), ["F0313"]);
    assert_eq!(codes(&format!("default errno(1) allow futex, restart_syscall, {ends}")), [""; 0]);
    // Threads end by `exit`.
    assert_eq!(codes(&format!("default kill_thread allow clone, {ends}")), ["F0313"]);
    assert_eq!(codes(&format!("default kill_thread allow clone, exit, {ends}")), [""; 0]);
    // ABIs that have two ways back from a handler need both.
    let two = format!("arch x86_64, i386 default kill allow getpid, {ends}");
    assert_eq!(codes(&two), ["F0313"]);
    says(&two, "(on `i386`)");
    // Said by name, in part, by `any`; or the default lets it through.
    silent("default errno(1) allow getpid, exit_group kill_process rt_sigreturn");
    silent("default errno(1) allow any if instruction_pointer > 7");
    silent("default errno(1) allow any");
    silent("default allow errno(1) reboot");
    // Not asked: no default is written, or strict mode is.
    silent("allow read");
    silent("default kill_thread allow read, write, exit, rt_sigreturn");
}

#[test]
fn errnos_that_nobody_falls_back_on() {
    let clone = "allow clone if !(clone_flags & CLONE_NEWUSER)";
    assert_eq!(codes(&format!("errno(EPERM) clone3 {clone}")), ["F0314"]);
    assert_eq!(codes(&format!("errno(EACCES) clone3, openat2 {clone} allow openat")), ["F0314"; 2]);
    says(&format!("errno(EPERM) clone3 {clone}"), "write `errno(ENOSYS) clone3`");
    silent(&format!("errno(ENOSYS) clone3 {clone}"));
    silent(&format!("kill_process clone3 {clone}"));
    silent("errno(EPERM) clone3, clone");
    silent("errno(EPERM) bpf, io_uring_setup allow openat");
    // By default: for what the C library tries first, if a rule means the older one to work.
    let ends = "allow rt_sigreturn, exit, exit_group";
    let by_default = format!("default errno(EPERM) {ends} {clone}");
    assert_eq!(codes(&by_default), ["F0314"]);
    says(&by_default, "it decides `clone3`, which no rule names");
    assert_eq!(codes(&format!("default errno(EPERM) {ends} allow faccessat")), ["F0314"]);
    silent(&format!("default errno(ENOSYS) {ends} {clone}"));
    silent(&format!("default kill_process {ends} {clone}"));
    silent(&format!("default errno(EPERM) {ends} allow openat"));
    silent(&format!("default errno(EPERM) {ends}"));
    // ENOSYS has another number there.
    silent("arch mips errno(ENOSYS) clone3 allow clone");
}

#[test]
fn bits_of_registers_that_the_kernel_ignores() {
    let ignored = |text: &str| {
        let codes = codes(text);
        assert!(codes.iter().all(|code| *code == "F0315"), "{text}: {codes:?}");
        codes.len()
    };
    // What `allow` lets through beyond what the kernel sees …
    assert_eq!(ignored("allow socket if args[0] != 38"), 1);
    assert_eq!(ignored("allow socket if args[0] < 38 || args[0] == 39 || args[0] > 40"), 1);
    assert_eq!(ignored("allow socket if !(args[0] == 38)"), 1);
    assert_eq!(ignored("allow socket if !(args[0] in { 38, 40 })"), 1);
    assert_eq!(ignored("allow fchmod if args[1] & ~0777"), 1);
    says(
        "allow socket if args[0] != 38",
        "`args[0]` = 0x100000026 shows it: to the kernel this is 38",
    );
    says("allow fchmod if args[1] != 04755", "it carries `mode`, of which the kernel uses 16 bits");
    // … and what it only refuses more of.
    assert_eq!(ignored("allow socket if args[0] == 1"), 0);
    assert_eq!(ignored("allow read if args[0] <= 4095"), 0);
    assert_eq!(ignored("allow socket if args[0] in { 1, 2, 10 }"), 0);
    assert_eq!(ignored("allow clone if (args[0] & 0x7e020000) == 0"), 0);
    assert_eq!(ignored("allow mprotect if (args[2] & 0xfffffffffffffffc) == 0"), 0);
    assert_eq!(ignored("allow socket if args[0] > 40 && args[0] < 50"), 0);
    // A refusal is gone round the other way.
    assert_eq!(ignored("errno(1) ioctl if args[1] == TIOCSTI"), 1);
    assert_eq!(ignored("errno(1) openat if args[0] == 0xffffffff_ffffff9c"), 1);
    assert_eq!(ignored("errno(1) openat if args[0] == 0xffffff9c"), 1);
    assert_eq!(ignored("errno(1) socket if args[0] != 1"), 0);
    assert_eq!(ignored("errno(1) lseek if args[2] > 4"), 0);
    assert_eq!(ignored("notify socket if args[0] == 38"), 1);
    // Registers that are used as they are, and the argument's own name.
    assert_eq!(ignored("errno(1) write if args[2] == 7"), 0);
    assert_eq!(ignored("errno(1) socket if family == 38"), 0);
    assert_eq!(ignored("errno(1) any if args[0] == 7"), 0);
    // A 32-bit ABI uses one word of each.
    assert_eq!(ignored("arch i386 errno(1) write if args[2] == 7"), 1);
    assert_eq!(ignored("arch i386 errno(1) pread64 if args[4] == 7"), 1);
    assert_eq!(ignored("arch x32 errno(1) write if args[2] == 7"), 0);
    // No argument at all.
    says("errno(1) getpid if args[0] == 0", "the call has no argument there");
}

#[test]
fn what_stands_behind_a_settled_test_is_not_read() {
    let text = "arch x86_64, s390x
        allow mmap if arch == AUDIT_ARCH_X86_64 && !(prot & PROT_EXEC)
        errno(1) mmap";
    assert!(codes(text).is_empty());
    let policy = policy(text);
    let ask = |name: &str, prot: u64| {
        let abi = abi(name).unwrap();
        let nr = abi.syscall("mmap").unwrap().nr.cast_signed();
        let args = [0, 0, prot, 0, 0, 0];
        let call = SeccompData { nr, arch: abi.audit_arch, args, ..SeccompData::default() };
        eval(&policy, &call)
    };
    assert_eq!([ask("x86_64", 3), ask("x86_64", 7)], [Action::Allow, Action::Errno(1)]);
    assert_eq!([ask("s390x", 3), ask("s390x", 7)], [Action::Errno(1); 2]);
    // A disjunction, a constant, a `let`, the calls of one rule.
    silent("arch x86_64, s390x allow mmap if arch != AUDIT_ARCH_X86_64 || prot == 1");
    silent("arch x86_64, aarch64 allow mmap if arch == AUDIT_ARCH_X86_64 && flags & MAP_32BIT");
    silent("arch x86_64, s390x let a = prot == 1 allow mmap if arch == AUDIT_ARCH_X86_64 && a");
    silent("let here = nr == 257 allow read, openat if !(here && flags & O_CREAT)");
    // What is passed over on every ABI is used all the same.
    let unread = "arch s390x const P = 1 let a = prot == P
        allow mmap if arch == AUDIT_ARCH_X86_64 && (a || prot == P)";
    assert_eq!(codes(unread), ["F0309"]);
    // The order counts, and only `arch` and `nr` do.
    assert_eq!(
        codes("arch x86_64, s390x allow mmap if prot == 1 && arch == AUDIT_ARCH_X86_64"),
        ["F0229"]
    );
    assert_eq!(codes("arch s390x allow mmap if false && prot == 1"), ["F0229"]);
    // A rule that is for another ABI leaves nothing that a multiplexer could go round.
    silent("arch x86_64, i386 allow socket if arch == AUDIT_ARCH_X86_64 && family == AF_UNIX");
}

#[test]
fn arguments_in_memory() {
    let mmap = "arch x86_64, s390x, i386 allow mmap if !(prot & PROT_EXEC)";
    assert_eq!(codes(mmap), ["F0229"]);
    says(mmap, "F0229: `prot` of `mmap` is in memory, where a filter cannot see it");
    says(mmap, "(in `mmap` on `s390x` and `i386`)");
    says(mmap, "to ask there only, write `arch == AUDIT_ARCH_X86_64 && …`");
    says("arch i386 allow mmap if prot == 1", "`prot` can be seen in `mmap2`");
    for call in ["clone3 if flags & CLONE_NEWUSER", "openat2 if flags & O_CREAT"] {
        let text = format!("allow {call}");
        assert_eq!(codes(&text), ["F0229"]);
        says(&text, "errno(ENOSYS)");
        says(&text, "or leave it to a supervisor: `notify ");
    }
    assert_eq!(codes("allow openat2 if how.flags & O_CREAT"), ["F0229"]);
    assert_eq!(codes("allow bpf if prog_type == 1"), ["F0229"]);
    silent("allow bpf if cmd == BPF_MAP_CREATE");
    silent("allow clone3 if size > 88");
    // Neither here nor there.
    assert_eq!(codes("allow clone3 if newsp == 0"), ["F0203"]);
    says("allow clone3 if newsp == 0", "`uargs` points at `flags`");
}

#[test]
fn abis_that_differ() {
    let wide = "arch x86_64, i386 allow write if count > 0xffffffff";
    assert_eq!(codes(wide), ["F0211"]);
    says(wide, "it makes sense on `x86_64`; to ask there only, write `arch == AUDIT_ARCH_X86_64");
    says("arch x86_64, i386 allow write if count == 1 << 40", "it makes sense on `x86_64`");
    let name = "arch aarch64, mips64, arm allow preadv if pos_l == 0";
    says(name, "`aarch64` and `mips64` have it; to ask there only, write `arch != AUDIT_ARCH_ARM");
    let seventh = "arch mips, x86_64 allow fadvise64 if advice == POSIX_FADV_DONTNEED";
    assert_eq!(codes(seventh), ["F0222"]);
    says(seventh, "a seccomp filter sees six argument registers (in `fadvise64` on `mips`)");
    // A token that two ABIs share tells nothing.
    let said = said("arch x86_64, x32 allow write if count == 1 << 64 - 1");
    assert!(!said.contains("to ask there only"), "{said}");
    // An address that the kernel takes for a number has an order.
    silent("allow mmap if addr < 0x10000 || addr in { 0x1000..0x2000 }");
}

#[test]
fn names_that_others_use() {
    says("allow pread", "in the kernel's tables it is `pread64` (`pread`: the C library's name");
    says("arch x86_64, arm allow fstatat", "it is `fstatat64` and `newfstatat`");
    says("allow waitpid", "in the kernel's tables it is `wait4`");
    says("arch riscv64 allow fork", "of the same family they have `clone` and `clone3`");
}

#[test]
fn a_multiplexer_may_be_the_only_way() {
    let accept = "arch s390x allow accept, listen if args[0] == 3";
    says(accept, "refuse the multiplexer: `errno(ENOSYS) socketcall`; there is no other way, then");
    says(
        accept,
        "refuse the multiplexer: `errno(ENOSYS) socketcall`; libraries then call directly",
    );
}
