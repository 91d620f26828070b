//! Records in all forms, good and bad.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use filterc_abi as abi;

use super::*;
use crate::words;

fn reading(text: &str) -> Reading {
    read(text, abi::x86_64())
}

/// The only record of a text without faults.
fn one(text: &str) -> Record {
    let mut reading = reading(text);
    assert_eq!(reading.faults, [], "{text}");
    assert_eq!(reading.records.len(), 1, "{text}");
    reading.records.remove(0)
}

const KERNEL: &str = "audit(1764000000.123:42): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=77 \
                      comm=\"my server\" exe=\"/usr/bin/x\" sig=31 arch=c000003e syscall=41 compat=0 \
                      ip=0x7f12 code=0x80000000";

#[test]
fn audit_lines_of_all_ways() {
    let lines = [
        format!("type=1326 {KERNEL}"),
        format!("[   12.345678] audit: type=1326 {KERNEL}"),
        format!("Nov 24 16:00:01 host kernel: audit: type=1326 {KERNEL}"),
        format!("<5>audit: type=1326 {KERNEL}"),
        format!("type=SECCOMP msg={KERNEL}\u{1d}ARCH=x86_64 SYSCALL=socket AUID=\"unset\""),
    ];
    for line in lines {
        let record = one(&line);
        assert_eq!(record.seen.nr, 41, "{line}");
        assert_eq!(record.seen.arch, 0xc000_003e);
        assert_eq!(record.seen.instruction_pointer.value, 0x7f12);
        assert_eq!(record.became, Became::Action(0x8000_0000));
        let who = &record.who;
        let (comm, exe) = (who.comm.as_deref(), who.exe.as_deref());
        assert_eq!((who.pid, comm, exe), (Some(77), Some("my server"), Some("/usr/bin/x")));
        assert!(!record.seen.is_whole(), "the kernel logs no arguments");
    }
}

#[test]
fn audit_lines_in_words_and_in_hexadecimal() {
    let record = one(
        "type=SECCOMP msg=audit(11/24/2026 16:00:01.123:42) : auid=unset pid=7 comm=sh sig=SIGSYS \
         arch=x86_64 syscall=openat compat=0 ip=0x7f code=kill-process",
    );
    assert_eq!((record.seen.nr, record.became), (257, Became::Action(0x8000_0000)));
    let record =
        one("type=1326 audit(1:1): comm=2F62696E2073 exe=(null) arch=40000003 syscall=102");
    assert_eq!(record.who.comm.as_deref(), Some("/bin s"));
    assert!(words::call(&record.seen).contains("socketcall"), "{}", words::call(&record.seen));
    let x32 = one("type=1326 audit(1:1): sig=31 arch=c000003e syscall=1073742081");
    assert!(words::call(&x32.seen).ends_with("on x32"));
    assert_eq!(x32.became, Became::Sigsys);
}

#[test]
fn partial_and_bad_lines_are_told_f0717_f0718() {
    let text = "type=1326 audit(1:1): arch=c000003e\ntype=1326 audit(1:1): syscall=1\n\
                type=1326 audit(1:1): arch=zz syscall=1\n\
                type=1326 audit(1:1): arch=c000003e syscall=1 ip=q\n\
                type=1326 audit(1:1): arch=c000003e syscall=99999999999\n\
                type=1326 audit(1:1): arch=c000003e syscall=nosuch\n{\"nr\":\n{\"a\":1}\nhello\n";
    let reading = reading(text);
    let faults: Vec<_> = reading.faults.iter().map(|fault| (fault.line, fault.code)).collect();
    let (bad, unknown) = ("F0717", "F0718");
    assert_eq!(
        faults,
        [(1, bad), (2, bad), (3, unknown), (4, bad), (5, bad), (6, unknown), (7, bad), (8, bad)]
    );
    assert_eq!((reading.records.len(), reading.passed_over), (0, 1));
    assert_eq!(warnings(&reading)[0].0, "F0716");
}

#[test]
fn dropped_records_are_counted_f0719() {
    let reading = reading(
        "kauditd_printk_skb: 9 callbacks suppressed\naudit: backlog limit exceeded\n\
         type=1326 audit(1:1): arch=c000003e syscall=1\n",
    );
    assert_eq!(reading.lost, 10);
    assert_eq!(warnings(&reading)[0].0, "F0719");
}

#[test]
fn entries_of_the_journal() {
    let entry = |object: Value| object.to_string();
    let message = format!("SECCOMP {KERNEL}");
    let lines = [
        entry(
            serde_json::json!({ "_TRANSPORT": "audit", "_AUDIT_TYPE": "1326", "MESSAGE": message }),
        ),
        entry(serde_json::json!({ "_TRANSPORT": "kernel",
            "MESSAGE": format!("audit: type=1326 {KERNEL}") })),
        entry(serde_json::json!({ "_TRANSPORT": "audit", "_AUDIT_TYPE_NAME": "SECCOMP",
            "_PID": "77", "_AUDIT_FIELD_ARCH": "c000003e", "_AUDIT_FIELD_SYSCALL": "41",
            "_AUDIT_FIELD_CODE": "0x80000000", "MESSAGE": "SECCOMP" })),
        entry(serde_json::json!({ "MESSAGE": message.as_bytes(), "_AUDIT_TYPE": "1326" })),
    ];
    for line in lines {
        let record = one(&line);
        assert_eq!((record.seen.nr, record.who.pid), (41, Some(77)), "{line}");
        assert_eq!(record.became, Became::Action(0x8000_0000), "{line}");
    }
    let other = reading("{\"MESSAGE\":\"hello\",\"_TRANSPORT\":\"journal\"}");
    assert_eq!((other.records.len(), other.faults.len(), other.passed_over), (0, 0, 1));
}

