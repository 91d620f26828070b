//! eBPF modules of policies: what they are made of, and what cannot be made.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests say what they expect by panicking"
)]

use filterc::emit::{Format, emit_module};
use filterc::{CompiledModule, Diagnostics, Options, Source, Target, compile_module};
use filterc_abi::{Endian, x86_64};
use filterc_ebpf::{Hook, Module};

fn compiled(text: &str, target: Target) -> Result<CompiledModule, Diagnostics> {
    let options = Options { target, default_abi: Some(x86_64()), ..Options::default() };
    compile_module(&Source::text("test.flt", text), &options)
}

fn module(text: &str, target: Target) -> Module {
    let compiled = compiled(text, target).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(compiled.program().proof().is_some());
    compiled.program().module().clone()
}

const POLICY: &str = "arch x86_64\nallow read\nerrno(EACCES) openat if dfd == 5\n";

#[test]
fn the_function_is_the_same_for_every_target() {
    let alone = module(POLICY, Target::Syscall);
    assert_eq!(alone.units.len(), 1);
    assert_eq!(alone.units[0].hook, Hook::Syscall);
    for target in [Target::RawTracepoint, Target::TracepointBtf] {
        let module = module(POLICY, target);
        let names: Vec<_> = module.units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["enter", "exit", "fork"]);
        for unit in &module.units[..2] {
            let decide = &unit.functions[1];
            assert_eq!(decide.name, "decide");
            assert_eq!(unit.insns[decide.slot as usize..], alone.units[0].insns);
        }
    }
}

#[test]
fn lines_are_those_of_the_rules() {
    let unit = &module(POLICY, Target::Syscall).units[0];
    let at = unit.insns.iter().position(|insn| insn.imm == 5).unwrap();
    let line = unit.lines.iter().rev().find(|line| line.slot as usize <= at).unwrap();
    assert_eq!((line.line, line.text.as_str()), (3, "errno(EACCES) openat if dfd == 5"));
    assert_eq!((unit.lines[0].slot, unit.lines[0].line), (0, 1));
    assert!(unit.lines.is_sorted_by(|a, b| a.slot < b.slot));
}

#[test]
fn a_module_for_each_byte_order() {
    let compiled = compiled("arch aarch64, s390x\nallow read\n", Target::Syscall).unwrap();
    let endians: Vec<_> = compiled.programs().map(filterc::ModuleProgram::endian).collect();
    assert_eq!(endians, [Endian::Little, Endian::Big]);
    for program in compiled.programs() {
        let bytes = emit_module(program, Format::Bpf).unwrap();
        assert_eq!(filterc_ebpf::decode(&bytes, program.endian()).unwrap(), program.insns());
    }
}

/// F0261.
#[test]
fn the_registers_of_other_machines_are_not_known() {
    for target in [Target::RawTracepoint, Target::TracepointBtf] {
        let errors = compiled("arch x86_64, aarch64\nallow read\n", target).unwrap_err();
        assert_eq!(errors.list[0].code.0, "F0261");
        assert!(compiled("arch x86_64, x32, i386\nallow read\n", target).is_ok());
    }
}

#[test]
fn parameters_need_values() {
    let text = "arch x86_64\nparam top: u32\nallow close if fd < top\n";
    let errors = compiled(text, Target::Syscall).unwrap_err();
    assert!(errors.list.iter().any(|error| error.code.0 == "F0816"), "{errors}");
    let params = vec![("top".to_owned(), 7)];
    let options = Options { params, target: Target::Syscall, ..Options::default() };
    assert!(compile_module(&Source::text("test.flt", text), &options).is_ok());
}

#[test]
fn forms_without_a_place_for_a_module() {
    let compiled = compiled(POLICY, Target::TracepointBtf).unwrap();
    assert_eq!(emit_module(compiled.program(), Format::Bpf), None);
    assert_eq!(emit_module(compiled.program(), Format::C), None);
    let text = String::from_utf8(emit_module(compiled.program(), Format::Asm).unwrap()).unwrap();
    for part in ["; enter: tp_btf/sys_enter", "; fork: tp_btf/sched_process_fork"] {
        assert!(text.contains(part), "{part}");
    }
}

/// F0411: the kernel would give up, and that is said of the policy, not of filterc.
#[test]
fn rules_in_a_row_have_a_limit() {
    let policy = |count: u32| {
        let rule = |i: u32| {
            let (flags, mode) = (i * 2 + 10, i + 7);
            format!("errno({}) open if flags == {flags} && mode != {mode}\n", i % 3000 + 2)
        };
        format!("arch x86_64\n{}", (0..count).map(rule).collect::<String>())
    };
    let options = |prove| Options {
        target: Target::Syscall,
        prove,
        opt_level: filterc::OptLevel::O0,
        ..Options::default()
    };
    let source = |count| Source::text("test.flt", policy(count));
    assert!(compile_module(&source(100), &options(true)).is_ok());
    let errors = compile_module(&source(4500), &options(false)).err().unwrap();
    assert_eq!(errors.list[0].code.0, "F0411");
}
