//! Labels of a call's object as questions: whether its path matches a pattern of theirs.
//!
//! A monitor knows no object but by the path that the call is given, and only where it makes the
//! call itself is what it looked at what is acted on.

use filterc_grammar::source::Span;

use crate::asked::{any_of, negated_unless};
use crate::error::{Kind, Unasked};
use crate::expr::{CmpOp, Predicate, Relation, Test};
use crate::findings::{Calls, Subject};
use crate::predicate::Reader;
use crate::questions::{Asked, Pattern, performed};

/// The path that labels are of.
#[derive(Clone, Copy)]
struct Object {
    name: &'static str,
    argument: u8,
    folder: Option<u8>,
}

impl Reader<'_, '_> {
    /// A test of labels, for a monitor.
    pub(crate) fn label_questions(
        &mut self,
        test: &Test,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let refuse = |why: &'static str| Kind::Unasked(Unasked::Label { why });
        let object = match object(subject.calls) {
            Ok(object) => object,
            Err(why) => {
                self.findings.about(span, refuse(why), subject);
                return None;
            }
        };
        let Relation::Compare(op, value) = test.relation() else { return None };
        let bits = (0..64).map(|bit| (bit, 1_u64 << bit));
        let looked_at = bits.filter(|(_, bit)| test.mask() & bit != 0);
        let mut all = Vec::new();
        // Bits beyond the policy's labels are of none, and 0.
        for (position, bit) in looked_at.filter(|(at, _)| *at < self.scope.labels.len()) {
            let has = self.has_label(position, object, span, subject)?;
            all.push(negated_unless(value & bit != 0, has));
        }
        // One label is asked for most often.
        let together = if all.len() == 1 { all.pop()? } else { Predicate::And(all) };
        if let (Predicate::Not(has), CmpOp::Ne) = (&together, op) {
            return Some((**has).clone());
        }
        Some(negated_unless(*op == CmpOp::Eq, together))
    }

    /// That the object has the label at a position.
    fn has_label(
        &mut self,
        position: usize,
        object: Object,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        let Object { name, argument, folder } = object;
        let mut ways = Vec::new();
        for written in self.scope.labels.get(position)?.value {
            let Some(pattern) = pattern(&written.text) else {
                let why = "here, a `*` or `?` within a part stops at no `/`: write names, and \
                           `/**` at the end";
                self.findings.about(written.span, Kind::Unasked(Unasked::Label { why }), subject);
                return None;
            };
            let (op, text) = match &pattern {
                Pattern::Exact(text) => ("==", text),
                Pattern::Glob(text) => ("~", text),
            };
            let text = format!("{name} {op} \"{}\"", String::from_utf8_lossy(text));
            let asked = Asked::Path { argument, folder, pattern };
            ways.push(self.ask(asked, &text, span, subject)?);
        }
        Some(any_of(ways))
    }
}

/// The object of a call that the monitor makes itself.
fn object(calls: Calls) -> Result<Object, &'static str> {
    let Calls::One(call) = calls else { return Err("calls differ in their objects") };
    if !performed(call.name) {
        return Err("it does not make this call itself, so another object may be acted on");
    }
    match call.paths().as_slice() {
        [path] => Ok(Object { name: path.name, argument: path.path, folder: path.folder }),
        [] => Err("the call is given no path"),
        _ => Err("the call is given two paths: ask for them by their names"),
    }
}

/// A label's pattern as one of whole paths; `None` if there is none.
fn pattern(label: &str) -> Option<Pattern> {
    let (text, below) = match label.strip_suffix("/**") {
        Some(folder) => (folder, true),
        None => (label, false),
    };
    if text.contains(['*', '?', '[', '\\']) {
        return None;
    }
    Some(if below {
        Pattern::Glob(format!("{text}/*").into_bytes())
    } else {
        Pattern::Exact(text.as_bytes().to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_labels_are_names_and_folders() {
        assert_eq!(pattern("/tmp/**"), Some(Pattern::Glob(b"/tmp/*".to_vec())));
        assert_eq!(pattern("/**"), Some(Pattern::Glob(b"/*".to_vec())));
        assert_eq!(pattern("/etc/passwd"), Some(Pattern::Exact(b"/etc/passwd".to_vec())));
        assert_eq!((pattern("/tmp/*"), pattern("/a?/**"), pattern("/[a]")), (None, None, None));
    }
}
