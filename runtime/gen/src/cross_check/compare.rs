//! Facts of others against ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use filterc_abi::{Abi, Status};

use super::parse::{Fact, Kind};
use crate::error::Error;

/// A row of the reviewed list.
#[derive(Debug)]
struct Allowed {
    source: String,
    /// Names of ABIs, separated by commas, or `*`.
    abis: String,
    /// Names, separated by blanks.
    names: String,
    why: String,
    /// How many conflicts it explained.
    used: usize,
}

impl Allowed {
    fn parse(line: &str) -> Result<Self, Error> {
        let [source, abis, names, why] = *line.split('\t').collect::<Vec<_>>().as_slice() else {
            let what = format!("crosscheck.tsv: four columns were expected: {line}");
            return Err(Error::Failed(what));
        };
        let [source, abis, names, why] = [source, abis, names, why].map(str::to_owned);
        Ok(Self { source, abis, names, why, used: 0 })
    }

    fn explains(&self, source: &str, fact: &Fact) -> bool {
        let abi = self.abis == "*" || self.abis.split(',').any(|abi| abi == fact.abi);
        let name = self.names.split(' ').any(|name| name == fact.name);
        self.source == source && abi && name
    }
}

/// Counts of one source, ABI and kind.
#[derive(Debug, Default)]
struct Count {
    same: usize,
    conflicts: usize,
    allowed: usize,
    /// Names that only they have.
    theirs: BTreeSet<String>,
    /// Names that only we have (implemented calls; of constants that means nothing).
    ours: BTreeSet<&'static str>,
}

/// The comparison so far.
#[derive(Debug)]
pub(super) struct Comparison {
    allowed: Vec<Allowed>,
    counts: BTreeMap<(&'static str, Kind, &'static str), Count>,
    conflicts: Vec<String>,
}

impl Comparison {
    /// `allowed` is the reviewed list.
    pub(super) fn new(allowed: &str) -> Result<Self, Error> {
        let rows = allowed.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let allowed = rows.map(Allowed::parse).collect::<Result<_, _>>()?;
        Ok(Self { allowed, counts: BTreeMap::new(), conflicts: Vec::new() })
    }

    /// Compares the facts of a source.
    pub(super) fn add(&mut self, source: &'static str, facts: &BTreeSet<Fact>) {
        for fact in facts {
            let Some(abi) = filterc_abi::abi(fact.abi) else { continue };
            let ours = match fact.kind {
                Kind::Call => abi.syscall(&fact.name).map(|call| i128::from(call.nr)),
                Kind::Constant => abi.constant(&fact.name),
            };
            let count = self.counts.entry((source, fact.kind, abi.name)).or_default();
            match ours {
                None => {
                    count.theirs.insert(fact.name.clone());
                }
                Some(ours) if same(ours, fact.value) => count.same += 1,
                Some(ours) => {
                    let mut allowed = self.allowed.iter_mut();
                    if let Some(row) = allowed.find(|row| row.explains(source, fact)) {
                        row.used += 1;
                        count.allowed += 1;
                    } else {
                        count.conflicts += 1;
                        let Fact { abi, name, value, .. } = fact;
                        let line = format!("{source}: {abi} {name}: {value}, ours {ours}");
                        self.conflicts.push(line);
                    }
                }
            }
        }
        self.missing(source, facts);
    }

    /// Counts the calls that only we have.
    fn missing(&mut self, source: &'static str, facts: &BTreeSet<Fact>) {
        let calls = facts.iter().filter(|fact| fact.kind == Kind::Call);
        let theirs: BTreeSet<(&str, &str)> =
            calls.map(|fact| (fact.abi, fact.name.as_str())).collect();
        for ((_, _, abi), count) in
            self.counts.iter_mut().filter(|((of, kind, _), _)| *of == source && *kind == Kind::Call)
        {
            let table: &'static [_] = filterc_abi::abi(abi).map_or(&[], Abi::syscalls);
            let implemented = table.iter().filter(|call| call.status == Status::Implemented);
            let lacking = implemented.filter(|call| !theirs.contains(&(*abi, call.name)));
            count.ours.extend(lacking.map(|call| call.name));
        }
    }

