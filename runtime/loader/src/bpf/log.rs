//! What the kernel's verifier said about a program, in terms of the policy.
//!
//! Of a program that is refused the log has the one way that leads to the fault: every
//! instruction with its slot, then what is wrong. Slots are looked up among the lines of the
//! program, so that kernels which quote no lines do not matter.

use std::fmt;

use filterc_ebpf::code::{CALL, JMP, WIDE};
use filterc_ebpf::{DisasmOptions, Helper, Line, Unit, disassemble};

use super::error::{At, Refusal, Rejection};

/// Makes sense of a refusal.
pub(super) fn rejection(unit: &Unit, refusal: Refusal) -> Rejection {
    let Refusal { error, log } = refusal;
    let slots: Vec<u32> = log.lines().filter_map(visited).collect();
    let reason = reason(&log);
    let slot = slots.last().copied().or_else(|| named(&reason));
    let mut path: Vec<Line> = Vec::new();
    for line in slots.iter().filter_map(|slot| line_of(unit, *slot)) {
        if path.last().is_none_or(|last| (last.line, &last.file) != (line.line, &line.file)) {
            path.push(line.clone());
        }
    }
    let at =
        slot.map(|slot| At { slot, insn: insn_of(unit, slot), line: line_of(unit, slot).cloned() });
    let suggestion = suggestion(&reason, error.errno);
    Rejection { unit: unit.name.clone(), errno: error.errno, reason, at, path, suggestion, log }
}

/// The slot of an instruction that the verifier went through: `12: (b7) r0 = 1`.
fn visited(line: &str) -> Option<u32> {
    let (slot, rest) = line.split_once(": (")?;
    let (opcode, _) = rest.split_once(')')?;
    if opcode.len() == 2 { slot.parse().ok() } else { None }
}

/// The slot that a message names, as in `unreachable insn 3`.
fn named(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("insn ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What is said behind the last instruction, without what the verifier says of itself.
fn reason(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().rposition(|line| visited(line).is_some()).map_or(0, |at| at + 1);
    let behind = lines.get(last..).unwrap_or_default();
    let said: Vec<&str> = behind.iter().map(|line| line.trim()).filter(|it| is_said(it)).collect();
    said.join("; ")
}

fn is_said(line: &str) -> bool {
    const OWN: &[&str] = &[
        "processed ",
        "verification time",
        "stack depth",
        "mark_precise:",
        "Live regs",
        "func#",
        "; ",
    ];
    // States are written as `12: R0=1 R10=fp0`, and before a way as `from 8 to 18: …`.
    let state = line.split_once(": R").is_some_and(|(before, _)| {
        before.starts_with("from ") || before.bytes().all(|byte| byte.is_ascii_digit())
    });
    !line.is_empty() && !state && !OWN.iter().any(|own| line.starts_with(own))
}

/// The line of a slot: that of the last mark in its function which is not behind it.
fn line_of(unit: &Unit, slot: u32) -> Option<&Line> {
    let start = unit.functions.iter().map(|function| function.slot).rfind(|start| *start <= slot);
    let line = unit.lines.iter().rfind(|line| line.slot <= slot)?;
    (line.slot >= start.unwrap_or(0)).then_some(line)
}

fn insn_of(unit: &Unit, slot: u32) -> String {
    let rest = unit.insns.get(slot as usize..).unwrap_or_default();
    let wide = rest.first().is_some_and(|insn| insn.opcode == WIDE);
    let insn = rest.get(..if wide { 2 } else { 1 }).unwrap_or_default();
    let text = disassemble(insn, &DisasmOptions { plain: true });
    let helper = insn.first().filter(|insn| insn.opcode == JMP | CALL && insn.src == 0);
    match helper.and_then(|insn| Helper::new(insn.imm)) {
        Some(helper) => format!("{} ({})", text.trim(), helper.name()),
        None => text.trim().to_owned(),
    }
}

/// What may help, by the words of the verifier.
fn suggestion(reason: &str, errno: i32) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        (
            "GPL",
            "tracing helpers are for programs under the GPL only: set the licence of the module to \
             `GPL`",
        ),
        (
            "invalid func",
            "this kernel does not have the helper: use a newer kernel, or another target",
        ),
        (
            "unknown func",
            "this kernel does not have the helper, or not for programs of this type: use a newer \
             kernel, or another target",
        ),
        (
            "cannot use helper",
            "this kernel does not have the helper for programs of this type: use a newer kernel, or \
             another target",
        ),
        (
            "too large",
            "the program has more ways than the kernel looks at: split the policy, or compile it \
             with -O size",
        ),
        (
            "invalid bpf_context access",
            "the context of this hook is shorter, or laid out differently, on this kernel: compile \
             for the event as it is there",
        ),
    ];
    let known = KNOWN.iter().find(|(words, _)| reason.contains(words)).map(|(_, text)| *text);
    match (known, errno) {
        (Some(text), _) => text,
        (None, libc::E2BIG) => "split the policy, or compile it with -O size",
        (None, _) => {
            "a program that filterc has made is accepted by kernels with all it uses: if it is one, \
             please report this with the whole log (--log); if it is changed by hand, mend it there"
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the kernel's verifier refuses the program `{}`", self.unit)?;
        let reason = if self.reason.is_empty() { "it does not say why" } else { &self.reason };
        writeln!(f, "  reason: {reason} (errno {})", self.errno)?;
        if let Some(at) = &self.at {
            write!(f, "  at: ")?;
            if let Some(line) = &at.line {
                write!(f, "{}:{}:{}, ", line.file, line.line, line.column)?;
            }
            writeln!(f, "instruction {}: {}", at.slot, at.insn)?;
            if let Some(line) = &at.line {
                quote(f, line)?;
            }
        }
        // The last line of the path is the one above.
        let before = self.path.split_last().map(|(_, before)| before).unwrap_or_default();
        if !before.is_empty() {
            writeln!(f, "  causal path:")?;
            for line in before {
                writeln!(f, "    {}:{}: {}", line.file, line.line, line.text.trim())?;
            }
        }
        write!(f, "  suggestion: {}", self.suggestion)
    }
}

/// The line with a mark below its column.
fn quote(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    let number = line.line.to_string();
    let gutter = " ".repeat(number.len());
    writeln!(f, "    {gutter} |")?;
    writeln!(f, "    {number} | {}", line.text)?;
    let Some(before) = (line.column as usize).checked_sub(1) else { return Ok(()) };
    // Tabs stay tabs, so that the mark stands where the terminal puts the character.
    let space = |c: char| if c == '\t' { '\t' } else { ' ' };
    let indent: String = line.text.chars().take(before).map(space).collect();
    writeln!(f, "    {gutter} | {indent}^")
}
