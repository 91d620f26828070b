//! The interpreter by hand: what each instruction and each helper does. The loader's tests
//! hold it against the running kernel.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests say what they expect"
)]

use filterc_abi::Endian;
use filterc_ebpf::interp::{FaultKind, MapError, MapKind, MapSpec};
use filterc_ebpf::machine::Refused;
use filterc_ebpf::{
    Fixed, Host, Insn, Outcome, assemble, decode, interpret, interpret_traced, well_formed,
};

const FUEL: u64 = 10_000;

fn host() -> Host<Fixed> {
    let environment = Fixed {
        ktime_ns: 77,
        processor: 1,
        pid_tgid: 0x0000_0102_0000_0103,
        uid_gid: 0x0000_0005_0000_0006,
        comm: *b"filterc\0\0\0\0\0\0\0\0\0",
        cgroup_id: 99,
        cgroups: vec![5],
        task: 0xffff_8880_0000_1000,
        registers: 0xffff_8880_0000_0008,
        signals: Vec::new(),
        user: vec![(0x7fff_0000_0000, b"/etc/passwd\0rest".to_vec())],
        kernel: vec![(0xffff_8880_0000_0000, (1..=64).collect())],
    };
    Host::new(environment, Endian::Little)
}

fn run_in(host: &mut Host<Fixed>, text: &str, context: &mut [u8]) -> Result<u64, FaultKind> {
    let program = well_formed(&assemble(text).unwrap()).unwrap();
    interpret(&program, host, context, FUEL).map(|outcome| outcome.ret).map_err(|fault| fault.kind)
}

#[track_caller]
fn returns(text: &str, expected: u64) {
    assert_eq!(run_in(&mut host(), text, &mut [0; 64]), Ok(expected), "{text}");
}

#[test]
fn arithmetic() {
    for (text, expected) in [
        ("r0 = -1", u64::MAX),
        ("w0 = -1", 0xffff_ffff),
        ("r0 = 0x123456789abcdef0 ll\nw0 += 0", 0x9abc_def0),
        ("r0 = -7\nr0 /= 2", 0x7fff_ffff_ffff_fffc),
        ("r0 = -7\nr0 s/= 2", -3_i64 as u64),
        ("r0 = -7\nr0 s%= 2", -1_i64 as u64),
        ("r0 = 7\nr1 = 0\nr0 /= r1", 0),
        ("r0 = 7\nr1 = 0\nr0 %= r1", 7),
        ("r0 = 7\nr1 = 0\nr0 s/= r1", 0),
        ("r0 = 0x1200000007 ll\nr1 = 0\nw0 %= w1", 7),
        ("r0 = 0x1200000007 ll\nr1 = 0\nw0 s%= w1", 7),
        ("r0 = 0x8000000000000000 ll\nr0 s/= -1", 1 << 63),
        ("r0 = 0x8000000000000000 ll\nr0 s%= -1", 0),
        ("w0 = 0x80000000\nw0 s/= -1", 0x8000_0000),
        ("r0 = 1\nr1 = 67\nr0 <<= r1", 8),
        ("w0 = 1\nr1 = 67\nw0 <<= w1", 8),
        ("r0 = -8\nr0 s>>= 1", -4_i64 as u64),
        ("w0 = -8\nw0 s>>= 1", 0xffff_fffc),
        ("r0 = 5\nr0 = -r0", -5_i64 as u64),
        ("r0 = 5\nw0 = -w0", 0xffff_fffb),
        ("r1 = 0x80\nr0 = (s8)r1", -128_i64 as u64),
        ("r1 = 0x8080\nw0 = (s16)w1", 0xffff_8080),
        ("r1 = 0x80000000 ll\nr0 = (s32)r1", 0xffff_ffff_8000_0000),
        ("r0 = 0x1122334455667788 ll\nr0 = be16 r0", 0x8877),
        ("r0 = 0x1122334455667788 ll\nr0 = be32 r0", 0x8877_6655),
        ("r0 = 0x1122334455667788 ll\nr0 = le32 r0", 0x5566_7788),
        ("r0 = 0x1122334455667788 ll\nr0 = bswap64 r0", 0x8877_6655_4433_2211),
        ("r0 = 0x1122334455667788 ll\nr0 = le64 r0", 0x1122_3344_5566_7788),
    ] {
        returns(&format!("{text}\nexit"), expected);
    }
}

