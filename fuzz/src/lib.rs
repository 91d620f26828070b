//! What must always hold, as properties of generated inputs.
//!
//! A property is a function of bytes: it draws a structured input from them (`generate`)
//! and panics if something that must hold does not. The same functions run for a second
//! each under `cargo test`, longer in CI (`FILTERC_FUZZ_SECONDS`), and without end under
//! cargo-fuzz: `cargo +nightly fuzz run --features libfuzzer compiled_is_reference`.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a property says that it does not hold by panicking"
)]

pub mod generate;
pub mod properties;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use filterc_testkit::rng::Rng;

/// A function that panics on bytes for which something that must hold does not. Bytes
/// that run out early are no failure.
pub type Property = fn(&mut Unstructured<'_>) -> arbitrary::Result<()>;

/// Runs a property on given bytes, as cargo-fuzz does.
pub fn run_on(property: Property, bytes: &[u8]) {
    // `Err` means that the bytes were used up before the input was complete.
    let _ = property(&mut Unstructured::new(bytes));
}

/// Runs a property on random bytes for `FILTERC_FUZZ_SECONDS`, one by default; the
/// inputs are the same every time, in the same order. Returns how many there were.
///
/// # Panics
/// If the property does; standard output then names the input's number.
pub fn run_for_a_while(name: &str, property: Property) -> u64 {
    let seconds = env::var("FILTERC_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    while Instant::now() < end {
        let bytes = input(count);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run_on(property, &bytes))) {
            report(&format!("{name}: input {count} fails"));
            resume_unwind(panic);
        }
        count += 1;
    }
    report(&format!("{name}: {count} inputs"));
    count
}

/// The bytes of one input: short ones and long ones.
#[must_use]
pub fn input(number: u64) -> Vec<u8> {
    let mut rng = Rng::new(number);
    let len = [64, 256, 1024, 4096].get(rng.below(4)).copied().unwrap_or(64);
    (0..len / 8).flat_map(|_| rng.next().to_le_bytes()).collect()
}

#[allow(clippy::print_stdout, reason = "this is what a test run shows of a property")]
fn report(line: &str) {
    println!("{line}");
}
