//! A policy that decides.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use filterc_abi::SeccompData;
use filterc_audit::{Argument, Task};
use filterc_hir::policy::Policy;
use filterc_hir::questions::Asked;
use filterc_hir::sequences::Sequence;
use rustix::io::Errno;

use super::decide::{Decide, Happened, Verdict};
use crate::caller::Caller;
use crate::judge::{Judge, answer};
use crate::rights::Rights;
use crate::sequences::{Ids, Sequences, What};
use crate::view::task;

/// Decides by the reference semantics, over what is seen of a call.
#[derive(Debug)]
pub struct ByPolicy<'p> {
    judge: Judge<'p>,
    rights: Rights,
    sequences: Sequences<'p>,
    /// The ABI's token of what is no call.
    arch: u32,
    began: Instant,
    /// What is known of tasks, until they run another program.
    tasks: HashMap<u32, Task>,
}

impl<'p> ByPolicy<'p> {
    /// A policy whose parameters have these values, and whose rules stand on these lines.
    ///
    /// # Errors
    /// What this process may do is not to be found out.
    pub fn new(policy: &'p Policy, params: &'p [u64], lines: &'p [u32]) -> io::Result<Self> {
        let judge = Judge::new(policy, params, lines);
        let sequences = Sequences::new(policy, params);
        let arch = policy.abis().first().map_or(0, |part| part.abi().audit_arch);
        let (rights, began) = (Rights::own()?, Instant::now());
        Ok(Self { judge, rights, sequences, arch, began, tasks: HashMap::new() })
    }

    fn ids(&mut self, tid: u32) -> Ids {
        Ids { pid: self.task(tid).pid, tid }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Decide for ByPolicy<'_> {
    fn decide(&mut self, tid: u32, call: &SeccompData) -> Verdict {
        let Some(caller) = Caller::new(tid, call, &self.rights) else {
            return Verdict::of(self.judge.foreign(call));
        };
        let verdict = self.judge.judge(&caller);
        Verdict {
            action: verdict.action,
            rule: verdict.rule,
            line: verdict.line,
            unsettled: verdict.in_memory && !verdict.racy,
            read: caller.seen(),
            uninstrumented: verdict.uninstrumented,
        }
    }

    fn begins(&self, call: &SeccompData) -> bool {
        self.sequences.is_first(call)
    }

    fn is_under_way(&mut self, tid: u32) -> bool {
        if self.sequences.is_empty() {
            return false;
        }
        let ids = self.ids(tid);
        self.sequences.is_under_way(ids)
    }

    fn call_ended(
        &mut self,
        tid: u32,
        call: &SeccompData,
        ret: i64,
    ) -> (Vec<Happened>, Vec<Argument>) {
        if self.sequences.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let (ids, now) = (self.ids(tid), self.now());
        let Some(caller) = Caller::new(tid, call, &self.rights) else {
            return (Vec::new(), Vec::new());
        };
        let done = self.sequences.happened(ids, now, What::Call(call), |asked| match asked {
            Asked::Result { op, value } => Ok(op.holds(&ret, value)),
            Asked::Path { .. }
            | Asked::Text { .. }
            | Asked::Family { .. }
            | Asked::Port { .. }
            | Asked::Ip { .. }
            | Asked::Word { .. }
            | Asked::Exe { .. }
            | Asked::Comm { .. }
            | Asked::Cgroup { .. }
            | Asked::Number { .. }
            | Asked::Socket { .. } => answer(&caller, asked),
        });
        (done.into_iter().map(happened).collect(), caller.seen())
    }

    fn signalled(&mut self, tid: u32, signal: u8) -> Vec<Happened> {
        if self.sequences.is_empty() {
            return Vec::new();
        }
        let (ids, now, arch) = (self.ids(tid), self.now(), self.arch);
        let none = SeccompData { arch, nr: -1, ..SeccompData::default() };
        let caller = Caller::new(tid, &none, &self.rights);
        let what = What::Signal(signal, arch);
        let done = self.sequences.happened(ids, now, what, |asked| {
            caller.as_ref().ok_or(Errno::SRCH).and_then(|caller| answer(caller, asked))
        });
        done.into_iter().map(happened).collect()
    }

    fn ended(&mut self, tid: u32) {
        if !self.sequences.is_empty() {
            let ids = self.ids(tid);
            self.sequences.ended(ids, ids.pid == tid);
        }
    }

    fn task(&mut self, tid: u32) -> Task {
        self.tasks.entry(tid).or_insert_with(|| task::described(tid)).clone()
    }

    fn forget(&mut self, tid: u32) {
        self.tasks.remove(&tid);
    }
}

fn happened(sequence: &Sequence) -> Happened {
    Happened { name: sequence.name.clone(), logs: sequence.texts(), kills: sequence.kills }
}
