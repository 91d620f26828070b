//! Traces of `strace`: calls with their arguments decoded, back to numbers by our tables.
//!
//! ```text
//! [pid 7] openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3
//! [pid 7] socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = ?
//! [pid 7] --- SIGSYS {si_code=SYS_SECCOMP, si_syscall=__NR_socket, si_arch=AUDIT_ARCH_X86_64} ---
//! ```
//!
//! What `strace` shows instead of an address (a text, a structure) is an argument that is not
//! known, and so is a constant that the tables lack.

use std::collections::BTreeMap;

use filterc_abi::{self as abi, Abi, Arg, Syscall};

use super::record::{Bad, Became, Reading, Record, Who, number_of};
use crate::records::values;
use crate::seen::{Bits, Seen};

/// Reads a trace line by line.
pub(super) struct Strace {
    native: &'static Abi,
    /// Threads that run on another ABI.
    modes: BTreeMap<Option<u32>, &'static Abi>,
    /// Calls whose end stands on a later line, with their own line and text.
    unfinished: BTreeMap<Option<u32>, (usize, String)>,
    /// Where in the reading the last call of each thread is.
    last: BTreeMap<Option<u32>, usize>,
    /// What that returned.
    returned: BTreeMap<Option<u32>, i128>,
}

impl Strace {
    pub(super) fn new(native: &'static Abi) -> Self {
        let (modes, unfinished) = (BTreeMap::new(), BTreeMap::new());
        Self { native, modes, unfinished, last: BTreeMap::new(), returned: BTreeMap::new() }
    }

    /// Reads a line.
    pub(super) fn line(&mut self, number: usize, line: &str, reading: &mut Reading) {
        if let Some((pid, abi)) = mode(line, self.native) {
            self.modes.insert(pid, abi);
            return;
        }
        let (pid, rest) = prefix(line);
        let made = if let Some(signal) = rest.strip_prefix("--- SIGSYS ") {
            self.signal(number, pid, signal, reading)
        } else if let Some(end) = rest.strip_prefix("+++ ") {
            self.ended(pid, end, reading);
            Ok(())
        } else if rest.starts_with("--- ") {
            Ok(())
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            self.resumed(number, pid, resumed, reading)
        } else {
            self.call(number, pid, rest, reading)
        };
        if let Err(bad) = made {
            reading.fault(number, bad);
        }
    }

    /// Calls that never returned.
    pub(super) fn finish(&mut self, reading: &mut Reading) {
        for (pid, (line, text)) in std::mem::take(&mut self.unfinished) {
            self.push(line, pid, &text, Became::Unsaid, reading);
        }
    }

