//! What programs ask of the kernel's structures, answered by types of ours, of the running kernel,
//! and of a kernel that nobody has.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests say what they expect by panicking"
)]

mod sample;

use filterc_abi::Endian;
use filterc_abi::members::{PATHS, Path, THREAD_ABI_SYSCALL, X86_64_MARK};
use filterc_ebpf::btf::{Btf, Mismatch, relocate};
use filterc_ebpf::field::Shape;
use filterc_ebpf::{Field, FieldUse, Fixed, Host, Module, Question, Target, interpret, verify};
use filterc_object::{read_as, write};
use sample::{answered, asking, made_up};

/// What the program of `asking` gives back in the interpreter.
fn run(module: &Module, endian: Endian) -> u64 {
    let program = verify(&module.units[0].insns, &Target::SYSCALL).unwrap();
    let mut context = vec![0; 16];
    let mut host = Host::new(Fixed::default(), endian);
    interpret(program.program(), &mut host, &mut context, 1000).unwrap();
    let bytes = context[8..].try_into().unwrap();
    if endian == Endian::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) }
}

#[test]
fn members_that_moved() {
    for endian in [Endian::Little, Endian::Big] {
        // As it is read from a file.
        let module = read_as(&write(&asking(), endian).unwrap(), endian).unwrap();
        assert_eq!(run(&module, endian), answered(16, 72) + (1 << 21));
        let types = made_up(endian, "status", 4);
        let relocated = relocate(&module, &Btf::read(&types, endian).unwrap()).unwrap();
        assert_eq!(run(&relocated, endian), answered(232, 132));
        assert!(relocated.units.iter().all(|unit| unit.fields.is_empty()));
    }
}

#[test]
fn what_a_kernel_lacks_is_named() {
    let fails = |module: &Module, types: &[u8], why, field: &str| {
        let error = relocate(module, &Btf::read(types, Endian::Little).unwrap()).unwrap_err();
        assert_eq!((error.why, error.field.as_str(), error.unit.as_str()), (why, field, "asking"));
        assert!(error.to_string().contains(field));
    };
    let types = |status, bytes| made_up(Endian::Little, status, bytes);
    let status = "task_struct.thread_info.status";
    fails(&asking(), &types("condition", 4), Mismatch::NoMember, status);
    fails(&asking(), &types("status", 8), Mismatch::OtherShape, status);
    let asks = |change: fn(&mut FieldUse)| {
        let mut module = asking();
        change(&mut module.units[0].fields[3]);
        module
    };
    let other = asks(|it| {
        it.question = Question::Offset;
        it.field.structure = "gone".to_owned();
    });
    fails(&other, &types("status", 4), Mismatch::NoStructure, "gone.none_such");
    let other = asks(|it| it.field.steps[0].shape = Shape::Pointer);
    // Whether it exists is answered, whatever it holds.
    let moved = types("status", 4);
    let relocated = relocate(&other, &Btf::read(&moved, Endian::Little).unwrap()).unwrap();
    assert_eq!(run(&relocated, Endian::Little), answered(232, 132));
}

/// The table's offsets are those of a kernel of 6.18; on others, all members are there.
#[test]
fn the_running_kernel_has_the_members() {
    let Ok(types) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        return println!("skipped: this kernel does not tell its types");
    };
    let kernel = Btf::read(&types, Endian::HOST).unwrap();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let is_it = cfg!(target_arch = "x86_64") && release.starts_with("6.18.");
    let others = |path: &&Path| {
        **path == THREAD_ABI_SYSCALL || path.structure == "pt_regs" && **path != X86_64_MARK
    };
    for path in PATHS.iter().filter(|path| !others(path)) {
        let mut module = asking();
        let field = Field::from(path);
        module.units[0].insns[6].imm = path.offset().cast_signed();
        module.units[0].fields = vec![FieldUse { slot: 6, question: Question::Offset, field }];
        let relocated = relocate(&module, &kernel).unwrap_or_else(|error| panic!("{error}"));
        let found = relocated.units[0].insns[6].imm.cast_unsigned();
        println!("{} is at {found}", Field::from(path));
        assert!(!is_it || found == path.offset(), "{}: {found}", Field::from(path));
    }
}
