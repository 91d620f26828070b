//! Reads sequences: the steps as rules, and what is done then.

use filterc_abi::Abi;
use filterc_grammar::ast::{self, ActionKind, Reaction, StepKind};
use filterc_grammar::source::Span;

use crate::arms::{Builder, Rule};
use crate::error::{Kind, Unasked};
use crate::findings::Findings;
use crate::limits::MAX_STEPS;
use crate::resolve::{Calls, Entry};
use crate::scope::Scope;
use crate::sequences::{OnAbi, Sequence};

/// What stands for the action of a step's rule.
static ALLOW: ast::Action = ast::Action {
    kind: ActionKind::Allow,
    span: Span { file: filterc_grammar::source::FileId(0), start: 0, end: 0 },
};

/// Rules of steps and conditions, before their predicates are read.
pub(crate) struct Written<'a> {
    name: &'a ast::Name,
    parts: &'a ast::Sequence,
    span: Span,
    rules: Vec<(Span, Option<&'a ast::Predicate>, Vec<Entry<'a>>)>,
}

/// Resolves the calls of all sequences.
pub(crate) fn resolve<'a>(
    statements: &'a [ast::Statement],
    scope: &Scope<'a>,
    calls: &mut Calls<'a>,
    findings: &mut Findings,
) -> Vec<Written<'a>> {
    let mut all = Vec::new();
    for statement in statements {
        let ast::StatementKind::Sequence(name, parts) = &statement.kind else { continue };
        // What could not be read was told by the parser.
        let Some(parts) = parts.as_deref() else {
            findings.fail();
            continue;
        };
        if parts.steps.len() > MAX_STEPS {
            findings.add(statement.span, Kind::Unasked(Unasked::Steps));
            continue;
        }
        let mut rules = Vec::with_capacity(parts.steps.len() + 1);
        for step in &parts.steps {
            let (entries, predicate) = match &step.kind {
                StepKind::Calls(list, predicate) => {
                    let mut entries = Vec::with_capacity(list.len());
                    calls.entries(scope, list, &mut entries, findings);
                    (entries, predicate)
                }
                StepKind::Signals(_, predicate) => (vec![Entry::Any], predicate),
            };
            rules.push((step.span, predicate.as_ref(), entries));
        }
        let condition = parts.condition.as_ref();
        rules.push((statement.span, condition, vec![Entry::Any]));
        all.push(Written { name, parts, span: statement.span, rules });
    }
    all
}

impl<'a> Written<'a> {
    /// Reads the predicates on all ABIs; also returns its rules, for what is said of those that
    /// have no call.
    pub(crate) fn read<'r>(
        &'r self,
        builder: &mut Builder<'_, 'a>,
        abis: &[&'static Abi],
    ) -> (Sequence, Vec<Rule<'r, 'a>>) {
        let of_step = |(span, predicate, entries): &'r (Span, _, Vec<Entry<'a>>)| {
            Rule::of_step(*span, &ALLOW, *predicate, entries)
        };
        let mut rules: Vec<_> = self.rules.iter().map(of_step).collect();
        let mut on = Vec::with_capacity(abis.len());
        for (at, abi) in abis.iter().enumerate() {
            let arms = builder.arms_of_steps(abi, at, &mut rules);
            let signals = self.parts.steps.iter().map(|step| match &step.kind {
                StepKind::Calls(..) => None,
                StepKind::Signals(names, _) => {
                    Some(names.iter().filter_map(|name| builder.signal(abi, name)).sum())
                }
            });
            on.push(OnAbi { abi, arms, signals: signals.collect() });
        }
        let mut logs = Vec::new();
        let mut kills = false;
        for reaction in &self.parts.reactions {
            match reaction {
                Reaction::Log(text, _) => logs.push(text.text.clone()),
                Reaction::Action(action) => match action.kind {
                    ActionKind::Log => logs.push(self.name.text.clone()),
                    ActionKind::KillProcess => kills = true,
                    ActionKind::Allow
                    | ActionKind::KillThread
                    | ActionKind::Notify
                    | ActionKind::Trace(_)
                    | ActionKind::Trap(_)
                    | ActionKind::Errno(_) => {
                        builder.refuse(action.span, Kind::Unasked(Unasked::TooLate));
                    }
                },
            }
        }
        let sequence = Sequence {
            name: self.name.text.clone(),
            span: self.span,
            within: self.parts.within,
            unit: self.parts.unit,
            whose: self.parts.scope,
            steps: self.parts.steps.len(),
            on,
            logs,
            kills,
        };
        (sequence, rules)
    }
}
