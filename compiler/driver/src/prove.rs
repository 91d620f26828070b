//! The proof of a program against its policy, and what is said where there is none.
//!
//! The judge is [`filterc_check`]; it is given the typed policy and what was decoded from the
//! bytes. A program that it does not pass is not handed out.

use filterc_abi::{Action, Endian};
use filterc_cbpf::{Template, Verified, interpret_traced};
use filterc_check::{Budget, Counterexample, Proof, Side, Unknown, Verdict, Why, equivalent};
use filterc_ebpf::{self as ebpf, Fixed, Host};
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_hir::eval::{Reason, decide_with};
use filterc_hir::policy::Policy;
use filterc_hir::types::facts_of;

use crate::describe;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0601", "F0602"];

/// What a program is held against: a policy, or what the kernel's part of a monitor for it says.
#[derive(Clone, Copy, Debug)]
pub struct Says<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The action that asks the monitor, if it is for one.
    pub gate: Option<Action>,
}

impl<'p> Says<'p> {
    const fn side(self) -> Side<'p> {
        match self.gate {
            Some(gate) => Side::Staged { policy: self.policy, gate },
            None => Side::Policy(self.policy),
        }
    }
}

impl<'p> From<&'p Policy> for Says<'p> {
    fn from(policy: &'p Policy) -> Self {
        Self { policy, gate: None }
    }
}

/// Proves that a program is what a policy says, on machines of that byte order.
///
/// # Errors
/// F0601 with a call on which they differ, or F0602 if it was not found out.
pub fn prove<'p>(
    says: impl Into<Says<'p>>,
    program: &Verified,
    endian: Endian,
) -> Result<Proof, Box<Diagnostic>> {
    let says = says.into();
    let (left, right) = (says.side(), Side::Program(program));
    match equivalent(left, right, endian, &Budget::default()) {
        Verdict::Equal(proof) => Ok(proof),
        Verdict::Differ(found) => {
            Err(Box::new(refuted(says, &path(program, endian, &found), endian, &found)))
        }
        Verdict::Unknown(unknown) => Err(Box::new(undecided(&unknown))),
    }
}

/// Proves that a program is what a policy says, whatever values its parameters are given.
///
/// # Errors
/// F0601 with a call and values for which they differ, or F0602 if it was not found out.
pub fn prove_template<'p>(
    says: impl Into<Says<'p>>,
    template: &Template,
    endian: Endian,
) -> Result<Proof, Box<Diagnostic>> {
    let says = says.into();
    if says.policy.params().is_empty() && template.sites().is_empty() {
        return prove(says, template.unpatched(), endian);
    }
    let (left, right) = (says.side(), Side::Template(template));
    match equivalent(left, right, endian, &Budget::default()) {
        Verdict::Equal(proof) => Ok(proof),
        Verdict::Differ(found) => {
            // The judge has patched it with these values; it cannot fail here.
            let patched = template.patch(&found.params);
            let program = patched.as_ref().unwrap_or(template.unpatched());
            Err(Box::new(refuted(says, &path(program, endian, &found), endian, &found)))
        }
        Verdict::Unknown(unknown) => Err(Box::new(undecided(&unknown))),
    }
}

/// Proves that an eBPF function returns what a policy says, on machines of that byte order.
///
/// # Errors
/// F0601 with a call on which they differ, or F0602 if it was not found out.
pub fn prove_function(
    policy: &Policy,
    decide: &ebpf::Verified,
    endian: Endian,
) -> Result<Proof, Box<Diagnostic>> {
    let (left, right) = (Side::Policy(policy), Side::Ebpf(decide));
    match equivalent(left, right, endian, &Budget::default()) {
        Verdict::Equal(proof) => Ok(proof),
        Verdict::Differ(found) => {
            let mut host = Host::new(Fixed::default(), endian);
            let mut context = facts_of(&found.params, endian).behind(&found.call, endian);
            // It goes forward, so that it is at an end when each instruction has run once.
            let fuel = u64::try_from(decide.program().insns().len()).unwrap_or(u64::MAX);
            let mut path = Vec::new();
            let program = decide.program();
            // A verified function has no fault, and the path is all that is asked for.
            let _ = ebpf::interpret_traced(program, &mut host, &mut context, fuel, |pc| {
                path.push(pc);
            });
            Err(Box::new(refuted(policy.into(), &path, endian, &found)))
        }
        Verdict::Unknown(unknown) => Err(Box::new(undecided(&unknown))),
    }
}

/// The instructions that decide a call.
fn path(program: &Verified, endian: Endian, found: &Counterexample) -> Vec<usize> {
    interpret_traced(program, &found.call, endian).pcs
}

