//! The properties: one file and one line each.

pub mod asm_disasm;
pub mod audit_round_trips;
pub mod boxes_are_sound;
pub mod bytes_never_panic;
pub mod compiled_is_reference;
pub mod dag_passes;
pub mod decode_encode;
pub mod ebpf_round_trips;
pub mod ebpf_verdict_is_right;
pub mod ebpf_verified_runs;
pub mod event_text;
pub mod ignored_bits;
pub mod imported_compiles;
pub mod object_files;
pub mod params_are_inputs;
pub mod passes_preserve;
pub mod print_parse;
pub mod rules_are_judged;
pub mod text_never_panics;
pub mod verdict_is_right;
pub mod verified_is_accepted;

use crate::Property;

/// Every property by its name, which is that of its file and of its cargo-fuzz target.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("asm_disasm", asm_disasm::property),
    ("audit_round_trips", audit_round_trips::property),
    ("boxes_are_sound", boxes_are_sound::property),
    ("bytes_never_panic", bytes_never_panic::property),
    ("compiled_is_reference", compiled_is_reference::property),
    ("dag_passes", dag_passes::property),
    ("decode_encode", decode_encode::property),
    ("ebpf_round_trips", ebpf_round_trips::property),
    ("ebpf_verdict_is_right", ebpf_verdict_is_right::property),
    ("ebpf_verified_runs", ebpf_verified_runs::property),
    ("event_text", event_text::property),
    ("ignored_bits", ignored_bits::property),
    ("imported_compiles", imported_compiles::property),
    ("object_files", object_files::property),
    ("params_are_inputs", params_are_inputs::property),
    ("passes_preserve", passes_preserve::property),
    ("print_parse", print_parse::property),
    ("rules_are_judged", rules_are_judged::property),
    ("text_never_panics", text_never_panics::property),
    ("verdict_is_right", verdict_is_right::property),
    ("verified_is_accepted", verified_is_accepted::property),
];
