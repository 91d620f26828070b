//! The rows of the tables: one type for each sort of line, enumerations already as the
//! numbers that the layout has for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use filterc_abi::layout::{CONSTANT_TYPES, NO_REGISTER};
use filterc_abi::{ArgKind, CloneOrder, KernelVersion, Pairs, SetKind, Status};

use super::columns::{Columns, rows};
use crate::error::Error;

/// The texts of the tables, by their file's name without `.tsv`.
pub(super) struct Files {
    kernel: KernelVersion,
    texts: BTreeMap<String, String>,
}

const NAMES: [&str; 10] = [
    "abis",
    "aliases",
    "consts",
    "dependents",
    "families",
    "forms",
    "groups",
    "memory",
    "sets",
    "subcalls",
];

impl Files {
    /// Reads the tables of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))
        };
        let manifest = read("MANIFEST")?;
        let kernel = manifest.lines().find_map(|line| line.strip_prefix("kernel\t"));
        let kernel = kernel.and_then(|version| version.parse().ok());
        let kernel = kernel.ok_or_else(|| Error::Failed("MANIFEST names no kernel".to_owned()))?;
        let mut texts = BTreeMap::new();
        for name in NAMES {
            texts.insert(name.to_owned(), read(&format!("{name}.tsv"))?);
        }
        let mut files = Self { kernel, texts };
        let abis = rows("abis", files.text("abis"), |columns| {
            let name = columns.text("name")?.to_owned();
            columns.rest();
            Ok(format!("syscalls/{name}"))
        })?;
        for name in abis {
            let text = read(&format!("{name}.tsv"))?;
            files.texts.insert(name, text);
        }
        Ok(files)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn rows<'a, T>(
        &'a self,
        name: &str,
        read: impl Fn(&mut Columns<'a>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self.texts.get_key_value(name) {
            Some((name, text)) => rows(name, text, read),
            None => Ok(Vec::new()),
        }
    }
}

/// All tables.
pub(super) struct Tables<'a> {
    pub(super) kernel: KernelVersion,
    pub(super) abis: Vec<Abi<'a>>,
    /// In the order of `abis`.
    pub(super) calls: Vec<Vec<Call<'a>>>,
    pub(super) forms: BTreeMap<&'a str, Vec<Arg<'a>>>,
    pub(super) sub_calls: Vec<SubCall<'a>>,
    pub(super) constants: Vec<Constant<'a>>,
    pub(super) sets: Vec<Set<'a>>,
    pub(super) dependents: Vec<Dependent<'a>>,
    pub(super) memory: Vec<InMemory<'a>>,
    pub(super) groups: Vec<Group<'a>>,
    pub(super) families: Vec<Family<'a>>,
    pub(super) aliases: Vec<[&'a str; 3]>,
}

impl<'a> Tables<'a> {
    /// Parses all rows.
    pub(super) fn parse(files: &'a Files) -> Result<Self, Error> {
        let abis = files.rows("abis", abi)?;
        let names: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
        let calls = names.iter().map(|name| files.rows(&format!("syscalls/{name}"), call));
        let calls = calls.collect::<Result<_, _>>()?;
        let forms = files.rows("forms", form)?;
        let triple = |c: &mut Columns<'a>| Ok([c.text("name")?, c.text("call")?, c.text("note")?]);
        Ok(Self {
            kernel: files.kernel,
            calls,
            forms: forms.into_iter().collect(),
            sub_calls: files.rows("subcalls", sub_call)?,
            constants: files.rows("consts", |columns| constant(columns, &names))?,
            sets: files.rows("sets", set)?,
            dependents: files.rows("dependents", dependent)?,
            memory: files.rows("memory", in_memory)?,
            groups: files.rows("groups", group)?,
            families: files.rows("families", family)?,
            aliases: files.rows("aliases", triple)?,
            abis,
        })
    }
}

/// `name, token's name, token, endian, word, register, base, mark, filters since, clone
/// order, pairs, kernel's folder`
pub(super) struct Abi<'a> {
    pub(super) name: &'a str,
    pub(super) token_name: &'a str,
    pub(super) token: u32,
    pub(super) endian: usize,
    pub(super) word: u8,
    pub(super) register: u8,
    pub(super) base: u32,
    pub(super) mark: (u8, u32),
    pub(super) filters_since: Option<KernelVersion>,
    pub(super) clone_order: usize,
    pub(super) pairs: usize,
    pub(super) folder: &'a str,
}

