//! Modules in the kernel: all parts loaded, and what it refuses told in terms of the policy.
//! What is attached looks at this thread only, and is taken away at the end of its test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]

use std::collections::BTreeSet;

use filterc_ebpf::btf::{Mismatch, RelocateError};
use filterc_ebpf::{Function, Hook, Line, MapKind, MapSpec, Module, NamedMap, Unit, assemble};
use filterc_loader::bpf::{
    Action, BpfError, Btf, CODES, Loaded, Map, ModuleLoadError, Rejection, Update,
};

fn unit(name: &str, hook: Hook, text: &str, functions: &[(&str, u32)]) -> Unit {
    let all = [&[(name, 0)], functions].concat();
    let function = |(name, slot): &(&str, u32)| Function { name: (*name).to_owned(), slot: *slot };
    Unit {
        name: name.to_owned(),
        hook,
        insns: assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}")),
        functions: all.iter().map(function).collect(),
        lines: Vec::new(),
        fields: Vec::new(),
    }
}

fn line(slot: u32, line: u32, text: &str) -> Line {
    Line { slot, file: "policy.flt".to_owned(), line, column: 5, text: text.to_owned() }
}

fn module(units: Vec<Unit>) -> Module {
    let map = |name: &str, kind, (key_size, value_size, max_entries)| NamedMap {
        name: name.to_owned(),
        spec: MapSpec { kind, key_size, value_size, max_entries },
    };
    let maps = vec![
        map("tasks", MapKind::TaskStorage, (4, 8, 0)),
        map("records", MapKind::Ringbuf, (0, 0, 4096)),
        map("seen", MapKind::Hash, (16, 12, 100)),
        map("counts", MapKind::Array, (4, 8, 3)),
        map("scratch", MapKind::PercpuArray, (4, 40, 1)),
    ];
    Module { license: "GPL".to_owned(), maps, units, labels: Vec::new() }
}

