//! The curated sets: which constants belong together, and to which argument.

pub(crate) mod bindings;
pub(crate) mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pattern::{Pattern, glob};

/// A constant that a header gives, as far as sets ask.
pub(crate) trait Known {
    /// Its name.
    fn name(&self) -> &str;
    /// Whether it comes from a header whose path has that form.
    fn is_from(&self, header: &dyn Fn(&str) -> bool) -> bool;
    /// Whether it is a macro made as an ioctl request.
    fn is_request(&self) -> bool;
}

/// A line of `curated/sets.tsv`.
#[derive(Clone, Debug)]
struct Row {
    values: Vec<Pattern>,
    flags: Vec<Pattern>,
    exclude: Vec<Pattern>,
    headers: Vec<String>,
}

/// A curated set.
#[derive(Debug)]
struct Curated {
    kind: String,
    mask: String,
    rows: Vec<Row>,
}

/// The curated sets, before it is known which constants there are.
#[derive(Debug)]
pub(crate) struct Sets {
    sets: BTreeMap<String, Curated>,
    masks: BTreeSet<String>,
    /// The rows with only those patterns that begin with a letter; `=` for requests.
    by_first: BTreeMap<String, Vec<Row>>,
}

/// A set with its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// `flags`, `enum` or `mixed`.
    pub(crate) kind: String,
    /// The name of the mask of the enumerated part, or `-`.
    pub(crate) mask: String,
    /// Enumerated members.
    pub(crate) values: BTreeSet<String>,
    /// Members that are bits.
    pub(crate) flags: BTreeSet<String>,
}

/// The lines of a curated file that are not comments, with their numbers.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let all = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let kept = all.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    kept.map(|(number, line)| (number, line.split('\t').collect()))
}