#[test]
fn jumps() {
    for (left, test, right, narrow, wide) in [
        ("-1", ">", "1", true, true),
        ("-1", "s>", "1", false, false),
        ("0x80000000", "s<", "0", true, false),
        ("0x100000001", "==", "1", true, false),
        ("0x100000001", "!=", "1", false, true),
        ("0x100000000", "&", "-1", false, true),
        ("5", "s>=", "5", true, true),
        ("5", "<=", "4", false, false),
        ("5", "<", "6", true, true),
        ("5", "s<=", "6", true, true),
        ("5", ">=", "6", false, false),
    ] {
        for (letter, holds) in [('w', narrow), ('r', wide)] {
            let text = format!(
                "r0 = 1\nr1 = {left} ll\nif {letter}1 {test} {right} goto yes\nr0 = 0\nyes: exit"
            );
            returns(&text, holds.into());
            let text = format!(
                "r0 = 1\nr1 = {left} ll\nr2 = {right}\nif {letter}1 {test} {letter}2 goto yes\n\
                 r0 = 0\nyes: exit"
            );
            returns(&text, holds.into());
        }
    }
    returns("r0 = 0\nl: r0 += 3\nif r0 < 100 goto l\nexit", 102);
    returns("r0 = 1\ngotol a\nb: exit\na: r0 = 2\ngotol b", 2);
}

#[test]
fn memory_and_atomics() {
    let store = "r1 = 0x1122334455667788 ll\n*(u64 *)(r10 - 8) = r1\nr2 = 0x10\nr0 = 0x88\n";
    for (text, expected) in [
        ("r0 = *(u8 *)(r10 - 8)", 0x88),
        ("r0 = *(s8 *)(r10 - 8)", 0xffff_ffff_ffff_ff88),
        ("r0 = *(s16 *)(r10 - 8)", 0x7788),
        ("r0 = *(u32 *)(r10 - 4)", 0x1122_3344),
        ("*(u16 *)(r10 - 7) = -2\nr0 = *(u64 *)(r10 - 8)", 0x1122_3344_55ff_fe88),
        ("lock *(u64 *)(r10 - 8) += r2\nr0 = *(u64 *)(r10 - 8)", 0x1122_3344_5566_7798),
        ("lock *(u32 *)(r10 - 4) ^= w2\nr0 = *(u64 *)(r10 - 8)", 0x1122_3354_5566_7788),
        ("w2 = atomic_fetch_add((u32 *)(r10 - 8), w2)\nr0 = r2", 0x5566_7788),
        ("r2 = atomic_fetch_and((u64 *)(r10 - 8), r2)\nr0 = *(u64 *)(r10 - 8)", 0),
        ("r2 = xchg_64(r10 - 8, r2)\nr0 = r2", 0x1122_3344_5566_7788),
        ("w2 = xchg32_32(r10 - 4, w2)\nr0 = *(u64 *)(r10 - 8)", 0x10_5566_7788),
        ("r0 = cmpxchg_64(r10 - 8, r0, r2)", 0x1122_3344_5566_7788),
        (
            "r0 = 0x55667788\nw0 = cmpxchg32_32(r10 - 8, w0, w2)\nr0 = *(u64 *)(r10 - 8)",
            0x1122_3344_0000_0010,
        ),
    ] {
        returns(&format!("{store}{text}\nexit"), expected);
    }
    let mut context = [0; 16];
    let text = "*(u32 *)(r1 + 4) = 7\nr0 = *(u64 *)(r1 + 0)\nexit";
    assert_eq!(run_in(&mut host(), text, &mut context), Ok(7 << 32));
    assert_eq!(context[4], 7);
}

