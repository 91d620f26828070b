//! Seccomp policies of LXC, version 1 (numbers) and 2 (names).
//!
//! * Version 2 is for the machine's own ABI and those that LXC knows beside it (i386 and x32 on
//!   x86_64, arm on aarch64, ppc on ppc64, o32 and n32 on mips64). A rule above all sections or
//!   under `[all]` is for all of them, one under `[x86]` for that ABI alone; a section of another
//!   machine does not count.
//! * Rules are added as libseccomp adds them: a rule without conditions decides its call alone; of
//!   others the order has no meaning, so that two with different actions which one call can match are
//!   an error. So are those that libseccomp refuses: a rule with the default's action, two conditions
//!   on one argument.
//! * `reject_force_umount` is `umount2` with `MNT_FORCE`, which gets EACCES.
//! * Names that no ABI has are skipped, as by LXC, and noted.
//! * Calls of other ABIs end the thread.

use std::collections::BTreeSet;

use filterc_abi::seccomp::MAX_ERRNO;
use filterc_abi::{self as abi, Abi, Action};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::arguments::conditions::{Condition, Op};
use crate::fault::Fault;
use crate::plan::expr::{Expr, Place, are_disjoint};
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::scan::{self, Word, c_number, words};
use crate::{Imported, Note, Target, hosts};

/// The ABIs that a policy covers beside the machine's own.
const BESIDE: &[(&str, &[&str])] = &[
    ("aarch64", &["arm"]),
    ("mips64", &["mips", "mips64n32"]),
    ("mipsel64", &["mipsel", "mipsel64n32"]),
    ("ppc64", &["ppc"]),
    ("x86_64", &["i386", "x32"]),
];

/// `MNT_FORCE` of umount2, the same on all ABIs.
const MNT_FORCE: u64 = 1;

type Fallible<T> = Result<T, (Span, Fault)>;

/// Imports a policy; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with the text, each with its place, and everything in it that a policy
/// cannot say.
pub fn import(file: FileId, text: &str, target: &Target) -> Result<Imported, Vec<Diagnostic>> {
    let mut lines = scan::lines(text);
    let head = Head::read(file, &mut lines, scan::span(file, 0, text.len()));
    let head = head.map_err(|(span, fault)| vec![fault.at(span)])?;
    let mut reader = Reader {
        target,
        head: &head,
        abis: vec![target.abi],
        section: None,
        unknown: BTreeSet::new(),
        rules: Vec::new(),
        errors: Vec::new(),
    };
    if head.version == 2 {
        let beside = BESIDE.iter().find(|(host, _)| *host == target.abi.name);
        let beside = beside.map_or(&[][..], |(_, others)| others);
        reader.abis.extend(beside.iter().filter_map(|name| abi::abi(name)));
    }
    for (start, line) in lines {
        if let Err((span, fault)) = reader.line(file, start, line) {
            reader.errors.push(fault.at(span));
        }
    }
    let Reader { abis, unknown, rules, mut errors, .. } = reader;
    let rules = settled(rules, &abis, target, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let unknown: Vec<String> = unknown.into_iter().collect();
    let note = (!unknown.is_empty()).then(|| Note {
        path: String::new(),
        text: format!("skipped, as no calls of these ABIs: {}", unknown.join(", ")),
    });
    let plan = Plan {
        abis,
        default: head.default,
        foreign: Action::KillThread,
        width: target.width,
        multiplexers: Multiplexers::Carry,
        rules,
        comments: vec![format!("Imported from {}, a policy of LXC.", target.source)],
        notes: note.into_iter().collect(),
    };
    Ok(plan.imported())
}

/// The first two lines.
struct Head {
    version: u8,
    /// What calls without a rule get.
    default: Action,
    /// What rules without an action say.
    action: Action,
}

impl Head {
    fn read<'t>(
        file: FileId,
        lines: &mut impl Iterator<Item = (usize, &'t str)>,
        whole: Span,
    ) -> Fallible<Self> {
        let mut next = |expected: &'static str| {
            let line = lines.next().map(|(start, line)| words(file, line, start));
            match line {
                Some(words) if !words.is_empty() => Ok(words),
                Some(_) | None => {
                    let found = "an empty line, or the end".to_owned();
                    Err((Span { start: whole.end, ..whole }, Fault::Unexpected { expected, found }))
                }
            }
        };
        let version = next("the version, 1 or 2,")?;
        let version = match version.as_slice() {
            [Word { text: "1", .. }] => 1,
            [Word { text: "2", .. }] => 2,
            [word, ..] => {
                let found = format!("`{}`", word.text);
                let expected = "the version, 1 or 2,";
                return Err((word.span, Fault::Unexpected { expected, found }));
            }
            [] => 1,
        };
        let style = next("`allowlist` or `denylist`")?;
        let Some((word, rest)) = style.split_first() else {
            return Err((whole, Fault::Nothing("policy")));
        };
        let deny = match word.text {
            "allowlist" | "whitelist" => false,
            "denylist" | "blacklist" if version == 2 => true,
            other => {
                let expected = "`allowlist`, or in version 2 `denylist`,";
                let found = format!("`{other}`");
                return Err((word.span, Fault::Unexpected { expected, found }));
            }
        };
        let (default, action) = if deny {
            (Action::Allow, Action::KillThread)
        } else {
            (Action::KillThread, Action::Allow)
        };
        let given = if version == 2 { self::action(rest)? } else { None };
        if let (1, [word, ..]) = (version, rest) {
            let found = format!("`{}`", word.text);
            return Err((word.span, Fault::Unexpected { expected: "the end of the line", found }));
        }
        Ok(Self { version, default: given.unwrap_or(default), action })
    }
}

