//! Every property, for a second each (`FILTERC_FUZZ_SECONDS` for longer).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use filterc_fuzz::properties::PROPERTIES;
use filterc_fuzz::run_for_a_while;

fn run(name: &str) {
    let (_, property) = PROPERTIES.iter().find(|(known, _)| *known == name).unwrap();
    assert!(run_for_a_while(name, *property) > 0);
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_property_is_run() {
            let run = [$(stringify!($name)),*];
            let all: Vec<_> = PROPERTIES.iter().map(|(name, _)| *name).collect();
            assert_eq!(run.as_slice(), all);
        }
    };
}

tests! {
    asm_disasm
    bytes_never_panic
    compiled_is_reference
    dag_passes
    decode_encode
    passes_preserve
    print_parse
    rules_are_judged
    text_never_panics
    verified_is_accepted
}
