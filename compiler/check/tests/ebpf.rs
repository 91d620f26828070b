//! eBPF programs and functions as sides: what is followed, and what is said where it is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf as cbpf;
use filterc_check::{Budget, Outside, Side, Verdict, What, Why, differences, equivalent};
use filterc_ebpf::map::{MapKind, MapSpec};
use filterc_ebpf::verify::Context;
use filterc_ebpf::{Target, Verified, assemble, verify};

fn program(text: &str, target: &Target<'_>) -> Verified {
    let insns = assemble(text).unwrap_or_else(|e| panic!("{e:?}"));
    verify(&insns, target).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn syscall(text: &str) -> Verified {
    program(text, &Target::SYSCALL)
}

fn verdict(left: Side<'_>, right: Side<'_>, endian: Endian) -> Verdict {
    equivalent(left, right, endian, &Budget::default())
}

/// Number 5 on architecture 7 is allowed if the first argument is less than −4095.
const DECIDE: &str = "
    w2 = *(u32 *)(r1 + 4)
    if w2 != 7 goto kill
    r2 = *(u64 *)(r1 + 0)
    w2 = w2
    if r2 != 5 goto kill
    r2 = *(u64 *)(r1 + 16)
    if r2 s>= -4095 goto kill
    w0 = 0x7fff0000
    exit
kill:
    w0 = 0x80000000
    exit
";

/// The same by the halves of the argument.
fn classic() -> cbpf::Verified {
    let text = "
        ld [4]
        jne #7, kill
        ld [0]
        jne #5, kill
        ld [20]
        jset #0x80000000, negative, kill
    negative:
        jne #0xffffffff, allow
        ld [16]
        jge #0xfffff001, kill, allow
    allow:
        ret #0x7fff0000
    kill:
        ret #0x80000000
    ";
    cbpf::verify(&cbpf::assemble(text).unwrap_or_else(|e| panic!("{e:?}"))).unwrap()
}

#[test]
fn a_program_and_a_classic_one() {
    let (ebpf, classic) = (
        syscall(&DECIDE.replace("w2 = *(u32 *)(r1 + 4)", "r2 = *(u64 *)(r1 + 0)\nr2 >>= 32")),
        classic(),
    );
    let (left, right) = (Side::Ebpf(&ebpf), Side::Program(&classic));
    assert!(matches!(verdict(left, right, Endian::Little), Verdict::Equal(_)));
    // The other byte order has other halves.
    let Verdict::Differ(found) = verdict(left, right, Endian::Big) else { panic!() };
    assert_ne!(found.left, found.right);
    let other = syscall(&DECIDE.replace("-4095", "-4094"));
    let found = differences(Side::Ebpf(&other), right, Endian::Little, &Budget::default()).unwrap();
    assert_eq!(found.len(), 1);
    let minus = 4095_u64.wrapping_neg();
    let args = [minus, 0, 0, 0, 0, 0];
    let witness = SeccompData { nr: 5, arch: 7, instruction_pointer: 0, args };
    assert_eq!(found.first().map(|it| it.witness), Some(witness));
}

#[test]
fn a_function_of_a_tracing_program() {
    // The record of an event is made into the data of a call, on the stack.
    let mut text = String::from("r6 = r1\n");
    for offset in 0..8 {
        text += &format!(
            "r2 = *(u64 *)(r6 + {})\n*(u64 *)(r10 - {}) = r2\n",
            8 + 8 * offset,
            64 - 8 * offset
        );
    }
    text += "r1 = r10\nr1 += -64\ncall decide\nr0 >>= 31\nexit\ndecide:\n";
    let target = Target { context: Context::Tracepoint, ..Target::SYSCALL };
    let whole = program(&(text.clone() + DECIDE), &target);
    let slot = u32::try_from(
        assemble(&text.replace("call decide", "r0 = 0").replace("decide:", "")).unwrap().len(),
    )
    .unwrap();
    let classic = classic();
    let side = Side::Function { program: &whole, slot };
    assert!(matches!(verdict(side, Side::Program(&classic), Endian::Little), Verdict::Equal(_)));
    let Verdict::Differ(found) =
        verdict(side, Side::Ebpf(&syscall("r0 = 0\nexit")), Endian::Little)
    else {
        panic!()
    };
    assert_eq!((found.left, found.right), (0x8000_0000, 0));
    // There is no function.
    let side = Side::Function { program: &whole, slot: 1000 };
    let found = verdict(side, Side::Program(&classic), Endian::Little);
    assert!(matches!(found, Verdict::Unknown(_)), "{found:?}");
}

#[test]
fn memory_loops_and_calls_are_followed() {
    // The bytes of an argument one by one, through the stack, summed up by a function.
    let text = "
        r6 = r1
        r7 = 0
        r8 = 0
    again:
        r1 = *(u8 *)(r6 + 16)
        r2 = *(u8 *)(r6 + 17)
        *(u8 *)(r10 - 8) = r1
        *(u8 *)(r10 - 7) = r2
        r1 = *(u16 *)(r6 + 18)
        *(u16 *)(r10 - 6) = r1
        r1 = r10
        r2 = r7
        call part
        r8 += r0
        r7 += 1
        if r7 < 4 goto again
        r0 = r8
        exit
    part:
        *(u64 *)(r10 - 8) = r2
        r3 = *(u32 *)(r1 - 8)
        r2 = *(u64 *)(r10 - 8)
        r2 <<= 3
        r3 >>= r2
        r3 &= 0xff
        r3 <<= r2
        r0 = r3
        exit
    ";
    let (program, same) = (syscall(text), syscall("w0 = *(u32 *)(r1 + 16)\nexit"));
    for endian in [Endian::Little, Endian::Big] {
        let found = verdict(Side::Ebpf(&program), Side::Ebpf(&same), endian);
        assert!(matches!(found, Verdict::Equal(_)), "{found:?}");
    }
}

#[test]
fn what_is_not_judged_is_said() {
    let maps = [MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 1 }];
    let target = Target { maps: &maps, ..Target::SYSCALL };
    let cases = [
        ("call bpf_ktime_get_ns\nexit", What::Call, 0),
        ("r1 = map[idx:0] ll\nr0 = 0\nexit", What::Address, 0),
        ("r2 = *(u64 *)(r1 + 120)\nr0 = 0\nexit", What::OutOfBounds, 0),
        (
            "r0 = 1\nr2 = 3\n*(u64 *)(r10 - 8) = r2\nr0 = cmpxchg_64(r10 - 8, r0, r2)\nexit",
            What::CompareExchange,
            3,
        ),
        ("r0 = 0\nif r1 == 0 goto out\nr0 = 1\nout:\nexit", What::AddressSeen, 1),
    ];
    let zero = syscall("r0 = 0\nexit");
    for (text, what, pc) in cases {
        let insns = assemble(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let program = verify(&insns, &target).unwrap_or_else(|e| panic!("{text}: {e}"));
        let expected = Why::Outside(Outside { pc, what });
        match verdict(Side::Ebpf(&program), Side::Ebpf(&zero), Endian::Little) {
            Verdict::Unknown(unknown) => assert_eq!(unknown.why, expected, "{text}"),
            verdict @ (Verdict::Equal(_) | Verdict::Differ(_)) => panic!("{text}: {verdict:?}"),
        }
        let listed =
            differences(Side::Ebpf(&zero), Side::Ebpf(&program), Endian::Big, &Budget::default());
        assert_eq!(listed.unwrap_err().why, expected, "{text}");
    }
}

#[test]
fn loops_on_arguments_end_with_the_budget() {
    let text = "
        r2 = *(u64 *)(r1 + 16)
        r2 &= 0xff
        r0 = 0
    again:
        r0 += 1
        if r0 < r2 goto again
        exit
    ";
    let program = syscall(text);
    let less = syscall(&text.replace("exit", "r0 += 0\nexit"));
    // It goes round 255 times at most, and the terms do not know that.
    let few = Budget { states: 1000, ..Budget::default() };
    match equivalent(Side::Ebpf(&program), Side::Ebpf(&less), Endian::Little, &few) {
        Verdict::Unknown(unknown) => assert_eq!(unknown.why, Why::Budget),
        verdict @ (Verdict::Equal(_) | Verdict::Differ(_)) => panic!("{verdict:?}"),
    }
}