/// An action, if there is one before a comment or a condition.
fn action(words: &[Word<'_>]) -> Fallible<Option<Action>> {
    let Some((word, rest)) = words.split_first() else { return Ok(None) };
    Ok(Some(match word.text {
        "kill" => Action::KillThread,
        "allow" => Action::Allow,
        "trap" => Action::Trap(0),
        "notify" => Action::Notify,
        "errno" => {
            const WHY: &str = "an errno is a number, at most 4095";
            let Some(number) = rest.first() else {
                return Err((word.span, Fault::BadNumber("errno".to_owned(), WHY)));
            };
            let digits = number.text.split('[').next().unwrap_or_default();
            let errno = digits.parse().ok().filter(|errno| *errno <= MAX_ERRNO);
            let bad = || (number.span, Fault::BadNumber(number.text.to_owned(), WHY));
            Action::Errno(errno.ok_or_else(bad)?)
        }
        text if text.starts_with('#') || text.starts_with('[') => return Ok(None),
        text => {
            const THERE_ARE: &str = "there are kill, errno N, allow, trap and notify";
            return Err((word.span, Fault::UnknownAction(text.to_owned(), THERE_ARE)));
        }
    }))
}

struct Reader<'r> {
    target: &'r Target,
    head: &'r Head,
    abis: Vec<&'static Abi>,
    /// The ABIs of the section; `None` for all.
    section: Option<Vec<&'static Abi>>,
    unknown: BTreeSet<String>,
    rules: Vec<Rule>,
    errors: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn line(&mut self, file: FileId, start: usize, line: &str) -> Fallible<()> {
        let words = words(file, line, start);
        let Some(first) = words.first().copied().filter(|_| !line.starts_with('#')) else {
            return Ok(());
        };
        if self.head.version == 1 {
            return self.number(&words, first);
        }
        if let Some(section) = first.text.strip_prefix('[') {
            return self.section(section, first);
        }
        let on = self.section.clone().unwrap_or_else(|| self.abis.clone());
        if on.is_empty() {
            return Ok(());
        }
        if first.text == "reject_force_umount" {
            let when = Expr::Test(Condition::masked(1, MNT_FORCE, MNT_FORCE));
            let callee = Callee::Name("umount2".to_owned());
            let action = Action::Errno(EACCES);
            self.rules.push(Rule { span: first.span, on, callee, when, action });
            return Ok(());
        }
        let action = action(words.get(1..).unwrap_or_default())?.unwrap_or(self.head.action);
        if action == self.head.default {
            let what = "a rule with the action that calls without a rule get".to_owned();
            let why = "libseccomp refuses it, and LXC the policy".to_owned();
            return Err((first.span, Fault::Untranslatable(what, why)));
        }
        let when = conditions(file, start, line)?;
        let name = first.text.split('[').next().unwrap_or_default();
        let known = |abi: &&'static Abi| {
            abi.syscall(name).is_some() || abi.sub_calls().iter().any(|sub| sub.name == name)
        };
        if !self.abis.iter().any(known) {
            self.unknown.insert(name.to_owned());
            return Ok(());
        }
        let callee = Callee::Name(name.to_owned());
        self.rules.push(Rule { span: first.span, on, callee, when, action });
        Ok(())
    }

    /// A line of version 1.
    fn number(&mut self, words: &[Word<'_>], first: Word<'_>) -> Fallible<()> {
        const WHY: &str = "a line is the number of a call";
        let abi = self.target.abi;
        let number = first.text.parse::<u32>().ok().filter(|nr| hosts::admits(abi, *nr));
        let Some(number) = number.filter(|_| words.len() == 1) else {
            return Err((first.span, Fault::BadNumber(first.text.to_owned(), WHY)));
        };
        let callee = Callee::numbered(number, abi);
        let action = Action::Allow;
        self.rules.push(Rule { span: first.span, on: vec![abi], callee, when: Expr::True, action });
        Ok(())
    }

    fn section(&mut self, text: &str, word: Word<'_>) -> Fallible<()> {
        let name = text.strip_suffix(']').map(str::to_ascii_lowercase);
        let found = match name.as_deref() {
            Some("all") => {
                self.section = None;
                return Ok(());
            }
            Some(name) => hosts::abi(name),
            None => None,
        };
        let Some(found) = found else {
            return Err((word.span, Fault::UnknownArchitecture(word.text.to_owned())));
        };
        let here = self.abis.iter().copied().find(|abi| abi.name == found.name);
        self.section = Some(here.into_iter().collect());
        Ok(())
    }
}

