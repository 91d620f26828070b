//! What is tested, and what comes of it.

use std::collections::BTreeSet;

use filterc::Compiled;
use filterc_abi::SeccompData;
use filterc_cbpf::Verified;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::Span;
use filterc_hir::policy::{Policy, RuleId};

use crate::written::Written;

/// A policy under test.
#[derive(Clone, Copy)]
pub struct Subject<'s> {
    /// It and its text.
    pub written: &'s Written,
    /// Its programs.
    pub compiled: &'s Compiled,
    /// Reads what `same as` names; the text says why it cannot be.
    pub other: &'s dyn Fn(&str) -> Result<Other, String>,
}

/// What a policy is the same as.
pub enum Other {
    /// A policy.
    Policy(Box<Policy>),
    /// A program.
    Program(Verified),
}

/// A test that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Its claims.
    pub claims: Vec<Judged>,
}

/// A claim that was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its text, on one line.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// The judgement.
    pub held: Held,
}

/// Whether a claim holds.
#[derive(Clone, Debug)]
pub enum Held {
    /// It does.
    Yes,
    /// It does not; why, and a call that shows it, if one does.
    No(String, Option<SeccompData>),
    /// It was not found out.
    Open(String),
    /// It means nothing.
    Faulty(Vec<Diagnostic>),
}

/// What all tests came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The tests, in the order of the text.
    pub tests: Vec<Ran>,
    /// Rules that decided a call of some test.
    pub touched: BTreeSet<RuleId>,
}

impl Ran {
    /// Whether all claims hold.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.claims.iter().all(|claim| matches!(claim.held, Held::Yes))
    }
}

impl Report {
    /// Whether all tests pass.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tests.iter().all(Ran::passed)
    }

    /// The rules that no test touches.
    #[must_use]
    pub fn untouched(&self, written: &Written) -> Vec<RuleId> {
        let rules = (0..).map(RuleId).take(written.policy.rules().len());
        rules.filter(|rule| !self.touched.contains(rule)).collect()
    }
}