    /// The report, as an error if something contradicts.
    pub(super) fn finish(self) -> Result<String, Error> {
        let mut text = String::new();
        let mut total = (0, 0, 0);
        for ((source, kind, abi), count) in &self.counts {
            total.0 += count.same;
            total.1 += count.allowed;
            total.2 += count.conflicts;
            let kind = match kind {
                Kind::Call => "calls",
                Kind::Constant => "constants",
            };
            let Count { same, conflicts, allowed, theirs, ours } = count;
            let _ = write!(
                text,
                "{source} {abi} {kind}: {same} the same, {conflicts} conflicts, {allowed} reviewed, \
                 {} only theirs",
                theirs.len()
            );
            if kind == "calls" {
                let _ = write!(text, ", {} only ours", ours.len());
                let (theirs, ours) = (theirs.iter().map(String::as_str), ours.iter().copied());
                let names: Vec<String> = theirs
                    .map(|name| format!("+{name}"))
                    .chain(ours.map(|name| format!("-{name}")))
                    .collect();
                let _ = write!(text, ": {}", names.join(" "));
            }
            text.push('\n');
        }
        let (same, allowed, conflicts) = total;
        let _ = writeln!(text, "{same} the same, {allowed} reviewed, {conflicts} conflicts");
        for row in &self.allowed {
            let Allowed { source, abis, names, why, used } = row;
            let names = match names.split(' ').count() {
                1 => names.clone(),
                count => format!("{count} names"),
            };
            let _ = writeln!(text, "  reviewed, {used}: {source} {abis} {names}: {why}");
        }
        for line in &self.conflicts {
            let _ = writeln!(text, "  CONFLICT {line}");
        }
        if self.conflicts.is_empty() { Ok(text) } else { Err(Error::Differs(text)) }
    }
}

/// The same number, whichever sign the other's generator gave it: their constants are unsigned
/// where the first 32 bits fit.
fn same(ours: i128, theirs: i128) -> bool {
    const WORD: i128 = 0xffff_ffff;
    let short = |value: i128| (-(1 << 31)..=WORD).contains(&value);
    ours == theirs || (short(ours) && short(theirs) && ours & WORD == theirs & WORD)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]

    use super::*;

    fn facts(list: &[(&'static str, Kind, &str, i128)]) -> BTreeSet<Fact> {
        let fact = |(abi, kind, name, value): &(&'static str, Kind, &str, i128)| Fact {
            abi,
            kind: *kind,
            name: (*name).to_owned(),
            value: *value,
        };
        list.iter().map(fact).collect()
    }

    #[test]
    fn conflicts_are_found_unless_reviewed() {
        let list = [
            ("x86_64", Kind::Call, "read", 0),
            ("x86_64", Kind::Call, "write", 4),
            ("x86_64", Kind::Call, "nosuch", 4),
            ("x86_64", Kind::Constant, "AT_FDCWD", 0xffff_ff9c),
            ("x86_64", Kind::Constant, "EPERM", 2),
        ];
        let report = |allowed: &str| {
            let mut comparison = Comparison::new(allowed).unwrap();
            comparison.add("them", &facts(&list));
            comparison.finish()
        };
        let text = report("# comment\n").unwrap_err().to_string();
        assert!(text.contains("CONFLICT them: x86_64 write: 4, ours 1\n"), "{text}");
        assert!(text.contains("CONFLICT them: x86_64 EPERM: 2, ours 1\n"), "{text}");
        assert!(text.contains("2 the same, 0 reviewed, 2 conflicts\n"), "{text}");
        assert!(text.contains("1 only theirs, ") && text.contains("+nosuch -"), "{text}");
        let rows =
            "them\tx86_64,i386\twrite\ttheirs is old\nthem\t*\tENOENT EPERM\ttheirs is wrong\n";
        let text = report(rows).unwrap();
        assert!(text.contains("2 the same, 2 reviewed, 0 conflicts\n"), "{text}");
        assert!(report(&rows.replace("them\t*", "others\t*")).is_err());
        assert!(report(&rows.replace("x86_64,i386", "i386")).is_err());
        assert!(Comparison::new("a\tb\tc").is_err());
    }

    #[test]
    fn signs() {
        assert!(same(-100, 0xffff_ff9c) && same(0xffff_ffff, -1) && same(5, 5));
        assert!(!same(-1, 0xffff_ffff_ffff_ffff) && !same(0x1_0000_0001, 1));
    }
}