#[test]
fn the_other_byte_order() {
    let text = "r0 = *(u32 *)(r1 + 0)\n*(u16 *)(r10 - 8) = r0\nr2 = *(u8 *)(r10 - 8)\n\
                r0 <<= 8\nr0 |= r2\nr3 = 0x1234\nr3 = le16 r3\nr0 <<= 16\nr0 |= r3\nexit";
    let program = well_formed(&assemble(text).unwrap()).unwrap();
    let mut host = Host::new(Fixed::default(), Endian::Big);
    let outcome = interpret(&program, &mut host, &mut [1, 2, 3, 4], FUEL).unwrap();
    assert_eq!(outcome.ret, 0x0001_0203_0403_3412);
}

#[test]
fn functions_keep_their_callers_registers_and_stacks() {
    let text = "r6 = 5
        *(u64 *)(r10 - 8) = 1
        r1 = r10
        r1 += -8
        call f
        r0 += r6
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        exit
    f:  r6 = 100
        *(u64 *)(r10 - 8) = 1000
        *(u64 *)(r1 + 0) = 20
        r0 = 3
        exit";
    returns(text, 28);
    let fault = run_in(&mut host(), "f: call f\nexit", &mut []);
    assert_eq!(fault, Err(FaultKind::Refused(Refused::CallDepth)));
    // The stack of a function that has returned is gone.
    let text = "call f\nr0 = *(u64 *)(r0 - 8)\nexit\nf: r0 = r10\nexit";
    assert!(matches!(run_in(&mut host(), text, &mut []), Err(FaultKind::Memory { .. })));
}

#[test]
fn faults() {
    let memory = |text: &str| {
        let fault = run_in(&mut host(), &format!("{text}\nr0 = 0\nexit"), &mut [0; 64]);
        assert!(matches!(fault, Err(FaultKind::Memory { .. })), "{text}: {fault:?}");
    };
    memory("r0 = *(u8 *)(r10 + 0)");
    memory("r0 = *(u8 *)(r10 - 513)");
    memory("*(u64 *)(r10 - 4) = 1");
    memory("r0 = *(u64 *)(r1 + 57)");
    memory("r0 = *(u8 *)(r1 - 1)");
    memory("r1 = 0\nr0 = *(u8 *)(r1 + 0)");
    memory("lock *(u64 *)(r1 + 64) += r2");
    let fuel = run_in(&mut host(), "l: goto l", &mut []);
    assert_eq!(fuel, Err(FaultKind::OutOfFuel));
    for text in ["call 9999", "call kfunc[id:5]"] {
        let fault = run_in(&mut host(), &format!("{text}\nexit"), &mut []);
        assert!(matches!(fault, Err(FaultKind::UnknownCallee(_))));
    }
    let fault = run_in(&mut host(), "r1 = map[fd:3] ll\nexit", &mut []);
    assert!(matches!(fault, Err(FaultKind::UnknownSymbol(_))));
    let fault = run_in(&mut host(), "x: r1 = subprog[x] ll\nexit", &mut []);
    assert_eq!(fault, Err(FaultKind::Refused(Refused::FunctionAddress)));
}

#[test]
fn steps_and_traces() {
    let program = well_formed(&assemble("r0 = 1 ll\nif r0 == 1 goto +1\nr0 = 9\nexit").unwrap());
    let mut pcs = Vec::new();
    let outcome =
        interpret_traced(&program.unwrap(), &mut host(), &mut [], FUEL, |pc| pcs.push(pc));
    assert_eq!(outcome, Ok(Outcome { ret: 1, steps: 3 }));
    assert_eq!(pcs, [0, 2, 4]);
}