#[test]
fn recorded_calls() {
    let record = one(
        "{\"call\":\"socket\",\"abi\":\"x86_64\",\"args\":[\"0x10\",3],\"ret\":-1,\"count\":4}",
    );
    assert_eq!(record.count, 4);
    assert_eq!(record.became, Became::Failed(1));
    assert!(record.seen.is_whole());
    assert_eq!(record.seen.args[0].value, 16);
    assert_eq!(one("{\"nr\":0,\"ret\":5}").became, Became::Returned);
    assert!(!one("{\"nr\":0}").seen.is_whole(), "no `args`, nothing known");
    assert_eq!(reading("{\"call\":\"nosuch\"}").faults[0].code, "F0718");
}

#[test]
fn calls_of_strace() {
    let text = |line: &str| words::call(&one(line).seen);
    assert_eq!(
        text("openat(AT_FDCWD, \"/etc/a,b) = \\\"\", O_RDONLY|O_CLOEXEC) = 3"),
        "openat(dfd = AT_FDCWD, filename = ?, flags = O_RDONLY | O_CLOEXEC, mode = ?) on x86_64"
    );
    for prefix in [
        "[pid    7] ",
        "7     ",
        "16:00:01.000123 ",
        "1764000000.1 ",
        "7 16:00:01 ",
        "[pid 7] 0.000012 ",
        "[pid 7] (+     0.000012) ",
        "[00007f0012345678] ",
    ] {
        assert_eq!(text(&format!("{prefix}close(3</dev/null>) = 0")), "close(fd = 3) on x86_64");
    }
    assert_eq!(
        text(
            "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f10) = 8"
        ),
        "clone(clone_flags = SIGCHLD | CLONE_CHILD_CLEARTID, newsp = 0x0, parent_tidptr = ?, \
         child_tidptr = 0x7f10, tls = ?) on x86_64"
    );
    let nosuch = one(
        "syscall_0x1f4(0x1, 0xffffffffffffffff, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)",
    );
    assert_eq!((nosuch.seen.nr, nosuch.became), (500, Became::Failed(38)));
    assert_eq!(nosuch.seen.args[1].value, u64::MAX);
    let execve = text("execve(\"/bin/true\", [\"true\"], 0x7ffd /* 9 vars */) = 0");
    assert_eq!(execve, "execve(filename = ?, argv = ?, envp = 0x7ffd) on x86_64");
    assert_eq!(
        one("pause() = ? ERESTARTNOHAND (To be restarted if no handler)").became,
        Became::Unsaid
    );
}

#[test]
fn unfinished_calls_and_signals() {
    let reading = reading(
        "[pid 7] read(3,  <unfinished ...>\n[pid 8] socket(AF_NETLINK, SOCK_RAW, 0) = ?\n\
         [pid 7] <... read resumed>\"x\", 4096) = 1\n[pid 8] +++ killed by SIGSYS (core dumped) +++\n\
         [pid 9] dup(3) = 33\n\
         [pid 9] --- SIGSYS {si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x7f, \
         si_syscall=__NR_dup, si_arch=AUDIT_ARCH_X86_64} ---\n\
         [pid 9] --- SIGSYS {si_signo=SIGSYS, si_code=SYS_SECCOMP, si_syscall=__NR_bpf, \
         si_arch=AUDIT_ARCH_X86_64} ---\n[pid 9] +++ exited with 0 +++\nhello (there) = 3\n",
    );
    assert_eq!(reading.faults, []);
    let became: Vec<_> = reading.records.iter().map(|it| (it.seen.nr, it.became)).collect();
    let killed = Became::Sigsys;
    assert_eq!(became, [(0, Became::Returned), (41, killed), (32, killed), (321, killed)]);
    assert_eq!(reading.records[0].seen.args[2].value, 4096);
}

#[test]
fn a_killed_call_leaves_its_number() {
    let killed = reading("7 mkdir(\"x\", 0777) = 83\n7 +++ killed by SIGSYS +++\n");
    assert_eq!(killed.records[0].became, Became::Sigsys);
    let sent = reading("7 mkdir(\"x\", 0777) = 0\n7 +++ killed by SIGSYS +++\n");
    assert_eq!(sent.records[0].became, Became::Returned);
}

#[test]
fn strace_of_32_bit_processes_and_its_faults() {
    let reading = reading(
        "strace: [ Process PID=7 runs in 32 bit mode. ]\n7 dup(3) = 4\n7 nosuch(3) = 4\n\
         7 write(1, \"a\n<... dup resumed>) = 1\n",
    );
    assert_eq!(words::call(&reading.records[0].seen), "dup(fildes = 3) on i386");
    let faults: Vec<_> = reading.faults.iter().map(|fault| (fault.line, fault.code)).collect();
    assert_eq!(faults, [(3, "F0718"), (4, "F0717"), (5, "F0717")]);
}
