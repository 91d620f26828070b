//! The known ways round other tools' filters, tried on the running kernel: each form that the
//! kernel takes for the same call is decided as that call is.
//!
//! For each there are three runs. Without a filter the kernel accepts the other form, so it is
//! a way round whoever compares more bits than the kernel uses. A rule on the raw register
//! (`args[N]`), which does just that, lets it through. A rule on the argument does not.
//!
//! Calls touch nothing but files and descriptors of this test, in children that end with it.

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

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use filterc::{Options, Source, compile};
use filterc_abi::{Abi, Arg, ArgKind, Endian, Regs, Syscall, abi};
use filterc_cbpf::{Verified, assemble, verify};
use filterc_loader::probe::{self, Call, Entry, Observed, ProbeError};
use filterc_testkit::corpus;

/// What stands in the high half of registers.
const GARBAGE: u64 = 0xdead_beef_0000_0000;
/// No call here fails with it by itself.
const EXDEV: i64 = 18;
const DENIED: Observed = Observed::Returned(-EXDEV);

fn on(name: &str) -> &'static Abi {
    abi(name).unwrap()
}

/// The program of a policy for this machine.
fn filter(text: &str) -> Verified {
    let options = Options { default_abi: Some(on("x86_64")), ..corpus::options() };
    let compiled = compile(&Source::text("bypass.flt", text), &options);
    let compiled = compiled.unwrap_or_else(|diagnostics| panic!("{text}\n{diagnostics}"));
    compiled.program_for(Endian::HOST).verified().clone()
}

fn no_filter() -> Verified {
    verify(&assemble("ret allow").unwrap()).unwrap()
}

