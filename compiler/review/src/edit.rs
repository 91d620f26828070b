//! The smallest edit of a policy that lets a call through.
//!
//! Edits are tried, not calculated: each is made in the text, the new text is typed, the call is
//! evaluated, and both policies are held against each other. Of those that do, the one that changes
//! what becomes of the fewest calls is the smallest.

use filterc_abi::{self as abi, Abi, Action, SeccompData};
use filterc_check::{Budget, Count, Side};
use filterc_grammar::ast::{
    CmpOp, ConstantKind, Item, Predicate, PredicateKind, Relation, StatementKind, Test,
};
use filterc_grammar::source::{FileId, Span};
use filterc_hir::eval::{Decision, Reason, decide};
use filterc_hir::policy::Policy;
use filterc_relate::{Change, differences};

use crate::near::{self, Failed, Near, all_tests, argument, field_value, one_line, passes};
use crate::patch::unified;
use crate::seen::Seen;
use crate::verdict::{Filter, Outcome, endian_of, verdict};
use crate::words;
use crate::written::Written;

/// An edit that lets a call through.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What it does, as a sentence.
    pub what: String,
    /// The new text of the file that was named.
    pub text: String,
    /// The edit, as `patch` takes it.
    pub patch: String,
    /// Everything that becomes otherwise by it, on machines that make the call.
    pub changes: Vec<Change>,
}

impl Edit {
    /// How many calls become otherwise.
    #[must_use]
    pub fn count(&self) -> Count {
        self.changes.iter().fold(Count::default(), |sum, change| sum.plus(&change.count))
    }
}

/// Near misses that edits are made from.
const TRIED: usize = 4;

/// The smallest edit that we know; `None` if none of those that were tried does it.
#[must_use]
pub fn smallest(
    written: &Written,
    call: &SeccompData,
    decision: &Decision,
    near: &[Near],
    budget: &Budget,
) -> Option<Edit> {
    let lets_through = |new: &Policy| passes(decide(new, call).action);
    smallest_of(written, (call, decision, near), &lets_through, budget)
}

/// The smallest edit that lets a call through whatever those of its arguments are that were not
/// seen; `None` if none of those that were tried does it, or no outcome is a refusal.
#[must_use]
pub fn for_certain(
    written: &Written,
    seen: &Seen,
    outcomes: &[Outcome],
    budget: &Budget,
) -> Option<Edit> {
    let call = outcomes.iter().find(|outcome| !passes(outcome.action))?.extent.witness;
    let decision = decide(&written.policy, &call);
    let near = near::near(written, &call, &decision);
    let lets_through = |new: &Policy| {
        let outcomes = verdict(Filter::Policy(new), seen, budget);
        outcomes.is_ok_and(|outcomes| outcomes.iter().all(|outcome| passes(outcome.action)))
    };
    smallest_of(written, (&call, &decision, &near), &lets_through, budget)
}

fn smallest_of(
    written: &Written,
    (call, decision, near): (&SeccompData, &Decision, &[Near]),
    lets_through: &dyn Fn(&Policy) -> bool,
    budget: &Budget,
) -> Option<Edit> {
    let endian = endian_of(&Seen::whole(call));
    let tried = candidates(written, call, decision, near).into_iter().filter_map(|it| {
        let new = Written::read(&written.source.edited(it.text.as_str()), &written.options)?;
        if !lets_through(&new.policy) {
            return None;
        }
        let (old, edited) = (Side::Policy(&written.policy), Side::Policy(&new.policy));
        let changes = differences(old, edited, endian, budget).ok()?;
        let patch = unified(written.source.name(), written.text(), &it.text);
        Some(Edit { what: it.what, text: it.text, patch, changes })
    });
    // Of equals the first: `min_by` keeps it.
    tried.min_by_key(Edit::count)
}

/// An edit that may do.
struct Candidate {
    what: String,
    text: String,
}

