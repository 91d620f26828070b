//! A policy beside its text: what was written for each rule, and what a part of it comes to.

use filterc::{Options, Source, params};
use filterc_abi::{Abi, SeccompData};
use filterc_grammar::ast::{
    Action, ActionKind, Call, Constant, ConstantKind, Name, Predicate, Rule, Statement,
    StatementKind,
};
use filterc_grammar::source::{FileId, SourceMap, Span};
use filterc_hir as hir;
use filterc_hir::eval::holds;
use filterc_hir::expr;
use filterc_hir::policy::{Policy, RuleId};

/// A typed policy, its parameters bound, and what it was made from.
#[derive(Clone, Debug)]
pub struct Written {
    /// The file that was named.
    pub source: Source,
    /// All files.
    pub sources: SourceMap,
    /// The statements of all files, includes in place.
    pub statements: Vec<Statement>,
    /// What they mean.
    pub policy: Policy,
    /// The options that it was read with.
    pub options: Options,
}

impl Written {
    /// Reads a policy without saying what is wrong with it; `None` if something is. Parameters need
    /// values.
    #[must_use]
    pub fn read(source: &Source, options: &Options) -> Option<Self> {
        let expanded = filterc::source::expand(source, &options.include_paths);
        if !expanded.diagnostics.is_empty() {
            return None;
        }
        let checked = hir::check::check(
            &expanded.statements,
            &hir::Options {
                default_abi: options.default_abi,
                abis: options.abis.clone(),
                defines: &options.defines,
            },
        );
        let policy = checked.policy?;
        let values = params::values(&policy, &options.params).ok()?;
        Some(Self {
            source: source.clone(),
            sources: expanded.sources,
            statements: expanded.statements,
            policy: policy.bound(&values),
            options: options.clone(),
        })
    }

    /// The text of the file that was named.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.contents()
    }

    /// The rules, in order, as they are written.
    pub fn rules(&self) -> impl Iterator<Item = (&Statement, &Rule)> {
        self.statements.iter().filter_map(|statement| {
            let StatementKind::Rule(rule) = &statement.kind else { return None };
            Some((statement, rule))
        })
    }

    /// A rule as it is written.
    #[must_use]
    pub fn rule(&self, rule: RuleId) -> Option<(&Statement, &Rule)> {
        self.rules().nth(usize::try_from(rule.0).ok()?)
    }

    /// The predicate of a `let`.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Predicate> {
        self.statements.iter().find_map(|statement| {
            let StatementKind::Let(it, predicate) = &statement.kind else { return None };
            (it.text == name).then_some(predicate)
        })
    }

    /// Where a span stands in the file that was named: for what an included file says, its
    /// `include`.
    #[must_use]
    pub fn in_root(&self, span: Span) -> Span {
        let mut span = span;
        while span.file != FileId(0) {
            match self.sources.get(span.file).and_then(|file| file.included_from) {
                Some(included) => span = included,
                None => break,
            }
        }
        span
    }

    /// A predicate, typed for one call; `None` if it has no meaning there.
    #[must_use]
    pub fn typed(
        &self,
        abi: &'static Abi,
        nr: u32,
        predicate: &Predicate,
    ) -> Option<expr::Predicate> {
        let call = match abi.syscall_by_nr(nr) {
            Some(call) => Call::Name(Name { text: call.name.to_owned(), span: Span::default() }),
            None => {
                let kind = ConstantKind::Integer(nr.into());
                Call::Number(Constant { kind, span: Span::default() }, Span::default())
            }
        };
        let action = Action { kind: ActionKind::Allow, span: Span::default() };
        let rule = Rule { action, calls: vec![call], predicate: Some(predicate.clone()) };
        let policy = self.with_rule(rule, vec![abi])?;
        let part = policy.abis().first()?;
        let arm = part
            .arms()
            .iter()
            .find(|arm| matches!(arm.selector, hir::policy::Selector::Nr(number) if number == nr));
        // A predicate that can never hold leaves no arm.
        Some(arm.map_or(expr::Predicate::False, |arm| arm.predicate.clone()))
    }

    /// The policy with the definitions of this one and one rule; `None` if it is at fault.
    #[must_use]
    pub fn with_rule(&self, rule: Rule, abis: Vec<&'static Abi>) -> Option<Policy> {
        self.check_rule(rule, abis).ok()
    }

    /// The same, or what is wrong with the rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_rule(
        &self,
        rule: Rule,
        abis: Vec<&'static Abi>,
    ) -> Result<Policy, Vec<filterc_grammar::diagnostic::Diagnostic>> {
        let definition = |statement: &&Statement| {
            matches!(
                statement.kind,
                StatementKind::Kernel(_)
                    | StatementKind::Const(..)
                    | StatementKind::Group(..)
                    | StatementKind::Let(..)
            )
        };
        let mut statements: Vec<Statement> =
            self.statements.iter().filter(definition).cloned().collect();
        let span = rule.action.span;
        statements.push(Statement { span, kind: StatementKind::Rule(rule) });
        // Parameters have values, and count as constants.
        let defines = [self.options.defines.as_slice(), &self.options.params].concat();
        let options = hir::Options { default_abi: None, abis: Some(abis), defines: &defines };
        let checked = hir::check::check(&statements, &options);
        checked.policy.ok_or(checked.diagnostics)
    }

    /// Whether a predicate holds for a call; `None` if it has no meaning there.
    #[must_use]
    pub fn holds(
        &self,
        abi: &'static Abi,
        call: &SeccompData,
        predicate: &Predicate,
    ) -> Option<bool> {
        let typed = self.typed(abi, call.nr.cast_unsigned(), predicate)?;
        Some(holds(&typed, call))
    }
}
