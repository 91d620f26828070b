//! What a record says of a call, and what can be wrong with one.

use filterc_abi::Abi;

use crate::seen::Seen;

/// A record of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its line, from 1.
    pub line: usize,
    /// The call.
    pub seen: Seen,
    /// What became of it, as far as the record says.
    pub became: Became,
    /// How many such calls.
    pub count: u64,
    /// Who made it.
    pub who: Who,
}

/// What a record says of what became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Became {
    /// Nothing.
    Unsaid,
    /// The filter's action, without its data: the kernel logs no more.
    Action(u32),
    /// The filter's value.
    Value(u32),
    /// SIGSYS: the call was not performed.
    Sigsys,
    /// It returned this error.
    Failed(u16),
    /// It was performed.
    Returned,
}

/// Who made a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    /// The thread or process.
    pub pid: Option<u32>,
    /// The name of the thread.
    pub comm: Option<String>,
    /// The program.
    pub exe: Option<String>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// F0717, or F0718 if it names what the tables do not know.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// What a text of records comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Lines that claim to be records and are none.
    pub faults: Vec<Fault>,
    /// Lines with nothing of the kind.
    pub passed_over: usize,
    /// Records that are missing: the kernel says that it dropped them, when as many again may be
    /// missing unsaid, or their numbers say so.
    pub lost: u64,
}

/// Why a line is no record.
pub(super) enum Bad {
    /// It is not as it should be.
    Malformed(String),
    /// It names what the tables do not know.
    Unknown(String),
}

impl From<&str> for Bad {
    fn from(reason: &str) -> Self {
        Self::Malformed(reason.to_owned())
    }
}

impl Reading {
    pub(super) fn fault(&mut self, line: usize, bad: Bad) {
        let (code, reason) = match bad {
            Bad::Malformed(reason) => ("F0717", reason),
            Bad::Unknown(reason) => ("F0718", reason),
        };
        self.faults.push(Fault { line, code, reason });
    }
}

/// The number of a call by name under a token. Where two ABIs share one, the call is of that
/// without a mark, unless only the other has it.
pub(super) fn number_of(token: u32, name: &str) -> Option<u32> {
    let marked = |abi: &Abi| abi.mark.is_some_and(|mark| mark.set);
    let of_token = || filterc_abi::abis().iter().filter(|abi| abi.audit_arch == token);
    let plain = of_token().filter(|abi| !marked(abi)).find_map(|abi| abi.syscall(name));
    let call = plain.or_else(|| of_token().find_map(|abi| abi.syscall(name)));
    call.map(|call| call.nr)
}