fn refuted(says: Says<'_>, path: &[usize], endian: Endian, found: &Counterexample) -> Diagnostic {
    let policy = says.policy;
    let decision = decide_with(&policy.of_order(endian), &found.params, &found.call);
    let said = match says.gate {
        // What it says with the answers that were found is not what counts.
        Some(gate) if gate.to_ret() == found.left => format!("ask the monitor, by {gate}"),
        Some(_) => format!("{}, whatever the monitor would answer", Action::from_ret(found.left)),
        None => describe::decision(&decision),
    };
    let rule = match decision.reason {
        Reason::Rule(rule) => policy.rules().get(rule.0 as usize),
        Reason::Default | Reason::Unknown | Reason::Foreign => None,
    };
    Diagnostic {
        code: Code("F0601"),
        severity: Severity::Error,
        message: "filterc emitted a program that is not what the policy says".to_owned(),
        primary: rule.map(|rule| Label {
            span: rule.span,
            message: "this rule decides the call".to_owned(),
        }),
        secondary: Vec::new(),
        help: vec![
            format!(
                "the call is {}{}{}",
                describe::call(&found.call),
                describe::params(policy.params(), &found.params),
                describe::facts(&facts_of(&found.params, endian))
            ),
            format!("the policy says {said}"),
            format!("the program returns {:#010x}: {}", found.right, Action::from_ret(found.right)),
            format!("by the instructions {}", describe::path(path)),
            "this is a fault of filterc, not of the policy: please report it".to_owned(),
        ],
    }
}

fn undecided(unknown: &Unknown) -> Diagnostic {
    let mut help = describe::unknown(unknown);
    if unknown.why == Why::Budget {
        help.push("`--no-prove` compiles without a proof".to_owned());
    }
    Diagnostic {
        code: Code("F0602"),
        severity: Severity::Error,
        message: "it was not found out whether the program is what the policy says".to_owned(),
        primary: None,
        secondary: Vec::new(),
        help,
    }
}

#[cfg(test)]
mod tests {
    use filterc_cbpf::verify;
    use filterc_check::Spent;

    use super::*;
    use crate::{Compiled, Options, Source, compile};

    fn compiled(text: &str) -> Compiled {
        let source = Source::text("test.flt", text);
        compile(&source, &Options::default()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    #[test]
    fn f0601_shows_a_call() {
        let compiled = compiled("arch x86_64\nallow openat if dfd == AT_FDCWD\n");
        let program = compiled.program();
        assert!(prove(compiled.policy(), program.verified(), program.endian()).is_ok());
        // What if the compiler had left out the test of the argument?
        let mut insns = program.insns().to_vec();
        let at = insns.iter().position(|insn| insn.k == 0xffff_ff9c).unwrap();
        insns[at].jf = insns[at].jt;
        let mutant = verify(&insns).unwrap();
        let error = prove(compiled.policy(), &mutant, program.endian()).unwrap_err();
        assert_eq!(error.code.0, "F0601");
        let help = error.help.join("\n");
        for part in ["openat(dfd = 0", "on x86_64", "kill_process, by the default", "allow", "0-"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }

    #[test]
    fn f0601_shows_a_call_of_a_function() {
        let source = Source::text("test.flt", "arch x86_64\nallow openat if dfd == AT_FDCWD\n");
        let compiled = crate::compile_module(&source, &Options::default());
        let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
        let program = compiled.program();
        assert!(program.proof().is_some());
        let mut insns = program.insns().to_vec();
        let at = insns.iter().position(|insn| insn.imm == -100).unwrap();
        insns[at].offset = 0;
        // What no jump leads to any more would be refused.
        let mutant = ebpf::verify(&insns, &ebpf::Target::SYSCALL).unwrap();
        let error = prove_function(compiled.policy(), &mutant, program.endian()).unwrap_err();
        assert_eq!(error.code.0, "F0601");
        let help = error.help.join("\n");
        for part in ["openat(dfd = 0", "kill_process, by the default", "allow", "0-"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }

    #[test]
    fn f0602_says_what_was_spent() {
        let budget = Budget { nodes: 2, gates: 2, ..Budget::default() };
        let spent = Spent { steps: 77, rectangles: 5, nodes: 2, conflicts: 33 };
        let at = Some((0xc000_003e, 1));
        let error = undecided(&Unknown { budget, spent, at, why: Why::Budget });
        assert_eq!(error.code.0, "F0602");
        let help = error.help.join("\n");
        assert!(help.contains("number 1 under the architecture 0xc000003e"), "{help}");
        for part in ["77 of 3000000000 steps", "33 conflicts", "2 nodes", "--no-prove"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }
}
