//! One call under a policy: what the reference semantics decide and by which rule, and
//! what the program does, instruction by instruction.

use filterc_abi::{self as abi, Abi, Endian, SeccompData};
use filterc_cbpf::{Trace, interpret_traced};
use filterc_grammar::ast::Statement;
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_grammar::parser;
use filterc_grammar::source::{FileId, SourceFile, SourceMap, Span};
use filterc_hir::eval::{Decision, decide};
use filterc_hir::{self as hir};

use crate::compiled::Compiled;
use crate::diagnostics::Diagnostics;

/// What became of one call.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The call, as a filter sees it.
    pub call: SeccompData,
    /// What the reference semantics decide, and why.
    pub decision: Decision,
    /// What the program did.
    pub trace: Trace,
}

impl Evaluation {
    /// Whether the program returned what the reference semantics decide. Anything else is a
    /// fault of filterc.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.trace.outcome.ret == self.decision.action.to_ret()
    }
}

/// Evaluates a call in text form, such as `openat(AT_FDCWD, "/etc/hosts", O_RDWR)` or
/// `syscall(999)(1, 2) on i386`, as [`read_call`] reads it.
///
/// # Errors
/// What is wrong with the text; its positions are in the text, as the file `<call>`.
pub fn evaluate_text(
    compiled: &Compiled,
    abi: &'static Abi,
    text: &str,
) -> Result<Evaluation, Diagnostics> {
    let (sources, statements) = (compiled.sources(), compiled.statements());
    let call = read_call(sources, statements, compiled.defines(), abi, text)?;
    let endian = abi::abi_by_audit_arch(call.arch).unwrap_or(abi).endian;
    Ok(evaluate(compiled, endian, &call))
}

/// Reads a call in text form, as [`crate::describe::notation`] writes it: `CALL(ARGUMENTS)`, then
/// perhaps `on` and an ABI or the token of an architecture (else it is of `abi`), then perhaps
/// `at` and an instruction pointer. Constants are those of the policy and of the ABI, a string is
/// some address, `_` and what is not written is 0.
///
/// # Errors
/// What is wrong with the text; its positions are in the text, as the file `<call>`.
pub fn read_call(
    sources: &SourceMap,
    statements: &[Statement],
    defines: &[(String, i128)],
    abi: &'static Abi,
    text: &str,
) -> Result<SeccompData, Diagnostics> {
    let mut sources = sources.clone();
    let (name, contents) = ("<call>".to_owned(), text.to_owned());
    let file = sources.add(SourceFile { name, text: contents, included_from: None });
    let place = place(file, abi, text);
    let made = place.and_then(|place| {
        let (example, errors) = parser::parse_call(file, place.call);
        if !errors.is_empty() {
            return Err(errors);
        }
        let call = hir::check::call_example(statements, defines, place.abi, &example)?;
        let instruction_pointer = place.at.unwrap_or(call.instruction_pointer);
        Ok(SeccompData { arch: place.arch, instruction_pointer, ..call })
    });
    made.map_err(|list| Diagnostics { sources, list })
}

/// A call's text, and what stands behind it.
struct Place<'t> {
    call: &'t str,
    abi: &'static Abi,
    arch: u32,
    at: Option<u64>,
}

/// The code of texts that say in no known way where a call is made.
const NO_PLACE: &str = "F0757";

/// The codes of this module.
pub const CODES: &[&str] = &[NO_PLACE];