/// `EACCES`, the same on all ABIs.
const EACCES: u16 = 13;

/// The conditions of a line, `[index,value,op]` or `[index,value,op,mask]`.
fn conditions(file: FileId, start: usize, line: &str) -> Fallible<Expr> {
    let mut all = Vec::new();
    let mut indices = BTreeSet::new();
    let mut at = 0;
    while let Some(open) = line.get(at..).and_then(|rest| rest.find('[')) {
        let from = at + open;
        let rest = line.get(from + 1..).unwrap_or_default();
        let span = |len: usize| scan::span(file, start + from, start + from + len);
        let Some(len) = rest.find(']') else {
            let found = "the end of the line".to_owned();
            return Err((span(1), Fault::Unexpected { expected: "`]`", found }));
        };
        let inner = rest.get(..len).unwrap_or_default();
        let span = span(len + 2);
        let condition = condition(inner).map_err(|fault| (span, fault))?;
        if !indices.insert(condition.index) {
            let what = "two conditions on one argument".to_owned();
            let why = "libseccomp refuses them, and LXC the policy".to_owned();
            return Err((span, Fault::Untranslatable(what, why)));
        }
        all.push(Expr::Test(condition));
        at = from + len + 2;
    }
    Ok(if all.is_empty() { Expr::True } else { Expr::All(all) })
}

