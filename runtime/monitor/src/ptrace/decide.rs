//! Who decides, and who is told.

use filterc_abi::{Action, SeccompData};
use filterc_audit::{Argument, Task};

/// What is decided about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The action.
    pub action: Action,
    /// The rule that decided, by its position among the policy's.
    pub rule: Option<u32>,
    /// The line of the policy that decided, from 1; 0 where none did.
    pub line: u32,
    /// What was read of the task's memory.
    pub read: Vec<Argument>,
    /// Whether the action rests on memory that can be changed before the kernel looks, and the
    /// policy does not say `racy`: the call is not let through then.
    pub unsettled: bool,
    /// Whether the policy names neither the call nor its number, and no table knows it.
    pub uninstrumented: bool,
}

impl Verdict {
    /// What no rule decided.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        let read = Vec::new();
        Self { action, rule: None, line: 0, read, unsettled: false, uninstrumented: false }
    }
}

/// A sequence of events that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its name.
    pub name: String,
    /// What is to be written into the records.
    pub logs: Vec<String>,
    /// Whether the process is to be killed.
    pub kills: bool,
}

/// Decides calls.
pub trait Decide {
    /// Whether a call may be the first event of a sequence: its end must be told then.
    fn begins(&self, _call: &SeccompData) -> bool {
        false
    }

    /// Whether a sequence is under way in a task's process: all its calls must be told then.
    fn is_under_way(&mut self, _tid: u32) -> bool {
        false
    }

    /// A call of a task has ended. Returns what has happened with it, and what was read of the
    /// task then.
    fn call_ended(
        &mut self,
        _tid: u32,
        _call: &SeccompData,
        _ret: i64,
    ) -> (Vec<Happened>, Vec<Argument>) {
        (Vec::new(), Vec::new())
    }

    /// A signal is delivered to a task. Returns what has happened with it.
    fn signalled(&mut self, _tid: u32, _signal: u8) -> Vec<Happened> {
        Vec::new()
    }

    /// A task is gone.
    fn ended(&mut self, _tid: u32) {}

    /// Decides a call of a task that has stopped at it.
    fn decide(&mut self, tid: u32, call: &SeccompData) -> Verdict;

    /// What is known of a task, which has stopped or is gone.
    fn task(&mut self, tid: u32) -> Task;

    /// A task runs another program now, or is gone: what is known of it is no longer so.
    fn forget(&mut self, tid: u32);
}

/// Something that whoever started the command should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The task asked to trace, or to be traced, by this request of `ptrace`, which was refused.
    Debugger {
        /// The request.
        request: u64,
    },
    /// The call was refused only because other threads or processes could change the memory that
    /// the policy's answer rests on.
    Unsettled {
        /// The call.
        call: SeccompData,
    },
    /// No rule names the call, and no table knows it.
    Uninstrumented {
        /// The call.
        call: SeccompData,
    },
    /// A sequence has happened.
    Happened {
        /// Its name.
        name: String,
    },
    /// The task could not be answered, and its process was killed; with what the kernel said.
    Killed {
        /// The errno.
        errno: i32,
    },
}

/// Is told of what happens.
pub trait Watch {
    /// Something is worth knowing about a task.
    fn notice(&mut self, tid: u32, notice: &Notice);

    /// The process that was started first is gone; others may go on.
    fn command_ended(&mut self);
}
