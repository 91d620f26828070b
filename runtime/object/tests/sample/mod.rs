//! A module with all that a module can have.
#![allow(dead_code, reason = "each test uses a part of it")]

use filterc_abi::Endian;
use filterc_abi::members::{FILE_DENTRY, THREAD_STATUS};
use filterc_ebpf::btf::Builder;
use filterc_ebpf::field::{Shape, Step};
use filterc_ebpf::{Field, FieldUse, Question};
use filterc_ebpf::{Function, Hook, Line, MapKind, MapSpec, Module, NamedMap, Unit, assemble};
use filterc_ebpf::{LabelPattern, labels};

pub(crate) fn map(name: &str, kind: MapKind, sizes: (u32, u32), max_entries: u32) -> NamedMap {
    let (key_size, value_size) = sizes;
    NamedMap { name: name.to_owned(), spec: MapSpec { kind, key_size, value_size, max_entries } }
}

pub(crate) fn unit(name: &str, hook: Hook, text: &str, functions: &[(&str, u32)]) -> Unit {
    let entry = Function { name: name.to_owned(), slot: 0 };
    let called =
        functions.iter().map(|(name, slot)| Function { name: (*name).to_owned(), slot: *slot });
    Unit {
        name: name.to_owned(),
        hook,
        insns: assemble(text).unwrap(),
        functions: std::iter::once(entry).chain(called).collect(),
        lines: Vec::new(),
        fields: Vec::new(),
    }
}

pub(crate) fn line(slot: u32, line: u32, text: &str) -> Line {
    let file = "policies/sample.flt".to_owned();
    Line { slot, file, line, column: 5, text: text.to_owned() }
}

/// The first task map is for task storage, then one of each kind.
pub(crate) fn maps() -> Vec<NamedMap> {
    vec![
        map("tasks", MapKind::TaskStorage, (4, 8), 0),
        map("records", MapKind::Ringbuf, (0, 0), 4096),
        map("seen", MapKind::Hash, (16, 12), 100),
        map("counts", MapKind::Array, (4, 8), 3),
        map("lost", MapKind::Array, (4, 16), 1),
        map("scratch", MapKind::PercpuArray, (4, 40), 1),
    ]
}

/// Counts the calls of a task that has a value in task storage.
pub(crate) const COUNT: &str = "
        r6 = r1
        call bpf_get_current_task_btf
        r1 = map[idx:0] ll
        r2 = r0
        r3 = 0
        r4 = 0
        call bpf_task_storage_get
        if r0 == 0 goto stranger
        *(u32 *)(r10 - 4) = 1
        r2 = r10
        r2 += -4
        r1 = map[idx:3] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto stranger
        r1 = r0
        call add
        stranger: r0 = 0
        exit
add:    r2 = 1
        lock *(u64 *)(r1 + 0) += r2
        r1 = map[idx:1] ll
        r2 = r10
        r2 += -8
        *(u64 *)(r2 + 0) = 7
        r3 = 8
        call again
        if r0 == 0 goto done
        r1 = map[idx:4][0]+8 ll
        r2 = 1
        lock *(u64 *)(r1 + 0) += r2
done:
        r0 = 0
        exit
again:  r4 = 0
        call bpf_ringbuf_output
        exit
";

/// A module with two programs for one hook, others between them, and functions.
pub(crate) fn module() -> Module {
    let raw = || Hook::RawTracepoint("sys_enter".to_owned());
    let mut first = unit("count_enter", raw(), COUNT, &[("add", 20), ("again", 36)]);
    first.lines = vec![
        line(0, 3, "monitor tasks"),
        line(10, 7, "deny write if count > 3"),
        line(20, 8, "    add 1"),
        line(22, 9, "    record"),
    ];
    let event = Hook::Tracepoint { subsystem: "syscalls".into(), event: "sys_enter_openat".into() };
    let typed = Hook::TracepointBtf("sys_exit".to_owned());
    let second = unit("keep", event, "r0 = 1\nexit", &[]);
    let third = unit("typed", typed, COUNT, &[("add", 20), ("again", 36)]);
    let mut fourth = unit("second_enter", raw(), "r0 = 0\nexit", &[]);
    fourth.lines = vec![line(1, 12, "allow all")];
    let fifth = unit("object", Hook::Lsm("file_open".to_owned()), "r0 = 0\nexit", &[]);
    Module {
        license: "GPL".to_owned(),
        maps: maps(),
        units: vec![first, second, third, fourth, fifth],
        labels: Vec::new(),
    }
}