fn abi<'a>(columns: &mut Columns<'a>) -> Result<Abi<'a>, Error> {
    Ok(Abi {
        name: columns.text("name")?,
        token_name: columns.text("token's name")?,
        token: columns.hex("token")?,
        endian: columns.one_of(["little", "big"], "byte order")?,
        word: columns.number("word")?,
        register: columns.number("register")?,
        base: columns.hex("base")?,
        mark: match columns.optional("mark")? {
            None => (0, 0),
            Some(mark) => match mark.split_once(':') {
                Some(("clear", bit)) => (1, columns.hex_in(bit, "mark")?),
                Some(("set", bit)) => (2, columns.hex_in(bit, "mark")?),
                Some(_) | None => return Err(columns.wrong("the mark")),
            },
        },
        filters_since: columns.optional_number("first kernel with filters")?,
        clone_order: columns.one_of(CloneOrder::ALL.map(CloneOrder::name), "clone order")?,
        pairs: columns.one_of(Pairs::ALL.map(Pairs::name), "pairs")?,
        folder: columns.text("kernel's folder")?,
    })
}

/// `nr, name, entry, form, status, since`
pub(super) struct Call<'a> {
    pub(super) nr: u32,
    pub(super) name: &'a str,
    pub(super) entry: &'a str,
    pub(super) form: Option<&'a str>,
    pub(super) status: usize,
    pub(super) since: Option<KernelVersion>,
}

fn call<'a>(columns: &mut Columns<'a>) -> Result<Call<'a>, Error> {
    Ok(Call {
        nr: columns.number("number")?,
        name: columns.text("name")?,
        entry: columns.text("entry")?,
        form: columns.optional("form")?,
        status: columns.one_of(Status::ALL.map(Status::name), "status")?,
        since: columns.optional_number("version")?,
    })
}

/// `name:ctype:declared:type:kind:registers[:set]`
pub(super) struct Arg<'a> {
    pub(super) name: &'a str,
    pub(super) ctype: &'a str,
    pub(super) declared: u8,
    pub(super) width: u8,
    pub(super) signed: bool,
    pub(super) kind: usize,
    /// Low, high.
    pub(super) regs: (u8, u8),
    pub(super) set: Option<&'a str>,
}

fn form<'a>(columns: &mut Columns<'a>) -> Result<(&'a str, Vec<Arg<'a>>), Error> {
    let id = columns.text("id")?;
    let args = columns.rest();
    let args = args.into_iter().filter(|arg| !arg.is_empty());
    let args: Option<Vec<_>> = args.map(arg).collect();
    Ok((id, args.ok_or_else(|| columns.wrong("an argument that is none"))?))
}

fn arg(text: &str) -> Option<Arg<'_>> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let ctype = parts.next()?;
    let declared = parts.next()?.get(1..)?.parse().ok()?;
    let (sign, width) = parts.next()?.split_at_checked(1)?;
    let kind = parts.next()?;
    let arg = Arg {
        name,
        ctype,
        declared,
        width: width.parse().ok()?,
        signed: match sign {
            "s" => true,
            "u" | "p" => false,
            _ => return None,
        },
        kind: ArgKind::ALL.iter().position(|known| known.name() == kind)?,
        regs: regs(parts.next()?)?,
        set: parts.next(),
    };
    parts.next().is_none().then_some(arg)
}

/// `2`, `3,4` (low, high) or `-`
fn regs(text: &str) -> Option<(u8, u8)> {
    let reg = |text: &str| text.parse().ok().filter(|&reg| reg < 6_u8);
    match text.split_once(',') {
        None if text == "-" => Some((NO_REGISTER, NO_REGISTER)),
        None => Some((reg(text)?, NO_REGISTER)),
        Some((lo, hi)) => Some((reg(lo)?, reg(hi)?)),
    }
}

/// `abi, name, multiplexer, mask, value`
pub(super) struct SubCall<'a> {
    pub(super) abi: &'a str,
    pub(super) name: &'a str,
    pub(super) multiplexer: &'a str,
    pub(super) mask: u32,
    pub(super) value: u32,
}

fn sub_call<'a>(columns: &mut Columns<'a>) -> Result<SubCall<'a>, Error> {
    Ok(SubCall {
        abi: columns.text("ABI")?,
        name: columns.text("name")?,
        multiplexer: columns.text("multiplexer")?,
        mask: columns.hex("mask")?,
        value: columns.number("value")?,
    })
}