/// The module in the kernel, if this process may ask at all.
fn load(module: &Module) -> Option<Loaded> {
    match Loaded::load(module) {
        Ok(loaded) => Some(loaded),
        Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn rejection(unit: Unit) -> Option<Rejection> {
    match Loaded::load(&module(vec![unit])) {
        Ok(_) => panic!("accepted"),
        Err(ModuleLoadError::Rejected(rejection)) => Some(*rejection),
        Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn all_of_a_module_is_loaded_and_runs() {
    let text = "
        r6 = r1
        r7 = *(u64 *)(r6 + 0)
        *(u32 *)(r10 - 4) = 2
        r2 = r10
        r2 += -4
        r1 = map[idx:3] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto none
        r1 = *(u64 *)(r0 + 0)
        call twice
        r0 += r7
none:   exit
twice:  r0 = r1
        r0 += r0
        exit";
    let mut unit = unit("main", Hook::Syscall, text, &[("twice", 13)]);
    unit.lines = vec![line(2, 3, "    count += 1"), line(14, 4, "    twice")];
    let Some(loaded) = load(&module(vec![unit])) else { return };
    let counts = loaded.map("counts").unwrap();
    counts.update(&2_u32.to_ne_bytes(), &20_u64.to_ne_bytes(), Update::Any).unwrap();
    let (_, _, program) = loaded.programs().next().unwrap();
    assert_eq!(program.test_run(&mut 2_u64.to_ne_bytes()), Ok(42));
    assert!(loaded.map("nothing").is_none());
    assert!(loaded.attach().unwrap().is_empty());
}

/// A program that counts what this thread does.
fn counter(hook: Hook, result: u32) -> Unit {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    let tid = link.file_name().unwrap().to_str().unwrap().to_owned();
    let text = format!(
        "call bpf_get_current_pid_tgid
        if w0 != {tid} goto stranger
        *(u32 *)(r10 - 4) = 0
        r2 = r10
        r2 += -4
        r1 = map[idx:3] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto stranger
        r2 = 1
        lock *(u64 *)(r0 + 0) += r2
        stranger: r0 = {result}
        exit"
    );
    unit("counter", hook, &text, &[])
}

#[test]
fn attached_to_each_kind_of_hook() {
    let event = Hook::Tracepoint { subsystem: "raw_syscalls".into(), event: "sys_enter".into() };
    let hooks = [
        (Hook::RawTracepoint("sys_enter".into()), 0),
        (Hook::TracepointBtf("sys_enter".into()), 0),
        (event, 1),
    ];
    for (hook, result) in hooks {
        let Some(loaded) = load(&module(vec![counter(hook.clone(), result)])) else { return };
        let count = || {
            let value = loaded.map("counts").unwrap().lookup(&[0; 4]).unwrap().unwrap();
            u64::from_ne_bytes(*value.first_chunk().unwrap())
        };
        let links = match loaded.attach() {
            Ok(links) => links,
            Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0841" | "F0845") => {
                println!("skipped: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let before = count();
        for _ in 0..50 {
            let _exists = std::fs::metadata("/proc/self/status").is_ok();
        }
        assert!(count() >= before + 50, "{hook:?}");
        drop(links);
        let after = count();
        for _ in 0..50 {
            let _exists = std::fs::metadata("/proc/self/status").is_ok();
        }
        assert_eq!(count(), after, "{hook:?}");
    }
}

#[test]
fn refused_programs_name_the_line() {
    // The fault is in the function, on the way through both of its tests.
    let text = "
        r6 = r1
        r1 = *(u64 *)(r6 + 0)
        if r1 == 0 goto none
        call inner
none:   r0 = 0
        exit
inner:  r0 = 1
        r2 = *(u64 *)(r1 + 0)
        exit";
    let mut unit = unit("faulty", Hook::Syscall, text, &[("inner", 6)]);
    unit.lines = vec![
        line(1, 3, "let x = 4"),
        line(3, 7, "    kill write if fd == 1"),
        line(7, 9, "    allow read"),
    ];
    let Some(rejection) = rejection(unit) else { return };
    assert_eq!(rejection.errno, libc::EACCES);
    assert_eq!(rejection.reason, "R1 invalid mem access 'scalar'");
    let at = rejection.at.clone().unwrap();
    assert_eq!((at.slot, at.insn.as_str()), (7, "r2 = *(u64 *)(r1 + 0)"));
    let lines: Vec<u32> = rejection.path.iter().map(|line| line.line).collect();
    assert_eq!(lines, [3, 7, 9]);
    // Newer kernels quote the policy themselves.
    assert!(rejection.log.contains("; allow read"), "{}", rejection.log);
    let expected = "\
the kernel's verifier refuses the program `faulty`
  reason: R1 invalid mem access 'scalar' (errno 13)
  at: policy.flt:9:5, instruction 7: r2 = *(u64 *)(r1 + 0)
      |
    9 |     allow read
      |     ^
  causal path:
    policy.flt:3: let x = 4
    policy.flt:7: kill write if fd == 1
  suggestion: a program that filterc has made is accepted by kernels with all it uses: if it is \
one, please report this with the whole log (--log); if it is changed by hand, mend it there";
    assert_eq!(rejection.to_string(), expected);
    assert_eq!(ModuleLoadError::Rejected(Box::new(rejection)).code(), "F0837");
}

#[test]
fn refusals_suggest_what_helps() {
    let suggestion = |license: &str, text: &str| {
        let mut module =
            module(vec![unit("main", Hook::RawTracepoint("sys_enter".into()), text, &[])]);
        module.license = license.to_owned();
        match Loaded::load(&module) {
            Err(ModuleLoadError::Rejected(rejection)) => Some((rejection.suggestion, rejection.at)),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
            Ok(_) => panic!("accepted"),
        }
    };
    let probe = "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit";
    let Some((text, at)) = suggestion("MIT", probe) else { return };
    assert!(text.contains("set the licence"), "{text}");
    // Nothing of the program has a line.
    assert!(at.is_some_and(|at| at.line.is_none() && at.insn.ends_with("(bpf_probe_read_kernel)")));
    let (text, _) = suggestion("GPL", "call 100000\nr0 = 0\nexit").unwrap();
    assert!(text.contains("does not have the helper"), "{text}");
    let (text, _) = suggestion("GPL", "r0 = *(u64 *)(r1 + 4096)\nexit").unwrap();
    assert!(text.contains("laid out differently"), "{text}");
    let (_, at) = suggestion("GPL", "r0 = 0\nexit\nr0 = 1\nexit").unwrap();
    assert_eq!(at.unwrap().slot, 2);
}

#[test]
fn what_this_kernel_does_not_have_or_allow() {
    if load(&module(Vec::new())).is_none() {
        return;
    }
    let code = |hook| {
        Loaded::load(&module(vec![unit("main", hook, "r0 = 0\nexit", &[])]))
            .map(|it| it.attach().map(|_| ()))
    };
    let flat =
        |hook| code(hook).and_then(|it| it).map_err(|error| (error.code(), error.to_string()));
    let (code, text) = flat(Hook::TracepointBtf("no_such_event".into())).unwrap_err();
    assert!(code == "F0841" && text.contains("tp_btf/no_such_event"), "{code} {text}");
    let (code, text) = flat(Hook::RawTracepoint("no_such_event".into())).unwrap_err();
    assert!(code == "F0841" && text.contains("raw_tp/no_such_event"), "{code} {text}");
    let event = Hook::Tracepoint { subsystem: "syscalls".into(), event: "no_such".into() };
    let (code, text) = flat(event).unwrap_err();
    assert!(matches!(code, "F0841" | "F0845"), "{code} {text}");
    // Security modules: a kernel without them, one that refuses them to everybody, or one that
    // takes them.
    match flat(Hook::Lsm("file_open".into())) {
        Ok(()) => println!("this kernel takes programs of security modules"),
        Err((code, text)) => {
            assert!(matches!(code, "F0835" | "F0836" | "F0841"), "{code} {text}");
            println!("{text}");
        }
    }
}

#[test]
fn every_code_is_that_of_an_error() {
    let bpf = |action, errno, nobody| BpfError { action, errno, nobody }.code();
    let of = |error: ModuleLoadError| error.code();
    let rejection = Rejection {
        unit: String::new(),
        errno: 13,
        reason: String::new(),
        at: None,
        path: Vec::new(),
        suggestion: "",
        log: String::new(),
    };
    assert!(rejection.to_string().contains("it does not say why"));
    let no_field = RelocateError {
        unit: "enter".to_owned(),
        field: "pt_regs.orig_x0".to_owned(),
        why: Mismatch::NoMember,
    };
    let shown = [
        (bpf(Action::MakeMap, libc::EPERM, false), "F0835"),
        (bpf(Action::OpenTracepoint, libc::EACCES, false), "F0835"),
        (bpf(Action::Accept, libc::EPERM, true), "F0836"),
        (bpf(Action::Accept, libc::EINVAL, false), "F0837"),
        (of(ModuleLoadError::Rejected(Box::new(rejection))), "F0837"),
        (bpf(Action::TakeTypes, libc::ENOSYS, false), "F0838"),
        (bpf(Action::MakeMap, libc::EINVAL, false), "F0839"),
        (bpf(Action::TakeTypes, libc::EINVAL, false), "F0840"),
        (of(ModuleLoadError::NoHook { hook: String::new() }), "F0841"),
        (of(ModuleLoadError::NoKernelTypes { errno: libc::ENOENT }), "F0842"),
        (bpf(Action::Attach, libc::ENOENT, false), "F0843"),
        (bpf(Action::OpenTracepoint, libc::ENOENT, false), "F0843"),
        (bpf(Action::LookUp, libc::EINVAL, false), "F0844"),
        (of(ModuleLoadError::NoTracefs), "F0845"),
        (of(ModuleLoadError::NoTaskMap), "F0846"),
        (of(ModuleLoadError::NoTask { id: 7, errno: libc::ESRCH }), "F0847"),
        (of(ModuleLoadError::NoField(no_field)), "F0867"),
    ];
    for (code, expected) in shown {
        assert_eq!(code, expected);
    }
    let all: BTreeSet<&str> = shown.iter().map(|(code, _)| *code).collect();
    assert!(all.into_iter().eq(CODES.iter().copied()));
    // By the kernel itself.
    if load(&module(Vec::new())).is_none() {
        return;
    }
    let bad = MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 5000 };
    assert_eq!(Map::create(bad, "bad").unwrap_err().code(), "F0839");
    assert_eq!(Btf::load(b"no types").unwrap_err().code(), "F0840");
    let mut bad = module(Vec::new());
    bad.maps[1].spec.max_entries = 5000;
    let error = Loaded::load(&bad).unwrap_err();
    assert!(error.code() == "F0839" && error.to_string().contains("map `records`"), "{error}");
}
