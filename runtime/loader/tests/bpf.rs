//! `bpf(2)`: maps, records, programs at work, and what the kernel refuses.
//!
//! What is attached looks at this thread only, and is taken away at the end of its test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]

use std::fs;

use filterc_abi::Endian;
use filterc_ebpf::{Fixed, Host, assemble, interp, interpret, well_formed};
use filterc_loader::bpf::{
    BpfError, Btf, Log, Map, MapKind, MapSpec, Program, ProgramKind, ProgramSpec, Refusal,
    RingReader, Update,
};

const HASH: MapSpec = MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 8, max_entries: 2 };
const ARRAY: MapSpec = MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 2 };
const RING: MapSpec =
    MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 };

fn load(kind: ProgramKind, text: &str, maps: &[&Map]) -> Result<Program, Refusal> {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let log = Log::Refusals;
    Program::load(&insns, &ProgramSpec { kind, name: "filterc_test", license: c"GPL", log, maps })
}

/// The answer, if this process may ask at all.
fn answer<T, E: std::fmt::Display>(
    result: Result<T, E>,
    error_of: fn(&E) -> &BpfError,
) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(error) if error_of(&error).is_unavailable() => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn map(spec: MapSpec) -> Option<Map> {
    answer(Map::create(spec, "filterc_test"), |error| error)
}

fn program(kind: ProgramKind, text: &str, maps: &[&Map]) -> Option<Program> {
    answer(load(kind, text, maps), |refusal| &refusal.error)
}

#[test]
fn maps_keep_what_they_are_given() {
    let Some(hash) = map(HASH) else { return };
    let (one, two, three) = ([1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]);
    assert_eq!(hash.lookup(&one), Ok(None));
    let errno = |result: Result<(), BpfError>| result.unwrap_err().errno;
    assert_eq!(errno(hash.update(&one, &[5; 8], Update::Change)), libc::ENOENT);
    hash.update(&one, &[5; 8], Update::Add).unwrap();
    assert_eq!(errno(hash.update(&one, &[5; 8], Update::Add)), libc::EEXIST);
    hash.update(&two, &[6; 8], Update::Any).unwrap();
    assert_eq!(errno(hash.update(&three, &[7; 8], Update::Any)), libc::E2BIG);
    let mut keys = hash.keys().unwrap();
    keys.sort();
    assert_eq!(keys, [one, two]);
    assert_eq!(hash.lookup(&two), Ok(Some(vec![6; 8])));
    hash.delete(&two).unwrap();
    assert_eq!(errno(hash.delete(&two)), libc::ENOENT);
    assert_eq!(hash.keys().unwrap(), [one]);
    // Other lengths never reach the kernel.
    assert_eq!(errno(hash.update(&[1], &[5; 8], Update::Any)), libc::EINVAL);
    assert_eq!(errno(hash.update(&one, &[5; 7], Update::Any)), libc::EINVAL);
    assert_eq!(hash.lookup(&[0; 5]).unwrap_err().errno, libc::EINVAL);

    let array = map(ARRAY).unwrap();
    assert_eq!(array.keys().unwrap(), [[0; 4], one]);
    assert_eq!(array.lookup(&one), Ok(Some(vec![0; 8])));
    assert_eq!(array.lookup(&two), Ok(None));
    assert_eq!(errno(array.delete(&one)), libc::EINVAL);
    assert_eq!(RingReader::new(&array).unwrap_err().errno, libc::EINVAL);
}

#[test]
fn maps_that_there_are_not_here_are_not_there() {
    if map(ARRAY).is_none() {
        return;
    }
    let specs = [
        MapSpec { key_size: 0, ..HASH },
        MapSpec { key_size: 8, ..ARRAY },
        MapSpec { value_size: 0, ..ARRAY },
        MapSpec { max_entries: 0, ..HASH },
        MapSpec { key_size: 4, ..RING },
        MapSpec { max_entries: 5000, ..RING },
        MapSpec { max_entries: 2048, ..RING },
    ];
    for spec in specs {
        let mut host = Host::new(Fixed::default(), Endian::HOST);
        assert_eq!(host.add_map(spec), Err(interp::MapError::BadSize), "{spec:?}");
        assert!(Map::create(spec, "filterc_test").is_err(), "{spec:?}");
    }
}

