//! Policies learned from records of what a program did.
//!
//! Every rule says what it was made from. What a policy was learned from is never all that a program
//! can do; and where records were lost or could not be read, it is not even all that it did: then
//! [`Learned::missing`] says so, and so does the text.

mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use filterc::{Options, Source, analyse};
use filterc_abi::{Abi, Arg, Syscall};
use filterc_grammar::ast::StatementKind;
use filterc_grammar::print;
use filterc_grammar::source::FileId;

use crate::records::Reading;
use crate::seen::{Bits, Seen};
use crate::words;

pub use values::Detail;

/// The code of what is said where records were lost.
pub const INCOMPLETE: &str = "F0725";

/// The records of one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called, mostly a file.
    pub name: String,
    /// The records.
    pub reading: Reading,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The policy.
    pub text: String,
    /// How many calls were seen.
    pub seen: u64,
    /// How many rules were made.
    pub rules: usize,
    /// Why this is not all that was done, a line each.
    pub missing: Vec<String>,
}

/// Calls that every process makes, mostly unseen by itself.
const NEEDED: &[&str] = &["exit", "exit_group", "restart_syscall", "rt_sigreturn", "sigreturn"];

/// Places that a rule names.
const PLACES: usize = 3;

/// What was seen of one call.
#[derive(Default)]
struct Observed {
    count: u64,
    places: Places,
    /// The arguments, in order.
    args: Vec<(&'static str, Values)>,
    /// ABIs of several widths can disagree on what an argument is; then nothing is said of it.
    mixed: BTreeSet<&'static str>,
}

/// Lines of files: the first few of each, and how many more.
#[derive(Default)]
struct Places(Vec<(String, Vec<usize>, usize)>);

impl Places {
    fn add(&mut self, (name, line): (&str, usize)) {
        match self.0.iter_mut().find(|(known, ..)| known == name) {
            Some((_, lines, _)) if lines.len() < PLACES => lines.push(line),
            Some((.., more)) => *more += 1,
            None => self.0.push((name.to_owned(), vec![line], 0)),
        }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, lines, more)) in self.0.iter().enumerate() {
            let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
            let gap = if at > 0 { "; " } else { "" };
            write!(f, "{gap}{name}:{}", lines.join(", "))?;
            if *more > 0 {
                write!(f, " and {more} more")?;
            }
        }
        Ok(())
    }
}

/// What was seen of an argument.
struct Values {
    /// What it is, on the first ABI that it was seen on.
    known: (&'static Abi, &'static Syscall, &'static Arg),
    seen: BTreeSet<Bits>,
}

/// All calls of all runs.
struct All {
    abis: BTreeSet<&'static str>,
    calls: BTreeMap<&'static str, Observed>,
    /// Numbers that no call has: count and places.
    unknown: BTreeMap<u32, (u64, Places)>,
    seen: u64,
    missing: Vec<String>,
}

/// A policy that allows what was seen.
///
/// # Errors
/// There is nothing to learn from, or what was written is no policy: the reason.
pub fn learn(runs: &[Run], detail: Detail, default: &str) -> Result<Learned, String> {
    let all = All::new(runs, &|_| true);
    if all.calls.is_empty() {
        return Err("no call was recorded, so there is nothing to learn".to_owned());
    }
    let mut text = all.heading(runs);
    let abis: Vec<&str> = all.abis.iter().copied().collect();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "arch {}\ndefault {default}\nunknown errno(ENOSYS)\n", abis.join(", "));
    let (rules, count) = all.rules(detail);
    text.push_str(&rules);
    let unseen: Vec<&str> = NEEDED.iter().copied().filter(|name| all.lacks(name)).collect();
    if !unseen.is_empty() {
        let _ = writeln!(text, "\n# Not seen, but every process needs them.");
        let _ = writeln!(text, "allow {}", unseen.join(", "));
    }
    let text = checked(&text, &Options::default())?;
    Ok(Learned { text, seen: all.seen, rules: count, missing: all.missing })
}

