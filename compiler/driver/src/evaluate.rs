//! One call under a policy: what the reference semantics decide and by which rule, and
//! what the program does, instruction by instruction.

use filterc_abi::{Abi, Endian, SeccompData};
use filterc_cbpf::{Trace, interpret_traced};
use filterc_grammar::parser;
use filterc_grammar::source::SourceFile;
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
/// `syscall(999)(1, 2)`: constants are those of the policy and of the ABI, a string is some
/// address, `_` and what is not written is 0.
///
/// # Errors
/// What is wrong with the text; its positions are in the text, as the file `<call>`.
pub fn evaluate_text(
    compiled: &Compiled,
    abi: &'static Abi,
    text: &str,
) -> Result<Evaluation, Diagnostics> {
    let mut sources = compiled.sources().clone();
    let (name, text) = ("<call>".to_owned(), text.to_owned());
    let file = sources.add(SourceFile { name, text: text.clone(), included_from: None });
    let (example, errors) = parser::parse_call(file, &text);
    if !errors.is_empty() {
        return Err(Diagnostics { sources, list: errors });
    }
    match hir::check::call_example(compiled.statements(), compiled.defines(), abi, &example) {
        Ok(call) => Ok(evaluate(compiled, abi.endian, &call)),
        Err(list) => Err(Diagnostics { sources, list }),
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
