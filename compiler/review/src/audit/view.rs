//! What is decided, call by call, for the ABIs that a policy or program is written for.

use std::collections::BTreeMap;

use filterc_abi::{self as abi, Abi, Action, Endian, SeccompData, Status, Syscall};
use filterc_cbpf::errno::errno_name_on;
use filterc_check::{Answer, Decision, Part};

use crate::audit::subject::Subject;
use crate::audit::walk::{Search, Want, value};
use crate::near;

/// Everything.
pub(crate) struct View<'p> {
    /// The ABIs that it is written for.
    pub(crate) abis: Vec<OfAbi<'p>>,
    /// All parts.
    pub(crate) parts: &'p [Part],
    pub(crate) endian: Endian,
}

/// One ABI.
pub(crate) struct OfAbi<'p> {
    pub(crate) abi: &'static Abi,
    /// Its implemented calls, by number, and what is decided about them.
    pub(crate) calls: Vec<(&'static Syscall, &'p Decision)>,
    /// Numbers that no call has, first and last.
    pub(crate) unknown: Vec<(u32, u32, &'p Decision)>,
    pub(crate) endian: Endian,
    /// What most calls get that are refused.
    refused: Option<u32>,
}

/// What may become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is let through, whatever its arguments are.
    Open,
    /// It is let through for some arguments.
    Partly,
    /// It is never let through.
    Shut,
}

/// Whether a call with that value is executed, and nobody but the kernel is asked.
pub(crate) fn passes(value: u32) -> bool {
    near::passes(Action::from_ret(value))
}

/// What may become of calls with a decision.
pub(crate) fn fate(decision: &Decision) -> Fate {
    let open = decision.values.iter().filter(|values| passes(value(values))).count();
    match open {
        0 => Fate::Shut,
        all if all == decision.values.len() => Fate::Open,
        _ => Fate::Partly,
    }
}

/// Whether that is an errno, and which.
pub(crate) fn errno(value: u32) -> Option<u16> {
    match Action::from_ret(value) {
        Action::Errno(errno) => Some(errno),
        Action::KillProcess
        | Action::KillThread
        | Action::Trap(_)
        | Action::Notify
        | Action::Trace(_)
        | Action::Log
        | Action::Allow => None,
    }
}

impl<'p> View<'p> {
    pub(crate) fn new(parts: &'p [Part], subject: &Subject<'_>) -> Self {
        let endian = subject.endian;
        let of_order = |abi: &&'static Abi| abi.endian == endian;
        let mut abis: Vec<OfAbi<'p>> = match subject.abis {
            Some(abis) => abis.iter().copied().filter(of_order).map(|abi| (abi, true)).collect(),
            None => abi::abis().iter().filter(of_order).map(|abi| (abi, false)).collect::<Vec<_>>(),
        }
        .into_iter()
        .map(|(abi, known)| (OfAbi::new(abi, parts, endian), known))
        .filter(|(of_abi, known)| *known || of_abi.is_distinguished())
        .map(|(of_abi, _)| of_abi)
        .collect();
        abis.sort_by_key(|of_abi| of_abi.abi.name);
        Self { abis, parts, endian }
    }

    pub(crate) fn has(&self, abi: &Abi) -> bool {
        self.abis.iter().any(|of_abi| of_abi.abi.name == abi.name)
    }
}

