#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd as _;

use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir::check::{Options, check};
use filterc_hir::expr::CmpOp;
use filterc_hir::{Sight, policy::Policy as Hir};

use super::*;
use crate::rights::Rights;

fn own_tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

fn address<T: ?Sized>(of: &T) -> u64 {
    u64::try_from(std::ptr::from_ref(of).cast::<u8>().addr()).unwrap()
}

/// A call of this thread, whose pointers are of this process.
fn call(name: &str, args: [u64; 6]) -> SeccompData {
    let abi = filterc_abi::x86_64();
    let nr = abi.syscall(name).map_or(99_999, |call| call.nr).cast_signed();
    SeccompData { nr, arch: abi.audit_arch, instruction_pointer: 0, args }
}

fn ask(data: &SeccompData, asked: &Asked) -> Result<bool, Errno> {
    let rights = Rights::own().unwrap();
    answer(&Caller::new(own_tid(), data, &rights).unwrap(), asked)
}

fn glob(text: &str) -> Pattern {
    Pattern::Glob(text.as_bytes().to_vec())
}

#[test]
fn what_pointers_lead_to_is_asked_of_the_callers_memory() {
    let path = b"/proc/../etc/./passwd\0";
    let data = call("openat", [u64::MAX - 99, address(path), 0, 0, 0, 0]);
    let of_path = |pattern| Asked::Path { argument: 1, folder: Some(0), pattern };
    assert_eq!(ask(&data, &of_path(Pattern::Exact(b"/etc/passwd".to_vec()))), Ok(true));
    assert_eq!(ask(&data, &of_path(glob("/etc/*"))), Ok(true));
    assert_eq!(ask(&data, &of_path(glob("/proc/*"))), Ok(false));
    let text = |pattern| Asked::Text { argument: 1, pattern };
    assert_eq!(ask(&data, &text(glob("/proc/*passwd"))), Ok(true));
    let nowhere = call("openat", [0, 8, 0, 0, 0, 0]);
    assert_eq!(ask(&nowhere, &of_path(glob("*"))), Err(Errno::FAULT));
    assert_eq!(ask(&nowhere, &text(glob("*"))), Err(Errno::FAULT));

    let (one, two) = (b"sh\0", b"-c\0");
    let vector = [address(one), address(two), 0];
    let data = call("execve", [0, address(&vector), 0, 0, 0, 0]);
    let word = |index, text: &str| Asked::Word {
        argument: 1,
        index,
        pattern: Pattern::Exact(text.as_bytes().to_vec()),
    };
    assert_eq!(ask(&data, &word(Some(0), "sh")), Ok(true));
    assert_eq!(ask(&data, &word(Some(1), "sh")), Ok(false));
    assert_eq!(ask(&data, &word(Some(2), "sh")), Ok(false));
    assert_eq!(ask(&data, &word(None, "-c")), Ok(true));
}

#[test]
fn addresses_are_read_with_their_length() {
    let mut bytes = [0_u8; 16];
    bytes[..2].copy_from_slice(&2_u16.to_ne_bytes());
    bytes[2..4].copy_from_slice(&443_u16.to_be_bytes());
    bytes[4..8].copy_from_slice(&[10, 0, 0, 7]);
    let data = |length| call("connect", [3, address(&bytes), length, 0, 0, 0]);
    let (address, length) = (1, 2);
    let family = |ranges| Asked::Family { address, length, ranges };
    let port = |ranges| Asked::Port { address, length, ranges };
    let ip = |networks| Asked::Ip { address, length, networks };
    let ten = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0));
    assert_eq!(ask(&data(16), &family(vec![(1, 2)])), Ok(true));
    assert_eq!(ask(&data(16), &family(vec![(3, 9)])), Ok(false));
    assert_eq!(ask(&data(16), &port(vec![(80, 80), (443, 443)])), Ok(true));
    assert_eq!(ask(&data(16), &ip(vec![(ten, 8)])), Ok(true));
    assert_eq!(ask(&data(16), &ip(vec![(ten, 30)])), Ok(false));
    // An `int`: what is above its 32 bits is nothing to the kernel.
    assert_eq!(ask(&data(16 | 1 << 32), &port(vec![(443, 443)])), Ok(true));
    assert_eq!(ask(&data(3), &port(vec![(443, 443)])), Ok(false));
    assert_eq!(ask(&data(129), &port(vec![(443, 443)])), Err(Errno::INVAL));
}