#[test]
fn who_and_when() {
    returns("call bpf_ktime_get_ns\nexit", 77);
    returns("call bpf_get_smp_processor_id\nexit", 1);
    returns("call bpf_get_current_pid_tgid\nexit", 0x0000_0102_0000_0103);
    returns("call bpf_get_current_uid_gid\nexit", 0x0000_0005_0000_0006);
    returns("call bpf_get_current_cgroup_id\nexit", 99);
    let registers = "call bpf_get_current_task_btf\nr1 = r0\ncall bpf_task_pt_regs\n\
                     r3 = r0\nr3 += 8\nr1 = r10\nr1 += -8\nr2 = 8\n\
                     call bpf_probe_read_kernel\nr0 = *(u64 *)(r10 - 8)\nexit";
    returns(registers, 0x1817_1615_1413_1211);
    let mut host = host();
    run_in(&mut host, "r1 = 9\ncall bpf_send_signal\nexit", &mut []).unwrap();
    assert_eq!(host.environment.signals, [9]);
    // Of no other task than the one that runs.
    let stranger = run_in(&mut host, "r1 = 5\ncall bpf_task_pt_regs\nexit", &mut []);
    assert!(matches!(stranger, Err(FaultKind::BadArgument { argument: 1, .. })), "{stranger:?}");
    let comm = |size: u32| {
        format!(
            "*(u64 *)(r10 - 8) = -1\nr1 = r10\nr1 += -8\nr2 = {size}\n\
             call bpf_get_current_comm\nr0 = *(u64 *)(r10 - 8)\nexit"
        )
    };
    returns(&comm(8), u64::from_le_bytes(*b"filterc\0"));
    returns(&comm(4), u64::from_le_bytes(*b"fil\0\xff\xff\xff\xff"));
    // Through a pointer to kernel memory: what is not there is 0.
    returns("r1 = 0xffff888000000000 ll\nr0 = *(u16 *)(r1 + 2)\nexit", 0x0403);
    returns("r1 = 0xffff888100000000 ll\nr0 = *(u16 *)(r1 + 2)\nexit", 0);
}

#[test]
fn reading_other_memory() {
    let read = |helper: &str, size: u32, from: &str, result: &str| {
        let text = format!(
            "r6 = r1\n*(u64 *)(r10 - 16) = -1\n*(u64 *)(r10 - 8) = -1\nr3 = {from}\nr1 = r10\n\
             r1 += -16\nr2 = {size}\ncall bpf_probe_read_{helper}\nr1 = *(u64 *)(r10 - 16)\n\
             {result}\nexit"
        );
        run_in(&mut host(), &text, &mut [0; 64]).unwrap()
    };
    let (error, bytes) = ("r2 = 0", "r0 = r1");
    let user = "0x7fff00000000 ll";
    assert_eq!(read("user", 8, user, error), 0);
    assert_eq!(read("user", 8, user, bytes), u64::from_le_bytes(*b"/etc/pas"));
    assert_eq!(read("user", 8, "0x7fff0000000c ll", error), -14_i64 as u64);
    assert_eq!(read("user", 8, "0x7fff0000000c ll", bytes), 0);
    assert_eq!(read("user_str", 16, user, error), 12);
    assert_eq!(read("user_str", 6, user, error), 6);
    assert_eq!(read("user_str", 6, user, bytes), u64::from_le_bytes(*b"/etc/\0\xff\xff"));
    assert_eq!(read("user_str", 16, "5", error), -14_i64 as u64);
    assert_eq!(read("kernel", 4, "0xffff888000000000 ll", bytes), 0xffff_ffff_0403_0201);
    assert_eq!(read("kernel", 4, user, error), -34_i64 as u64);
    assert_eq!(read("kernel", 4, "0xffff900000000000 ll", error), -14_i64 as u64);
    assert_eq!(read("kernel", 8, "r6", bytes), 0);
    assert_eq!(read("kernel_str", 0, "r6", error), 0);
}

const HASH: MapSpec = MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 8, max_entries: 2 };
const ARRAY: MapSpec = MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 3 };