fn condition(text: &str) -> Result<Condition, Fault> {
    let number = |text: &str| -> Result<u64, Fault> {
        const WHY: &str = "a number of at most 64 bits, without sign";
        let value = c_number(text.trim()).and_then(|value| u64::try_from(value).ok());
        value.ok_or_else(|| Fault::BadNumber(text.trim().to_owned(), WHY))
    };
    let parts: Vec<&str> = text.split(',').collect();
    let (index, value, op, mask) = match parts.as_slice() {
        [index, value, op] => (index, value, op, None),
        [index, value, op, mask] => (index, value, op, Some(mask)),
        _ => {
            let found = format!("`[{text}]`");
            let expected = "`[index,value,op]` or `[index,value,op,mask]`";
            return Err(Fault::Unexpected { expected, found });
        }
    };
    let at = number(index)?;
    let index = u8::try_from(at).ok().filter(|index| *index < 6);
    let index = index.ok_or_else(|| Fault::NoArgument("a call".to_owned(), at.to_string()))?;
    let (value, mask) = (number(value)?, mask.map(|mask| number(mask)).transpose()?);
    let signs = [
        ("!=", Op::Ne),
        ("<", Op::Lt),
        ("<=", Op::Le),
        ("==", Op::Eq),
        (">=", Op::Ge),
        (">", Op::Gt),
        ("&=", Op::MaskedEq),
    ];
    let sign = signs.iter().find(|(sign, _)| *sign == op.trim()).map(|(_, op)| *op);
    let Some(op) = sign.or_else(|| Op::named(op.trim())) else {
        let expected = "a comparison such as `==` or SCMP_CMP_EQ";
        return Err(Fault::Unexpected { expected, found: format!("`{}`", op.trim()) });
    };
    match (op, mask) {
        // Without a mask it is 0, which asks for nothing.
        (Op::MaskedEq, mask) => Ok(Condition::masked(index, mask.unwrap_or(0), value)),
        (op, None | Some(0)) => Ok(Condition::new(index, op, value)),
        (_, Some(_)) => {
            let why = "a mask belongs to SCMP_CMP_MASKED_EQ".to_owned();
            Err(Fault::Untranslatable("a mask beside another comparison".to_owned(), why))
        }
    }
}

/// The rules as libseccomp lets them count: of those on a call the one without conditions alone,
/// where there is one. Those that contradict each other are told.
fn settled(
    rules: Vec<Rule>,
    abis: &[&'static Abi],
    target: &Target,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    let name = |rule: &Rule| rule.callee.to_string();
    let share = |a: &Rule, b: &Rule| {
        a.callee == b.callee && a.on.iter().any(|x| b.on.iter().any(|y| x.name == y.name))
    };
    for (at, rule) in rules.iter().enumerate() {
        let carried = |abi: &&&'static Abi| {
            let call = name(rule);
            let sub = |abi: &Abi| rule.on.iter().any(|on| on.name == abi.name);
            sub(abi) && abi.sub_calls().iter().any(|sub| sub.name == call)
        };
        if rule.when != Expr::True
            && let Some(abi) = abis.iter().find(carried)
        {
            let what = format!("a condition on `{}`", name(rule));
            let why = format!("on {} its arguments can travel in memory", abi.name);
            errors.push(Fault::Untranslatable(what, why).at(rule.span));
        }
        for other in rules.iter().take(at).filter(|other| share(rule, other)) {
            let whole = (rule.when == Expr::True, other.when == Expr::True);
            let apart = || {
                abis.iter().all(|abi| {
                    let call = abi.syscall(&name(rule));
                    let place = Place { abi, call, width: target.width };
                    are_disjoint(&place, &rule.when, &other.when)
                })
            };
            let clash = whole == (true, true) || (whole == (false, false) && !apart());
            if rule.action != other.action && clash {
                errors.push(Fault::Contradiction(name(rule), other.span).at(rule.span));
            }
        }
    }
    let wholes: Vec<Rule> = rules.iter().filter(|it| it.when == Expr::True).cloned().collect();
    let mut kept = Vec::with_capacity(rules.len());
    for mut rule in rules {
        if rule.when != Expr::True {
            let lost = |abi: &&'static Abi| {
                let here = |whole: &&Rule| whole.on.iter().any(|on| on.name == abi.name);
                wholes.iter().filter(|whole| whole.callee == rule.callee).any(|it| here(&it))
            };
            rule.on = rule.on.iter().copied().filter(|abi| !lost(abi)).collect();
        }
        kept.push(rule);
    }
    kept
}