fn place<'t>(file: FileId, abi: &'static Abi, text: &'t str) -> Result<Place<'t>, Vec<Diagnostic>> {
    // Whatever strings there are, they stand before the last parenthesis.
    let end = text.rfind(')').map_or(text.len(), |last| last + 1);
    let (call, behind) = text.split_at(end);
    let wrong = |message: String| {
        let of = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let span = Span { file, start: of(end), end: of(text.len()) };
        vec![Diagnostic {
            code: Code(NO_PLACE),
            severity: Severity::Error,
            message,
            primary: Some(Label { span, message: "not understood".to_owned() }),
            secondary: Vec::new(),
            help: vec!["such as `on i386`, or `on x86_64 at 0x7fff00001000`".to_owned()],
        }]
    };
    let mut place = Place { call, abi, arch: abi.audit_arch, at: None };
    let mut words = behind.split_whitespace();
    let mut next = words.next();
    if next == Some("on") {
        let name = words.next().unwrap_or_default();
        match (abi::abi(name), number(name).and_then(|token| u32::try_from(token).ok())) {
            (Some(abi), _) => (place.abi, place.arch) = (abi, abi.audit_arch),
            (None, Some(token)) => {
                place.abi = abi::abi_by_audit_arch(token).unwrap_or(abi);
                place.arch = token;
            }
            (None, None) => return Err(wrong(format!("`{name}` is no ABI and no token of one"))),
        }
        next = words.next();
    }
    if next == Some("at") {
        let address = words.next().unwrap_or_default();
        let none = || wrong(format!("`{address}` is no address"));
        place.at = Some(number(address).ok_or_else(none)?);
        next = words.next();
    }
    match next {
        None => Ok(place),
        Some(word) => Err(wrong(format!("`{word}` says nothing about a call here"))),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Evaluates a call by the reference semantics and by the program of that byte order.
#[must_use]
pub fn evaluate(compiled: &Compiled, endian: Endian, call: &SeccompData) -> Evaluation {
    let program = compiled.program_for(endian);
    Evaluation {
        call: *call,
        decision: decide(compiled.policy(), call),
        trace: interpret_traced(program.verified(), call, program.endian()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::describe::notation;

    fn read(text: &str) -> Result<SeccompData, Diagnostics> {
        read_call(&SourceMap::default(), &[], &[], abi::x86_64(), text)
    }

    /// What is written is read as what it was.
    #[test]
    fn notation_is_read_again() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 20
        };
        for abi in abi::abis() {
            for call in abi.syscalls() {
                for round in 0..4 {
                    let mut data = SeccompData { arch: abi.audit_arch, ..SeccompData::default() };
                    data.nr = call.nr.cast_signed();
                    for register in &mut data.args {
                        // Small numbers, large ones, and bits that nobody looks at.
                        *register = match round {
                            0 => 0,
                            1 => random() & 0x3f,
                            2 => random() & 0xffff_ffff,
                            _ => random() << 20,
                        };
                    }
                    data.instruction_pointer = if round == 3 { random() } else { 0 };
                    let text = notation(&data);
                    assert_eq!(read(&text).unwrap(), data, "{text}");
                }
            }
        }
        for (arch, nr) in [(5, 7), (0xc000_003e, -1), (0xc000_003e, 0x4000_ffff), (0, -7)] {
            let data = SeccompData { arch, nr, args: [1, 0, 3, 0, 0, 0], instruction_pointer: 9 };
            let text = notation(&data);
            assert_eq!(read(&text).unwrap(), data, "{text}");
        }
    }

    #[test]
    fn calls_are_written_as_people_write_them() {
        let same = |text: &str| assert_eq!(notation(&read(text).unwrap()), text);
        same("openat(AT_FDCWD, 0x0, O_RDWR | O_CLOEXEC, 0x1a4) on x86_64");
        same("socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) on x32");
        same("syscall(999)(0x1) on 0x5 at 0x10");
        same("getpid() on i386");
    }

    #[test]
    fn places_that_are_none_are_told() {
        for text in
            ["read(1) on i387", "read(1) at x", "read(1) off", "read(1) on i386 1", "read(1) on"]
        {
            assert_eq!(read(text).unwrap_err().list[0].code.0, "F0757", "{text}");
        }
        assert_eq!(read("getpid() on i386").unwrap().arch, 0x4000_0003);
    }
}
