//! The rows of the tables: one function for each sort of line, `None` for what is not one.

use std::sync::OnceLock;

use crate::{
    Abi, Alias, Arg, ArgKind, CloneOrder, Dependent, Endian, Family, Group, InMemory, Mark, Pairs,
    Regs, Set, SetKind, Status, SubCall, Syscall,
};

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn words(text: &'static str) -> Vec<&'static str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

/// `name, token's name, token, endian, word, register, base, mark, filters since, clone
/// order, pairs, kernel's folder`
pub(crate) fn abi(line: &'static str) -> Option<Abi> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    Some(Abi {
        name: next()?,
        audit_arch_name: next()?,
        audit_arch: hex(next()?)?,
        endian: if next()? == "big" { Endian::Big } else { Endian::Little },
        word: next()?.parse().ok()?,
        register: next()?.parse().ok()?,
        nr_base: hex(next()?)?,
        mark: match next()? {
            "-" => None,
            text => {
                let (state, bit) = text.split_once(':')?;
                Some(Mark { bit: hex(bit)?, set: state == "set" })
            }
        },
        filters_since: match next()? {
            "-" => None,
            version => Some(version.parse().ok()?),
        },
        clone_order: match next()? {
            "default" => CloneOrder::Default,
            "backwards" => CloneOrder::Backwards,
            "backwards2" => CloneOrder::Backwards2,
            "backwards3" => CloneOrder::Backwards3,
            _ => return None,
        },
        pairs: match next()? {
            "-" => Pairs::Whole,
            "any" => Pairs::Any,
            "even" => Pairs::Even,
            _ => return None,
        },
        kernel_arch: next()?,
    })
}

/// `nr, name, entry, form, status, since`
pub(crate) fn syscall(line: &'static str, forms: &Forms) -> Option<Syscall> {
    let mut columns = line.split('\t');
    let nr = columns.next()?.parse().ok()?;
    let name = columns.next()?;
    let entry = columns.next()?;
    let form = columns.next()?;
    let status = match columns.next()? {
        "ok" => Status::Implemented,
        "ni" => Status::Unimplemented,
        "private" => Status::Private,
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
    columns.next().is_none().then_some(Syscall { nr, name, entry, status, since, args })
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

/// `name:ctype:declared:type:kind:registers[:set]`
fn arg(text: &'static str) -> Option<Arg> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let ctype = parts.next()?;
    let declared = parts.next()?.get(1..)?.parse().ok()?;
    let ty = parts.next()?;
    let signed = ty.starts_with('s');
    let width = ty.get(1..)?.parse().ok()?;
    let kind = match parts.next()? {
        "int" => ArgKind::Int,
        "flags" => ArgKind::Flags,
        "enum" => ArgKind::Enum,
        "fd" => ArgKind::Fd,
        "pid" => ArgKind::Pid,
        "uid" => ArgKind::Uid,
        "gid" => ArgKind::Gid,
        "signal" => ArgKind::Signal,
        "mode" => ArgKind::Mode,
        "size" => ArgKind::Size,
        "offset" => ArgKind::Offset,
        "id" => ArgKind::Id,
        "address" => ArgKind::Address,
        "pointer" => ArgKind::Pointer,
        _ => return None,
    };
    let regs = regs(parts.next()?)?;
    let set = parts.next();
    parts.next().is_none().then_some(Arg { name, ctype, declared, width, signed, kind, regs, set })
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

/// `name, kind, mask, values, flags`
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
    let values = words(columns.next()?);
    let flags = words(columns.next()?);
    Some(Set { name, kind, mask, values, flags })
}

/// `abi, name, multiplexer, mask, value`, if it is of that ABI
pub(crate) fn sub_call(line: &'static str, abi: &str) -> Option<SubCall> {
    let mut columns = line.split('\t');
    if columns.next()? != abi {
        return None;
    }
    let name = columns.next()?;
    let multiplexer = columns.next()?;
    let mask = hex(columns.next()?)?;
    let value = columns.next()?.parse().ok()?;
    Some(SubCall { name, multiplexer, mask, value })
}

/// `call, argument, selecting argument, constants, set`
pub(crate) fn dependent(line: &'static str) -> Option<Dependent> {
    let mut columns = line.split('\t');
    Some(Dependent {
        call: columns.next()?,
        arg: columns.next()?,
        on: columns.next()?,
        values: words(columns.next()?),
        set: columns.next()?,
    })
}

/// `call, ABIs or *, argument, fields, note`
pub(crate) fn in_memory(line: &'static str) -> Option<InMemory> {
    let mut columns = line.split('\t');
    Some(InMemory {
        call: columns.next()?,
        abis: columns.next().map(|abis| if abis == "*" { Vec::new() } else { words(abis) })?,
        arg: columns.next()?,
        fields: words(columns.next()?),
        note: columns.next()?,
    })
}

/// `name, about, calls`
pub(crate) fn group(line: &'static str) -> Option<Group> {
    let mut columns = line.split('\t');
    let (name, about) = (columns.next()?, columns.next()?);
    Some(Group { name, about, calls: words(columns.next()?) })
}

/// `alias, call, note`
pub(crate) fn alias(line: &'static str) -> Option<Alias> {
    let mut columns = line.split('\t');
    Some(Alias { name: columns.next()?, call: columns.next()?, note: columns.next()? })
}

/// `name, about, calls`
pub(crate) fn family(line: &'static str) -> Option<Family> {
    let mut columns = line.split('\t');
    let (name, about) = (columns.next()?, columns.next()?);
    Some(Family { name, about, calls: words(columns.next()?) })
}

/// The lines of `consts.tsv`, sorted by name, searched where they lie: `name, type, default
/// value, exceptions`. The type is that of the C expression: `s` or `u` for its sign, then
/// its width in bits, or `w` for the ABI's word. An exception is `value=abi,abi`; `-` for a
/// value: not there.
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

    /// The value on an ABI of what [`find`] returns: type, default, then exceptions.
    pub(crate) fn value(values: &str, abi: &str) -> Option<i128> {
        let mut columns = values.split('\t').skip(1);
        let default = columns.next()?;
        let exception = columns.find_map(|column| {
            let (value, abis) = column.split_once('=')?;
            abis.split(',').any(|other| other == abi).then_some(value)
        });
        exception.unwrap_or(default).parse().ok()
    }
}
