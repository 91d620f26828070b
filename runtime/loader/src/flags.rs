//! The flags of `seccomp(SECCOMP_SET_MODE_FILTER)`, and what they cannot be combined with.

use libc::c_ulong;

use crate::error::LoadError;
use crate::flag_table::TABLE;

/// How a filter is installed. The default is none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Put every thread of the process under the filter, or none.
    pub tsync: bool,
    /// With `tsync`: report a diverged thread as ESRCH instead of by its number, which is
    /// what makes `tsync` and `new_listener` possible together.
    pub tsync_esrch: bool,
    /// Log every action but `allow`, as far as the system's `actions_logged` permits.
    pub log: bool,
    /// Leave speculative-store mitigation off for the filtered threads.
    pub spec_allow: bool,
    /// Return a descriptor that `notify` actions are reported on.
    pub new_listener: bool,
    /// With `new_listener`: a call whose notification has been received can only be
    /// interrupted by fatal signals.
    pub wait_killable_recv: bool,
    /// Do not set no_new_privs: the caller has CAP_SYS_ADMIN in its user namespace.
    pub keep_privileges: bool,
}

impl Flags {
    /// The flags as the system call takes them.
    ///
    /// # Errors
    /// [`LoadError::FlagConflict`] for a combination that every kernel refuses.
    pub fn bits(&self) -> Result<c_ulong, LoadError> {
        let conflict = |reason| Err(LoadError::FlagConflict { reason });
        if self.tsync && self.new_listener && !self.tsync_esrch {
            return conflict(
                "`tsync` returns the number of a thread and `new_listener` a descriptor, and \
                 nobody could tell which: set `tsync_esrch` as well",
            );
        }
        if self.wait_killable_recv && !self.new_listener {
            return conflict(
                "`wait_killable_recv` is about a listener: set `new_listener` as well",
            );
        }
        let set = [
            self.tsync,
            self.log,
            self.spec_allow,
            self.new_listener,
            self.tsync_esrch,
            self.wait_killable_recv,
        ];
        let bits = TABLE.iter().zip(set).filter(|(_, set)| *set).map(|((_, bit, _), _)| bit);
        Ok(bits.fold(0, |bits, bit| bits | bit))
    }
}