impl Sets {
    /// Reads `curated/sets.tsv`: name, kind, mask, values, flags, exclude, headers,
    /// evidence. A line with kind `+` adds to the set of the same name above it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut sets: BTreeMap<String, Curated> = BTreeMap::new();
        for (number, columns) in lines(text) {
            let &[name, kind, mask, values, flags, exclude, headers, evidence] = &columns[..]
            else {
                return Err(format!("sets.tsv:{number}: {} columns, not 8", columns.len()));
            };
            let row = Row {
                values: Pattern::column(values),
                flags: Pattern::column(flags),
                exclude: Pattern::column(exclude),
                headers: words(headers).map(str::to_owned).collect(),
            };
            let fits = match kind {
                "flags" => row.values.is_empty(),
                "enum" => row.flags.is_empty(),
                "mixed" | "+" => true,
                _ => false,
            };
            if !fits || evidence.is_empty() || (mask != "-" && kind != "mixed") {
                return Err(format!("sets.tsv:{number}: not a set: {name} {kind} {mask}"));
            }
            let known = sets.get_mut(name);
            match (kind, known) {
                ("+", Some(set)) => set.rows.push(row),
                ("+", None) => return Err(format!("sets.tsv:{number}: {name} adds to nothing")),
                (_, Some(_)) => return Err(format!("sets.tsv:{number}: {name} again")),
                (_, None) => {
                    let set = Curated { kind: kind.into(), mask: mask.into(), rows: vec![row] };
                    sets.insert(name.to_owned(), set);
                }
            }
        }
        let masks = sets.values().map(|set| set.mask.clone()).collect();
        let mut by_first: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in sets.values().flat_map(|set| &set.rows) {
            let mut firsts: BTreeMap<String, Vec<Pattern>> = BTreeMap::new();
            for pattern in row.values.iter().chain(&row.flags) {
                let first = match pattern {
                    Pattern::Name(name) => name.get(..1).unwrap_or(""),
                    Pattern::Request => "=",
                    Pattern::Set(_) => continue,
                };
                firsts.entry(first.to_owned()).or_default().push(pattern.clone());
            }
            for (first, values) in firsts {
                let headers = row.headers.clone();
                let row = Row { values, flags: Vec::new(), exclude: Vec::new(), headers };
                by_first.entry(first).or_default().push(row);
            }
        }
        Ok(Self { sets, masks, by_first })
    }

    /// Whether a set may want a constant.
    pub(crate) fn wants(&self, known: &dyn Known) -> bool {
        let first = known.name().get(..1).unwrap_or("");
        let mut rows = self.by_first.get(first).into_iter().chain(self.by_first.get("="));
        self.masks.contains(known.name())
            || rows.any(|rows| rows.iter().any(|row| row.wants(known)))
    }

    /// The members of each set among the constants that there are. Every pattern must
    /// match something.
    pub(crate) fn resolve(
        &self,
        known: &[&dyn Known],
    ) -> Result<BTreeMap<String, Members>, String> {
        let mut resolved = BTreeMap::new();
        let mut faults = String::new();
        for name in self.sets.keys() {
            let mut under_way = Vec::new();
            self.resolve_one(name, known, &mut resolved, &mut under_way, &mut faults);
        }
        if faults.is_empty() { Ok(resolved) } else { Err(faults) }
    }

    fn resolve_one<'s>(
        &'s self,
        name: &'s str,
        known: &[&dyn Known],
        resolved: &mut BTreeMap<String, Members>,
        under_way: &mut Vec<&'s str>,
        faults: &mut String,
    ) -> Option<Members> {
        if let Some(members) = resolved.get(name) {
            return Some(members.clone());
        }
        let Some(set) = self.sets.get(name).filter(|_| !under_way.contains(&name)) else {
            let _ = writeln!(faults, "sets.tsv: @{name} is no set, or refers to itself");
            return None;
        };
        under_way.push(name);
        let mut members =
            Members { kind: set.kind.clone(), mask: set.mask.clone(), ..Members::default() };
        for row in &set.rows {
            for (patterns, of_values) in [(&row.values, true), (&row.flags, false)] {
                let mut found = BTreeSet::new();
                for pattern in patterns {
                    let more = if let Pattern::Set(other) = pattern {
                        let other = self.resolve_one(other, known, resolved, under_way, faults)?;
                        if of_values { other.values } else { other.flags }
                    } else {
                        row.names(pattern, known)
                    };
                    if more.is_empty() {
                        let _ = writeln!(faults, "sets.tsv: {name}: {pattern:?} matches nothing");
                    }
                    found.extend(more);
                }
                found.retain(|name| !row.exclude.iter().any(|out| out.matches(name, false)));
                if of_values { &mut members.values } else { &mut members.flags }.extend(found);
            }
            for pattern in &row.exclude {
                if !known.iter().any(|known| pattern.matches(known.name(), false)) {
                    let _ = writeln!(faults, "sets.tsv: {name}: excludes {pattern:?}: nothing");
                }
            }
        }
        // The enumerated part of a mixed set is told apart by name, the rest are flags.
        members.flags.retain(|name| !members.values.contains(name));
        under_way.pop();
        resolved.insert(name.to_owned(), members.clone());
        Some(members)
    }
}

impl Row {
    fn wants(&self, known: &dyn Known) -> bool {
        let patterns = || self.values.iter().chain(&self.flags);
        patterns().any(|pattern| self.means(pattern, known))
    }

    fn means(&self, pattern: &Pattern, known: &dyn Known) -> bool {
        let of = |header: &str| self.headers.iter().any(|form| glob(form, header));
        pattern.matches(known.name(), known.is_request())
            && (self.headers.is_empty() || known.is_from(&of))
    }

    fn names(&self, pattern: &Pattern, known: &[&dyn Known]) -> BTreeSet<String> {
        let found = known.iter().filter(|known| self.means(pattern, **known));
        found.map(|known| known.name().to_owned()).collect()
    }
}

/// Words with spaces between; `-` is none.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty() && *word != "-")
}

#[cfg(test)]
#[path = "sets/tests.rs"]
mod tests;