fn candidates(
    written: &Written,
    call: &SeccompData,
    decision: &Decision,
    near: &[Near],
) -> Vec<Candidate> {
    let nr = call.nr.cast_unsigned();
    let Some(abi) = abi::abi_of_call(call.arch, nr) else { return Vec::new() };
    if decision.reason == Reason::Foreign {
        return listed(written, abi).into_iter().collect();
    }
    let make = Make { written, abi, call, decision };
    // Of edits that do the same, the narrowest rule is read best.
    let mut all: Vec<Candidate> = make.against_refusal().into_iter().collect();
    for near in near.iter().filter(|near| passes(near.action)).take(TRIED) {
        all.extend(make.widened(near));
        all.extend(make.beside(near));
    }
    all.extend(make.plain());
    all
}

/// Lists the call's ABI as well.
fn listed(written: &Written, abi: &'static Abi) -> Option<Candidate> {
    let text = written.text();
    let what = format!("list the ABI {}: its calls are then decided by the rules", abi.name);
    let headers = written.statements.iter().find_map(|statement| {
        let StatementKind::Arch(names) = &statement.kind else { return None };
        Some(names)
    });
    match headers {
        Some(names) => {
            let last = names.last()?;
            let at = in_file(last.span, text)?.1;
            Some(Candidate { what, text: inserted(text, at, &format!(", {}", abi.name))? })
        }
        None => {
            let first = written.policy.abis().first()?.abi().name;
            let text = format!("arch {first}, {}\n{text}", abi.name);
            Some(Candidate { what, text })
        }
    }
}

struct Make<'m> {
    written: &'m Written,
    abi: &'static Abi,
    call: &'m SeccompData,
    decision: &'m Decision,
}