/// A module that can be tried: a program that looks into its context.
pub(crate) fn on_request() -> Module {
    let text = "
        r6 = r1
        r7 = *(u64 *)(r6 + 0)
        r1 = r7
        call twice
        *(u64 *)(r6 + 8) = r0
        r0 = 0
        exit
twice:  r0 = r1
        r0 += r0
        exit";
    let mut unit = unit("tried", Hook::Syscall, text, &[("twice", 7)]);
    unit.lines = vec![line(0, 1, "const x = 1"), line(7, 2, "x * 2")];
    Module { license: "GPL".to_owned(), maps: maps(), units: vec![unit], labels: Vec::new() }
}

/// A module that asks where members are and whether there are any: the sum of all answers is what
/// its program gives back. A structure of its own name is that of the kernel, too.
pub(crate) fn asking() -> Module {
    let text = "
        r6 = r1
        call ask
        *(u64 *)(r6 + 8) = r0
        r0 = 0
        exit
ask:    r0 = 0
        r0 += 16
        w0 += 72
        r1 = 1
        r1 <<= 20
        r0 += r1
        r1 = 1
        r1 <<= 21
        r0 += r1
        exit";
    let mut unit = unit("asking", Hook::Syscall, text, &[("ask", 5)]);
    let absent = Field {
        structure: "task_struct___mine".to_owned(),
        steps: vec![Step { name: "none_such".to_owned(), offset: 8, shape: Shape::Number(4) }],
    };
    let uses = [
        (6, Question::Offset, Field::from(&THREAD_STATUS)),
        (7, Question::Offset, Field::from(&FILE_DENTRY)),
        (8, Question::Exists, Field::from(&THREAD_STATUS)),
        (11, Question::Exists, absent),
    ];
    let uses = uses.map(|(slot, question, field)| FieldUse { slot, question, field });
    unit.fields = uses.into();
    Module { license: "GPL".to_owned(), maps: maps(), units: vec![unit], labels: Vec::new() }
}

/// What `asking` gives back where these are the offsets.
pub(crate) fn answered(status: u64, dentry: u64) -> u64 {
    status + dentry + (1 << 20)
}

/// Types of a kernel that nobody has: members lie elsewhere, some behind other names of types, and
/// one in a structure without a name.
pub(crate) fn made_up(endian: Endian, status: &str, bytes: u32) -> Vec<u8> {
    let mut types = Builder::new(endian);
    let int = types.int("int", 4, true);
    let number = types.int("a number", bytes, false);
    let pointer = types.pointer(0);
    let path = types.structure("path", 32, &[("mnt", pointer, 0), ("dentry", pointer, 24)]);
    let inner = types.structure("", 40, &[("first", int, 0), ("f_path", path, 8)]);
    types.structure("file", 140, &[("before", int, 4), ("", inner, 100)]);
    let info = types.structure("thread_info", 40, &[("flags", int, 0), (status, number, 32)]);
    types.structure("task_struct", 240, &[("state", int, 0), ("thread_info", info, 200)]);
    types.finish()
}

/// The sample with labels, and the maps that they are in.
pub(crate) fn labelled() -> Module {
    let mut module = module();
    for (name, spec) in labels::MAPS {
        module.maps.push(NamedMap { name: name.to_owned(), spec });
    }
    let label = |bit, label: &str, pattern: &str| LabelPattern {
        bit,
        label: label.to_owned(),
        pattern: pattern.to_owned(),
    };
    module.labels = vec![
        label(0, "secret", "/etc/shadow"),
        label(0, "secret", "/root/a:b c/**"),
        label(63, "open", "/srv/ä*"),
    ];
    module
}