#[test]
fn refusals_say_why() {
    let text = "r0 = *(u64 *)(r1 + 1)\nexit";
    if program(ProgramKind::Syscall, "r0 = 0\nexit", &[]).is_none() {
        return;
    }
    let refusal = load(ProgramKind::Syscall, text, &[]).unwrap_err();
    assert_eq!(refusal.error.errno, libc::EACCES);
    assert!(refusal.log.contains("invalid bpf_context access"), "{refusal}");
    assert!(refusal.to_string().contains("invalid bpf_context access"), "{refusal}");
    // A log that is longer than what is first asked for.
    let long =
        format!("r0 = *(u64 *)(r1 + 0)\n{}r0 = r3\nexit", "r0 += 1\nw0 ^= 77\n".repeat(5_000));
    let refusal = load(ProgramKind::Syscall, &long, &[]).unwrap_err();
    assert!(refusal.log.contains("R3 !read_ok"), "{}", refusal.log.len());
    // What is not well-formed, and maps that are not given, never reach the kernel.
    let refusal = load(ProgramKind::Syscall, "r0 = 0", &[]).unwrap_err();
    assert_eq!(refusal.error.errno, libc::EINVAL);
    assert!(refusal.log.contains("neither `exit`"), "{refusal}");
    for text in ["r1 = map[idx:0] ll\nexit", "r1 = map[idx:-1][0]+0 ll\nexit"] {
        let refusal = load(ProgramKind::Syscall, text, &[]).unwrap_err();
        assert!(refusal.log.contains("the program names map"), "{refusal}");
    }
    let call = load(ProgramKind::Syscall, "call kfunc[id:5 fd:1]\nexit", &[]).unwrap_err();
    assert!(call.log.contains("of a module"), "{call}");
}

#[test]
fn descriptors_places_and_values_name_maps() {
    let Some(one) = map(MapSpec { max_entries: 1, ..ARRAY }) else { return };
    let fd = one.descriptor();
    for name in [format!("map[fd:{fd}]"), "map[idx:0]".to_owned()] {
        let text = format!(
            "r1 = {name}[0]+4 ll\n*(u32 *)(r1 + 0) = 9\n*(u32 *)(r10 - 4) = 0\nr2 = r10\n\
             r2 += -4\nr1 = {name} ll\ncall bpf_map_lookup_elem\nif r0 == 0 goto no\n\
             r0 = *(u32 *)(r0 + 4)\nno: exit"
        );
        let program = program(ProgramKind::Syscall, &text, &[&one]).unwrap();
        assert_eq!(program.test_run(&mut []), Ok(9));
        one.update(&[0; 4], &[0; 8], Update::Any).unwrap();
    }
}

#[test]
fn ring_buffers_wrap() {
    let Some(ring) = map(RING) else { return };
    let mut reader = RingReader::new(&ring).unwrap();
    // The context says how long: 24 or 100 bytes, whose first say how many were written before.
    let text = "r6 = r1
        r7 = *(u64 *)(r6 + 0)
        r8 = *(u64 *)(r6 + 8)
        if r7 == 0 goto short
        r1 = map[idx:0] ll
        r2 = 100
        r3 = 0
        call bpf_ringbuf_reserve
        if r0 == 0 goto full
        goto write
short:  r1 = map[idx:0] ll
        r2 = 24
        r3 = 0
        call bpf_ringbuf_reserve
        if r0 == 0 goto full
write:  *(u64 *)(r0 + 0) = r8
        r1 = r0
        r2 = 0
        if r7 == 2 goto drop
        call bpf_ringbuf_submit
        r0 = 1
        exit
drop:   call bpf_ringbuf_discard
        r0 = 1
        exit
full:   r0 = 0
        exit";
    let program = program(ProgramKind::Syscall, text, &[&ring]).unwrap();
    let (mut expected, mut fulls) = (Vec::new(), 0);
    for round in 0..2_000_u64 {
        let kind = round % 3;
        let mut context = [0; 16];
        context[..8].copy_from_slice(&kind.to_ne_bytes());
        context[8..].copy_from_slice(&round.to_ne_bytes());
        if program.test_run(&mut context).unwrap() == 0 {
            fulls += 1;
        } else if kind != 2 {
            expected.push((round, if kind == 0 { 24 } else { 100 }));
        }
        if round % 90 == 89 {
            let read = reader
                .consume()
                .into_iter()
                .map(|bytes| (u64::from_ne_bytes(*bytes.first_chunk().unwrap()), bytes.len()));
            assert!(read.eq(expected.drain(..)), "{round}");
        }
    }
    assert!(fulls > 0);
}

