//! The comment of one instruction in the rich form.

use std::collections::BTreeSet;

use filterc_abi::seccomp::{SECCOMP_DATA_SIZE, offset, ret};
use filterc_abi::{Abi, Action, Arg, Endian, Regs, SetKind, Syscall};

use super::flow::{State, Value};
use super::options::DisasmOptions;
use crate::errno;
use crate::form::{self, Shape};
use crate::insn::{Insn, code};

/// What an instruction means; empty where the instruction says it all. `tested` are the
/// tokens that the program compares `arch` with.
pub(super) fn comment(
    insn: Insn,
    state: Option<&State>,
    tested: &BTreeSet<u32>,
    options: &DisasmOptions,
) -> String {
    let Some(form) = form::of(insn.code).filter(|form| form.is_whole(insn)) else {
        return "not an instruction of classic BPF".to_owned();
    };
    let Some(state) = state else { return "never reached".to_owned() };
    let facts = Facts { state, endian: options.endian };
    match form.shape {
        Shape::Abs if insn.code == code::LD | code::W | code::ABS => {
            format!("A = {}", facts.word(insn.k))
        }
        Shape::JumpK => facts.test(insn).unwrap_or_default(),
        Shape::Imm if form.mnemonic == "ret" => {
            return_comment(insn.k, state.arch.as_ref().unwrap_or(tested))
        }
        Shape::None
        | Shape::A
        | Shape::X
        | Shape::Imm
        | Shape::Len
        | Shape::Abs
        | Shape::Ind
        | Shape::Mem
        | Shape::Msh
        | Shape::Target
        | Shape::JumpX => String::new(),
    }
}

fn return_comment(k: u32, tokens: &BTreeSet<u32>) -> String {
    match Action::from_ret(k) {
        Action::Errno(0) => "pretend success".to_owned(),
        Action::Errno(number) => errno_names(number, tokens),
        Action::KillProcess if k & ret::ACTION_FULL != ret::KILL_PROCESS => {
            "unknown action: kill_process".to_owned()
        }
        action if action.to_ret() != k => format!("{action}, data ignored"),
        Action::Allow
        | Action::Log
        | Action::Notify
        | Action::Trace(_)
        | Action::Trap(_)
        | Action::KillThread
        | Action::KillProcess => String::new(),
    }
}

