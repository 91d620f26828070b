//! Decides a call: the reference semantics of the whole policy, over what is seen of the call when
//! it is asked for.
//!
//! A question that cannot be answered (an address that is not mapped, a path that is too long) makes
//! the call fail as the kernel would have made it fail; no rule decides then.

use std::collections::BTreeMap;

use filterc_abi::{Action, SeccompData};
use filterc_hir::eval::{Case, Reason, case};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::Policy;
use filterc_hir::questions::{Asked, Number, Pattern, Who};
use rustix::io::Errno;

use crate::asking::Asking;
use crate::caller::Caller;
use crate::view::address::{Address, is_within};
use crate::view::task::{self, Status, of_parent, of_some_ancestor};

/// A policy that decides, with what records say of its rules.
#[derive(Debug)]
pub struct Judge<'p> {
    policy: &'p Policy,
    params: &'p [u64],
    /// Line of each rule, by its position; 0 where it is not known.
    lines: &'p [u32],
    cases: BTreeMap<(u32, u32), Case<'p>>,
}

/// Cases that are kept; there are a few hundred calls, and numbers that are none.
const CASES_MAX: usize = 2048;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The action; where a question could not be answered, the errno.
    pub action: Action,
    /// The rule that decided, by its position; `None` for what is not a rule's.
    pub rule: Option<u32>,
    /// Its line, from 1; 0 where none did.
    pub line: u32,
    /// Whether it rests on memory that other threads can change.
    pub in_memory: bool,
    /// Whether the policy says of the call that it may be raced.
    pub racy: bool,
    /// Whether the policy names neither the call nor its number, and no table knows it.
    pub uninstrumented: bool,
}

impl<'p> Judge<'p> {
    /// A policy, the values of its parameters, and the lines of its rules.
    #[must_use]
    pub const fn new(policy: &'p Policy, params: &'p [u64], lines: &'p [u32]) -> Self {
        Self { policy, params, lines, cases: BTreeMap::new() }
    }

    /// Decides a call.
    pub fn judge(&mut self, caller: &Caller<'_>) -> Verdict {
        let (arch, nr) = (caller.data.arch, caller.data.nr.cast_unsigned());
        let part = self.policy.abis().iter().find(|part| part.abi().name == caller.abi.name);
        let named = part.is_some_and(|part| part.names(nr));
        let racy = part.is_some_and(|part| part.is_racy(nr));
        let uninstrumented = caller.name.is_empty() && !named;
        if self.cases.len() >= CASES_MAX {
            self.cases.clear();
        }
        let policy = self.policy;
        let case = self.cases.entry((arch, nr)).or_insert_with(|| case(policy, arch, nr));
        let questions = policy.questions();
        let mut asking =
            Asking::new(caller.data, questions, self.params, |asked: &Asked| answer(caller, asked));
        let (action, reason) = decide(case, |predicate| asking.holds(predicate));
        let rule = match reason {
            Some(Reason::Rule(rule)) => Some(rule.0),
            Some(Reason::Default | Reason::Unknown | Reason::Foreign) | None => None,
        };
        let line = rule.and_then(|rule| self.lines.get(usize::try_from(rule).ok()?).copied());
        let in_memory = caller.is_in_memory();
        Verdict { action, rule, line: line.unwrap_or(0), in_memory, racy, uninstrumented }
    }

    /// What is decided of a call whose ABI no table knows.
    #[must_use]
    pub fn foreign(&self, data: &SeccompData) -> Action {
        case(self.policy, data.arch, data.nr.cast_unsigned()).otherwise.action
    }
}

/// The first arm that holds, or what decides if none does.
fn decide(
    case: &Case<'_>,
    mut holds: impl FnMut(&Predicate) -> Result<bool, Errno>,
) -> (Action, Option<Reason>) {
    for arm in &case.arms {
        match holds(&arm.predicate) {
            Ok(false) => {}
            Ok(true) => return (arm.action, Some(Reason::Rule(arm.rule))),
            Err(errno) => return (Action::Errno(number(errno)), None),
        }
    }
    (case.otherwise.action, Some(case.otherwise.reason))
}

