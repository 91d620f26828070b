//! The verifier by hand: what it refuses, with each code, and what it must not refuse. The
//! loader's tests hold it against the running kernel.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use filterc_ebpf::verify::{Argument, Context};
use filterc_ebpf::{MapKind, MapSpec, Target, assemble, verify};

const MAPS: [MapSpec; 5] = [
    MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 16, max_entries: 8 },
    MapSpec { kind: MapKind::Array, key_size: 4, value_size: 16, max_entries: 4 },
    MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 },
    MapSpec { kind: MapKind::TaskStorage, key_size: 4, value_size: 8, max_entries: 0 },
    MapSpec { kind: MapKind::Array, key_size: 4, value_size: 24, max_entries: 1 },
];

/// Offsets of the registers of system call arguments, as an example of a structure.
const STRUCTURE: [Argument<'static>; 2] =
    [Argument::Structure(&[(96, 8), (104, 8), (112, 4)]), Argument::Number];

fn target(context: Context<'static>) -> Target<'static> {
    Target { context, maps: &MAPS, descriptors: &[(7, 1)], ..Target::SYSCALL }
}

#[track_caller]
fn accepted_for(target: &Target<'_>, text: &str) {
    let insns = assemble(text).unwrap_or_else(|error| panic_with(text, &error));
    if let Err(error) = verify(&insns, target) {
        panic_with(text, &error)
    }
}

#[track_caller]
#[allow(clippy::panic, reason = "a test fails by panicking")]
fn panic_with<T>(text: &str, error: &dyn std::fmt::Display) -> T {
    panic!("{error}\n{text}")
}

#[track_caller]
fn accepted(text: &str) {
    accepted_for(&target(Context::Syscall), text);
}

#[track_caller]
fn refused_for(target: &Target<'_>, text: &str, pc: usize, code: &str) {
    let insns = assemble(text).unwrap_or_else(|error| panic_with(text, &error));
    let error = verify(&insns, target).err().unwrap_or_else(|| panic_with(text, &"accepted"));
    assert_eq!((error.pc, error.code()), (pc, code), "{error}\n{text}");
    assert!(error.to_string().starts_with(&format!("instruction {pc}: ")));
}

#[track_caller]
fn refused(text: &str, pc: usize, code: &str) {
    refused_for(&target(Context::Syscall), text, pc, code);
}

/// `body` with R0 the value of key 0 of the hash, or null.
fn looked_up(body: &str) -> String {
    format!(
        "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[idx:0] ll\n\
         call bpf_map_lookup_elem\n{body}\nr0 = 0\nexit"
    )
}

/// `body` with R0 a record of 16 bytes, or null.
fn reserved(body: &str) -> String {
    format!("r1 = map[idx:2] ll\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\n{body}\nr0 = 0\nexit")
}

#[test]
fn functions_and_ways() {
    refused("exit\nr0 = 0\nexit", 1, "F0546");
    refused("goto +1\nr0 = 0\nr0 = 1\nexit", 1, "F0546");
    refused("r0 = 0\nexit\nf: r0 = 1\nexit", 2, "F0546");
    refused("call f\nif r0 == 0 goto +1\nexit\nf: r0 = 1\nexit", 1, "F0547");
    refused("call f\nr0 = 0\nf: r0 = 0\nexit", 1, "F0547");
    accepted("call f\nexit\nf: r0 = 7\nexit");
    refused("call f\nr0 = 0\nexit\nf: call f\nr0 = 0\nexit", 3, "F0567");
    // Nine functions in a row.
    let mut deep = String::from("call f1\nr0 = 0\nexit\n");
    for function in 1..=8 {
        deep.push_str(&format!("f{function}: call f{}\nr0 = 0\nexit\n", function + 1));
    }
    deep.push_str("f9: r0 = 0\nexit");
    assert_eq!(verify(&assemble(&deep).unwrap(), &Target::SYSCALL).unwrap_err().code(), "F0567");
    // 480 and 64 bytes of stack; alone they are fine.
    let stacks = |inner: u32| {
        format!(
            "*(u8 *)(r10 - 480) = 0\ncall f\nr0 = 0\nexit\nf: *(u8 *)(r10 - {inner}) = 0\n\
             r0 = 0\nexit"
        )
    };
    accepted(&stacks(32));
    refused(&stacks(33), 1, "F0567");
}

#[test]
fn registers_must_be_written() {
    refused("exit", 0, "F0548");
    refused("r0 = r2\nexit", 0, "F0548");
    refused("if r1 == 0 goto +1\nr2 = 0\nr0 = r2\nexit", 2, "F0548");
    refused("r2 = 5\ncall bpf_ktime_get_ns\nr0 = r2\nexit", 2, "F0548");
    refused("r6 = 1\ncall f\nexit\nf: r0 = r6\nexit", 3, "F0548");
    refused("r2 = 1\ncall f\nr0 = r2\nexit\nf: r0 = r2\nexit", 2, "F0548");
    refused("r1 = map[idx:2] ll\nr2 = 16\ncall bpf_ringbuf_reserve\nexit", 3, "F0548");
    accepted("r6 = 1\ncall f\nr0 += r6\nexit\nf: r6 = 2\nr0 = r6\nexit");
}

#[test]
fn addresses() {
    refused("r0 = 0\nr0 = *(u8 *)(r0 + 0)\nexit", 1, "F0549");
    refused(&looked_up("r1 = *(u8 *)(r0 + 0)"), 6, "F0549");
    refused("r1 = map[idx:0] ll\nr0 = *(u8 *)(r1 + 0)\nexit", 2, "F0549");
    refused("call bpf_get_current_task_btf\nr0 = *(u64 *)(r0 + 0)\nexit", 1, "F0549");
    refused("*(u64 *)(r1 + 0) = r1\nr0 = 0\nexit", 0, "F0563");
    refused("r0 = r10\nexit", 1, "F0563");
    refused("*(u32 *)(r10 - 4) = r1\nr0 = 0\nexit", 0, "F0563");
    refused(&looked_up("if r0 == 0 goto +1\n*(u64 *)(r0 + 0) = r10"), 7, "F0563");
    refused("r1 += 8\nr0 = 0\nexit", 0, "F0562");
    refused("r2 = r10\nr2 -= 8\nr0 = 0\nexit", 1, "F0562");
    refused("w2 = w10\nr0 = 0\nexit", 0, "F0562");
    refused("r2 = *(u64 *)(r1 + 0)\nr2 += r10\nr0 = 0\nexit", 1, "F0562");
    refused("if r1 == r10 goto +0\nr0 = 0\nexit", 0, "F0562");
    refused("if r10 > 5 goto +0\nr0 = 0\nexit", 0, "F0562");
    refused(&looked_up("r0 += 8"), 6, "F0562");
    accepted("if r1 == 0 goto +0\nr0 = 0\nexit");
    accepted("*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r2 + 8)\nexit");
}

#[test]
fn null_is_told_apart_for_all_copies() {
    let accept = [
        "if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 8)",
        "if r0 != 0 goto +1\ngoto +1\nr1 = *(u64 *)(r0 + 8)",
        "r6 = r0\nif r0 == 0 goto +1\nr1 = *(u64 *)(r6 + 8)",
        "*(u64 *)(r10 - 16) = r0\nif r0 == 0 goto +2\nr1 = *(u64 *)(r10 - 16)\nr1 = *(u8 *)(r1 + 15)",
    ];
    for body in accept {
        accepted(&looked_up(body));
    }
    refused(&looked_up("r6 = r0\nif r0 != 0 goto +1\nr1 = *(u64 *)(r6 + 8)"), 8, "F0549");
    // Another look-up is another value.
    let again = "r6 = r0\nr2 = r10\nr2 += -4\nr1 = map[idx:0] ll\ncall bpf_map_lookup_elem\n\
                 if r0 == 0 goto +1\nr1 = *(u8 *)(r6 + 0)";
    refused(&looked_up(again), 13, "F0549");
}

#[test]
fn bounds() {
    refused("r0 = *(u64 *)(r1 - 8)\nexit", 0, "F0558");
    accepted("r0 = *(u64 *)(r1 + 32760)\nexit");
    refused("r0 = *(u8 *)(r10 + 0)\nexit", 0, "F0558");
    refused("*(u64 *)(r10 - 520) = 0\nr0 = 0\nexit", 0, "F0558");
    refused(&looked_up("if r0 == 0 goto +1\nr1 = *(u64 *)(r0 + 16)"), 7, "F0558");
    refused(&looked_up("if r0 == 0 goto +1\nr1 = *(u64 *)(r0 - 8)"), 7, "F0558");
    refused("r1 = map[idx:4][0]+16 ll\nr0 = *(u64 *)(r1 + 8)\nexit", 2, "F0558");
    refused("r0 = *(u32 *)(r1 + 2)\nexit", 0, "F0559");
    refused("*(u16 *)(r10 - 3) = 0\nr0 = 0\nexit", 0, "F0559");
    refused("r0 = *(u8 *)(r10 - 1)\nexit", 0, "F0560");
    refused("*(u32 *)(r10 - 8) = 1\nr0 = *(u64 *)(r10 - 8)\nexit", 1, "F0560");
    accepted("*(u32 *)(r10 - 8) = 1\n*(u32 *)(r10 - 4) = 1\nr0 = *(u64 *)(r10 - 8)\nexit");
    refused("if r1 == 0 goto +1\n*(u64 *)(r10 - 8) = 1\nr0 = *(u64 *)(r10 - 8)\nexit", 2, "F0560");
}

#[test]
fn unknown_offsets_need_bounds() {
    let index = |bound: &str| {
        looked_up(&format!(
            "if r0 == 0 goto out\ncall bpf_get_smp_processor_id\nr7 = r0\n{bound}\n\
             r1 = map[idx:4][0]+0 ll\nr1 += r7\nr2 = *(u64 *)(r1 + 0)\nout: r0 = 0"
        ))
    };
    accepted(&index("r7 &= 16"));
    accepted(&index("if r7 > 2 goto out\nr7 <<= 3"));
    accepted(&index("if w7 > 2 goto out\nw7 = w7\nr7 *= 8"));
    accepted(&index("r7 >>= 63\nr7 <<= 4"));
    accepted(&index("if r7 s> 2 goto out\nif r7 s< 0 goto out\nr7 <<= 3"));
    let code = |bound: &str| {
        let insns = assemble(&index(bound)).unwrap();
        verify(&insns, &target(Context::Syscall)).unwrap_err().code()
    };
    assert_eq!(code("r7 &= 24"), "F0558");
    assert_eq!(code("r7 &= 9"), "F0559");
    assert_eq!(code("if r7 > 3 goto out\nr7 <<= 3"), "F0558");
    assert_eq!(code("if r7 s> 2 goto out\nr7 <<= 3"), "F0562");
    assert_eq!(code("r7 += 0"), "F0562");
}

#[test]
fn contexts() {
    let tracepoint = target(Context::Tracepoint);
    accepted_for(&tracepoint, "r0 = *(u64 *)(r1 + 8)\nexit");
    accepted_for(&tracepoint, "r0 = *(u64 *)(r1 + 8184)\nexit");
    refused_for(&tracepoint, "r0 = *(u32 *)(r1 + 0)\nexit", 0, "F0558");
    refused_for(&tracepoint, "r0 = *(u64 *)(r1 + 8192)\nexit", 0, "F0558");
    refused_for(&tracepoint, "*(u64 *)(r1 + 8) = 0\nr0 = 0\nexit", 0, "F0561");
    let raw = target(Context::RawTracepoint);
    accepted_for(&raw, "r0 = *(u64 *)(r1 + 88)\nexit");
    refused_for(&raw, "r0 = *(u64 *)(r1 + 96)\nexit", 0, "F0558");
    let arguments = target(Context::Arguments(&STRUCTURE));
    accepted_for(&arguments, "r2 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r2 + 104)\nexit");
    accepted_for(&arguments, "r0 = *(u64 *)(r1 + 8)\nexit");
    refused_for(&arguments, "r0 = *(u64 *)(r1 + 16)\nexit", 0, "F0558");
    refused_for(&arguments, "r0 = *(u32 *)(r1 + 8)\nexit", 0, "F0559");
    refused_for(&arguments, "r0 = *(u64 *)(r1 + 0)\nexit", 1, "F0563");
    let text = "r2 = *(u64 *)(r1 + 0)\n*(u64 *)(r2 + 96) = 0\nr0 = 0\nexit";
    refused_for(&arguments, text, 1, "F0561");
    let text = "r2 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r2 + 0)\nexit";
    refused_for(&arguments, text, 1, "F0558");
    // Numbers are read at their own width.
    accepted_for(&arguments, "r2 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r2 + 112)\nexit");
    for text in ["*(u64 *)(r2 + 112)", "*(u32 *)(r2 + 104)", "*(u16 *)(r2 + 112)"] {
        refused_for(&arguments, &format!("r2 = *(u64 *)(r1 + 0)\nr0 = {text}\nexit"), 1, "F0558");
    }
    // A member of what is not looked into has an address, which is handed on and no more.
    let read = "r1 = r10\nr1 += -8\nr2 = 8\ncall bpf_probe_read_kernel\nr0 = 0\nexit";
    accepted_for(&arguments, &format!("r3 = *(u64 *)(r1 + 0)\nr3 += 104\n{read}"));
    let text = "r2 = *(u64 *)(r1 + 0)\nr2 += 104\nr0 = *(u64 *)(r2 + 0)\nexit";
    refused_for(&arguments, text, 2, "F0549");
    let text = "r2 = *(u64 *)(r1 + 0)\nr2 += -8\nr0 = 0\nexit";
    refused_for(&arguments, text, 1, "F0562");
    let text = "r2 = *(u64 *)(r1 + 0)\nr3 = *(u64 *)(r1 + 8)\nr2 += r3\nr0 = 0\nexit";
    refused_for(&arguments, text, 2, "F0562");
    let registers = "call bpf_get_current_task_btf\nr1 = r0\ncall bpf_task_pt_regs\n";
    accepted_for(&arguments, &format!("{registers}r3 = r0\n{read}"));
    refused_for(&arguments, &format!("{registers}exit"), 3, "F0563");
    refused_for(&arguments, "r1 = 5\ncall bpf_task_pt_regs\nr0 = 0\nexit", 1, "F0565");
    accepted_for(&arguments, "r1 = 9\ncall bpf_send_signal\nr0 = 0\nexit");
    let lsm = Target { returns: (-4095, 0), ..arguments };
    accepted_for(&lsm, "r0 = -13\nexit");
    refused_for(&lsm, "r0 = 1\nexit", 1, "F0569");
    refused_for(&lsm, "r0 = *(u64 *)(r1 + 8)\nexit", 1, "F0569");
    accepted_for(
        &lsm,
        "r0 = *(u64 *)(r1 + 8)\nif r0 s> 0 goto +1\nif r0 s>= -4095 goto +1\nr0 = 0\nexit",
    );
}

#[test]
fn helpers() {
    refused("call 9999\nr0 = 0\nexit", 0, "F0564");
    refused("call kfunc[id:5]\nr0 = 0\nexit", 0, "F0564");
    refused("r0 = 0\nif r0 == 0 goto +2\nr1 = map[idx:9] ll\nexit", 2, "F0564");
    refused("r1 = map[fd:8] ll\nr0 = 0\nexit", 0, "F0564");
    refused("r1 = map[idx:1][0]+0 ll\nr0 = 0\nexit", 0, "F0564");
    refused("r1 = btf[id:5] ll\nr0 = 0\nexit", 0, "F0564");
    accepted("r1 = map[fd:7] ll\nr0 = 0\nexit");
    let argument = |set: &str, call: &str, pc| {
        refused(&format!("{set}\ncall {call}\nr0 = 0\nexit"), pc, "F0565");
    };
    argument("r2 = r10", "bpf_map_lookup_elem", 1);
    argument("r1 = map[idx:2] ll\nr2 = r10", "bpf_map_lookup_elem", 3);
    argument("r1 = map[idx:0] ll\nr2 = 0", "bpf_map_lookup_elem", 3);
    argument("r1 = r10\nr1 += -8\nr2 = 0", "bpf_get_current_comm", 3);
    argument("r2 = *(u64 *)(r1 + 0)\nr1 = r10\nr1 += -8\nr3 = 0", "bpf_probe_read_kernel", 4);
    argument("r2 = *(u64 *)(r1 + 0)\nr1 = map[idx:2] ll\nr3 = 0", "bpf_ringbuf_reserve", 4);
    argument("r2 = 0", "bpf_ringbuf_submit", 1);
    argument("r1 = map[idx:3] ll\nr2 = 5\nr3 = 0\nr4 = 0", "bpf_task_storage_get", 5);
    let text = "r1 = map[idx:0] ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr0 = 0\nexit";
    refused(text, 4, "F0560");
    let text = "r1 = r10\nr1 += -8\nr2 = 9\ncall bpf_get_current_comm\nr0 = 0\nexit";
    refused(text, 3, "F0558");
    accepted(&text.replace("r2 = 9", "r2 = 8").replace("r0 = 0", "r0 = *(u64 *)(r10 - 8)"));
    accepted(
        "call bpf_get_current_task_btf\nr1 = map[idx:3] ll\nr2 = r0\nr3 = 0\nr4 = 1\n\
         call bpf_task_storage_get\nif r0 == 0 goto +1\n*(u64 *)(r0 + 0) = 1\nr0 = 0\nexit",
    );
}

#[test]
fn records_are_given_back() {
    let fill = "if r0 == 0 goto out\n*(u64 *)(r0 + 8) = 1\nr1 = r0\nr2 = 0";
    let submitted = format!("{fill}\ncall bpf_ringbuf_submit\nout: r1 = 0");
    accepted(&reserved(&submitted));
    refused(&reserved("if r0 == 0 goto +0"), 7, "F0566");
    refused(&reserved(&submitted.replace("r1 = r0", "r1 = r0\nr1 += 8")), 10, "F0565");
    refused(&reserved(&submitted.replace("r0 + 8", "r0 + 16")), 6, "F0558");
    // Gone is gone.
    let after =
        format!("r6 = r0\n{fill}\ncall bpf_ringbuf_submit\nr1 = *(u8 *)(r6 + 0)\nout: r1 = 0");
    refused(&reserved(&after), 11, "F0548");
}

#[test]
fn loops() {
    accepted("r0 = 0\nl: r0 += 1\nif r0 < 1000 goto l\nexit");
    accepted("r2 = *(u64 *)(r1 + 0)\nr0 = 0\nr2 &= 31\nl: r0 += 1\nif r0 < r2 goto l\nexit");
    refused("r0 = 0\nl: goto l", 1, "F0568");
    refused(
        "r0 = *(u64 *)(r1 + 0)\nl: r2 = *(u64 *)(r1 + 8)\nif r2 != r0 goto l\nexit",
        1,
        "F0568",
    );
    let endless = assemble("r0 = 0\nl: r0 += 1\nif r0 != 3000000 goto l\nexit").unwrap();
    assert_eq!(verify(&endless, &Target::SYSCALL).unwrap_err().code(), "F0568");
}

#[test]
fn ways_that_bring_nothing_new_are_not_walked_twice() {
    // 2⁶⁰ ways.
    let mut text = String::from("r0 = 0\n");
    for bit in 0..60 {
        text.push_str(&format!(
            "r2 = *(u64 *)(r1 + 0)\nr2 >>= {bit}\nr2 &= 1\nif r2 == 0 goto n{bit}\n\
             r3 = {bit}\nn{bit}:\n"
        ));
    }
    text.push_str("exit");
    accepted(&text);
    // What differs matters, so all ways are walked, and there are too many.
    let text = text.replace("r3 = ", "r0 += ");
    let error = verify(&assemble(&text).unwrap(), &Target::SYSCALL).unwrap_err();
    assert_eq!(error.code(), "F0568");
}