/// `name, C type, value or -, exceptions VALUE=ABI,ABI and -=ABI,ABI`
pub(super) struct Constant<'a> {
    pub(super) name: &'a str,
    pub(super) ty: usize,
    /// In the order of the ABIs.
    pub(super) values: Vec<Option<i128>>,
}

fn constant<'a>(columns: &mut Columns<'a>, abis: &[&str]) -> Result<Constant<'a>, Error> {
    let name = columns.text("name")?;
    let ty = columns.one_of(CONSTANT_TYPES, "C type")?;
    let default = columns.optional_number("value")?;
    let mut values = vec![default; abis.len()];
    for exception in columns.rest() {
        let wrong = || columns.wrong(&format!("exception `{exception}`"));
        let (value, on) = exception.split_once('=').ok_or_else(wrong)?;
        let value = match value {
            "-" => None,
            value => Some(value.parse().map_err(|_| wrong())?),
        };
        for abi in on.split(',') {
            let position = abis.iter().position(|other| *other == abi).ok_or_else(wrong)?;
            *values.get_mut(position).ok_or_else(wrong)? = value;
        }
    }
    let in_range = |v: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(v);
    if values.iter().all(Option::is_none) || !values.iter().flatten().all(in_range) {
        return Err(columns.wrong("no value anywhere, or one beyond 64 bits"));
    }
    Ok(Constant { name, ty, values })
}

/// `name, kind, mask or -, values, flags`
pub(super) struct Set<'a> {
    pub(super) name: &'a str,
    pub(super) kind: usize,
    pub(super) mask: Option<&'a str>,
    pub(super) values: Vec<&'a str>,
    pub(super) flags: Vec<&'a str>,
}

fn set<'a>(columns: &mut Columns<'a>) -> Result<Set<'a>, Error> {
    Ok(Set {
        name: columns.text("name")?,
        kind: columns.one_of(SetKind::ALL.map(SetKind::name), "kind")?,
        mask: columns.optional("mask")?,
        values: columns.words("values")?,
        flags: columns.words("flags")?,
    })
}

/// `call, argument, selecting argument, constants, set`
pub(super) struct Dependent<'a> {
    pub(super) call: &'a str,
    pub(super) arg: &'a str,
    pub(super) on: &'a str,
    pub(super) values: Vec<&'a str>,
    pub(super) set: &'a str,
}

fn dependent<'a>(columns: &mut Columns<'a>) -> Result<Dependent<'a>, Error> {
    Ok(Dependent {
        call: columns.text("call")?,
        arg: columns.text("argument")?,
        on: columns.text("selecting argument")?,
        values: columns.words("constants")?,
        set: columns.text("set")?,
    })
}

/// `call, ABIs or *, argument, fields, note`
pub(super) struct InMemory<'a> {
    pub(super) call: &'a str,
    /// Empty for `*`.
    pub(super) abis: Vec<&'a str>,
    pub(super) arg: &'a str,
    pub(super) fields: Vec<&'a str>,
    pub(super) note: &'a str,
}

fn in_memory<'a>(columns: &mut Columns<'a>) -> Result<InMemory<'a>, Error> {
    let call = columns.text("call")?;
    let mut abis = columns.words("ABIs")?;
    abis.retain(|abi| *abi != "*");
    Ok(InMemory {
        call,
        abis,
        arg: columns.text("argument")?,
        fields: columns.words("fields")?,
        note: columns.text("note")?,
    })
}

/// `name, about, calls`
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) about: &'a str,
    pub(super) calls: Vec<&'a str>,
}

fn group<'a>(columns: &mut Columns<'a>) -> Result<Group<'a>, Error> {
    Ok(Group {
        name: columns.text("name")?,
        about: columns.text("about")?,
        calls: columns.words("calls")?,
    })
}

/// `name, about, calls, other calls or -`
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) about: &'a str,
    pub(super) calls: Vec<&'a str>,
    pub(super) others: Vec<&'a str>,
}

fn family<'a>(columns: &mut Columns<'a>) -> Result<Family<'a>, Error> {
    let Group { name, about, calls } = group(columns)?;
    let mut others = columns.words("other calls")?;
    others.retain(|call| *call != "-");
    Ok(Family { name, about, calls, others })
}
