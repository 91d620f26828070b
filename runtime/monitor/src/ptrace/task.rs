//! What is remembered of a task.

use std::time::Instant;

use filterc_abi::SeccompData;
use filterc_audit::Task as Facts;

use super::decide::Verdict;

/// A task that is traced.
#[derive(Debug, Default)]
pub(super) struct Task {
    /// The call that it is in, until that has been left.
    pub(super) pending: Option<Pending>,
    /// The call that it has entered, where all are followed.
    pub(super) entered: Option<SeccompData>,
    /// Whether it stops at every call.
    pub(super) followed: bool,
    /// The SIGSYS that it is to get, and has not got yet.
    pub(super) trap: Option<(SeccompData, u16)>,
    /// What a record says of it once it cannot be asked any more; made only where there are
    /// records.
    pub(super) facts: Option<Facts>,
    /// Whether its end has been recorded.
    pub(super) ended: bool,
}

/// A call that was decided, and has not returned.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) call: SeccompData,
    pub(super) verdict: Verdict,
    /// The result that it gets, instead of one of the kernel's.
    pub(super) result: Option<i64>,
    pub(super) since: Instant,
}