/// An errno as actions have it.
#[must_use]
pub fn number(errno: Errno) -> u16 {
    u16::try_from(errno.raw_os_error()).unwrap_or(filterc_abi::seccomp::MAX_ERRNO)
}

/// The answer to a question about a call.
///
/// # Errors
/// Why there is none.
pub fn answer(caller: &Caller<'_>, asked: &Asked) -> Result<bool, Errno> {
    match asked {
        Asked::Path { argument, folder, pattern } => {
            Ok(pattern.matches(&caller.path(*argument, *folder)?.path))
        }
        Asked::Text { argument, pattern } => Ok(pattern.matches(caller.text(*argument)?)),
        Asked::Family { address, length, .. }
        | Asked::Port { address, length, .. }
        | Asked::Ip { address, length, .. } => {
            Ok(of_address(caller.address(*address, *length)?, asked))
        }
        Asked::Word { argument, index, pattern } => {
            Ok(of_words(caller.words(*argument)?, *index, pattern))
        }
        Asked::Exe { who, pattern } => {
            of_task(caller.tid, *who, |tid| text(task::exe(tid), pattern))
        }
        Asked::Comm { who, pattern } => {
            of_task(caller.tid, *who, |tid| text(task::comm(tid), pattern))
        }
        Asked::Cgroup { who, pattern } => {
            of_task(caller.tid, *who, |tid| text(task::cgroup(tid), pattern))
        }
        // Known without a look.
        Asked::Number { who: Who::Caller, number: Number::Tid, op, value } => {
            Ok(op.holds(&i64::from(caller.tid), value))
        }
        Asked::Number { who, number, op, value } => of_task(caller.tid, *who, |tid| {
            let other;
            let status = if tid == caller.tid {
                caller.status()?
            } else {
                other = Status::read(tid)?;
                &other
            };
            let ([uid, ..], [gid, ..]) = (status.uids, status.gids);
            let number = match number {
                Number::Pid => status.pid,
                Number::Tid => tid,
                Number::Uid => uid,
                Number::Gid => gid,
            };
            Ok(op.holds(&i64::from(number), value))
        }),
        Asked::Socket { argument } => caller.is_socket(*argument),
        // Only calls that have ended have one, and of those sequences ask.
        Asked::Result { .. } => Err(Errno::INVAL),
    }
}

/// The answer to a question about a socket address; no to any other.
pub(crate) fn of_address(address: &Address, asked: &Asked) -> bool {
    let among = |ranges: &[(u16, u16)], value: Option<u16>| {
        value.is_some_and(|value| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&value))
        })
    };
    match asked {
        Asked::Family { ranges, .. } => among(ranges, address.family()),
        Asked::Port { ranges, .. } => among(ranges, address.port()),
        Asked::Ip { networks, .. } => {
            let within = |ip| networks.iter().any(|(net, bits)| is_within(ip, *net, *bits));
            address.ip().is_some_and(within)
        }
        Asked::Path { .. }
        | Asked::Text { .. }
        | Asked::Word { .. }
        | Asked::Exe { .. }
        | Asked::Comm { .. }
        | Asked::Cgroup { .. }
        | Asked::Number { .. }
        | Asked::Socket { .. }
        | Asked::Result { .. } => false,
    }
}

/// Whether a word of a command is like a pattern: that one, or some.
pub(crate) fn of_words(words: &[impl AsRef<[u8]>], index: Option<u32>, pattern: &Pattern) -> bool {
    let is = |word: &_| pattern.matches(AsRef::as_ref(word));
    match index {
        Some(index) => {
            let at = usize::try_from(index).ok();
            at.and_then(|at| words.get(at)).is_some_and(is)
        }
        None => words.iter().any(is),
    }
}

fn text(text: Result<Vec<u8>, Errno>, pattern: &Pattern) -> Result<bool, Errno> {
    text.map(|text| pattern.matches(&text))
}

/// What holds of nobody, where there is nobody, does not hold.
fn of_task(tid: u32, who: Who, ask: impl Fn(u32) -> Result<bool, Errno>) -> Result<bool, Errno> {
    match who {
        Who::Caller => ask(tid),
        Who::Parent => Ok(of_parent(tid, ask)?.unwrap_or(false)),
        Who::Ancestor => of_some_ancestor(tid, ask),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
