//! Whether one side is nowhere weaker than another, by the kernel's precedence of actions.

use filterc_abi::Endian;
use filterc_abi::seccomp::ret;

use crate::regions::{Difference, differences};
use crate::{Budget, Side, Unknown};

/// How strong an action is: the kernel keeps the least of the values of several filters, as
/// signed numbers, their data left out (`kernel/seccomp.c`, `seccomp_run_filters`).
#[must_use]
pub const fn precedence(value: u32) -> i32 {
    (value & ret::ACTION_FULL).cast_signed()
}

/// The differences in which the right side is weaker than the left: none if the right side is
/// nowhere weaker.
///
/// # Errors
/// It was not found out within the budget.
pub fn weaker(
    left: Side<'_>,
    right: Side<'_>,
    endian: Endian,
    budget: &Budget,
) -> Result<Vec<Difference>, Unknown> {
    let mut found = differences(left, right, endian, budget)?;
    found.retain(|it| precedence(it.right) > precedence(it.left));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_in_the_kernels_order() {
        let order = [
            ret::KILL_PROCESS,
            ret::KILL_THREAD,
            ret::TRAP,
            ret::ERRNO,
            ret::USER_NOTIF,
            ret::TRACE,
            ret::LOG,
            ret::ALLOW,
        ];
        assert!(order.map(precedence).is_sorted_by(|a, b| a < b));
        assert_eq!(precedence(ret::ERRNO | 13), precedence(ret::ERRNO));
    }
}
