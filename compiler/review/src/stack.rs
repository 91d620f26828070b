//! Several filters of one process.

use filterc_check::precedence;

/// Which of several filters decides, by what each returns, the oldest first: the kernel runs all of
/// them, from the newest to the oldest, and keeps the strongest action; of equal ones that which it
/// met first, with its data (`kernel/seccomp.c`, `seccomp_run_filters`). `None` if there is none.
#[must_use]
pub fn winner(returned: &[u32]) -> Option<usize> {
    let newest_first = returned.iter().enumerate().rev();
    newest_first.min_by_key(|(_, value)| precedence(**value)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use filterc_abi::Action;

    use super::*;

    #[test]
    fn the_strongest_wins_and_the_newest_of_equals() {
        let of = |actions: &[Action]| {
            winner(&actions.iter().map(|action| action.to_ret()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[Action::Errno(1), Action::Allow]), Some(0));
        assert_eq!(of(&[Action::Errno(1), Action::Errno(2)]), Some(1));
        assert_eq!(of(&[Action::KillProcess, Action::KillThread, Action::Allow]), Some(0));
        assert_eq!(of(&[Action::Log, Action::Trace(3), Action::Notify]), Some(2));
    }
}