/// The names that an error number has on the ABIs with these tokens; the generic name where
/// there are none.
fn errno_names(number: u16, tokens: &BTreeSet<u32>) -> String {
    let abis = tokens.iter().filter_map(|token| filterc_abi::abi_by_audit_arch(*token));
    let mut abis = abis.peekable();
    if abis.peek().is_none() {
        return errno::errno_name(number).unwrap_or_default().to_owned();
    }
    let mut names: Vec<&str> = Vec::new();
    for name in abis.filter_map(|abi| errno::errno_name_on(abi, number)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

struct Facts<'a> {
    state: &'a State,
    endian: Endian,
}

impl Facts<'_> {
    /// The ABIs that the program may be looking at here, where the number does not tell.
    fn abis(&self) -> impl Iterator<Item = &'static Abi> {
        self.state.arch.iter().flatten().filter_map(|token| filterc_abi::abi_by_audit_arch(*token))
    }

    /// The calls that a number may be here, each with its ABI.
    fn calls(&self, nr: u32) -> impl Iterator<Item = (&'static Abi, &'static Syscall)> {
        let tokens = self.state.arch.iter().flatten();
        let abis = tokens.filter_map(move |token| filterc_abi::abi_of_call(*token, nr));
        abis.filter_map(move |abi| Some((abi, abi.syscall_by_nr(nr)?)))
    }

    /// The call and its ABI, if there is just one.
    fn call(&self) -> Option<(&'static Abi, &'static Syscall)> {
        let numbers = self.state.nr.as_ref()?;
        let tokens = self.state.arch.as_ref()?;
        let nr = numbers.first().filter(|_| numbers.len() == 1 && tokens.len() == 1)?;
        self.calls(*nr).next()
    }

    /// The name of a word of the data.
    fn word(&self, at: u32) -> String {
        match at {
            offset::NR => "nr".to_owned(),
            offset::ARCH => "arch".to_owned(),
            SECCOMP_DATA_SIZE.. => "what lies beyond the data".to_owned(),
            _ if !at.is_multiple_of(4) => "an unaligned word".to_owned(),
            offset::INSTRUCTION_POINTER..offset::ARGS => {
                format!("instruction_pointer.{}", self.half(at))
            }
            _ => {
                let index = (at - offset::ARGS) / 8;
                let name = self.arg(at).map(|(_, name, arg)| format!(" {name}.{}", arg.name));
                format!("args[{index}].{}{}", self.half(at), name.unwrap_or_default())
            }
        }
    }

    /// Which half of a 64-bit member a word is.
    fn half(&self, at: u32) -> &'static str {
        let first = at.is_multiple_of(8);
        if first == (self.endian == Endian::Little) { "lo" } else { "hi" }
    }

    /// The call and the argument that a word belongs to, where the call is known.
    fn arg(&self, at: u32) -> Option<(&'static Abi, &'static str, &'static Arg)> {
        let (abi, call) = self.call()?;
        let register = u8::try_from(at.checked_sub(offset::ARGS)? / 8).ok()?;
        let arg = call.args.iter().find(|arg| match arg.regs {
            Regs::One(only) => only == register,
            Regs::Pair { lo, hi } => lo == register || hi == register,
            Regs::Invisible => false,
        })?;
        Some((abi, call.name, arg))
    }

    /// What a conditional jump by a constant asks.
    fn test(&self, insn: Insn) -> Option<String> {
        let Value::Word { offset, mask } = self.state.a else { return None };
        let operator = match insn.code & 0xf0 {
            code::JEQ => "==",
            code::JGT => ">",
            code::JGE => ">=",
            _ => "&",
        };
        let word = self.word(offset);
        let word = if mask == u32::MAX {
            word
        } else {
            format!("({word} & {})", self.arg_value(offset, mask))
        };
        let constant = match offset {
            offset::NR if operator == "&" => self.number_bits(insn.k),
            offset::NR => self.number(insn.k),
            offset::ARCH => architecture(insn.k),
            _ => self.arg_value(offset, insn.k),
        };
        Some(format!("{word} {operator} {constant}"))
    }

    /// A system-call number with its name on every ABI that it can be of.
    fn number(&self, nr: u32) -> String {
        let mut names = Vec::new();
        let mut marked = false;
        for (abi, call) in self.calls(nr) {
            marked |= abi.mark.is_some_and(|mark| mark.set);
            if !names.contains(&call.name) {
                names.push(call.name);
            }
        }
        match self.abis().find_map(|abi| abi.mark) {
            Some(mark) if names.is_empty() && nr == mark.bit => format!("{nr:#x} (x32)"),
            _ if names.is_empty() => nr.to_string(),
            _ if marked => format!("{} (x32 {nr:#x})", names.join(" or ")),
            _ => format!("{} ({nr})", names.join(" or ")),
        }
    }

    /// Bits of a system-call number.
    fn number_bits(&self, bits: u32) -> String {
        let foreign = self.abis().any(|abi| abi.mark.is_some_and(|mark| mark.bit == bits));
        format!("{bits:#x}{}", if foreign { " (x32)" } else { "" })
    }

    /// A constant that an argument is compared with, by name where its set knows one.
    fn arg_value(&self, at: u32, value: u32) -> String {
        self.names(at, value).unwrap_or_else(|| format!("{value:#x}"))
    }

    fn names(&self, at: u32, value: u32) -> Option<String> {
        if self.half(at) == "hi" || value == 0 {
            return None;
        }
        let (abi, _, arg) = self.arg(at)?;
        let set = filterc_abi::set(arg.set?)?;
        let members = set.members().filter_map(|name| {
            let value = abi.constant(name)?;
            Some((name, u32::try_from(value).ok()?))
        });
        let members: Vec<(&str, u32)> = members.collect();
        if let Some((name, _)) = members.iter().find(|(_, member)| *member == value) {
            return Some((*name).to_owned());
        }
        if set.kind == SetKind::Enum {
            return None;
        }
        let mut rest = value;
        let mut names = Vec::new();
        for (name, member) in members {
            if member.is_power_of_two() && rest & member != 0 {
                names.push(name.to_owned());
                rest &= !member;
            }
        }
        if rest != 0 {
            names.push(format!("{rest:#x}"));
        }
        (names.len() > 1).then(|| names.join("|"))
    }
}

fn architecture(token: u32) -> String {
    match filterc_abi::abi_by_audit_arch(token) {
        Some(abi) => format!("{} ({})", abi.audit_arch_name, abi.name),
        None => format!("{token:#x}"),
    }
}