impl Make<'_> {
    fn name(&self) -> String {
        let nr = self.call.nr.cast_unsigned();
        self.abi
            .syscall_by_nr(nr)
            .map_or_else(|| format!("syscall({nr})"), |call| call.name.to_owned())
    }

    /// The rule, with the conditions that failed made wider where they stand.
    fn widened(&self, near: &Near) -> Option<Candidate> {
        let mut edits: Vec<(usize, String)> = Vec::new();
        let mut values = Vec::new();
        for failed in &near.failed {
            // A `let` may be for other rules, too.
            if !failed.lets.is_empty() || failed.span.file != FileId(0) {
                return None;
            }
            let (more, value) = self.wider(failed)?;
            edits.extend(more);
            values.push(value);
        }
        if edits.is_empty() {
            return None;
        }
        edits.sort();
        let mut text = self.written.text().to_owned();
        for (at, piece) in edits.iter().rev() {
            text = match piece.strip_prefix("\u{8}") {
                // In the place of `==`.
                Some(piece) => format!("{}{piece}{}", text.get(..*at)?, text.get(at + 2..)?),
                None => inserted(&text, *at, piece)?,
            };
        }
        let rule = near.rule.0 + 1;
        let what = format!("let rule {rule} take {} as well", words::list(&values));
        Some(Candidate { what, text })
    }

    /// What is put into the text so that a condition takes the call's value as well.
    fn wider(&self, failed: &Failed) -> Option<(Vec<(usize, String)>, String)> {
        let test = the_test(&failed.predicate)?;
        let text = self.written.text();
        let value = self.values(failed).into_iter().next()?;
        match &test.relation {
            Relation::In(items) => {
                let last = match items.last()? {
                    Item::One(constant) | Item::Range(_, constant) => constant.span,
                    Item::Text(text) => text.span,
                };
                let at = in_file(last, text)?.1;
                Some((vec![(at, format!(", {}", value.masked))], value.masked))
            }
            Relation::Compare(CmpOp::Eq, constant) => {
                let (start, end) = in_file(constant.span, text)?;
                if let (Some(mask), "0") = (&test.mask, text.get(start..end)?)
                    && let ConstantKind::Complement(inner) = &mask.constant.kind
                {
                    // `(flags & ~(A | B)) == 0`: one more that may be set.
                    let at = in_file(inner.span, text)?.1;
                    let bits = value.masked.clone();
                    return match &inner.kind {
                        ConstantKind::Paren(_) => {
                            Some((vec![(at - 1, format!(" | {bits}"))], bits))
                        }
                        ConstantKind::Name(_) | ConstantKind::Integer(_) => {
                            let start = in_file(inner.span, text)?.0;
                            let close = (at, format!(" | {bits})"));
                            Some((vec![(start, "(".to_owned()), close], bits))
                        }
                        ConstantKind::Complement(_)
                        | ConstantKind::Negate(_)
                        | ConstantKind::Binary(..)
                        | ConstantKind::Error => None,
                    };
                }
                let from = in_file(test.field.span, text)?.1;
                let op = from + text.get(from..start)?.rfind("==")?;
                let edits =
                    vec![(op, "\u{8}in {".to_owned()), (end, format!(", {} }}", value.masked))];
                Some((edits, value.masked))
            }
            Relation::AnyBit
            | Relation::Compare(..)
            | Relation::CompareField(..)
            | Relation::CompareString(..)
            | Relation::Glob(_)
            | Relation::Function(..)
            | Relation::Cpus(..) => None,
        }
    }

    /// A rule of its own: the near one's conditions that hold, and the values of the call where
    /// they do not.
    fn beside(&self, near: &Near) -> Option<Candidate> {
        let (_, rule) = self.written.rule(near.rule)?;
        let mut parts = Vec::new();
        if let Some(predicate) = &rule.predicate {
            for part in conjuncts(predicate) {
                if self.written.holds(self.abi, self.call, part)? {
                    let text = one_line(self.written.sources.text(part.span));
                    let loose = matches!(part.kind, PredicateKind::Or(_));
                    parts.push(if loose { format!("({text})") } else { text });
                }
            }
        }
        for failed in &near.failed {
            parts.extend(self.values(failed).into_iter().map(|value| value.test()));
        }
        self.rule(near.action, parts)
    }

    /// A rule in front of a refusal with conditions, for the values that made it hold.
    fn against_refusal(&self) -> Option<Candidate> {
        let Reason::Rule(id) = self.decision.reason else { return None };
        let predicate = self.written.rule(id)?.1.predicate.as_ref()?;
        let values = self.values_of(predicate);
        self.rule(Action::Allow, values.into_iter().map(|value| value.test()).collect())
    }

    /// A rule for the call whatever its arguments, unless rules look at them.
    fn plain(&self) -> Option<Candidate> {
        self.rule(Action::Allow, Vec::new())
    }

    fn rule(&self, action: Action, mut parts: Vec<String>) -> Option<Candidate> {
        let mut kept: Vec<String> = Vec::new();
        for part in parts.drain(..) {
            if !kept.contains(&part) {
                kept.push(part);
            }
        }
        let word = if action == Action::Log { "log" } else { "allow" };
        let mut rule = format!("{word} {}", self.name());
        if !kept.is_empty() {
            rule = format!("{rule} if {}", kept.join(" && "));
        }
        let (text, place) = self.placed(&rule)?;
        Some(Candidate { what: format!("add the rule `{rule}` {place}"), text })
    }

    /// The text with a rule where it decides: in front of the one that does now, or behind all.
    fn placed(&self, rule: &str) -> Option<(String, String)> {
        let text = self.written.text();
        match self.decision.reason {
            Reason::Rule(id) => {
                let span = self.written.rule(id)?.0.span;
                let root = self.written.in_root(span);
                let at = usize::try_from(root.start).ok()?;
                let before = text.get(..at)?;
                let line = before.rfind('\n').map_or(0, |newline| newline + 1);
                let indent = before.get(line..)?;
                let place = if root == span {
                    "in front of rule"
                } else {
                    "in front of the `include` of rule"
                };
                let place = format!("{place} {}", id.0 + 1);
                let text = match indent.trim().is_empty() {
                    true => inserted(text, line, &format!("{indent}{rule}\n"))?,
                    false => inserted(text, at, &format!("{rule}\n"))?,
                };
                Some((text, place))
            }
            Reason::Default | Reason::Unknown | Reason::Foreign => {
                let rules = self.written.rules().map(|(it, _)| self.written.in_root(it.span).end);
                let last = usize::try_from(rules.max().unwrap_or_default()).ok()?;
                let place = "behind all others".to_owned();
                let rest = text.get(last..)?;
                let at = match (last, rest.find('\n')) {
                    (0, _) | (_, None) => text.len(),
                    (last, Some(newline)) => last + newline + 1,
                };
                let line = match text.get(..at)?.ends_with('\n') || at == 0 {
                    true => format!("{rule}\n"),
                    false => format!("\n{rule}\n"),
                };
                Some((inserted(text, at, &line)?, place))
            }
        }
    }

    fn values(&self, failed: &Failed) -> Vec<Value> {
        self.values_of(&failed.predicate)
    }

    /// What the fields of a predicate are in the call, as tests that only such calls pass.
    fn values_of(&self, predicate: &Predicate) -> Vec<Value> {
        let nr = self.call.nr.cast_unsigned();
        let Some(typed) = self.written.typed(self.abi, nr, predicate) else { return Vec::new() };
        let mut tests = Vec::new();
        all_tests(&typed, &mut tests);
        let mut values: Vec<Value> = Vec::new();
        for test in tests {
            let mask = test.mask();
            let other = match test.relation() {
                filterc_hir::expr::Relation::Field(_, other) => Some(other),
                filterc_hir::expr::Relation::Compare(..) | filterc_hir::expr::Relation::In(_) => {
                    None
                }
            };
            let fields = [Some(test.field()), other.filter(|field| !field.is_param())];
            for field in fields.into_iter().flatten() {
                let bits = field.read(self.call, &[]);
                let partial = mask != field.ty().mask();
                let name = field.name().to_owned();
                let spell =
                    |bits| field_value(self.abi, self.call, field.name(), field.place(), bits);
                // A flag set to nothing is 0 also where 0 has a name.
                let masked = match bits & mask {
                    0 if partial => "0".to_owned(),
                    bits => spell(bits),
                };
                let arg = argument(self.abi, self.call, field.name());
                let mask = partial.then(|| match arg {
                    Some(arg) => {
                        let seen = Seen::whole(self.call);
                        words::mask_of(words::spelling(self.abi, &seen, arg), arg, mask)
                    }
                    None => format!("{mask:#x}"),
                });
                let value = Value { name, mask, masked };
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        values
    }
}

/// A field, perhaps under a mask, and its value in the call.
#[derive(PartialEq, Eq)]
struct Value {
    name: String,
    mask: Option<String>,
    masked: String,
}

impl Value {
    fn test(&self) -> String {
        match &self.mask {
            None => format!("{} == {}", self.name, self.masked),
            Some(mask) => format!("({} & {mask}) == {}", self.name, self.masked),
        }
    }
}

/// The test that a predicate is.
fn the_test(predicate: &Predicate) -> Option<&Test> {
    match &predicate.kind {
        PredicateKind::Test(test) => Some(test),
        PredicateKind::Paren(inner) => the_test(inner),
        PredicateKind::Or(_)
        | PredicateKind::And(_)
        | PredicateKind::Not(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Error => None,
    }
}

/// What a predicate is the conjunction of.
fn conjuncts(predicate: &Predicate) -> Vec<&Predicate> {
    match &predicate.kind {
        PredicateKind::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        PredicateKind::Paren(inner)
            if matches!(inner.kind, PredicateKind::And(_) | PredicateKind::Paren(_)) =>
        {
            conjuncts(inner)
        }
        PredicateKind::Paren(_)
        | PredicateKind::Or(_)
        | PredicateKind::Not(_)
        | PredicateKind::Test(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Error => vec![predicate],
    }
}

/// The bytes of a span in the file that was named.
fn in_file(span: Span, text: &str) -> Option<(usize, usize)> {
    let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end).ok()?);
    (span.file == FileId(0) && text.get(start..end).is_some()).then_some((start, end))
}

fn inserted(text: &str, at: usize, piece: &str) -> Option<String> {
    Some(format!("{}{piece}{}", text.get(..at)?, text.get(at..)?))
}
