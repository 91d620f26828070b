//! The rows of the tables: one function for each sort of line, `None` for what is not one.

use std::sync::OnceLock;

use crate::{Arg, ArgKind, Regs, Set, SetKind, Status, SubCall, Syscall};

/// `nr, name, form, status, since`
pub(crate) fn syscall(line: &'static str, forms: &Forms) -> Option<Syscall> {
    let mut columns = line.split('\t');
    let nr = columns.next()?.parse().ok()?;
    let name = columns.next()?;
    let form = columns.next()?;
    let status = match columns.next()? {
        "ok" => Status::Implemented,
        "ni" => Status::Unimplemented,
        _ => return None,
    };
    let since = match columns.next()? {
        "-" => None,
        version => Some(version.parse().ok()?),
    };
    let args: &'static [Arg] = match form {
        "-" => &[],
        id => Vec::leak(forms.args(id)?),
    };
    columns.next().is_none().then_some(Syscall { nr, name, status, since, args })
}

/// The lines of `forms.tsv`, sorted by id.
pub(crate) struct Forms {
    lines: Vec<(&'static str, &'static str)>,
}

pub(crate) fn forms() -> &'static Forms {
    static FORMS: OnceLock<Forms> = OnceLock::new();
    FORMS.get_or_init(|| {
        let text = include_str!("../tables/forms.tsv");
        let split = |line: &'static str| line.split_once('\t').unwrap_or((line, ""));
        Forms { lines: text.lines().map(split).collect() }
    })
}

impl Forms {
    fn args(&self, id: &str) -> Option<Vec<Arg>> {
        let found = self.lines.binary_search_by(|(other, _)| (*other).cmp(id)).ok()?;
        let (_, args) = self.lines.get(found)?;
        args.split('\t').filter(|arg| !arg.is_empty()).map(arg).collect()
    }

    #[cfg(test)]
    pub(crate) fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.lines.iter().map(|(id, _)| *id)
    }
}

/// `name:ctype:type:registers[:set]`
fn arg(text: &'static str) -> Option<Arg> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let ctype = parts.next()?;
    let (kind, signed, width) = match parts.next()? {
        "p32" => (ArgKind::Pointer, false, 32),
        "p64" => (ArgKind::Pointer, false, 64),
        "s16" => (ArgKind::Integer, true, 16),
        "s32" => (ArgKind::Integer, true, 32),
        "s64" => (ArgKind::Integer, true, 64),
        "u16" => (ArgKind::Integer, false, 16),
        "u32" => (ArgKind::Integer, false, 32),
        "u64" => (ArgKind::Integer, false, 64),
        _ => return None,
    };
    let regs = regs(parts.next()?)?;
    let set = parts.next();
    parts.next().is_none().then_some(Arg { name, ctype, width, signed, kind, regs, set })
}

/// `2`, `3,4` (low, high) or `-`
fn regs(text: &str) -> Option<Regs> {
    let reg = |text: &str| text.parse().ok().filter(|&reg| reg < 6_u8);
    match text.split_once(',') {
        _ if text == "-" => Some(Regs::Invisible),
        Some((lo, hi)) => Some(Regs::Pair { lo: reg(lo)?, hi: reg(hi)? }),
        None => Some(Regs::One(reg(text)?)),
    }
}

/// `name, kind, mask, members`
pub(crate) fn set(line: &'static str) -> Option<Set> {
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let kind = match columns.next()? {
        "flags" => SetKind::Flags,
        "enum" => SetKind::Enum,
        "mixed" => SetKind::Mixed,
        _ => return None,
    };
    let mask = Some(columns.next()?).filter(|mask| *mask != "-");
    let members: Vec<&str> = columns.next()?.split(' ').filter(|name| !name.is_empty()).collect();
    Some(Set { name, kind, members: Vec::leak(members), mask })
}

/// `abi, name, multiplexer, mask, value`, if it is of that ABI
pub(crate) fn sub_call(line: &'static str, abi: &str) -> Option<SubCall> {
    let mut columns = line.split('\t');
    if columns.next()? != abi {
        return None;
    }
    let name = columns.next()?;
    let multiplexer = columns.next()?;
    let mask = u32::from_str_radix(columns.next()?.strip_prefix("0x")?, 16).ok()?;
    let value = columns.next()?.parse().ok()?;
    Some(SubCall { name, multiplexer, mask, value })
}

/// The lines of `consts.tsv`, sorted by name, searched where they lie.
pub(crate) mod consts {
    use std::cmp::Ordering;

    pub(crate) const TEXT: &str = include_str!("../tables/consts.tsv");

    /// The line of a name, without the name and the tab behind it.
    pub(crate) fn find(name: &str) -> Option<&'static str> {
        // The text that is left to search begins and ends at line boundaries.
        let mut text = TEXT;
        while !text.is_empty() {
            let middle = text.len() / 2;
            let bytes = text.as_bytes();
            let before = bytes.get(..middle)?;
            let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
            let rest = text.get(start..)?;
            let line = rest.split('\n').next()?;
            let (found, values) = line.split_once('\t')?;
            match name.cmp(found) {
                Ordering::Equal => return Some(values),
                Ordering::Less => text = text.get(..start)?,
                Ordering::Greater => text = rest.get(line.len() + 1..)?,
            }
        }
        None
    }

    /// The value in a column of what [`find`] returns: one value stands for all columns.
    pub(crate) fn value(values: &str, column: usize) -> Option<i128> {
        if !values.contains('\t') {
            return values.parse().ok();
        }
        values.split('\t').nth(column)?.parse().ok()
    }
}
