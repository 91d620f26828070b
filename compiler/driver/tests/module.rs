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
fn a_module_is_for_the_kernel_of_one_machine() {
    let on = |text: &str, target, machine: Option<&str>| {
        let machine = machine.map(|name| filterc_abi::registers::machine(name).unwrap());
        let options = Options { target, machine, ..Options::default() };
        let text = format!("arch {text}\nallow read\n");
        compile_module(&Source::text("test.flt", text), &options).map_err(|errors| {
            assert_eq!(errors.list[0].code.0, "F0261");
            errors.to_string()
        })
    };
    for target in [Target::RawTracepoint, Target::TracepointBtf] {
        let says = |arch: &str, machine, text: &str| {
            let error = on(arch, target, machine).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        says("x86_64, aarch64", None, "none has tasks of");
        says("mipsel64", None, "on the stack of the task");
        says("csky", None, "not established");
        says("x86_64", Some("aarch64"), "the kernel of aarch64 has no tasks of x86_64");
        for arch in [
            "x86_64, x32, i386",
            "aarch64, arm",
            "riscv64",
            "s390x",
            "ppc, ppc64",
            "ppc64le",
            "loongarch64",
        ] {
            on(arch, target, None).unwrap();
        }
        // A kernel of 32 bits has other registers.
        let insns = |machine| {
            let compiled = on("arm", target, machine).unwrap();
            compiled.program().module().units[0].insns.clone()
        };
        assert_eq!(insns(None), insns(Some("aarch64")));
        assert_ne!(insns(None), insns(Some("arm")));
    }
    // The programs of two machines, where byte orders tell them apart.
    let both = on("aarch64, s390x", Target::TracepointBtf, None).unwrap();
    assert_eq!(both.programs().count(), 2);
    let objects = "arm\nlabel secret = \"/etc/shadow\"\nerrno(EACCES) openat if label & secret";
    let error = on(objects, Target::Lsm, Some("arm")).unwrap_err();
    assert!(error.contains("no programs at hooks"), "{error}");
    let labels = on(objects, Target::Lsm, None).unwrap().program().module().labels.clone();
    assert_eq!(labels[0].to_note(), "filterc:label:0:secret:/etc/shadow");
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