/// `update(key, value, flags)` or `delete(key)` of map 0, returning what it returns.
fn map_call(helper: &str, key: u32, value: u64, flags: u64) -> String {
    format!(
        "*(u32 *)(r10 - 4) = {key}\nr1 = {value} ll\n*(u64 *)(r10 - 16) = r1\nr2 = r10\nr2 += -4\n\
         r3 = r10\nr3 += -16\nr4 = {flags}\nr1 = map[idx:0] ll\ncall bpf_map_{helper}_elem\nexit"
    )
}

fn value(key: u32) -> String {
    format!(
        "*(u32 *)(r10 - 4) = {key}\nr2 = r10\nr2 += -4\nr1 = map[fd:9] ll\n\
         call bpf_map_lookup_elem\nif r0 == 0 goto none\nr0 = *(u64 *)(r0 + 0)\nexit\n\
         none: r0 = -1\nexit"
    )
}

#[test]
fn hashes_and_arrays() {
    let mut host = host();
    let hash = host.add_map(HASH).unwrap();
    host.bind(9, hash);
    let mut run = |text: String| run_in(&mut host, &text, &mut []).unwrap() as i64;
    let update = |key, value, flags| map_call("update", key, value, flags);
    assert_eq!(run(value(1)), -1);
    assert_eq!(run(update(1, 5, 2)), -2);
    assert_eq!(run(update(1, 5, 0)), 0);
    assert_eq!(run(update(1, 5, 1)), -17);
    assert_eq!(run(update(1, 6, 2)), 0);
    assert_eq!(run(update(2, 7, 1)), 0);
    assert_eq!(run(update(3, 8, 0)), -7);
    assert_eq!(run(update(2, 8, 3)), -22);
    assert_eq!(run(update(2, 8, 4)), -22);
    assert_eq!((run(value(1)), run(value(2)), run(value(3))), (6, 7, -1));
    assert_eq!(run(map_call("delete", 1, 0, 0)), 0);
    assert_eq!(run(map_call("delete", 1, 0, 0)), -2);
    assert_eq!(run(value(1)), -1);
    assert_eq!(host.keys(hash), [2_u32.to_le_bytes()]);
    assert_eq!(host.lookup(hash, &2_u32.to_le_bytes()), Some(&7_u64.to_le_bytes()[..]));

    let mut host = Host::new(Fixed::default(), Endian::Little);
    let array = host.add_map(ARRAY).unwrap();
    host.bind(9, array);
    host.update(array, &1_u32.to_le_bytes(), &4_u64.to_le_bytes()).unwrap();
    let mut run = |text: String| run_in(&mut host, &text, &mut []).unwrap() as i64;
    assert_eq!((run(value(0)), run(value(1)), run(value(3))), (0, 4, -1));
    assert_eq!(run(update(2, 5, 2)), 0);
    assert_eq!(run(update(2, 6, 1)), -17);
    assert_eq!(run(update(3, 6, 0)), -7);
    assert_eq!(run(update(2, 6, 5)), -17);
    assert_eq!(run(map_call("delete", 1, 0, 0)), -22);
    assert_eq!(run(value(2)), 5);
}

#[test]
fn a_pointer_to_a_value_outlives_it() {
    let mut host = host();
    let hash = host.add_map(HASH).unwrap();
    host.update(hash, &[1, 0, 0, 0], &5_u64.to_le_bytes()).unwrap();
    let text = "*(u32 *)(r10 - 4) = 1
        r2 = r10
        r2 += -4
        r1 = map[idx:0] ll
        call bpf_map_lookup_elem
        r6 = r0
        r2 = r10
        r2 += -4
        r1 = map[idx:0] ll
        call bpf_map_delete_elem
        r0 = *(u64 *)(r6 + 0)
        exit";
    assert_eq!(run_in(&mut host, text, &mut []), Ok(5));
    // Until the program ends.
    let mut leaked = 0_u64.to_le_bytes();
    let text = text.replace("r0 = *(u64 *)(r6 + 0)", "*(u64 *)(r7 + 0) = r6");
    let text = format!("r7 = r1\n{text}");
    host.update(hash, &[1, 0, 0, 0], &5_u64.to_le_bytes()).unwrap();
    run_in(&mut host, &text, &mut leaked).unwrap();
    let fault = run_in(&mut host, "r1 = *(u64 *)(r1 + 0)\nr0 = *(u8 *)(r1 + 0)\nexit", &mut leaked);
    assert!(matches!(fault, Err(FaultKind::Memory { .. })), "{fault:?}");
}

