//! Sequences of a policy, in all tasks: what has happened in their order.
//!
//! Whoever sees tasks tells of calls that end and of signals that are delivered; of which kinds,
//! [`Sequences::is_first`] and [`Sequences::is_under_way`] say. The same is told of stored records
//! later, with the same outcome where the records have all that is asked for.

mod automaton;
pub mod stored;
#[cfg(test)]
mod tests;

use filterc_abi::SeccompData;
use filterc_hir::policy::Policy;
use filterc_hir::questions::Asked;
use filterc_hir::sequences::{Sequence, Unit, Whose};
use rustix::io::Errno;

pub use automaton::{Automaton, MAX_TASKS, Moment, Within};

use crate::asking::Asking;

/// A task: its process and its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The process: the thread-group id.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug)]
pub enum What<'c> {
    /// A call ended.
    Call(&'c SeccompData),
    /// A signal is delivered, by its number, to a task whose calls have this ABI's token.
    Signal(u8, u32),
}

/// The sequences of a policy, and what of them is under way.
#[derive(Debug)]
pub struct Sequences<'p> {
    policy: &'p Policy,
    params: &'p [u64],
    automata: Vec<Automaton>,
    unanswered: u64,
}

impl<'p> Sequences<'p> {
    /// Those of a policy with these values of its parameters; nothing is under way.
    #[must_use]
    pub fn new(policy: &'p Policy, params: &'p [u64]) -> Self {
        let automaton = |sequence: &Sequence| {
            let within = match sequence.unit {
                Unit::Calls => Within::Calls(sequence.within),
                Unit::Seconds => Within::Nanoseconds(sequence.within.saturating_mul(1_000_000_000)),
            };
            Automaton::new(within, sequence.steps)
        };
        let automata = policy.sequences().iter().map(automaton).collect();
        Self { policy, params, automata, unanswered: 0 }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.automata.is_empty()
    }

    /// Whether a call may be the first event of one: its end must be told then.
    #[must_use]
    pub fn is_first(&self, call: &SeccompData) -> bool {
        let nr = call.nr.cast_unsigned();
        self.policy.sequences().iter().any(|sequence| {
            let part = sequence.part(call.arch, Some(nr));
            part.is_some_and(|part| {
                let is_call = part.signals.first().is_some_and(Option::is_none);
                is_call && part.arms_of(0, Some(nr)).next().is_some()
            })
        })
    }

    /// Whether something is under way in a task: then all its calls must be told.
    #[must_use]
    pub fn is_under_way(&self, ids: Ids) -> bool {
        let all = self.policy.sequences().iter().zip(&self.automata);
        all.into_iter().any(|(sequence, automaton)| automaton.is_under_way(key(sequence, ids)))
    }

    /// Questions without an answer: what they were about did not count as having happened.
    #[must_use]
    pub const fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Tasks of which was forgotten what was under way, as there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.automata.iter().map(Automaton::forgotten).sum()
    }

    /// Something happened, `time` nanoseconds after some moment in the past. Returns the
    /// sequences that have happened with it.
    pub fn happened(
        &mut self,
        ids: Ids,
        time: u64,
        what: What<'_>,
        mut answer: impl FnMut(&Asked) -> Result<bool, Errno>,
    ) -> Vec<&'p Sequence> {
        let nothing;
        let (data, nr, signal) = match what {
            What::Call(data) => (data, Some(data.nr.cast_unsigned()), None),
            What::Signal(signal, arch) => {
                nothing = SeccompData { arch, nr: -1, ..SeccompData::default() };
                (&nothing, None, Some(signal))
            }
        };
        let policy = self.policy;
        let mut asking = Asking::new(data, policy.questions(), self.params, &mut answer);
        let mut done = Vec::new();
        for (sequence, automaton) in policy.sequences().iter().zip(&mut self.automata) {
            let part = sequence.part(data.arch, nr);
            let mut holds = |step| {
                let mut arms = part.into_iter().flat_map(|part| part.arms_of(step, nr));
                arms.any(|arm| {
                    let holds = asking.holds(&arm.predicate);
                    self.unanswered += u64::from(holds.is_err());
                    holds.unwrap_or(false)
                })
            };
            let is = |step: usize| {
                let of_step = part.and_then(|part| part.signals.get(step)).copied();
                let is_kind = match (of_step, signal) {
                    (Some(None), None) => true,
                    (Some(Some(signals)), Some(signal)) => {
                        let bit = u32::from(signal).checked_sub(1);
                        bit.and_then(|bit| signals.checked_shr(bit)).is_some_and(|it| it & 1 == 1)
                    }
                    _ => false,
                };
                // The condition is asked at the last event.
                is_kind && holds(step) && (step + 1 < sequence.steps || holds(sequence.steps))
            };
            let is_call = signal.is_none();
            let moment = Moment { task: key(sequence, ids), time, is_call };
            if automaton.happened(moment, is) {
                done.push(sequence);
            }
        }
        done
    }

    /// A thread has ended, and perhaps its process with it.
    pub fn ended(&mut self, ids: Ids, process: bool) {
        for (sequence, automaton) in self.policy.sequences().iter().zip(&mut self.automata) {
            if process || sequence.whose == Whose::Thread {
                automaton.ended(key(sequence, ids));
            }
        }
    }
}

/// Whose events belong together.
const fn key(sequence: &Sequence, ids: Ids) -> u32 {
    match sequence.whose {
        Whose::Process => ids.pid,
        Whose::Thread => ids.tid,
    }
}
