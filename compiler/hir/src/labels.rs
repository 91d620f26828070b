//! Labels: sets of objects by name, and tests of the set of labels that an object has.
//!
//! Such a set is compared with sets of labels and nothing else: `label & tmp_t` holds if the object
//! has the label, `(label & (a | b)) == (a | b)` if it has both, `label == 0` if it has none.

use filterc_abi::objects::names_object;
use filterc_grammar::ast::{self, BinOp, Constant, ConstantKind};

use crate::error::Kind;
use crate::expr::{CmpOp, Predicate, Test, TypeError};
use crate::facts::{MAX_LABELS, labels};
use crate::findings::{Calls, Findings, Subject};
use crate::policy::Label;
use crate::predicate::Reader;
use crate::scope::Scope;

/// The labels of a policy, in the order of their bits.
pub(crate) fn read(scope: &Scope<'_>, findings: &mut Findings) -> Vec<Label> {
    let mut all = Vec::with_capacity(scope.labels.len());
    for (position, defined) in scope.labels.iter().enumerate() {
        if position == MAX_LABELS {
            findings.add(defined.span, Kind::TooManyLabels);
        }
        for pattern in defined.value {
            if let Some(why) = fault(&pattern.text) {
                findings.add(pattern.span, Kind::LabelPattern { why });
            }
        }
        let patterns = defined.value.iter().map(|pattern| pattern.text.clone()).collect();
        all.push(Label { name: defined.name.text.clone(), patterns, span: defined.span });
    }
    all
}

/// What is wrong with a pattern of paths.
fn fault(pattern: &str) -> Option<&'static str> {
    let Some(rest) = pattern.strip_prefix('/') else {
        return Some("it does not begin with `/`");
    };
    if pattern.contains('\0') {
        return Some("a path has no NUL");
    }
    if rest.is_empty() {
        return None;
    }
    let mut parts = rest.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "" => return Some("a part of it is empty"),
            "." | ".." => return Some("`.` and `..` are no names of entries"),
            "**" if parts.peek().is_some() => return Some("`**` stands at the end only"),
            "**" => {}
            _ if part.contains("**") => return Some("`**` stands for all below a folder, alone"),
            _ => {}
        }
    }
    None
}

impl<'a> Reader<'_, 'a> {
    /// A test of an object's labels.
    pub(crate) fn label(
        &mut self,
        test: &'a ast::Test,
        span: filterc_grammar::source::Span,
        subject: Subject,
    ) -> Option<Predicate> {
        if let Calls::One(call) = subject.calls
            && !names_object(call.name)
        {
            self.findings.about(span, Kind::NoObject { call: call.name }, subject);
            return None;
        }
        let field = labels()?;
        let mask = match &test.mask {
            Some(mask) => Some(self.label_set(&mask.constant, subject)?),
            None => None,
        };
        let (op, value) = match &test.relation {
            ast::Relation::AnyBit => (CmpOp::Ne, 0),
            ast::Relation::Compare(ast::CmpOp::Eq, right) => {
                (CmpOp::Eq, self.label_set(right, subject)?)
            }
            ast::Relation::Compare(ast::CmpOp::Ne, right) => {
                (CmpOp::Ne, self.label_set(right, subject)?)
            }
            ast::Relation::Compare(..)
            | ast::Relation::In(_)
            | ast::Relation::CompareField(..)
            | ast::Relation::CompareString(..)
            | ast::Relation::Glob(_)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => {
                self.findings.about(span, Kind::LabelOperation, subject);
                return None;
            }
        };
        let made = Test::compare(field, mask.map(i128::from), op, value.into());
        if let (true, Ok(made)) = (self.sight.has_answers(), &made) {
            return self.label_questions(made, span, subject);
        }
        made.map(Predicate::Test)
            .map_err(|error| {
                let kind = match error {
                    TypeError::NeverFalse => Kind::NeverFalse { reason: settled(mask, value) },
                    TypeError::NeverTrue
                    | TypeError::DoesNotFit { .. }
                    | TypeError::PointerOperation
                    | TypeError::Mismatch(..)
                    | TypeError::EmptyRange(..)
                    | TypeError::MaskedOrder => Kind::NeverTrue { reason: settled(mask, value) },
                };
                self.findings.about(span, kind, subject);
            })
            .ok()
    }

    /// The bits of a set of labels: names, joined by `|`, and `0` for none.
    fn label_set(&mut self, set: &'a Constant, subject: Subject) -> Option<u64> {
        self.count(set);
        match &set.kind {
            ConstantKind::Integer(0) => Some(0),
            ConstantKind::Paren(inner) => self.label_set(inner, subject),
            ConstantKind::Name(name) => {
                let position = self.scope.labels.position(name);
                let Some((position, defined)) =
                    position.and_then(|at| self.scope.labels.get(at).map(|label| (at, label)))
                else {
                    let kind = Kind::UnknownLabel { name: name.clone() };
                    let recorded = self.findings.about(set.span, kind, subject);
                    self.findings.suggest(recorded, name, self.scope.labels.names());
                    return None;
                };
                defined.mark_used();
                // What is beyond was told at the definition.
                let bit = u32::try_from(position).ok().and_then(|at| 1_u64.checked_shl(at));
                if bit.is_none() {
                    self.findings.fail();
                }
                bit
            }
            ConstantKind::Binary(first, rest) if rest.iter().all(|(op, _)| *op == BinOp::Or) => {
                let mut bits = self.label_set(first, subject);
                for (_, operand) in rest {
                    let more = self.label_set(operand, subject);
                    bits = bits.zip(more).map(|(bits, more)| bits | more);
                }
                bits
            }
            ConstantKind::Integer(_)
            | ConstantKind::Complement(_)
            | ConstantKind::Negate(_)
            | ConstantKind::Binary(..) => {
                self.findings.about(set.span, Kind::LabelOperation, subject);
                None
            }
            // The parser has told what is wrong here.
            ConstantKind::Error => {
                self.findings.fail();
                None
            }
        }
    }
}

fn settled(mask: Option<u64>, value: u64) -> String {
    match mask {
        Some(0) => "no label is asked for".to_owned(),
        Some(mask) if value & !mask != 0 => {
            "the set on the right has labels that are not looked at".to_owned()
        }
        Some(_) | None => "no object can be otherwise".to_owned(),
    }
}
