//! A policy that decides.

use std::collections::HashMap;
use std::io;

use filterc_abi::SeccompData;
use filterc_audit::Task;
use filterc_hir::policy::Policy;

use super::decide::{Decide, Verdict};
use crate::caller::Caller;
use crate::judge::Judge;
use crate::rights::Rights;
use crate::view::task;

/// Decides by the reference semantics, over what is seen of a call.
#[derive(Debug)]
pub struct ByPolicy<'p> {
    judge: Judge<'p>,
    rights: Rights,
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
        Ok(Self { judge, rights: Rights::own()?, tasks: HashMap::new() })
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

    fn task(&mut self, tid: u32) -> Task {
        self.tasks.entry(tid).or_insert_with(|| facts(tid)).clone()
    }

    fn forget(&mut self, tid: u32) {
        self.tasks.remove(&tid);
    }
}

/// What records say of a task. What cannot be found out any more is left out.
fn facts(tid: u32) -> Task {
    let status = task::Status::read(tid).unwrap_or_default();
    let [uid, ..] = status.uids;
    Task {
        pid: status.pid,
        tid,
        ppid: status.ppid,
        uid,
        comm: task::comm(tid).unwrap_or_default(),
        exe: task::exe(tid).unwrap_or_default(),
    }
}
