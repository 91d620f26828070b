//! The flags that kernels have.

use libc::c_ulong;

/// `(name, bit, first kernel)` of each flag of the system call.
pub(crate) const TABLE: &[(&str, c_ulong, &str)] = &[
    ("tsync", libc::SECCOMP_FILTER_FLAG_TSYNC, "Linux 3.17"),
    ("log", libc::SECCOMP_FILTER_FLAG_LOG, "Linux 4.14"),
    ("spec_allow", libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, "Linux 4.17"),
    ("new_listener", libc::SECCOMP_FILTER_FLAG_NEW_LISTENER, "Linux 5.0"),
    ("tsync_esrch", libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH, "Linux 5.7"),
    ("wait_killable_recv", libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "Linux 5.19"),
];

/// The first kernel that has the flag, for messages.
pub(crate) fn since(flag: &str) -> &'static str {
    TABLE.iter().find(|(name, ..)| *name == flag).map_or("unknown", |(.., since)| since)
}
