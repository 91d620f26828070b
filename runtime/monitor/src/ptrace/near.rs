//! Where the supervisor runs: on the processor that its tasks run on, if they can be followed.
//!
//! A stop wakes the supervisor, and an answer the task. Where both run on one processor that is a
//! switch; else a processor that may sleep has to be woken by another, twice.

use std::fs;

use filterc_loader::beside::run_on;

/// After so many stops it is looked again where tasks run.
const PERIOD: u32 = 256;

/// Follows tasks.
#[derive(Debug)]
pub(super) struct Near {
    wanted: bool,
    stops: u32,
    cpu: Option<usize>,
}

impl Near {
    pub(super) const fn new(wanted: bool) -> Self {
        Self { wanted, stops: 0, cpu: None }
    }

    /// A task has stopped.
    pub(super) fn stop_of(&mut self, tid: i32) {
        if !self.wanted {
            return;
        }
        if self.stops == 0
            && let Some(cpu) = processor(tid)
            && self.cpu != Some(cpu)
        {
            self.cpu = Some(cpu);
            // One that it may not use: it stays where it is, and is not asked again.
            self.wanted = run_on(cpu).is_ok();
        }
        self.stops = (self.stops + 1) % PERIOD;
    }
}

/// The processor that a task ran on last.
fn processor(tid: i32) -> Option<usize> {
    let stat = fs::read_to_string(format!("/proc/{tid}/stat")).ok()?;
    // The name, in parentheses, may have any characters; the fields after it are from the third on.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(36)?.parse().ok()
}
