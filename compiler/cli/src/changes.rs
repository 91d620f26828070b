//! Differences between two sides, as text and JSON.

use std::fmt::Write as _;
use std::path::Path;

use filterc::{Options, describe};
use filterc_abi::{Action, Endian, SeccompData};
use filterc_check::{Budget, Count};
use filterc_relate::{CallSet, Calls, Change, Condition, Group, Kind, differences, groups};
use serde_json::{Value, json};

use crate::console::{self, Failure};
use crate::replay::{Replay, replay};
use crate::sides::{self, Judged, Sides};

/// Columns of a line.
const WIDTH: usize = 100;

/// Differences on machines of one byte order, with the sides that they are between.
pub(crate) struct Found<'s> {
    endian: Endian,
    sides: [Judged<'s>; 2],
    changes: Vec<Change>,
    /// What this kernel said, if it was asked.
    replay: Option<Replay>,
}

/// The differences of a kind between two sides, for each byte order in which they can be compared.
/// What is shown of them was seen: both sides are run on every witness.
pub(crate) fn find<'s>(
    sides: &'s Sides,
    [left_path, right_path]: [&Path; 2],
    is_wanted: impl Fn(Kind) -> bool,
) -> Result<Vec<Found<'s>>, Failure> {
    sides.without_params()?;
    let mut all = Vec::new();
    for endian in &sides.orders {
        let [left, right] = [
            Judged::new(&sides.left, left_path, *endian)?,
            Judged::new(&sides.right, right_path, *endian)?,
        ];
        let mut changes = differences(left.side(), right.side(), *endian, &Budget::default())
            .map_err(|unknown| sides::undecided(&unknown))?;
        changes.retain(|change| is_wanted(change.kind()));
        let mut found = Found { endian: *endian, sides: [left, right], changes, replay: None };
        found.run_both()?;
        if let Some(options) = &sides.replay {
            found.ask_kernel(options)?;
        }
        all.push(found);
    }
    Ok(all)
}