/// A policy with rules for what was seen and it does not let through, before all its own;
/// `lets_through` says whether it does. `None` if there is no such call.
///
/// # Errors
/// The policy cannot be added to: the reason.
pub fn update(
    policy: &Source,
    options: &Options,
    runs: &[Run],
    detail: Detail,
    lets_through: &dyn Fn(&Seen) -> bool,
) -> Result<Option<Learned>, String> {
    let all = All::new(runs, &|seen| !lets_through(seen));
    if all.calls.is_empty() && all.unknown.is_empty() {
        return Ok(None);
    }
    let (rules, count) = all.rules(detail);
    let analysis = analyse(policy, options);
    let root = analysis.sources.get(FileId::default());
    let old = root.map(|file| file.text.clone()).unwrap_or_default();
    let is_rule =
        |kind: &StatementKind| matches!(kind, StatementKind::Rule(_) | StatementKind::Include(_));
    let own = analysis.statements.iter().filter(|it| it.span.file == FileId::default());
    let first = own.filter(|it| is_rule(&it.kind)).map(|it| it.span.start as usize).min();
    // A rule's own remarks stand above it.
    let at = first.map_or(old.len(), |at| above_remarks(&old, at));
    let (before, after) = old.split_at_checked(at).ok_or("the policy's text cannot be divided")?;
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let text = format!("{before}{gap}{}{rules}\n{after}", all.heading(runs));
    let typed = Source::text(policy.name(), text.clone());
    let analysis = analyse(&typed, options);
    if analysis.policy.is_none() {
        return Err("with what was learned the text is no policy any more".to_owned());
    }
    Ok(Some(Learned { text, seen: all.seen, rules: count, missing: all.missing }))
}

/// Where the remarks begin that stand right above a place.
fn above_remarks(text: &str, at: usize) -> usize {
    let mut start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |it| it + 1);
    while let Some(before) = text.get(..start.saturating_sub(1)).filter(|it| !it.is_empty()) {
        let line = before.rfind('\n').map_or(0, |it| it + 1);
        let is_remark = before.get(line..).is_some_and(|it| it.trim_start().starts_with('#'));
        if !is_remark {
            break;
        }
        start = line;
    }
    start
}

/// The text as the formatter has it, if it is a policy.
fn checked(text: &str, options: &Options) -> Result<String, String> {
    let text = print::format(text).unwrap_or_else(|_| text.to_owned());
    let analysis = analyse(&Source::text("<learned>", text.clone()), options);
    match analysis.policy {
        Some(_) => Ok(text),
        None => {
            let first = analysis.diagnostics.first().map(|it| it.message.clone());
            Err(format!("what was written is no policy: {}", first.unwrap_or_default()))
        }
    }
}

impl All {
    fn new(runs: &[Run], wanted: &dyn Fn(&Seen) -> bool) -> Self {
        let mut all = Self {
            abis: BTreeSet::new(),
            calls: BTreeMap::new(),
            unknown: BTreeMap::new(),
            seen: 0,
            missing: Vec::new(),
        };
        for run in runs {
            let Reading { records, faults, lost, .. } = &run.reading;
            let name = in_line(&run.name);
            for record in records.iter().filter(|record| wanted(&record.seen)) {
                all.note(&record.seen, record.count, (&name, record.line));
            }
            if *lost > 0 {
                all.missing.push(format!("{name}: at least {lost} records were lost"));
            }
            if let Some(first) = faults.first() {
                let (many, line) = (faults.len(), first.line);
                let why = in_line(&first.reason);
                all.missing.push(format!(
                    "{name}: {many} lines could not be read, the first is line {line}: {why}"
                ));
            }
        }
        all
    }

