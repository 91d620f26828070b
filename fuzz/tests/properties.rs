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
    audit_round_trips
    boxes_are_sound
    bytes_never_panic
    compiled_is_reference
    dag_passes
    decode_encode
    ebpf_round_trips
    ebpf_verdict_is_right
    ebpf_verified_runs
    event_text
    ignored_bits
    imported_compiles
    object_files
    params_are_inputs
    passes_preserve
    print_parse
    rules_are_judged
    text_never_panics
    verdict_is_right
    verified_is_accepted
}

/// The generator of policies is of use only if the checker accepts most of what it makes.
#[test]
fn most_generated_policies_compile_on_every_abi() {
    use std::collections::BTreeSet;

    let (mut made, mut compiled) = (0_u32, 0_u32);
    let mut abis = BTreeSet::new();
    for number in 0..2000 {
        let bytes = filterc_fuzz::input(number);
        let mut bytes = arbitrary::Unstructured::new(&bytes);
        let Ok(text) = filterc_fuzz::generate::policy::policy(&mut bytes) else { continue };
        made += 1;
        let source = filterc::Source::text("fuzz.flt", text);
        if let Ok(policy) = filterc::compile(&source, &filterc_testkit::corpus::options()) {
            compiled += 1;
            abis.extend(policy.policy().abis().iter().map(|part| part.abi().name));
        }
    }
    let filtered = filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some()).count();
    assert_eq!(abis.len(), filtered, "{abis:?}");
    assert!(compiled * 2 > made, "{compiled} of {made}");
}

/// The same of those with parameters, of which many have some that nothing fits.
#[test]
fn some_generated_policies_with_parameters_compile() {
    let (mut made, mut used) = (0_u32, 0_u32);
    for number in 0..400 {
        let bytes = filterc_fuzz::input(number);
        let mut bytes = arbitrary::Unstructured::new(&bytes);
        let text = filterc_fuzz::generate::policy::policy_with_params(&mut bytes);
        let Ok(text) = text else { continue };
        made += 1;
        let source = filterc::Source::text("fuzz.flt", text);
        if let Ok(policy) = filterc::compile(&source, &filterc_testkit::corpus::options()) {
            used += u32::from(policy.programs().any(|it| !it.table().sites.is_empty()));
        }
    }
    assert!(used * 8 > made, "{used} of {made}");
}

/// The same of eBPF programs, and of what the verifier accepts.
#[test]
fn most_generated_ebpf_programs_are_accepted() {
    let (mut made, mut accepted) = (0_u32, 0_u32);
    let maps = filterc_fuzz::generate::ebpf::MAPS.map(|(_, spec)| spec);
    let target = filterc_ebpf::Target { maps: &maps, ..filterc_ebpf::Target::SYSCALL };
    for number in 0..2000 {
        let bytes = filterc_fuzz::input(number);
        let mut bytes = arbitrary::Unstructured::new(&bytes);
        let Ok(program) = filterc_fuzz::generate::ebpf::sensible(&mut bytes) else { continue };
        made += 1;
        accepted += u32::from(filterc_ebpf::verify(&program, &target).is_ok());
    }
    assert!(accepted * 2 > made, "{accepted} of {made}");
}
