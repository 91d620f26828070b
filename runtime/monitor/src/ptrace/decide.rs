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

/// Decides calls.
pub trait Decide {
    /// Decides a call of a task that has stopped at it.
    fn decide(&mut self, tid: u32, call: &SeccompData) -> Verdict;

    /// What is known of a task, which has stopped or is gone.
    fn task(&mut self, tid: u32) -> Task;

    /// A task runs another program now, or is gone: what is known of it is no longer so.
    fn forget(&mut self, tid: u32);
}

/// Something that whoever started the command should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