#[test]
fn direct_values() {
    let mut host = host();
    let one = host.add_map(MapSpec { max_entries: 1, value_size: 16, ..ARRAY }).unwrap();
    let text = "r1 = map[idx:0][0]+8 ll\n*(u64 *)(r1 + 0) = 9\nr0 = *(u32 *)(r1 - 8)\nexit";
    assert_eq!(run_in(&mut host, text, &mut []), Ok(0));
    assert_eq!(host.lookup(one, &[0; 4]).unwrap()[8], 9);
    let beyond = run_in(&mut host, "r1 = map[idx:0][0]+16 ll\nexit", &mut []);
    assert!(matches!(beyond, Err(FaultKind::UnknownSymbol(_))));
}

#[test]
fn ring_buffers() {
    let mut host = host();
    let spec = MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 };
    let ring = host.add_map(spec).unwrap();
    let reserve = |size: u32, then: &str| {
        format!(
            "r6 = r1\nr1 = map[idx:0] ll\nr2 = {size}\nr3 = 0\ncall bpf_ringbuf_reserve\n\
             if r0 == 0 goto full\n*(u8 *)(r0 + 0) = 65\nr1 = r0\nr2 = 0\n\
             call bpf_ringbuf_{then}\nr0 = 1\nfull: exit"
        )
    };
    let output = |flags: u32| {
        format!(
            "*(u64 *)(r10 - 8) = 66\nr1 = map[idx:0] ll\nr2 = r10\nr2 += -8\nr3 = 3\nr4 = {flags}\n\
             call bpf_ringbuf_output\nexit"
        )
    };
    let mut run = |text: String| run_in(&mut host, &text, &mut []).unwrap() as i64;
    assert_eq!(run(reserve(5, "submit")), 1);
    assert_eq!(run(output(1)), 0);
    assert_eq!(run(output(4)), -22);
    assert_eq!(run(reserve(7, "discard")), 1);
    assert_eq!(run(reserve(4080, "submit")), 0);
    assert_eq!(host.consume(ring), [b"A\0\0\0\0".to_vec(), b"B\0\0".to_vec()]);
    // 4088 bytes and their header would make full look empty; 4080 fit.
    let mut run = |text: String| run_in(&mut host, &text, &mut []).unwrap() as i64;
    assert_eq!(run(reserve(4088, "submit")), 0);
    assert_eq!(run(reserve(4080, "submit")), 1);
    assert_eq!(run(output(0)), -11);
    assert_eq!(host.consume(ring).len(), 1);
    // A record is submitted once.
    let twice = reserve(5, "submit").replace("r0 = 1", "r1 = r7\ncall bpf_ringbuf_submit\nr0 = 1");
    let twice = twice.replace("r1 = r0", "r7 = r0\nr1 = r0");
    let fault = run_in(&mut host, &twice, &mut []);
    assert!(matches!(fault, Err(FaultKind::BadArgument { .. })), "{fault:?}");
}

