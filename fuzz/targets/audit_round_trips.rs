//! cargo-fuzz target for the property of that name.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    filterc_fuzz::run_on(filterc_fuzz::properties::audit_round_trips::property, bytes);
});