impl<'p> OfAbi<'p> {
    fn new(abi: &'static Abi, parts: &'p [Part], endian: Endian) -> Self {
        let mut of_abi =
            Self { abi, calls: Vec::new(), unknown: Vec::new(), endian, refused: None };
        let here = |part: &&Part| part.arch.0 <= abi.audit_arch && abi.audit_arch <= part.arch.1;
        for part in parts.iter().filter(here) {
            let (first, last) = part.nr;
            let inside = |call: &&'static Syscall| first <= call.nr && call.nr <= last;
            let mut next = Some(first);
            for call in abi.syscalls().iter().filter(inside) {
                of_abi.gap(next, call.nr.checked_sub(1), &part.decision);
                if call.status != Status::Unimplemented {
                    of_abi.calls.push((call, &part.decision));
                }
                next = call.nr.checked_add(1);
            }
            of_abi.gap(next, Some(last), &part.decision);
        }
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        let answers = of_abi.calls.iter().filter_map(|(_, decision)| only(decision));
        for answer in answers.filter(|answer| !passes(*answer)) {
            *counts.entry(answer).or_default() += 1;
        }
        of_abi.refused = counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value);
        of_abi
    }

    /// Numbers between calls, as far as they are the ABI's.
    fn gap(&mut self, first: Option<u32>, last: Option<u32>, decision: &'p Decision) {
        let Some((first, last)) = first.zip(last).filter(|(first, last)| first <= last) else {
            return;
        };
        // The bit of a mark divides the numbers in two; what lies above it twice over is no
        // number that a kernel's table could have.
        let (from, to) = match self.abi.mark {
            None => (first, last),
            Some(mark) if mark.set => (first.max(mark.bit), last.min(2 * mark.bit - 1)),
            Some(mark) => (first, last.min(mark.bit - 1)),
        };
        if from <= to {
            self.unknown.push((from, to, decision));
        }
    }

    /// Whether calls are told apart by their numbers.
    fn is_distinguished(&self) -> bool {
        let unknown = self.unknown.last().map(|(_, _, decision)| *decision);
        self.calls.iter().any(|(_, decision)| unknown.is_none_or(|other| other != *decision))
    }

    pub(crate) fn call(&self, name: &str) -> Option<(&'static Syscall, &'p Decision)> {
        let call = self.abi.syscall(name)?;
        let at = self.calls.binary_search_by_key(&call.nr, |(call, _)| call.nr).ok()?;
        self.calls.get(at).copied()
    }

    /// What is decided about numbers that are higher than those of all calls.
    pub(crate) fn new_numbers(&self) -> Option<(u32, &'p Decision)> {
        let last = self.calls.last().map(|(call, _)| call.nr)?;
        let above = self.unknown.iter().find(|(_, to, _)| *to > last)?;
        Some((above.0.max(last + 1), above.2))
    }

    /// Whether something is said of a call that is neither said of those that nobody knows nor
    /// of most that are refused.
    pub(crate) fn is_named(&self, decision: &Decision) -> bool {
        let unknown = self.new_numbers().is_none_or(|(_, other)| other != decision);
        unknown && only(decision).is_none_or(|value| Some(value) != self.refused)
    }

    /// Whether that is the errno of calls that a kernel does not have.
    pub(crate) fn is_enosys(&self, value: u32) -> bool {
        errno(value).is_some_and(|errno| self.abi.constant("ENOSYS") == Some(errno.into()))
    }

    /// The name of an errno, or its number.
    pub(crate) fn errno_name(&self, errno: u16) -> String {
        errno_name_on(self.abi, errno).map_or_else(|| errno.to_string(), str::to_owned)
    }

    /// A call with a number, with zeros for whatever is not asked, for which something is said.
    pub(crate) fn example(
        &self,
        nr: u32,
        decision: &Decision,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Option<(SeccompData, u32)> {
        let want = Want { fixed: &[], is: wanted };
        let words = Search::new(decision).find(&want)?;
        Some(self.finish(nr, words, decision))
    }

    /// A call of a number and words.
    pub(crate) fn finish(
        &self,
        nr: u32,
        mut words: [u32; 16],
        decision: &Decision,
    ) -> (SeccompData, u32) {
        let said = decision.at(|word| words.get(usize::from(word)).copied().unwrap_or_default());
        let said = value(said);
        let [number, token, ..] = &mut words;
        (*number, *token) = (nr, self.abi.audit_arch);
        (SeccompData::of_words(&words, self.endian), said)
    }
}

/// What a decision says if it asks nothing.
pub(crate) fn only(decision: &Decision) -> Option<u32> {
    match decision.root {
        Answer::Values(at) => decision.values.get(at).map(|values| value(values)),
        Answer::Ask(_) => None,
    }
}
