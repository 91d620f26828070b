//! A policy as a judge.

use std::collections::HashMap;

use filterc_abi::SeccompData;
use filterc_audit::Task;
use filterc_hir::eval::{self, Reason};
use filterc_hir::policy::Policy;

use super::judge::{Judge, Verdict};
use crate::view::task;

/// Decides by the reference semantics.
#[derive(Debug)]
pub struct ByPolicy {
    policy: Policy,
    /// The line of each rule.
    lines: Vec<u32>,
    /// What is known of tasks, until they run another program.
    tasks: HashMap<u32, Task>,
}

impl ByPolicy {
    /// A judge by a policy, whose rules stand on these lines.
    #[must_use]
    pub fn new(policy: Policy, lines: Vec<u32>) -> Self {
        Self { policy, lines, tasks: HashMap::new() }
    }
}

impl Judge for ByPolicy {
    fn judge(&mut self, _tid: u32, call: &SeccompData) -> Verdict {
        let decision = eval::decide(&self.policy, call);
        let rule = match decision.reason {
            Reason::Rule(rule) => Some(rule.0),
            Reason::Default | Reason::Unknown | Reason::Foreign => None,
        };
        let line = rule.and_then(|rule| self.lines.get(rule as usize)).copied().unwrap_or(0);
        Verdict {
            action: decision.action,
            rule,
            line,
            read: Vec::new(),
            unsettled: false,
            uninstrumented: is_uninstrumented(&self.policy, call, decision.reason),
        }
    }

    fn task(&mut self, tid: u32) -> Task {
        self.tasks.entry(tid).or_insert_with(|| facts(tid)).clone()
    }

    fn forget(&mut self, tid: u32) {
        self.tasks.remove(&tid);
    }
}

/// Whether no rule names the call, and no table has it.
fn is_uninstrumented(policy: &Policy, call: &SeccompData, reason: Reason) -> bool {
    let nr = call.nr.cast_unsigned();
    let of_call = policy
        .abis()
        .iter()
        .find(|part| part.abi().audit_arch == call.arch && part.abi().admits(nr));
    reason == Reason::Unknown && of_call.is_some_and(|part| part.abi().syscall_by_nr(nr).is_none())
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