#[test]
fn tasks_are_known_by_what_they_are() {
    let data = call("getppid", [0; 6]);
    let number =
        |who, number, op, value: u32| Asked::Number { who, number, op, value: value.into() };
    let own = std::process::id();
    let parent = std::os::unix::process::parent_id();
    let uid = rustix::process::getuid().as_raw();
    let yes = [
        number(Who::Caller, Number::Pid, CmpOp::Eq, own),
        number(Who::Caller, Number::Tid, CmpOp::Eq, own_tid()),
        number(Who::Caller, Number::Uid, CmpOp::Le, uid),
        number(Who::Parent, Number::Pid, CmpOp::Eq, parent),
        number(Who::Ancestor, Number::Pid, CmpOp::Eq, parent),
        Asked::Exe { who: Who::Caller, pattern: glob("*/filterc_monitor-*") },
        Asked::Comm { who: Who::Ancestor, pattern: glob("?*") },
    ];
    for asked in yes {
        assert_eq!(ask(&data, &asked), Ok(true), "{asked:?}");
    }
    let no = [
        number(Who::Ancestor, Number::Pid, CmpOp::Eq, own),
        number(Who::Parent, Number::Pid, CmpOp::Eq, own),
        number(Who::Caller, Number::Uid, CmpOp::Gt, uid),
        Asked::Exe { who: Who::Caller, pattern: glob("/nowhere/*") },
    ];
    for asked in no {
        assert_eq!(ask(&data, &asked), Ok(false), "{asked:?}");
    }
}

#[test]
fn sockets_are_told_from_files() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let of = |fd: i32| {
        ask(&call("read", [fd.try_into().unwrap(), 0, 0, 0, 0, 0]), &Asked::Socket { argument: 0 })
    };
    assert_eq!(of(socket.as_raw_fd()), Ok(true));
    assert_eq!(of(file.as_raw_fd()), Ok(false));
    assert_eq!(of(123_456), Ok(false));
}

fn policy(text: &str) -> Hir {
    let parsed = parser::parse(FileId(0), &format!("arch x86_64\n{text}\n"));
    let options = Options { sight: Sight::Monitor, ..Options::default() };
    let checked = check(&parsed.file.statements, &options);
    checked.policy.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

#[test]
fn nothing_is_asked_that_does_not_decide() {
    let policy = policy(
        "default errno(EPERM)\n\
         allow openat if flags == O_RDONLY\n\
         errno(EACCES) openat if flags == O_RDWR and filename == \"/etc/passwd\"\n\
         allow openat if filename ~ \"/etc/*\" or filename ~ \"/usr/*\"\n\
         allow getppid if pid >= 1",
    );
    let rights = Rights::own().unwrap();
    let mut judge = Judge::new(&policy, &[], &[3, 4, 5, 6]);
    let mut of = |data: &SeccompData| {
        let caller = Caller::new(own_tid(), data, &rights).unwrap();
        let verdict = judge.judge(&caller);
        (verdict.action, verdict.line, verdict.in_memory)
    };
    let path = b"/etc/passwd\0";
    let open = |flags: u64, at: u64| call("openat", [u64::MAX - 99, at, flags, 0, 0, 0]);
    let own = address(path);
    assert_eq!(of(&open(0, 8)), (Action::Allow, 3, false));
    assert_eq!(of(&open(2, own)), (Action::Errno(13), 4, true));
    assert_eq!(of(&open(1, own)), (Action::Allow, 5, true));
    assert_eq!(of(&open(1, address(b"/\0"))), (Action::Errno(1), 0, true));
    // No rule decides on what is not there, not even the default.
    assert_eq!(of(&open(1, 8)), (Action::Errno(14), 0, true));
    assert_eq!(of(&call("getppid", [0; 6])), (Action::Allow, 6, false));
    assert_eq!(of(&call("getpid", [0; 6])), (Action::Errno(1), 0, false));
}

#[test]
fn unknown_numbers_are_uninstrumented_unless_they_are_named() {
    let policy = policy("default allow\nerrno(EPERM) syscall(4444)");
    let rights = Rights::own().unwrap();
    let mut judge = Judge::new(&policy, &[], &[]);
    let mut of = |nr| {
        let data = SeccompData { nr, ..call("getpid", [0; 6]) };
        judge.judge(&Caller::new(own_tid(), &data, &rights).unwrap()).uninstrumented
    };
    assert!(of(3333));
    assert!(!of(4444));
    assert!(!of(39));
}
