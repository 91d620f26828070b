//! One record, in memory.

use filterc_abi::SeccompData;

/// The task that a record is about, as it was when the record was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The process: the thread-group id, as whoever watches sees it.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The parent process; 0 where it is not known.
    pub ppid: u32,
    /// The real user id.
    pub uid: u32,
    /// The command name: up to 15 bytes.
    pub comm: Vec<u8>,
    /// The path of the program; empty where it is not known.
    pub exe: Vec<u8>,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The action, as a seccomp filter returns it (`SECCOMP_RET_…` and data).
    pub action: u32,
    /// The rule that decided, by its position among the policy's; `None` for the policy's
    /// `default`, `unknown` and `foreign`.
    pub rule: Option<u32>,
    /// The line of the policy that decided, from 1; 0 where none did.
    pub line: u32,
}

/// What was seen of an argument beside its register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Which one, from 0.
    pub index: u8,
    /// The bytes that stood there: a path, the words of a command joined by NUL, a socket address.
    pub bytes: Vec<u8>,
    /// Whether there was more of it.
    pub cut: bool,
}

/// A call that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its registers.
    pub data: SeccompData,
    /// What was read of its memory, in the order of the arguments.
    pub read: Vec<Argument>,
    /// The answer.
    pub answer: Answer,
    /// What the call returned, where that is known: a negative number is an errno's.
    pub ret: Option<i64>,
    /// Nanoseconds from the call to its result, or to the answer where the result is not known.
    pub duration: u64,
    /// Whether the policy names neither the call nor its number, and no table knows it.
    pub uninstrumented: bool,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(u8),
    /// By this signal; whether a core was written.
    Signal(u8, bool),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call was decided.
    Call(Box<Call>),
    /// The task made another: its thread id, and whether that is a thread of the same process.
    Create {
        /// The new task.
        child: u32,
        /// Whether it is a thread.
        thread: bool,
    },
    /// The task runs another program now: the one of the record's task.
    Exec,
    /// The task ended.
    Exit(Exit),
    /// A signal is delivered.
    Signal(u8),
    /// So many records are missing here: there was no room for them.
    Lost(u64),
    /// The log statement of a sequence of calls: its name and its text.
    Sequence {
        /// Its name.
        name: String,
        /// What the policy says about it.
        text: String,
    },
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Its number among all that were made, from 0: also those that were lost count. A record of
    /// lost ones has the number of the first of them, and none of its own.
    pub seq: u64,
    /// Who.
    pub task: Task,
    /// What.
    pub event: Event,
}

/// What is to happen where a record has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLoss {
    /// The tasks go on, and a record says how many are missing.
    #[default]
    Continue,
    /// The tasks wait: the sink takes no record before there is room. Where there can be none any
    /// more, because the reader has gone, the tasks may not go on: they are to be killed.
    Stop,
    /// The tasks are to be killed: no call goes on that nobody can read of.
    Kill,
}

impl OnLoss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Continue, Self::Stop, Self::Kill];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
            Self::Kill => "kill",
        }
    }

    /// Whether the tasks must be killed when [`Sink::take`] was `false`.
    #[must_use]
    pub const fn kills(self) -> bool {
        matches!(self, Self::Stop | Self::Kill)
    }
}

impl std::str::FromStr for OnLoss {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|way| way.name() == name);
        found.ok_or_else(|| "the ways are `continue`, `stop` and `kill`".to_owned())
    }
}

/// Where records go. What does not take one counts it, and tells of it in a record.
pub trait Sink {
    /// Takes a record. `false` if it was lost, or others were since the last one; what was asked
    /// for then, [`Sink::on_loss`], is for whoever watches.
    fn take(&mut self, record: &Record) -> bool;

    /// What is to happen then.
    fn on_loss(&self) -> OnLoss {
        OnLoss::Continue
    }
}
