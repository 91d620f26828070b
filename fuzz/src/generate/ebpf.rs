//! eBPF programs: ones that are mostly accepted, ones that are wrong somewhere, and any at all;
//! and modules of them.

use arbitrary::{Result, Unstructured};
use filterc_ebpf::{
    Function, Hook, Insn, Line, MapKind, MapSpec, Module, NamedMap, Program, Unit, assemble, code,
};

/// The maps that generated programs name by place.
pub const MAPS: [(&str, MapSpec); 4] = [
    ("hash", MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 16, max_entries: 8 }),
    ("array", MapSpec { kind: MapKind::Array, key_size: 4, value_size: 16, max_entries: 4 }),
    ("ring", MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096 }),
    ("one", MapSpec { kind: MapKind::Array, key_size: 4, value_size: 24, max_entries: 1 }),
];

const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "s/", "s%", "|", "&", "^", "<<", ">>", "s>>"];
const TESTS: &[&str] = &["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"];
const TYPES: &[(&str, i16)] =
    &[("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8), ("s8", 1), ("s16", 2), ("s32", 4)];
/// Registers that hold numbers between statements.
const NUMBERS: &[u8] = &[0, 2, 3, 4, 5, 7, 8, 9];

/// Slots without any sense.
///
/// # Errors
/// The bytes were used up.
pub fn any(u: &mut Unstructured<'_>) -> Result<Program> {
    let length = u.int_in_range(1..=24)?;
    (0..length).map(|_| insn(u)).collect()
}

fn insn(u: &mut Unstructured<'_>) -> Result<Insn> {
    let opcode = if u.ratio(1, 4)? {
        u.arbitrary()?
    } else {
        *u.choose(&[0xb7, 0xbf, 0x07, 0x0f, 0x61, 0x7b, 0x15, 0x1d, 0x05, 0x85, 0x95, 0x18, 0xdb])?
    };
    let offset = if u.arbitrary()? { i16::from(u.arbitrary::<i8>()?) } else { 0 };
    Ok(Insn {
        opcode,
        dst: u.int_in_range(0..=15)?,
        src: u.int_in_range(0..=15)?,
        offset,
        imm: u.int_in_range(-16..=300)?,
    })
}

/// A program that computes with numbers, its stack, its context and maps.
///
/// # Errors
/// The bytes were used up.
pub fn sensible(u: &mut Unstructured<'_>) -> Result<Program> {
    let mut text = "r6 = r1\n".to_owned();
    for register in NUMBERS {
        let value: i32 = u.arbitrary()?;
        text.push_str(&format!("r{register} = {value}\n"));
    }
    for slot in 1..=4 {
        text.push_str(&format!("*(u64 *)(r10 - {}) = r9\n", 8 * slot));
    }
    let count = u.int_in_range(0..=20)?;
    for at in 0..count {
        let line = statement(u, at)?;
        // A statement may be jumped over.
        if u.ratio(1, 4)? {
            let (left, test) = (u.choose(NUMBERS)?, u.choose(TESTS)?);
            let narrow = if u.arbitrary()? { "r" } else { "w" };
            let right: i8 = u.arbitrary()?;
            text.push_str(&format!("if {narrow}{left} {test} {right} goto over{at}\n"));
            text.push_str(&format!("{line}over{at}:\n"));
        } else {
            text.push_str(&line);
        }
    }
    text.push_str("exit\n");
    // Constants may be such that no instruction has them: division by 0, for one.
    Ok(assemble(&text).unwrap_or_default())
}

fn statement(u: &mut Unstructured<'_>, at: usize) -> Result<String> {
    let (dst, src) = (*u.choose(NUMBERS)?, *u.choose(NUMBERS)?);
    let width = *u.choose(&["r", "w"])?;
    Ok(match u.int_in_range(0..=9)? {
        0..=2 => format!("{width}{dst} {}= {width}{src}\n", u.choose(OPERATORS)?),
        3 => format!("{width}{dst} {}= {}\n", u.choose(OPERATORS)?, u.int_in_range(1..=31)?),
        4 => format!("{width}{dst} = {width}{src}\nr{dst} = -r{dst}\n"),
        5 => {
            let (kind, size) = *u.choose(TYPES)?;
            let offset = u.int_in_range(0..=7)? * size;
            format!("r{dst} = *({kind} *)(r6 + {offset})\n")
        }
        6 => {
            let (kind, size) = *u.choose(TYPES.get(..4).unwrap_or_default())?;
            let offset = u.int_in_range(1..=4)? * size;
            format!("*({kind} *)(r10 - {offset}) = r{src}\nr{dst} = *(u8 *)(r10 - {offset})\n")
        }
        7 => {
            let map = u.int_in_range(0..=1)?;
            format!(
                "*(u32 *)(r10 - 4) = {}\nr2 = r10\nr2 += -4\nr1 = map[idx:{map}] ll\n\
                 call bpf_map_lookup_elem\nif r0 == 0 goto none{at}\nr7 = *(u64 *)(r0 + 8)\n\
                 none{at}: {}",
                u.int_in_range(0..=4)?,
                restore()
            )
        }
        8 => format!("r1 = map[idx:3][0]+8 ll\nlock *(u64 *)(r1 + 0) += r{src}\n"),
        _ => format!("call bpf_ktime_get_ns\n{}", restore()),
    })
}

/// What a call takes away.
fn restore() -> String {
    "r0 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\n".to_owned()
}

/// A sensible program with a slot that is not.
///
/// # Errors
/// The bytes were used up.
pub fn near_legal(u: &mut Unstructured<'_>) -> Result<Program> {
    let mut program = sensible(u)?;
    let other = insn(u)?;
    let at = u.int_in_range(0..=program.len().max(1) - 1)?;
    if let Some(slot) = program.get_mut(at) {
        *slot = other;
    }
    Ok(program)
}

/// A module of sensible programs, some of which call a function, with lines.
///
/// # Errors
/// The bytes were used up.
pub fn module(u: &mut Unstructured<'_>) -> Result<Module> {
    let maps = MAPS.map(|(name, spec)| NamedMap { name: name.to_owned(), spec });
    let count = u.int_in_range(1..=3)?;
    let units: Result<Vec<Unit>> = (0..count).map(|at| unit(u, at)).collect();
    Ok(Module { license: "GPL".to_owned(), maps: maps.into(), units: units?, labels: Vec::new() })
}

fn unit(u: &mut Unstructured<'_>, at: usize) -> Result<Unit> {
    let name = format!("unit{at}");
    let hook = match u.int_in_range(0..=4)? {
        0 => Hook::Syscall,
        1 => Hook::Tracepoint { subsystem: "syscalls".into(), event: "sys_enter_read".into() },
        2 => Hook::RawTracepoint("sys_enter".into()),
        3 => Hook::TracepointBtf("sys_exit".into()),
        _ => Hook::Lsm("file_open".into()),
    };
    let mut insns = sensible(u)?;
    if insns.is_empty() {
        insns = vec![Insn { imm: 0, ..Insn::new(0xb7) }, Insn::new(0x95)];
    }
    let mut functions = vec![Function { name: name.clone(), slot: 0 }];
    if u.arbitrary()? {
        // It is called first, and does nothing of note.
        let distance = i32::try_from(insns.len()).unwrap_or(0);
        let slot = u32::try_from(insns.len() + 1).unwrap_or(0);
        insns.insert(0, Insn { src: 1, imm: distance, ..Insn::new(code::JMP | code::CALL) });
        insns.extend([Insn { imm: 7, ..Insn::new(0xb7) }, Insn::new(0x95)]);
        functions.push(Function { name: "called".to_owned(), slot });
    }
    let mut lines = Vec::new();
    if u.arbitrary()? {
        lines.push(Line {
            slot: 0,
            file: "fuzz.flt".to_owned(),
            line: u.int_in_range(1..=4_194_303)?,
            column: u.int_in_range(0..=1023)?,
            text: "allow read".to_owned(),
        });
    }
    Ok(Unit { name, hook, insns, functions, lines, fields: Vec::new() })
}
