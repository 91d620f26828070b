//! The listing of `seccomp-tools`, as its users know it: a line for each instruction, with the raw
//! fields and what the instruction does in the words of C.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use filterc_abi::seccomp::offset;
use filterc_abi::{Action, Endian};

use super::flow::{self, State, Value};
use super::options::DisasmOptions;
use crate::form::{self, Form, Shape};
use crate::insn::{Insn, code};

const HEAD: &str = " line  CODE  JT   JF      K\n=================================\n";

/// Writes any program in the manner of `seccomp-tools disasm`. Names of calls are those of the ABI
/// that the program has singled out at that point, else of the one in the options.
#[must_use]
pub fn listing(program: &[Insn], options: &DisasmOptions) -> String {
    let states = flow::states(program, options);
    let mut text = HEAD.to_owned();
    for (pc, insn) in program.iter().enumerate() {
        let Insn { code, jt, jf, k } = *insn;
        let state = states.get(pc).and_then(Option::as_ref);
        let does = match form::of(code).filter(|form| form.is_whole(*insn)) {
            Some(form) => Line { pc, insn: *insn, state, options }.does(form),
            None => "unknown instruction".to_owned(),
        };
        let _infallible =
            writeln!(text, " {pc:04}: {code:#04x} {jt:#04x} {jf:#04x} {k:#010x}  {does}");
    }
    text
}

struct Line<'l> {
    pc: usize,
    insn: Insn,
    state: Option<&'l State>,
    options: &'l DisasmOptions,
}

impl Line<'_> {
    fn does(&self, form: &Form) -> String {
        let (name, k) = (form.mnemonic, self.insn.k);
        let into = if name.starts_with("ldx") { "X" } else { "A" };
        match form.shape {
            Shape::Imm if name == "ret" => format!("return {}", action(k)),
            Shape::A | Shape::X if name == "ret" => format!("return {}", form_register(form.shape)),
            Shape::None => match name {
                "tax" => "X = A".to_owned(),
                "txa" => "A = X".to_owned(),
                _ => "A = -A".to_owned(),
            },
            Shape::Imm if name.starts_with("ld") => format!("{into} = {k:#x}"),
            Shape::Len => format!("{into} = sizeof(seccomp_data)"),
            Shape::Abs => format!("A = {}", word(k, self.options.endian)),
            Shape::Ind => format!("A = data[X + {k:#x}]"),
            Shape::Msh => format!("X = 4 * (data[{k:#x}] & 0xf)"),
            Shape::Mem if name.starts_with("ld") => format!("{into} = mem[{k}]"),
            Shape::Mem if name == "stx" => format!("mem[{k}] = X"),
            Shape::Mem => format!("mem[{k}] = A"),
            Shape::Target => format!("goto {}", self.target(k)),
            Shape::JumpK => self.jump(&self.constant(k)),
            Shape::JumpX => self.jump("X"),
            Shape::Imm => format!("A {}= {k:#x}", operator(name)),
            Shape::X | Shape::A => format!("A {}= X", operator(name)),
        }
    }

    fn target(&self, distance: u32) -> String {
        format!("{:04}", (self.pc + 1).saturating_add(distance as usize))
    }

    /// A comparison, turned round where only its failing jumps.
    fn jump(&self, right: &str) -> String {
        let Insn { code, jt, jf, .. } = self.insn;
        let (holds, fails) = match code & 0xf0 {
            code::JEQ => ("A ==", "A !="),
            code::JGT => ("A >", "A <="),
            code::JGE => ("A >=", "A <"),
            _ => ("A &", "!(A &"),
        };
        let close = if fails.starts_with('!') { ")" } else { "" };
        match (jt, jf) {
            (jt, jf) if jt == jf => format!("goto {}", self.target(jt.into())),
            (0, jf) => format!("if ({fails} {right}{close}) goto {}", self.target(jf.into())),
            (jt, 0) => format!("if ({holds} {right}) goto {}", self.target(jt.into())),
            (jt, jf) => {
                let (then, other) = (self.target(jt.into()), self.target(jf.into()));
                format!("if ({holds} {right}) goto {then} else goto {other}")
            }
        }
    }

    /// What A is compared with, by its name where A is the architecture or the number.
    fn constant(&self, k: u32) -> String {
        let plain = format!("{k:#x}");
        let Some(state) = self.state else { return plain };
        if self.insn.code & 0xf0 == code::JSET {
            return plain;
        }
        match state.a {
            Value::Word { offset: offset::ARCH, mask: u32::MAX } => {
                architecture(k).unwrap_or(plain)
            }
            Value::Word { offset: offset::NR, mask: u32::MAX } => {
                // Numbers of x32 are mostly bounds.
                let of = |token: u32| {
                    let abi = filterc_abi::abi_of_call(token, k)?;
                    abi.syscall_by_nr(k).filter(|_| abi.mark.is_none_or(|mark| !mark.set))
                };
                let tokens: BTreeSet<u32> = match (&state.arch, self.options.abi) {
                    (Some(tokens), _) => tokens.clone(),
                    (None, Some(abi)) => [abi.audit_arch].into(),
                    (None, None) => BTreeSet::new(),
                };
                let names: BTreeSet<&str> =
                    tokens.into_iter().filter_map(of).map(|call| call.name).collect();
                match names.first().filter(|_| names.len() == 1) {
                    Some(name) => (*name).to_owned(),
                    None => plain,
                }
            }
            Value::Word { .. } | Value::Unknown | Value::Const(_) => plain,
        }
    }
}

const fn form_register(shape: Shape) -> &'static str {
    if matches!(shape, Shape::X) { "X" } else { "A" }
}

fn operator(name: &str) -> &'static str {
    match name {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "mod" => "%",
        "and" => "&",
        "or" => "|",
        "xor" => "^",
        "lsh" => "<<",
        _ => ">>",
    }
}

fn architecture(token: u32) -> Option<String> {
    let abi = filterc_abi::abi_by_audit_arch(token)?;
    let is = |name: &&str| abi.constant(name) == Some(token.into());
    let name = abi.constant_names().filter(|name| name.starts_with("AUDIT_ARCH_")).find(is)?;
    name.strip_prefix("AUDIT_").map(str::to_owned)
}

/// A word of the data; an argument's upper half is what is left when the lower is shifted out.
fn word(at: u32, endian: Endian) -> String {
    let upper = if at.is_multiple_of(8) == (endian == Endian::Little) { "" } else { " >> 32" };
    match at {
        offset::NR => "sys_number".to_owned(),
        offset::ARCH => "arch".to_owned(),
        _ if !at.is_multiple_of(4) || at >= filterc_abi::seccomp::SECCOMP_DATA_SIZE => {
            format!("data[{at:#x}]")
        }
        offset::INSTRUCTION_POINTER..offset::ARGS => format!("instruction_pointer{upper}"),
        _ => format!("args[{}]{upper}", (at - offset::ARGS) / 8),
    }
}

fn action(value: u32) -> String {
    let named = match Action::from_ret(value) {
        Action::Allow => "ALLOW".to_owned(),
        Action::Log => "LOG".to_owned(),
        Action::Notify => "USER_NOTIF".to_owned(),
        Action::Trace(data) => format!("TRACE({data})"),
        Action::Trap(data) => format!("TRAP({data})"),
        Action::Errno(errno) => format!("ERRNO({errno})"),
        Action::KillThread => "KILL".to_owned(),
        Action::KillProcess => "KILL_PROCESS".to_owned(),
    };
    if Action::from_ret(value).to_ret() == value { named } else { format!("{named} ({value:#x})") }
}