    fn abi(&self, pid: Option<u32>) -> &'static Abi {
        self.modes.get(&pid).copied().unwrap_or(self.native)
    }

    fn call(
        &mut self,
        number: usize,
        pid: Option<u32>,
        text: &str,
        reading: &mut Reading,
    ) -> Result<(), Bad> {
        let Some(name) = call_name(text) else {
            reading.passed_over += 1;
            return Ok(());
        };
        if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            self.unfinished.insert(pid, (number, begun.trim_end().to_owned()));
            return Ok(());
        }
        let Some((call, result)) = with_result(text) else {
            // What a program writes may look like a call; the name of one is a claim.
            if self.abi(pid).syscall(name).is_none() {
                reading.passed_over += 1;
                return Ok(());
            }
            return Err(Bad::from("the line ends before the call's result"));
        };
        let became = self.result(pid, result);
        self.made(number, pid, call, became, reading)
    }

    fn resumed(
        &mut self,
        number: usize,
        pid: Option<u32>,
        text: &str,
        reading: &mut Reading,
    ) -> Result<(), Bad> {
        let Some((_, rest)) = text.split_once(" resumed>") else {
            return Err(Bad::from("a call goes on without ` resumed>`"));
        };
        let begun = self.unfinished.remove(&pid);
        let (line, begun) = begun.ok_or("a call goes on that did not begin")?;
        let whole = format!("{begun}{rest}");
        let Some((call, result)) = with_result(&whole) else {
            return Err(Bad::from("the line ends before the call's result"));
        };
        let became = self.result(pid, result);
        self.made(line.min(number), pid, call, became, reading)
    }

    fn made(
        &mut self,
        line: usize,
        pid: Option<u32>,
        call: &str,
        became: Became,
        reading: &mut Reading,
    ) -> Result<(), Bad> {
        let seen = seen(self.abi(pid), call)?;
        let who = Who { pid, ..Who::default() };
        self.last.insert(pid, reading.records.len());
        reading.records.push(Record { line, seen, became, count: 1, who });
        Ok(())
    }

    /// The same where a fault has been told or is of no interest.
    fn push(
        &mut self,
        line: usize,
        pid: Option<u32>,
        text: &str,
        became: Became,
        reading: &mut Reading,
    ) {
        if let Err(bad) = self.made(line, pid, text, became, reading) {
            reading.fault(line, bad);
        }
    }

    /// What a result says.
    fn result(&mut self, pid: Option<u32>, result: &str) -> Became {
        let mut words = result.split_whitespace();
        match result.split_whitespace().next().and_then(values::integer) {
            Some(number) => self.returned.insert(pid, number),
            None => self.returned.remove(&pid),
        };
        match (words.next(), words.next()) {
            (Some("-1"), Some(error)) => {
                let errno = self.abi(pid).constant(error).and_then(|it| u16::try_from(it).ok());
                errno.map_or(Became::Unsaid, Became::Failed)
            }
            (Some("?") | None, _) => Became::Unsaid,
            (Some(_), _) => Became::Returned,
        }
    }

    /// A SIGSYS that a filter sent: the signal names the call.
    fn signal(
        &mut self,
        number: usize,
        pid: Option<u32>,
        text: &str,
        reading: &mut Reading,
    ) -> Result<(), Bad> {
        if !text.contains("SYS_SECCOMP") {
            return Ok(());
        }
        let field = |name: &str| {
            let (_, rest) = text.split_once(name)?;
            rest.split([',', '}']).next().map(str::trim)
        };
        let arch = field("si_arch=").ok_or("a SIGSYS without `si_arch`")?;
        let call = field("si_syscall=").ok_or("a SIGSYS without `si_syscall`")?;
        let named = abi::abis().iter().filter(|abi| abi.audit_arch_name == arch);
        let token = named.map(|abi| abi.audit_arch).next();
        let token = token.or_else(|| values::integer(arch).and_then(|it| u32::try_from(it).ok()));
        let unknown = || Bad::Unknown(format!("`{arch}` is no architecture that is known"));
        let token = token.ok_or_else(unknown)?;
        let name = call.strip_prefix("__NR_").unwrap_or(call);
        let nr = number_of(token, name).or_else(|| {
            let digits = name.strip_prefix("syscall_").unwrap_or(name);
            values::integer(digits).and_then(|it| u32::try_from(it).ok())
        });
        let nr = nr.ok_or_else(|| Bad::Unknown(format!("`{name}` is no call of `{arch}`")))?;
        let last = self.last.get(&pid).and_then(|at| reading.records.get_mut(*at));
        match last.filter(|it| it.seen.arch == token && it.seen.nr == nr.cast_signed()) {
            Some(record) => record.became = Became::Sigsys,
            None => {
                let seen = Seen::number(token, nr.cast_signed());
                let who = Who { pid, ..Who::default() };
                self.last.insert(pid, reading.records.len());
                let became = Became::Sigsys;
                reading.records.push(Record { line: number, seen, became, count: 1, who });
            }
        }
        Ok(())
    }

    /// The end of a thread: if SIGSYS killed it, its last call did that.
    fn ended(&mut self, pid: Option<u32>, end: &str, reading: &mut Reading) {
        let killed = end.starts_with("killed by SIGSYS");
        if let Some((line, text)) = self.unfinished.remove(&pid) {
            self.push(line, pid, &text, Became::Unsaid, reading);
        }
        let last = self.last.remove(&pid).and_then(|at| reading.records.get_mut(at));
        let returned = self.returned.remove(&pid);
        // A call that is killed leaves its number in the register of results. A SIGSYS that somebody
        // sent comes behind a call that returned something else.
        let is_its = |record: &&mut Record| {
            record.became == Became::Unsaid || returned == Some(record.seen.nr.into())
        };
        if let Some(record) = last.filter(|record| killed && is_its(record)) {
            record.became = Became::Sigsys;
        }
    }
}

