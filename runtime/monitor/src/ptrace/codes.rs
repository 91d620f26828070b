//! Codes of what is said about supervision by `ptrace(2)`, and about strict mode.

/// Calls cannot be changed on this machine or kernel.
pub const NO_MACHINE: &str = "F0970";
/// There is no process to watch from.
pub const NO_WATCHER: &str = "F0971";
/// The command may not be watched.
pub const NOT_WATCHED: &str = "F0972";
/// Waiting failed while something was watched.
pub const ENDS: &str = "F0973";
/// A task asked to trace or to be traced.
pub const DEBUGGER: &str = "F0974";
/// A call was refused because its memory can be changed.
pub const UNSETTLED: &str = "F0975";
/// A call that nobody knows.
pub const UNINSTRUMENTED: &str = "F0976";
/// A process could not be answered.
pub const KILLED: &str = "F0977";
/// The command of a strict run is not linked statically.
pub const NOT_STATIC: &str = "F0978";

/// A sequence of events has happened.
pub const HAPPENED: &str = "F0979";

/// All of them, sorted.
pub const CODES: &[&str] = &[
    NO_MACHINE,
    NO_WATCHER,
    NOT_WATCHED,
    ENDS,
    DEBUGGER,
    UNSETTLED,
    UNINSTRUMENTED,
    KILLED,
    NOT_STATIC,
    HAPPENED,
];

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_sorted_and_go_from_f0970_to_f0979() {
        // F0971, F0972, F0973, F0976 and F0977 come of kernels and races that a test cannot have.
        assert!(super::CODES.is_sorted());
        assert_eq!((super::CODES.first(), super::CODES.last()), (Some(&"F0970"), Some(&"F0979")));
    }
}
