//! Groups: their members, and those of the groups that they include.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::calls::Calls;
use crate::error::Error;
use crate::tsv::{Row, Sheet};

/// Stands for every call that leads nowhere on all ABIs.
const UNIMPLEMENTED: &str = "!unimplemented";

/// A group as it is written.
#[derive(Default)]
struct Group<'a> {
    about: &'a str,
    members: Vec<(&'a Row, &'a str)>,
}

/// The rows of `groups.tsv`: name, about, calls.
pub(super) fn rows(curated: &Path, calls: &Calls) -> Result<Vec<String>, Error> {
    let sheet = Sheet::read(&curated.join("groups.tsv"))?;
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for row in sheet.rows() {
        let group = groups.entry(row.column(0)).or_default();
        if row.column(1) != "-" {
            group.about = row.column(1);
        }
        group.members.extend(row.words(2).map(|member| (row, member)));
    }
    let expander = Expander { sheet: &sheet, groups: &groups, calls };
    let line = |(name, group): (&&str, &Group<'_>)| {
        let mut members = BTreeSet::new();
        expander.expand(name, &mut Vec::new(), &mut members)?;
        let members = Vec::from_iter(members).join(" ");
        Ok(format!("{name}\t{}\t{members}", group.about))
    };
    groups.iter().map(line).collect()
}

struct Expander<'a> {
    sheet: &'a Sheet,
    groups: &'a BTreeMap<&'a str, Group<'a>>,
    calls: &'a Calls,
}

impl<'a> Expander<'a> {
    /// Adds the calls of a group. `within` are the groups that led to it.
    fn expand(
        &self,
        name: &'a str,
        within: &mut Vec<&'a str>,
        found: &mut BTreeSet<&'a str>,
    ) -> Result<(), Error> {
        let Some(group) = self.groups.get(name) else { return Ok(()) };
        within.push(name);
        for (row, member) in &group.members {
            if let Some(included) = member.strip_prefix('@') {
                if !self.groups.contains_key(included) || within.contains(&included) {
                    let what = format!("{member}: no such group, or in a circle");
                    return Err(self.sheet.error(row, &what));
                }
                self.expand(included, within, found)?;
            } else if *member == UNIMPLEMENTED {
                found.extend(self.calls.unimplemented());
            } else if self.calls.contains(member) {
                found.insert(member);
            } else {
                return Err(self.sheet.error(row, &format!("{member}: no ABI has that call")));
            }
        }
        within.pop();
        Ok(())
    }
}