/// `[ Process PID=7 runs in 32 bit mode. ]`
fn mode(line: &str, native: &'static Abi) -> Option<(Option<u32>, &'static Abi)> {
    let (_, rest) = line.split_once("[ Process PID=")?;
    let (pid, rest) = rest.split_once(" runs in ")?;
    let (mode, _) = rest.split_once(" mode")?;
    let marked = |abi: &Abi| abi.mark.is_some_and(|mark| mark.set);
    let machine = abi::abis().iter().filter(|abi| abi.kernel_arch == native.kernel_arch);
    let is = |abi: &&Abi| match mode {
        "32 bit" => abi.register == 32,
        "x32" => marked(abi),
        _ => abi.register == 64 && !marked(abi),
    };
    Some((pid.parse().ok(), machine.into_iter().find(is)?))
}

/// The thread, and the line without it and without times.
fn prefix(line: &str) -> (Option<u32>, &str) {
    let mut rest = line.trim_start();
    let mut pid = None;
    if let Some(inside) = rest.strip_prefix("[pid")
        && let Some((number, behind)) = inside.split_once(']')
    {
        pid = number.trim().parse().ok();
        rest = behind.trim_start();
    }
    while let Some((word, behind)) = rest.split_once(char::is_whitespace) {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_time = word.contains([':', '.'])
            && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
        // `[00007f0012345678]` of `strace -i`.
        let address = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
        let is_address =
            address.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_hexdigit()));
        if pid.is_none() && digits(word) {
            pid = word.parse().ok();
        } else if word == "(+" {
            let Some((_, after)) = behind.split_once(')') else { break };
            rest = after.trim_start();
            continue;
        } else if !is_time && !is_address {
            break;
        }
        rest = behind.trim_start();
    }
    (pid, rest)
}

/// The name in front of the parenthesis, if a line begins with one.
fn call_name(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('(')?;
    let mut bytes = name.bytes();
    let first = bytes.next()?;
    let is_name = (first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some(name)
}

/// A call up to its closing parenthesis, and its result.
fn with_result(text: &str) -> Option<(&str, &str)> {
    let open = text.find('(')?;
    let close = values::closing(text, open)?;
    let rest = text.get(close + 1..)?.trim_start();
    Some((text.get(..=close)?, rest.strip_prefix('=')?.trim_start()))
}

/// Names of `strace` for arguments of `clone`.
const NAMES: &[(&str, &str)] = &[
    ("child_stack", "newsp"),
    ("flags", "clone_flags"),
    ("parent_tid", "parent_tidptr"),
    ("child_tid", "child_tidptr"),
];

/// Reads a call, its closing parenthesis perhaps missing.
fn seen(abi: &'static Abi, text: &str) -> Result<Seen, Bad> {
    let name = call_name(text).ok_or("this is no call")?;
    let inside = text.get(name.len() + 1..).unwrap_or_default();
    let inside = inside.strip_suffix(')').unwrap_or(inside);
    let args = values::split(inside);
    if let Some(digits) = name.strip_prefix("syscall_") {
        let nr = values::integer(digits).and_then(|nr| u32::try_from(nr).ok());
        let nr = nr.ok_or("`syscall_` without a number")?;
        let mut seen = Seen::number(abi.audit_arch, nr.cast_signed());
        for (slot, text) in seen.args.iter_mut().zip(&args) {
            let value = values::integer(text).and_then(values::bits);
            *slot = value.map_or(Bits::UNKNOWN, Bits::whole);
        }
        return Ok(seen);
    }
    let unknown = || Bad::Unknown(format!("`{name}` is no call of {}", abi.name));
    let call = abi.syscall(name).ok_or_else(unknown)?;
    let mut seen = Seen::number(abi.audit_arch, call.nr.cast_signed());
    for (place, text) in args.iter().enumerate() {
        let (named, text) = values::named(text);
        let Some(arg) = argument(call, place, named) else { continue };
        if let Some(value) = values::value(abi, text)
            && let Some(bits) = values::bits(value)
        {
            // What `strace` shows is what the kernel uses.
            let known =
                if arg.width == 64 { Bits::whole(bits) } else { Bits::low(bits, arg.width) };
            seen.put(arg.regs, known);
        }
    }
    Ok(seen)
}

fn argument(call: &'static Syscall, place: usize, named: Option<&str>) -> Option<&'static Arg> {
    let Some(name) = named else { return call.args.get(place) };
    call.arg(name).or_else(|| {
        let (_, ours) = NAMES.iter().find(|(theirs, _)| *theirs == name)?;
        call.arg(ours)
    })
}
