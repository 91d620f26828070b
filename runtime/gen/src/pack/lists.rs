//! The sections that are lists: sets, dependent sets, what lies in memory, groups, aliases,
//! families.

use super::bytes::{Bytes, small};
use super::ids::Ids;
use super::rows::Tables;
use crate::error::Error;

fn not_sorted(what: &str) -> Error {
    Error::Failed(format!("{what}: not sorted, or one twice"))
}

fn words<'a>(list: &[&'a str], ids: &mut Ids<'a>, out: &mut Bytes) -> Result<(), Error> {
    out.size(list.len());
    list.iter().try_for_each(|word| ids.string(word, out))
}

fn sorted_words<'a>(
    list: &[&'a str],
    of: &str,
    ids: &mut Ids<'a>,
    out: &mut Bytes,
) -> Result<(), Error> {
    if !list.is_sorted_by(|a, b| a < b) {
        return Err(not_sorted(&format!("the calls of {of}")));
    }
    words(list, ids, out)
}

pub(super) fn sets<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    if !tables.sets.is_sorted_by(|a, b| a.name < b.name) {
        return Err(not_sorted("sets.tsv"));
    }
    let mut out = Bytes::default();
    out.size(tables.sets.len());
    for set in &tables.sets {
        ids.string(set.name, &mut out)?;
        out.u8(small(set.kind, "kinds")?);
        ids.optional_string(set.mask, &mut out)?;
        out.size(set.values.len());
        out.size(set.flags.len());
        for members in [&set.values, &set.flags] {
            if !members.is_sorted_by(|a, b| a < b) {
                return Err(not_sorted(&format!("sets.tsv: {}", set.name)));
            }
            for member in members {
                out.u16(ids.constants.id(member)?);
            }
        }
    }
    Ok(out)
}

pub(super) fn dependents<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    let mut out = Bytes::default();
    out.size(tables.dependents.len());
    for row in &tables.dependents {
        ids.string(row.call, &mut out)?;
        ids.string(row.arg, &mut out)?;
        ids.string(row.on, &mut out)?;
        out.size(row.values.len());
        for value in &row.values {
            out.u16(ids.constants.id(value)?);
        }
        ids.string(row.set, &mut out)?;
    }
    Ok(out)
}

pub(super) fn in_memory<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    let mut out = Bytes::default();
    out.size(tables.memory.len());
    for row in &tables.memory {
        ids.string(row.call, &mut out)?;
        words(&row.abis, ids, &mut out)?;
        ids.string(row.arg, &mut out)?;
        words(&row.fields, ids, &mut out)?;
        ids.string(row.note, &mut out)?;
    }
    Ok(out)
}

pub(super) fn groups<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    if !tables.groups.is_sorted_by(|a, b| a.name < b.name) {
        return Err(not_sorted("groups.tsv"));
    }
    let mut out = Bytes::default();
    out.size(tables.groups.len());
    for row in &tables.groups {
        ids.string(row.name, &mut out)?;
        ids.string(row.about, &mut out)?;
        sorted_words(&row.calls, row.name, ids, &mut out)?;
    }
    Ok(out)
}

pub(super) fn families<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    if !tables.families.is_sorted_by(|a, b| a.name < b.name) {
        return Err(not_sorted("families.tsv"));
    }
    let mut out = Bytes::default();
    out.size(tables.families.len());
    for row in &tables.families {
        ids.string(row.name, &mut out)?;
        ids.string(row.about, &mut out)?;
        sorted_words(&row.calls, row.name, ids, &mut out)?;
        sorted_words(&row.others, row.name, ids, &mut out)?;
    }
    Ok(out)
}

pub(super) fn aliases<'a>(tables: &'a Tables<'a>, ids: &mut Ids<'a>) -> Result<Bytes, Error> {
    if !tables
        .aliases
        .is_sorted_by(|[name, call, _], [next, other, _]| (name, call) < (next, other))
    {
        return Err(not_sorted("aliases.tsv"));
    }
    let mut out = Bytes::default();
    out.size(tables.aliases.len());
    for row in &tables.aliases {
        row.iter().try_for_each(|text| ids.string(text, &mut out))?;
    }
    Ok(out)
}
