//! What stored records say happened, and what they say of tasks.
//!
//! Records say less than a supervisor sees: of a call, what was read of its memory then; of the
//! tasks above one, what their own records have said before. What they do not say is not known.

use std::collections::BTreeMap;

use filterc_audit::{Call, Event, Exit, Record, Task};
use filterc_hir::policy::Policy;
use filterc_hir::questions::{Asked, Number, Who};
use filterc_hir::sequences::Sequence;
use rustix::io::Errno;

use super::{Ids, Sequences, What};
use crate::caller::SOCKET;
use crate::judge::{of_address, of_words};
use crate::view::address::Address;

/// Processes that are remembered, as those above others.
const MAX_PROCESSES: usize = 1 << 16;

/// Processes above one that are looked at.
const MAX_ABOVE: usize = 64;

/// The sequences of a policy, over records.
#[derive(Debug)]
pub struct Stored<'p> {
    sequences: Sequences<'p>,
    /// The ABI's token of what is no call.
    arch: u32,
    processes: BTreeMap<u32, Task>,
    /// The signal that a task was last told to get: its end by it is no second one.
    delivered: Option<(u32, u8)>,
}

impl<'p> Stored<'p> {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(policy: &'p Policy, params: &'p [u64]) -> Self {
        let arch = policy.abis().first().map_or(0, |part| part.abi().audit_arch);
        let sequences = Sequences::new(policy, params);
        Self { sequences, arch, processes: BTreeMap::new(), delivered: None }
    }

    /// Questions that records did not answer.
    #[must_use]
    pub const fn unanswered(&self) -> u64 {
        self.sequences.unanswered()
    }

    /// Tasks of which was forgotten what was under way.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.sequences.forgotten()
    }

    /// Takes the next record. Returns the sequences that have happened with it.
    pub fn take(&mut self, record: &Record) -> Vec<&'p Sequence> {
        let task = &record.task;
        self.remember(task);
        let ids = Ids { pid: task.pid, tid: task.tid };
        let delivered = self.delivered.take();
        let done = match &record.event {
            Event::Call(call) => {
                self.tell(ids, record.time, What::Call(&call.data), task, Some(call))
            }
            Event::Signal(signal) => {
                self.delivered = Some((task.tid, *signal));
                self.tell(ids, record.time, What::Signal(*signal, self.arch), task, None)
            }
            Event::Exit(Exit::Signal(signal, _)) if delivered != Some((task.tid, *signal)) => {
                self.tell(ids, record.time, What::Signal(*signal, self.arch), task, None)
            }
            Event::Exit(_)
            | Event::Create { .. }
            | Event::Exec
            | Event::Lost(_)
            | Event::Sequence { .. } => Vec::new(),
        };
        if matches!(record.event, Event::Exit(_)) {
            let is_process = task.pid == task.tid;
            self.sequences.ended(ids, is_process);
            if is_process {
                self.processes.remove(&task.pid);
            }
        }
        done
    }

    fn remember(&mut self, task: &Task) {
        if task.pid == 0 {
            return;
        }
        if self.processes.len() >= MAX_PROCESSES && !self.processes.contains_key(&task.pid) {
            self.processes.pop_first();
        }
        self.processes.insert(task.pid, task.clone());
    }

    fn tell(
        &mut self,
        ids: Ids,
        time: u64,
        what: What<'_>,
        task: &Task,
        call: Option<&Call>,
    ) -> Vec<&'p Sequence> {
        let processes = &self.processes;
        self.sequences.happened(ids, time, what, |asked| {
            of_record(asked, task, call, processes).ok_or(Errno::NODATA)
        })
    }
}

/// The answer that a record has to a question.
fn of_record(
    asked: &Asked,
    task: &Task,
    call: Option<&Call>,
    processes: &BTreeMap<u32, Task>,
) -> Option<bool> {
    let read = |argument: u8| {
        let read = call?.read.iter().find(|read| read.index == argument)?;
        // Of what was cut nobody knows how it goes on.
        (!read.cut).then_some(read.bytes.as_slice())
    };
    let of_tasks = |who: Who, is: &dyn Fn(&Task) -> bool| of_task(task, who, processes, is);
    match asked {
        Asked::Path { argument, pattern, .. } | Asked::Text { argument, pattern } => {
            Some(pattern.matches(read(*argument)?))
        }
        Asked::Family { address, .. } | Asked::Port { address, .. } | Asked::Ip { address, .. } => {
            Some(of_address(&Address::new(read(*address)?.to_vec()), asked))
        }
        Asked::Word { argument, index, pattern } => {
            let words: Vec<&[u8]> = read(*argument)?.split(|byte| *byte == 0).collect();
            Some(of_words(&words, *index, pattern))
        }
        Asked::Exe { who, pattern } => of_tasks(*who, &|task| pattern.matches(&task.exe)),
        Asked::Comm { who, pattern } => of_tasks(*who, &|task| pattern.matches(&task.comm)),
        Asked::Number { who, number, op, value } => {
            let of = |task: &Task| match number {
                Number::Pid => Some(task.pid),
                Number::Tid => Some(task.tid),
                Number::Uid => Some(task.uid),
                Number::Gid => None,
            };
            of(task)?;
            of_tasks(*who, &|task| of(task).is_some_and(|it| op.holds(&i64::from(it), value)))
        }
        // Records do not say it.
        Asked::Cgroup { .. } => None,
        Asked::Socket { argument } => Some(read(*argument)?.starts_with(SOCKET)),
        Asked::Result { op, value } => Some(op.holds(&call?.ret?, value)),
    }
}

/// Whether something is true of a task, or of one above it; `None` where it is not known of one
/// of these, and of none that is known.
fn of_task(
    task: &Task,
    who: Who,
    processes: &BTreeMap<u32, Task>,
    is: &dyn Fn(&Task) -> bool,
) -> Option<bool> {
    if who == Who::Caller {
        return Some(is(task));
    }
    let mut at = task;
    for _ in 0..MAX_ABOVE {
        // Nothing is above the first.
        if at.ppid == 0 {
            return (at.pid == 1).then_some(false);
        }
        at = processes.get(&at.ppid)?;
        if who == Who::Parent || is(at) {
            return Some(is(at));
        }
    }
    None
}