#[test]
fn task_storage() {
    let mut host = host();
    let spec = MapSpec { kind: MapKind::TaskStorage, key_size: 4, value_size: 8, max_entries: 0 };
    let storage = host.add_map(spec).unwrap();
    let get = |flags: u32| {
        format!(
            "call bpf_get_current_task_btf\nr1 = map[idx:0] ll\nr2 = r0\nr3 = 0\nr4 = {flags}\n\
             call bpf_task_storage_get\nif r0 == 0 goto none\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n\
             *(u64 *)(r0 + 0) = r1\nr0 = r1\nexit\nnone: r0 = -1\nexit"
        )
    };
    let delete = "call bpf_get_current_task_btf\nr1 = map[idx:0] ll\nr2 = r0\n\
                  call bpf_task_storage_delete\nexit";
    let mut run = |text: &str| run_in(&mut host, text, &mut []).unwrap() as i64;
    assert_eq!(run(&get(0)), -1);
    assert_eq!(run(&get(1)), 1);
    assert_eq!(run(&get(0)), 2);
    assert_eq!(run(&get(2)), -1);
    assert_eq!(run(delete), 0);
    assert_eq!(run(delete), -2);
    assert!(host.set_task_value(storage, host.environment.task, &41_u64.to_le_bytes()));
    assert_eq!(run_in(&mut host, &get(0), &mut []), Ok(42));
    let task = host.environment.task;
    assert_eq!(host.task_value(storage, task), Some(&42_u64.to_le_bytes()[..]));
}

#[test]
fn maps_that_there_are_not() {
    let mut host = host();
    for (spec, error) in [
        (MapSpec { key_size: 0, ..HASH }, MapError::BadSize),
        (MapSpec { key_size: 8, ..ARRAY }, MapError::BadSize),
        (MapSpec { value_size: 0, ..ARRAY }, MapError::BadSize),
        (MapSpec { max_entries: u32::MAX, ..ARRAY }, MapError::TooLarge),
        (MapSpec { value_size: 1 << 24, ..HASH }, MapError::TooLarge),
        (MapSpec { kind: MapKind::Ringbuf, ..HASH }, MapError::BadSize),
        (MapSpec { kind: MapKind::TaskStorage, ..HASH }, MapError::BadSize),
    ] {
        assert_eq!(host.add_map(spec), Err(error), "{spec:?}");
    }
}

#[test]
fn random_well_formed_programs_end() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut host = host();
    for spec in [HASH, ARRAY, MapSpec { max_entries: 1, ..ARRAY }] {
        host.add_map(spec).unwrap();
    }
    let spec = MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 };
    host.add_map(spec).unwrap();
    let helpers = [1, 2, 3, 5, 8, 14, 15, 16, 80, 112, 113, 114, 115, 130, 131, 132, 133, 156, 158];
    let (mut ran, mut ended) = (0, 0);
    while ran < 60_000 {
        let length = 4 + random() % 24;
        let mut bytes = Vec::new();
        for _ in 0..length {
            let [opcode, registers, offset, imm, which, ..] = random().to_le_bytes();
            let opcode = match which % 8 {
                0 => 0x85,
                1 => [0x61, 0x79, 0x7b, 0x62, 0xdb][usize::from(opcode) % 5],
                2 => 0xb7,
                3 => 0xbf,
                _ => opcode,
            };
            let imm = match opcode {
                0x85 => helpers[usize::from(imm) % helpers.len()],
                _ => i32::from(imm) - 16,
            };
            let (offset, imm) = ((i16::from(offset) % 40 - 20).to_le_bytes(), imm.to_le_bytes());
            let registers = if opcode == 0x85 { 0 } else { registers & 0x77 };
            bytes.extend([opcode, registers, offset[0], offset[1], imm[0], imm[1], imm[2], imm[3]]);
        }
        bytes.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
        let mut program = decode(&bytes, Endian::Little).unwrap();
        // What is not legal becomes a copy, so that most programs are well-formed.
        while let Err(error) = well_formed(&program) {
            let dst = (random() % 10) as u8;
            let src = (random() % 11) as u8;
            program[error.pc] = Insn { opcode: 0xbf, dst, src, offset: 0, imm: 0 };
        }
        let program = well_formed(&program).unwrap();
        let mut context = [7; 64];
        ended += u32::from(interpret(&program, &mut host, &mut context, 500).is_ok());
        ran += 1;
    }
    assert!(ended > 3_000, "{ended}");
}