    fn note(&mut self, seen: &Seen, count: u64, place: (&str, usize)) {
        let nr = seen.nr.cast_unsigned();
        // A call that a tracer skipped.
        if nr == u32::MAX {
            return;
        }
        self.seen += count;
        let abi = filterc_abi::abi_of_call(seen.arch, nr);
        let Some((abi, call)) = abi.and_then(|abi| Some((abi, abi.syscall_by_nr(nr)?))) else {
            let (total, places) = self.unknown.entry(nr).or_default();
            *total += count;
            places.add(place);
            self.abis.extend(abi.map(|abi| abi.name));
            return;
        };
        self.abis.insert(abi.name);
        let observed = self.calls.entry(call.name).or_default();
        observed.count += count;
        observed.places.add(place);
        for arg in call.args {
            // What the kernel takes the bits for is what counts, on each ABI.
            let bits = seen.argument(arg.regs);
            let mask = words::mask(arg.width);
            let bits = Bits { value: bits.value & mask, known: bits.known & mask };
            observed.note((abi, call, arg), bits);
        }
    }

    fn lacks(&self, name: &str) -> bool {
        let mut abis = self.abis.iter().filter_map(|name| filterc_abi::abi(name));
        !self.calls.contains_key(name) && abis.any(|abi| abi.syscall(name).is_some())
    }

    fn heading(&self, runs: &[Run]) -> String {
        let names: Vec<String> = runs.iter().map(|run| in_line(&run.name)).collect();
        let mut text = format!(
            "# Learned from {}: {} calls, {} different ones.\n",
            names.join(", "),
            self.seen,
            self.calls.len() + self.unknown.len()
        );
        if self.missing.is_empty() {
            text.push_str(
                "# All that was recorded is here. What the program does in other runs is not.\n",
            );
        } else {
            text.push_str("# NOT COMPLETE: calls that were made are missing here.\n");
            for line in &self.missing {
                let _ = writeln!(text, "#   {line}");
            }
        }
        text
    }

    /// The rules, a line of remarks and one of the rule each, and how many they are.
    fn rules(&self, detail: Detail) -> (String, usize) {
        let mut text = String::new();
        for (name, observed) in &self.calls {
            let condition = observed.condition(detail);
            let unknown = observed.args.iter().any(|(_, values)| values.is_open());
            let note = if unknown && condition.is_empty() && detail != Detail::Calls {
                "; arguments are not in the records"
            } else {
                ""
            };
            let _ = writeln!(text, "# {} times: {}{note}", observed.count, observed.places);
            match condition.as_slice() {
                [] => {
                    let _ = writeln!(text, "allow {name}");
                }
                parts => {
                    let _ = writeln!(text, "allow {name} if {}", parts.join(" && "));
                }
            }
        }
        for (nr, (count, at)) in &self.unknown {
            let _ = writeln!(text, "# {count} times: {}; no table has the number", at);
            let _ = writeln!(text, "allow syscall({nr})");
        }
        (text, self.calls.len() + self.unknown.len())
    }
}

impl Values {
    /// Whether a record has nothing of it.
    fn is_open(&self) -> bool {
        self.seen.iter().any(|bits| bits.known == 0)
    }
}

impl Observed {
    /// Notes what was seen of an argument.
    fn note(
        &mut self,
        (abi, call, arg): (&'static Abi, &'static Syscall, &'static Arg),
        bits: Bits,
    ) {
        let Some((_, values)) = self.args.iter_mut().find(|(name, _)| *name == arg.name) else {
            let values = Values { known: (abi, call, arg), seen: BTreeSet::from([bits]) };
            self.args.push((arg.name, values));
            return;
        };
        let (other_abi, _, other) = values.known;
        if other_abi.name != abi.name && (other.kind, other.set) != (arg.kind, arg.set) {
            self.mixed.insert(arg.name);
        }
        values.seen.insert(bits);
    }

    /// The conditions on the arguments, in their order.
    fn condition(&self, detail: Detail) -> Vec<String> {
        let args = self.args.iter().filter(|(name, _)| !self.mixed.contains(name));
        args.filter_map(|(_, values)| {
            let (abi, call, arg) = values.known;
            values::condition((abi, call), arg, &values.seen, detail)
        })
        .collect()
    }
}

/// A text as it can stand in a remark: on one line.
fn in_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