/// What comes of each call under a filter; `None` where that cannot be asked here.
fn run(filter: &Verified, calls: &[Call]) -> Option<Vec<Observed>> {
    match probe::run(filter, calls) {
        Ok(observed) => Some(observed),
        Err(ProbeError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The same for calls in a child each: one may close what another needs.
fn run_alone(filter: &Verified, calls: &[Call]) -> Option<Vec<Observed>> {
    calls.iter().map(|call| run(filter, &[*call])?.into_iter().next()).collect()
}

/// Whether a kernel with 32-bit programs answers `int 0x80`.
fn has_int80() -> bool {
    let getpid = Call { entry: Entry::Int80, nr: 20, args: [0; 6] };
    let answered = run(&no_filter(), &[getpid]);
    let there = answered.is_some_and(|seen| matches!(seen[0], Observed::Returned(1..)));
    if !there {
        println!("skipped: no 32-bit entry");
    }
    there
}

fn native(call: &str, args: [u64; 6]) -> Call {
    Call { entry: Entry::Native, nr: on("x86_64").syscall(call).unwrap().nr, args }
}

fn int80(call: &str, args: [u64; 6]) -> Call {
    Call { entry: Entry::Int80, nr: on("i386").syscall(call).unwrap().nr, args }
}

/// Success, or which error: descriptors and the like differ from call to call.
fn class(observed: Observed) -> i64 {
    match observed {
        Observed::Returned(value) => value.min(0),
        other => panic!("{other:?}"),
    }
}

/// A file of this test's own, its path and a buffer, for children to inherit.
struct Own {
    file: File,
    path: PathBuf,
    c_path: CString,
    here: CString,
    buffer: Box<[u64; 64]>,
}

impl Own {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("bypass-{name}-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        let c_path = CString::new(path.to_str().unwrap()).unwrap();
        Self { file, path, c_path, here: c".".to_owned(), buffer: Box::new([0; 64]) }
    }

    fn fd(&self) -> u64 {
        u64::from(self.file.as_raw_fd().cast_unsigned())
    }

    fn mode(&self) -> u32 {
        fs::metadata(&self.path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> u64 {
        self.c_path.as_ptr().addr() as u64
    }

    /// `.`: a relative path, so that the directory's descriptor counts.
    fn here(&self) -> u64 {
        self.here.as_ptr().addr() as u64
    }

    fn buffer(&self) -> u64 {
        self.buffer.as_ptr().addr() as u64
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The bits of its registers that an argument cannot fill, by its C type.
fn beyond(abi: &Abi, arg: &Arg) -> [u64; 6] {
    let mut beyond = [0; 6];
    let mut put = |register: u8, bits: u8| {
        if bits < 64 {
            beyond[usize::from(register)] = u64::MAX << bits;
        }
    };
    match arg.regs {
        Regs::One(register) => put(register, arg.declared.min(abi.word)),
        Regs::Pair { lo, hi } => [lo, hi].into_iter().for_each(|register| put(register, 32)),
        Regs::Invisible => (),
    }
    beyond
}

/// The call with garbage in those bits.
fn with_garbage(args: [u64; 6], beyond: [u64; 6]) -> [u64; 6] {
    // Some of it everywhere: high halves, and above 16 bits.
    const PATTERN: u64 = GARBAGE | 0x5555_0000;
    std::array::from_fn(|i| args[i] | (PATTERN & beyond[i]))
}

/// The value of an argument in a call.
fn value(arg: &Arg, args: [u64; 6]) -> (usize, u64) {
    let low = |bits: u8| u64::MAX >> (64 - bits);
    match arg.regs {
        Regs::One(register) => {
            let register = usize::from(register);
            (register, args[register] & low(arg.width))
        }
        Regs::Pair { lo, hi } => {
            let (lo, hi) = (usize::from(lo), usize::from(hi));
            (lo, args[lo] & 0xffff_ffff | args[hi] << 32)
        }
        Regs::Invisible => panic!("{} is not in a register", arg.name),
    }
}

/// Tries one call with garbage behind each of its arguments, and behind all of them. Returns
/// how many ways round there were, each refused; `None` if nothing can be tried here.
fn try_call(
    entry: Entry,
    abi: &'static Abi,
    call: &'static Syscall,
    args: [u64; 6],
) -> Option<u32> {
    let clean = Call { entry, nr: call.nr, args };
    let all = call.args.iter().map(|arg| beyond(abi, arg)).fold([0; 6], |mut all, one| {
        all.iter_mut().zip(one).for_each(|(all, one)| *all |= one);
        all
    });
    let socketcall = if abi.sub_calls().is_empty() { "" } else { "errno(ENOSYS) socketcall\n" };
    let policy = |default: &str, rule: &str| {
        let head = format!("arch {}\nunknown allow\ndefault {default}\n", abi.name);
        filter(&format!("{head}{socketcall}{rule}"))
    };
    let name = call.name;
    let mut ways = 0;
    for arg in call.args.iter().filter(|arg| arg.kind != ArgKind::Pointer) {
        let own = beyond(abi, arg);
        if own == [0; 6] {
            continue;
        }
        let calls = [[0; 6], own, all];
        let calls = calls.map(|beyond| Call { args: with_garbage(args, beyond), ..clean });
        let (field, what) = (arg.name, format!("{} {name}.{}", abi.name, arg.name));
        let expected = class(run_alone(&no_filter(), &calls)?[0]);
        let passes = |filter: &Verified, why: &str| -> Option<()> {
            for seen in run_alone(filter, &calls)? {
                assert_eq!(class(seen), expected, "{what}: {why}");
            }
            Some(())
        };
        passes(&no_filter(), "the kernel minds the garbage")?;
        let (register, value) = value(arg, args);
        let denied = policy("allow", &format!("errno(EXDEV) {name} if {field} == {value:#x}"));
        assert_eq!(run_alone(&denied, &calls)?, [DENIED; 3], "{what}: denied by value");
        let rule = format!("allow {name} if {field} == {value:#x}");
        passes(&policy("errno(EXDEV)", &rule), "allowed by value")?;
        // Another value is decided otherwise, whatever is above it.
        let rule = format!("errno(EXDEV) {name} if {field} == {:#x}", value ^ 1);
        passes(&policy("allow", &rule), "denied by another value")?;
        // Who compares whole registers is bypassed.
        let raw = args[register];
        let rule = format!("errno(EXDEV) {name} if args[{register}] == {raw:#x}");
        let seen = run_alone(&policy("allow", &rule), &calls)?;
        assert_eq!(seen[0], DENIED, "{what}");
        assert_eq!(class(seen[1]), expected, "{what}: no way round a comparison of 64 bits?");
        ways += 1;
    }
    Some(ways)
}

/// Calls that do no harm, each with arguments that the kernel takes.
fn harmless(own: &Own) -> Vec<(&'static str, Vec<u64>)> {
    const AT_FDCWD: u64 = 0xffff_ff9c;
    const CLOEXEC: u64 = 0o2_000_000;
    const DIRECTORY: u64 = 0o200_000;
    let (fd, path, here, buffer) = (own.fd(), own.path(), own.here(), own.buffer());
    vec![
        ("read", vec![fd]),
        ("write", vec![fd]),
        ("lseek", vec![fd, 0, 1]),
        ("pread64", vec![fd]),
        ("fcntl", vec![fd, 1]),
        ("ioctl", vec![fd, 0x541b, buffer]),
        ("flock", vec![fd, 8]),
        ("fchmod", vec![fd, 0o640]),
        ("ftruncate", vec![fd, 0]),
        ("dup", vec![fd]),
        ("dup2", vec![fd, fd]),
        ("dup3", vec![fd, 100, CLOEXEC]),
        ("close", vec![fd]),
        ("fadvise64", vec![fd, 0, 0, 4]),
        ("sync_file_range", vec![fd]),
        ("fallocate", vec![fd, 1, 0, 4096]),
        ("openat", vec![AT_FDCWD, here, DIRECTORY]),
        ("open", vec![here, DIRECTORY]),
        ("access", vec![here, 4]),
        ("faccessat", vec![AT_FDCWD, here, 4]),
        ("newfstatat", vec![AT_FDCWD, here, buffer]),
        ("chmod", vec![path, 0o600]),
        ("fchmodat", vec![AT_FDCWD, path, 0o600]),
        ("utimensat", vec![AT_FDCWD, path]),
        ("socket", vec![1, 1]),
        ("socketpair", vec![1, 1, 0, buffer]),
        ("epoll_create1", vec![CLOEXEC]),
        ("eventfd2", vec![0, CLOEXEC]),
        ("inotify_init1", vec![CLOEXEC]),
        ("timerfd_create", vec![1, CLOEXEC]),
        ("pipe2", vec![buffer, CLOEXEC]),
        ("memfd_create", vec![here, 1]),
        // Signal 0 to the own group: a question whether one could.
        ("kill", vec![0, 0]),
        ("getpgid", vec![0]),
        ("getsid", vec![0]),
        ("sched_getscheduler", vec![0]),
        ("sched_get_priority_max", vec![1]),
        ("getpriority", vec![0, 0]),
        ("getrlimit", vec![7, buffer]),
        ("prlimit64", vec![0, 7, 0, buffer]),
        ("prctl", vec![3]),
        ("umask", vec![0o22]),
        ("alarm", vec![0]),
        ("personality", vec![0xffff_ffff]),
        ("clock_gettime", vec![1, buffer]),
        ("clock_getres", vec![1, buffer]),
        ("getitimer", vec![0, buffer]),
        ("madvise", vec![0, 0, 4]),
        ("getgroups", vec![0, 0]),
        ("poll", vec![0, 0, 0]),
        ("membarrier", vec![0, 0]),
        ("getrandom", vec![buffer, 0, 0]),
        ("wait4", vec![0xffff_ffff, 0, 1]),
    ]
}

fn registers(args: &[u64]) -> [u64; 6] {
    std::array::from_fn(|i| args.get(i).copied().unwrap_or_default())
}

#[test]
fn garbage_above_every_small_argument_is_refused() {
    let own = Own::new("native");
    let x86_64 = on("x86_64");
    let mut ways = 0;
    for (name, args) in harmless(&own) {
        let call = x86_64.syscall(name).unwrap();
        let Some(more) = try_call(Entry::Native, x86_64, call, registers(&args)) else { return };
        ways += more;
    }
    println!("x86_64: {ways} ways round, all refused");
    assert!(ways > 60, "{ways}");
}

/// Here the kernel uses 32 bits of each register, whatever the argument's type. Pointers of
/// this process do not fit, so that only calls that need none are made.
#[test]
fn garbage_in_the_high_halves_of_32_bit_calls_is_refused() {
    if !has_int80() {
        return;
    }
    let own = Own::new("int80");
    let (i386, fd) = (on("i386"), own.fd());
    let calls: [(&str, &[u64]); 33] = [
        ("read", &[fd]),
        ("write", &[fd]),
        ("lseek", &[fd, 0, 1]),
        // The position in two registers.
        ("pread64", &[fd, 0, 0, 4096, 1]),
        ("pwrite64", &[fd, 0, 0, 7, 2]),
        ("readahead", &[fd, 0, 0, 0]),
        ("fallocate", &[fd, 1, 0, 0, 4096, 0]),
        ("sync_file_range", &[fd]),
        ("fcntl64", &[fd, 1]),
        ("flock", &[fd, 8]),
        ("fchmod", &[fd, 0o640]),
        ("ftruncate", &[fd, 0]),
        // The address 0 is an error that comes after the command is known.
        ("ioctl", &[fd, 0x541b]),
        ("dup", &[fd]),
        ("dup2", &[fd, fd]),
        ("dup3", &[fd, 100, 0o2_000_000]),
        ("close", &[fd]),
        ("socket", &[1, 1]),
        ("epoll_create1", &[0o2_000_000]),
        ("eventfd2", &[0, 0o2_000_000]),
        ("timerfd_create", &[1, 0o2_000_000]),
        ("kill", &[0, 0]),
        ("getpgid", &[0]),
        ("getsid", &[0]),
        ("sched_getscheduler", &[0]),
        ("sched_get_priority_max", &[1]),
        ("getpriority", &[0, 0]),
        ("prctl", &[3]),
        ("umask", &[0o22]),
        ("personality", &[0xffff_ffff]),
        ("madvise", &[0, 0, 4]),
        ("membarrier", &[0, 0]),
        ("wait4", &[0xffff_ffff, 0, 1]),
    ];
    let mut ways = 0;
    for (name, args) in calls {
        let call = i386.syscall(name).unwrap();
        let Some(more) = try_call(Entry::Int80, i386, call, registers(args)) else { return };
        ways += more;
    }
    println!("i386: {ways} ways round, all refused");
    assert!(ways > 60, "{ways}");
}

/// The kernel's `umode_t` has 16 bits: 0x10000 | 04755 makes a file set-user-id.
#[test]
fn set_user_id_by_a_mode_beyond_16_bits() {
    let own = Own::new("mode");
    let filter = filter(
        "arch x86_64, i386\ndefault allow\nerrno(EXDEV) fchmod, chmod, fchmodat if mode & (S_ISUID | S_ISGID)",
    );
    let forms = [0o4755, 0x1_0000 | 0o4755, GARBAGE | 0o4755, 0xffff_ffff_ffff_0000 | 0o4755];
    let mut calls: Vec<Call> =
        forms.map(|mode| native("fchmod", [own.fd(), mode, 0, 0, 0, 0])).to_vec();
    calls.extend(forms.map(|mode| native("chmod", [own.path(), mode, 0, 0, 0, 0])));
    if has_int80() {
        calls.extend(forms.map(|mode| int80("fchmod", [own.fd() | GARBAGE, mode, 0, 0, 0, 0])));
    }
    for call in calls {
        own.set_mode(0o644);
        let Some(truth) = run(&no_filter(), &[call]) else { return };
        assert_eq!((truth[0], own.mode()), (Observed::Returned(0), 0o4755), "{call:x?}");
        own.set_mode(0o644);
        assert_eq!(run(&filter, &[call]).unwrap(), [DENIED], "{call:x?}");
        assert_eq!(own.mode(), 0o644, "{call:x?}");
    }
    // Without these bits the mode passes, and what is above it still does not matter.
    let call = native("fchmod", [own.fd(), 0xffff_ffff_ffff_0000 | 0o700, 0, 0, 0, 0]);
    assert_eq!(run(&filter, &[call]).unwrap(), [Observed::Returned(0)]);
    assert_eq!(own.mode(), 0o700);
}

/// `open` makes a file of the low 16 bits of its mode too.
#[test]
fn the_mode_of_a_new_file() {
    let own = Own::new("open");
    let new = own.path.with_extension("new");
    let name = CString::new(new.to_str().unwrap()).unwrap();
    let filter = filter(
        "arch x86_64\ndefault allow\nerrno(EXDEV) open, openat if mode & 0o4000"
            .replace("0o", "0")
            .as_str(),
    );
    const CREATE: u64 = 0o101;
    for mode in [0o4600_u64, 0xffff_0000 | 0o4600, GARBAGE | 0o4600] {
        let call = native("open", [name.as_ptr().addr() as u64, CREATE, mode, 0, 0, 0]);
        let Some(truth) = run(&no_filter(), &[call]) else { return };
        assert_eq!(class(truth[0]), 0, "{call:x?}");
        let made = fs::metadata(&new).unwrap().permissions().mode() & 0o7777;
        fs::remove_file(&new).unwrap();
        assert_eq!(made, 0o4600);
        assert_eq!(run(&filter, &[call]).unwrap(), [DENIED], "{call:x?}");
        assert!(!new.exists());
    }
}

/// −100 comes zero-extended from one compiler and sign-extended from another.
#[test]
fn at_fdcwd_both_ways() {
    let own = Own::new("fdcwd");
    let forms = [0xffff_ff9c, 0xffff_ffff_ffff_ff9c, GARBAGE | 0xffff_ff9c];
    let calls = forms.map(|dfd| native("openat", [dfd, own.here(), 0o200_000, 0, 0, 0]));
    let Some(truth) = run(&no_filter(), &calls) else { return };
    assert!(truth.iter().all(|seen| class(*seen) == 0), "{truth:?}");
    let text = |rule: &str| format!("arch x86_64\ndefault {rule}");
    let denied = filter(&text("allow\nerrno(EXDEV) openat if dfd == AT_FDCWD"));
    assert_eq!(run(&denied, &calls).unwrap(), [DENIED; 3]);
    let allowed = filter(&text("errno(EXDEV)\nallow openat if dfd == AT_FDCWD"));
    assert!(run(&allowed, &calls).unwrap().iter().all(|seen| class(*seen) == 0));
    let ordered = filter(&text("allow\nerrno(EXDEV) openat if dfd < 0"));
    assert_eq!(run(&ordered, &calls).unwrap(), [DENIED; 3]);
}

/// `FIONREAD | 1 << 32` is FIONREAD.
#[test]
fn an_ioctl_command_beyond_32_bits() {
    let own = Own::new("ioctl");
    let calls = [0x541b, 0x541b | 1 << 32]
        .map(|cmd| native("ioctl", [own.fd(), cmd, own.buffer(), 0, 0, 0]));
    let Some(truth) = run(&no_filter(), &calls) else { return };
    assert_eq!(truth, [Observed::Returned(0); 2]);
    let denied = filter("arch x86_64\ndefault allow\nerrno(EXDEV) ioctl if cmd == FIONREAD");
    assert_eq!(run(&denied, &calls).unwrap(), [DENIED; 2]);
}

/// The flags of `clone` are declared `unsigned long`, and 32 bits of them are used. Asked
/// without being made: it would leave a process behind.
#[test]
fn clone_flags_beyond_32_bits() {
    let denied = filter(
        "arch x86_64, i386\ndefault allow\nerrno(EXDEV) clone if clone_flags & CLONE_NEWUSER",
    );
    let forms = [0x1000_0011, 0x1000_0011 | GARBAGE, 0x1000_0011 | 1 << 32];
    for flags in forms {
        let args = [flags, 0, 0, 0, 0, 0];
        match probe::decisions(&denied, &[native("clone", args), int80("clone", args)]) {
            Ok(decisions) => {
                assert_eq!(decisions, [probe::Decision::Ret(0x0005_0012); 2], "{flags:#x}");
            }
            Err(ProbeError::Unavailable(reason)) => return println!("skipped: {reason}"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A number of another table is another call: with the x32 bit, or through the other entry.
#[test]
fn numbers_of_other_abis() {
    const X32: u32 = 0x4000_0000;
    let getppid = native("getppid", [0; 6]);
    let parent = Observed::Returned(i64::from(std::process::id()));
    let foreign = Observed::Returned(-(EXDEV + 1));
    // All that x86_64 has is allowed, and nothing else.
    let native_only = filter("arch x86_64\ndefault allow\nunknown allow\nforeign errno(ENODEV)");
    let of_x32 = |nr: u32| Call { nr: nr | X32, ..getppid };
    let calls = [getppid, of_x32(getppid.nr), of_x32(0x3fff_ffff), of_x32(getppid.nr | 1 << 31)];
    let Some(seen) = run(&native_only, &calls) else { return };
    assert_eq!(seen, [parent, foreign, foreign, foreign]);
    // Where x32 is listed, its calls have its rules; most kernels then say ENOSYS themselves.
    let with_x32 =
        filter("arch x86_64, x32\ndefault errno(EXDEV)\nlog getppid\nforeign errno(ENODEV)");
    let seen = run(&with_x32, &[getppid, of_x32(getppid.nr), of_x32(0)]).unwrap();
    assert_eq!(seen[0], parent);
    assert!(seen[1] == parent || seen[1] == Observed::Returned(-38), "{:?}", seen[1]);
    assert_eq!(seen[2], DENIED);
    if !has_int80() {
        return;
    }
    // 64 is getppid for 32-bit programs, and semget here; 110 is getppid here, and iopl there.
    let other = int80("getppid", [0; 6]);
    assert_eq!((other.nr, getppid.nr), (64, 110));
    assert_eq!(run(&no_filter(), &[other]).unwrap(), [parent]);
    assert_eq!(run(&native_only, &[other]).unwrap(), [foreign]);
    let both =
        filter("arch x86_64, i386\ndefault allow\nerrno(EXDEV) getppid\nerrno(EPERM) semget, iopl");
    let semget = native("semget", [0; 6]);
    assert_eq!(semget.nr, other.nr);
    let iopl = int80("iopl", [0; 6]);
    assert_eq!(iopl.nr, getppid.nr);
    let eperm = Observed::Returned(-1);
    assert_eq!(
        run(&both, &[getppid, other, semget, iopl]).unwrap(),
        [DENIED, DENIED, eperm, eperm]
    );
}

/// On i386 the position of `pread64` is in two registers, of which the high halves are nothing.
#[test]
fn a_position_in_two_registers() {
    if !has_int80() {
        return;
    }
    let own = Own::new("pairs");
    let at = |lo: u64, hi: u64| int80("pread64", [own.fd(), 0, 0, lo, hi, 0]);
    // Without bytes to read, the kernel looks at the position alone: a negative one is EINVAL.
    let calls = [
        at(0, 0),
        at(GARBAGE, GARBAGE),
        at(1 << 31, 0),
        at(1 << 63, 1 << 63),
        at(0, 1 << 31),
        at(GARBAGE, GARBAGE | 0xffff_ffff),
    ];
    let einval = Observed::Returned(-22);
    let fine = Observed::Returned(0);
    let read = File::open(&own.path).unwrap();
    let calls = calls.map(|call| {
        let fd = u64::from(read.as_raw_fd().cast_unsigned());
        Call { args: [fd, call.args[1], call.args[2], call.args[3], call.args[4], 0], ..call }
    });
    let Some(truth) = run(&no_filter(), &calls) else { return };
    assert_eq!(truth, [fine, fine, fine, fine, einval, einval]);
    let denied = filter("arch i386\ndefault allow\nerrno(EXDEV) pread64 if pos < 0");
    let expected = [fine, fine, fine, fine, DENIED, DENIED];
    assert_eq!(run(&denied, &calls).unwrap(), expected);
}