impl Found<'_> {
    /// Whether there are differences.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Runs both sides on every witness: what is shown is what was seen.
    fn run_both(&self) -> Result<(), Failure> {
        let [left, right] = &self.sides;
        for change in &self.changes {
            let of = |side: &Judged<'_>| side.value(&change.witness, &[], self.endian);
            if (of(left), of(right)) != (change.left, change.right) {
                let call = describe::notation(&change.witness);
                let text = format!("{call}: not what was expected of it, a fault of filterc");
                return Err(Failure::Environment(text));
            }
        }
        Ok(())
    }

    /// Has the running kernel decide every witness, under both filters.
    fn ask_kernel(&mut self, options: &Options) -> Result<(), Failure> {
        let shown: Vec<_> =
            self.changes.iter().map(|it| (&it.witness, [it.left, it.right])).collect();
        self.replay = Some(replay(&self.sides, &shown, self.endian, options)?);
        Ok(())
    }

    /// How many calls differ.
    fn count(&self) -> Count {
        self.changes.iter().fold(Count::default(), |sum, change| sum.plus(&change.count))
    }

    /// In words; with how many calls each is about, where that is asked for.
    pub(crate) fn text(&self, counted: bool) -> String {
        self.styled(counted, false)
    }

    /// The same, with headings in colour: red for what is weaker, green for what is stronger.
    pub(crate) fn styled(&self, counted: bool, coloured: bool) -> String {
        let mut text = String::new();
        let mut kind = None;
        for group in groups(&self.changes) {
            if kind != Some(group.kind) {
                kind = Some(group.kind);
                // Writing to a string cannot fail, here and below.
                let heading = heading(group.kind);
                let _ = match coloured {
                    true => writeln!(text, "\x1b[1;{}m{heading}\x1b[0m", colour(group.kind)),
                    false => writeln!(text, "{heading}"),
                };
            }
            self.group(&group, counted, &mut text);
        }
        text.push_str(&self.replay.as_ref().map(Replay::text).unwrap_or_default());
        text
    }

    fn group(&self, group: &Group, counted: bool, text: &mut String) {
        let call = &group.example.witness;
        let (left, right) = (action(group.left, call), action(group.right, call));
        let _ = writeln!(text, "  {left} -> {right}");
        for set in &group.calls {
            let _ = writeln!(text, "{}", wrapped(&calls(set), "    ", "      "));
        }
        match &group.condition {
            Condition::Always => {}
            Condition::If(predicate) => {
                let condition = format!("if {predicate}");
                let _ = writeln!(text, "{}", wrapped(&condition, "    ", "        "));
            }
            Condition::Some => {
                let _ = writeln!(text, "    for some arguments (no short predicate says which)");
            }
        }
        let _ = writeln!(text, "    such as {}", describe::notation(call));
        if counted {
            let _ = writeln!(text, "      one of {} calls", group.count);
        }
        let whys = self.sides.each_ref().map(|side| side.why(call, &[], self.endian));
        for (mark, why) in ["A", "B"].iter().zip(whys) {
            let _ = writeln!(text, "      {mark}: {why}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        let changes: Vec<Value> = self.changes.iter().map(|change| self.change(change)).collect();
        let order = match self.endian {
            Endian::Little => "little",
            Endian::Big => "big",
        };
        let replay = self.replay.as_ref().map(Replay::json);
        let count = self.count().to_string();
        json!({ "endian": order, "differing": count, "changes": changes, "replay": replay })
    }

    fn change(&self, change: &Change) -> Value {
        let call = &change.witness;
        let calls = match &change.calls {
            Calls::Named { abi, name } => json!({ "abi": abi, "call": name }),
            Calls::Numbers { abi, first, last } => {
                json!({ "abi": abi, "first": first, "last": last })
            }
            Calls::Foreign { arch, nr } => json!({ "arch": [arch.0, arch.1], "nr": [nr.0, nr.1] }),
        };
        let condition = match &change.condition {
            Condition::Always => Value::Null,
            Condition::If(predicate) => json!(predicate),
            Condition::Some => json!(false),
        };
        let [left_why, right_why] =
            self.sides.each_ref().map(|side| side.why(call, &[], self.endian));
        json!({
            "kind": name(change.kind()),
            "calls": calls,
            "if": condition,
            "left": { "ret": change.left, "action": action(change.left, call), "why": left_why },
            "right": { "ret": change.right, "action": action(change.right, call), "why": right_why },
            "count": change.count.to_string(),
            "witness": {
                "call": describe::notation(call),
                "nr": call.nr,
                "arch": call.arch,
                "instruction_pointer": call.instruction_pointer,
                "args": call.args,
            },
        })
    }
}

/// One line about all of them.
pub(crate) fn summary(found: &[Found<'_>]) -> String {
    let changes = || found.iter().flat_map(|found| &found.changes);
    let of = |kinds: &[Kind]| changes().filter(|it| kinds.contains(&it.kind())).count();
    let count = found.iter().fold(Count::default(), |sum, found| sum.plus(&found.count()));
    let parts = [
        (of(&[Kind::Allowed, Kind::Weaker]), "weaker"),
        (of(&[Kind::Refused, Kind::Stronger]), "stronger"),
        (of(&[Kind::Data]), "with other data"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!(
        "B differs from A in {} places ({}), {count} calls",
        changes().count(),
        parts.join(", ")
    )
}

pub(crate) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "now allowed",
        Kind::Weaker => "now weaker",
        Kind::Refused => "now refused",
        Kind::Stronger => "now stronger",
        Kind::Data => "the same action, with other data",
    }
}

/// The number of a terminal's colour.
const fn colour(kind: Kind) -> u8 {
    match kind {
        Kind::Allowed | Kind::Weaker => 31,
        Kind::Refused | Kind::Stronger => 32,
        Kind::Data => 36,
    }
}

pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "allowed",
        Kind::Weaker => "weaker",
        Kind::Refused => "refused",
        Kind::Stronger => "stronger",
        Kind::Data => "data",
    }
}

/// What a value makes the kernel do with a call; one that the kernel takes for another is shown as
/// it is, too.
pub(crate) fn action(value: u32, call: &SeccompData) -> String {
    let action = Action::from_ret(value);
    let text = console::action(action, call);
    if action.to_ret() == value { text } else { format!("{text} ({value:#010x})") }
}

/// Words on lines that are not too long; the lines after the first begin further in.
pub(crate) fn wrapped(text: &str, first: &str, others: &str) -> String {
    let mut all = first.to_owned();
    let mut column = first.len();
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && column + 1 + word.len() > WIDTH {
            all.push('\n');
            all.push_str(others);
            column = others.len();
        } else if at > 0 {
            all.push(' ');
            column += 1;
        }
        all.push_str(word);
        column += word.len();
    }
    all
}

/// Calls of one set, all of them.
pub(crate) fn calls(set: &CallSet) -> String {
    match set {
        CallSet::Named { abis, names } => format!("{} on {}", names.join(", "), abis.join(", ")),
        CallSet::Other(Calls::Numbers { abi, first, last }) if first == last => {
            format!("the unknown number {} on {abi}", first.cast_signed())
        }
        CallSet::Other(Calls::Numbers { abi, first, last }) => {
            format!("the unknown numbers {first:#x} to {last:#x} on {abi}")
        }
        CallSet::Other(Calls::Foreign { arch, nr }) => {
            let what = match nr {
                (0, u32::MAX) => "all numbers".to_owned(),
                (first, last) => format!("the numbers {first:#x} to {last:#x}"),
            };
            format!("{what} under the architectures {:#x} to {:#x}", arch.0, arch.1)
        }
        CallSet::Other(Calls::Named { abi, name }) => format!("{name} on {abi}"),
    }
}
