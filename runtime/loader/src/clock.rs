//! The clock of records that programs in the kernel make.
#![expect(unsafe_code, reason = "clock_gettime")]

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since boot without suspended time, as `bpf_ktime_get_ns` has them.
fn monotonic() -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the address is of a whole `timespec`.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    if result < 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(time.tv_nsec).ok()?)
}

/// What is to be added to such a time to have nanoseconds since the epoch, as things are now.
#[must_use]
pub fn since_epoch() -> u64 {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = u64::try_from(epoch.as_nanos()).unwrap_or(u64::MAX);
    monotonic().map_or(0, |boot| epoch.saturating_sub(boot))
}

#[cfg(test)]
mod tests {
    use super::{monotonic, since_epoch};

    #[test]
    fn clocks_go_on() {
        let first = monotonic();
        assert!(first.is_some() && monotonic() >= first);
        // After 2020.
        assert!(first.unwrap_or(0) + since_epoch() > 1_577_836_800_000_000_000);
    }
}