#[test]
fn time_and_processor_are_those_of_the_machine() {
    let text = "r6 = r1\ncall bpf_ktime_get_ns\n*(u64 *)(r6 + 0) = r0\n\
                call bpf_get_smp_processor_id\nexit";
    let Some(program) = program(ProgramKind::Syscall, text, &[]) else { return };
    let mut context = [0; 8];
    let uptime = || -> f64 {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let before = uptime();
    let processor = program.test_run(&mut context).unwrap();
    let online = fs::read_to_string("/proc/cpuinfo").unwrap().matches("\nprocessor").count() + 1;
    assert!((processor as usize) < online);
    // Seconds with two digits, and no suspended time in the one of the two.
    let seconds = std::time::Duration::from_nanos(u64::from_ne_bytes(context)).as_secs_f64();
    assert!(seconds <= uptime() + 0.02 && seconds > 0.0, "{before} {seconds}");
}

/// Types `int` and `long`, by hand: header, two types, names.
fn integers() -> Vec<u8> {
    let strings = b"\0int\0long\0";
    let integer = |name: u32, size: u32, bits: u32| {
        const KIND_INT: u32 = 1 << 24;
        const SIGNED: u32 = 1 << 24;
        [name, KIND_INT, size, SIGNED | bits]
    };
    let types: Vec<u32> = [integer(1, 4, 32), integer(5, 8, 64)].concat();
    let length = u32::try_from(4 * types.len()).unwrap();
    let mut bytes = Vec::new();
    bytes.extend(0xeb9f_u16.to_ne_bytes());
    bytes.extend([1, 0]);
    for word in [24, 0, length, length, u32::try_from(strings.len()).unwrap()] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
    bytes.extend(strings);
    bytes
}

#[test]
fn task_storage_as_here() {
    let Some(btf) = answer(Btf::load(&integers()), |error| error) else { return };
    let spec = MapSpec { kind: MapKind::TaskStorage, key_size: 4, value_size: 8, max_entries: 0 };
    let Some(map) = answer(Map::create_typed(spec, "filterc_test", &btf, (1, 2)), |error| error)
    else {
        return;
    };
    let mut host =
        Host::new(Fixed { task: 0xffff_8888_0000_0000, ..Fixed::default() }, Endian::HOST);
    host.add_map(spec).unwrap();
    let get = |flags: u32, initial: &str| {
        format!(
            "*(u64 *)(r10 - 8) = 40\ncall bpf_get_current_task_btf\nr1 = map[idx:0] ll\nr2 = r0\n\
             r3 = {initial}\nr4 = {flags}\ncall bpf_task_storage_get\nif r0 == 0 goto none\n\
             r1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1\nr0 = r1\nexit\n\
             none: r0 = -1\nexit"
        )
    };
    let delete = "call bpf_get_current_task_btf\nr1 = map[idx:0] ll\nr2 = r0\n\
                  call bpf_task_storage_delete\nexit";
    let stack = "r10\nr3 += -8";
    for text in [
        &get(0, "0"),
        &get(1, "0"),
        &get(0, "0"),
        &get(2, "0"),
        &get(1, stack),
        delete,
        delete,
        &get(1, stack),
        &get(0, stack),
    ] {
        let Some(program) = program(ProgramKind::Syscall, text, &[&map]) else { return };
        let theirs = program.test_run(&mut []).unwrap();
        let ours = well_formed(&assemble(text).unwrap()).unwrap();
        let ours = interpret(&ours, &mut host, &mut [], 1000).unwrap().ret;
        assert_eq!(u64::from(theirs), ours & 0xffff_ffff, "{text}");
    }
}

/// The thread id of this thread, which programs compare with.
fn thread_id() -> u32 {
    let link = fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// A program that counts what this thread does in the value of an array.
fn counter(tid: u32, ret: u32) -> String {
    format!(
        "call bpf_get_current_pid_tgid
        if w0 != {tid} goto stranger
        r1 = map[idx:0][0]+0 ll
        r2 = 1
        lock *(u64 *)(r1 + 0) += r2
        stranger: r0 = {ret}
        exit"
    )
}

/// How much the counter grows while this thread makes some calls.
fn counted(map: &Map) -> u64 {
    let count = || {
        let bytes = map.lookup(&[0; 4]).unwrap().unwrap();
        u64::from_ne_bytes(*bytes.first_chunk().unwrap())
    };
    let before = count();
    for _ in 0..100 {
        let _exists = fs::metadata("/proc/self/status").is_ok();
    }
    count() - before
}

#[test]
fn attached_until_the_link_is_dropped() {
    let Some(map) = map(MapSpec { max_entries: 1, ..ARRAY }) else { return };
    let text = counter(thread_id(), 0);
    let Some(raw) = program(ProgramKind::RawTracepoint, &text, &[&map]) else { return };
    assert!(raw.attach_raw_tracepoint(c"no_such_tracepoint").is_err());
    let attached = raw.attach_raw_tracepoint(c"sys_enter");
    let Some(link) = answer(attached, |error| error) else { return };
    assert!(counted(&map) >= 100);
    drop(link);
    assert_eq!(counted(&map), 0);
}

#[test]
fn attached_to_a_tracepoint_by_its_id() {
    let id = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].iter().find_map(|root| {
        fs::read_to_string(format!("{root}/events/raw_syscalls/sys_enter/id")).ok()
    });
    let Some(id) = id else { return println!("skipped: no tracefs is mounted") };
    let Some(map) = map(MapSpec { max_entries: 1, ..ARRAY }) else { return };
    // 1: events that others record here are kept.
    let text = counter(thread_id(), 1);
    let Some(program) = program(ProgramKind::Tracepoint, &text, &[&map]) else { return };
    let attached = program.attach_tracepoint(id.trim().parse().unwrap());
    let Some(link) = answer(attached, |error| error) else { return };
    assert!(counted(&map) >= 100);
    drop(link);
    assert_eq!(counted(&map), 0);
}

/// The registers of a task are where the kernel says, and hold what the call was made with: here of
/// `bpf` itself. And a signal that asks nothing (0) comes to nobody.
#[test]
fn registers_of_a_call() {
    let text = "call bpf_get_current_task_btf\nr1 = r0\ncall bpf_task_pt_regs\nr3 = r0\n\
                r3 += 120\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_probe_read_kernel\n\
                if r0 != 0 goto fail\nr0 = *(u64 *)(r10 - 8)\nexit\nfail: r0 = -1\nexit";
    let Some(program) = program(ProgramKind::Syscall, text, &[]) else { return };
    if cfg!(target_arch = "x86_64") {
        let number = filterc_abi::x86_64().syscall("bpf").unwrap().nr;
        assert_eq!(program.test_run(&mut []).unwrap(), number);
    }
    let text = "r1 = 0\ncall bpf_send_signal\nr0 = 0\nexit";
    let Some(program) = self::program(ProgramKind::Syscall, text, &[]) else { return };
    assert_eq!(program.test_run(&mut []).unwrap(), 0);
}
