//! `--time-passes`: how long each step of the compiler took. The compiler itself looks at no
//! clock; it says when a step is done.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A clock that is looked at after each step.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
    steps: Vec<(String, Duration)>,
}

impl Stopwatch {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), steps: Vec::new() }
    }

    /// A step is done.
    pub(crate) fn done(&mut self, step: &str) {
        let now = Instant::now();
        self.steps.push((step.to_owned(), now - self.last));
        // Not the time that this took.
        self.last = Instant::now();
    }

    /// A line for each step in the order in which they ran, and one for all.
    pub(crate) fn report(&self) -> String {
        let total: Duration = self.steps.iter().map(|(_, took)| *took).sum();
        let mut text = String::new();
        let rows = self.steps.iter().map(|(step, took)| (step.as_str(), *took));
        for (step, took) in rows.chain([("total", total)]) {
            let part = 100.0 * took.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            let micros = took.as_secs_f64() * 1e6;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{step:12} {micros:10.1} µs {part:5.1} %");
        }
        text
    }
}
