//! The tables as they lie in a folder. A row that does not parse is a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use filterc_abi::KernelVersion;

use super::findings::Findings;
use crate::error::Error;
use crate::tsv::{Row, Sheet};

/// All tables.
pub(super) struct Tables {
    /// The texts, by file name under `tables/`.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) abis: Vec<Abi>,
    /// The calls of each ABI.
    pub(super) calls: BTreeMap<String, Vec<Call>>,
    pub(super) forms: BTreeMap<String, Vec<Arg>>,
    pub(super) constants: BTreeMap<String, Constant>,
    pub(super) sets: BTreeMap<String, Set>,
    /// Rows of the other tables, by the name of the table.
    pub(super) lists: BTreeMap<&'static str, Vec<Row>>,
    /// Where a call of a name stands in `calls`, by ABI.
    places: BTreeMap<String, BTreeMap<String, usize>>,
}

/// An ABI: what the invariants need of it.
pub(super) struct Abi {
    pub(super) name: String,
    pub(super) token_name: String,
    pub(super) token: u32,
    pub(super) big_endian: bool,
    pub(super) word: u8,
    pub(super) register: u8,
    pub(super) nr_base: u32,
    pub(super) pairs: Pairs,
}

/// How 64-bit values travel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    Whole,
    Any,
    Even,
}

/// A number of an ABI.
pub(super) struct Call {
    pub(super) nr: u32,
    pub(super) name: String,
    /// `None`: it has none.
    pub(super) form: Option<String>,
    pub(super) status: Status,
    pub(super) since: Option<KernelVersion>,
}

/// What a number leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Implemented,
    Unimplemented,
    Private,
}

/// An argument.
pub(super) struct Arg {
    pub(super) name: String,
    pub(super) declared: u8,
    pub(super) signed: bool,
    pub(super) width: u8,
    pub(super) kind: String,
    /// One, or low and high; none: beyond the sixth.
    pub(super) regs: Vec<u8>,
    pub(super) set: Option<String>,
}

/// A constant.
pub(super) struct Constant {
    pub(super) signed: bool,
    pub(super) width: u32,
    pub(super) default: Option<i128>,
    /// By ABI.
    pub(super) exceptions: BTreeMap<String, Option<i128>>,
}

/// A set of constants.
pub(super) struct Set {
    pub(super) kind: String,
    pub(super) mask: Option<String>,
    pub(super) values: Vec<String>,
    pub(super) flags: Vec<String>,
}

impl Constant {
    /// The value on an ABI.
    pub(super) fn value(&self, abi: &str) -> Option<i128> {
        self.exceptions.get(abi).copied().unwrap_or(self.default)
    }
}

/// The tables of one kind of row that nothing else reads, and how many columns they have.
pub(super) const LISTS: [(&str, usize); 6] = [
    ("aliases", 3),
    ("dependents", 5),
    ("families", 4),
    ("groups", 3),
    ("memory", 5),
    ("subcalls", 5),
];

impl Tables {
    /// Reads the tables of a crate.
    pub(super) fn read(crate_dir: &Path, found: &mut Findings) -> Result<Self, Error> {
        let mut reader = Reader { crate_dir, found, texts: BTreeMap::new() };
        reader.text("MANIFEST")?;
        let abis = reader.rows("abis.tsv", abi)?;
        let mut calls = BTreeMap::new();
        for abi in &abis {
            let file = format!("syscalls/{}.tsv", abi.name);
            calls.insert(abi.name.clone(), reader.rows(&file, call)?);
        }
        let mut places: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for (abi, calls) in &calls {
            for (index, call) in calls.iter().enumerate() {
                let of_name: &mut BTreeMap<_, _> = places.entry(call.name.clone()).or_default();
                of_name.insert(abi.clone(), index);
            }
        }
        let mut lists = BTreeMap::new();
        for (name, width) in LISTS {
            let whole = |row: &Row| (row.width() == width).then(|| row.clone());
            lists.insert(name, reader.rows(&format!("{name}.tsv"), whole)?);
        }
        Ok(Self {
            calls,
            lists,
            forms: reader.rows("forms.tsv", form)?.into_iter().collect(),
            constants: reader.rows("consts.tsv", constant)?.into_iter().collect(),
            sets: reader.rows("sets.tsv", set)?.into_iter().collect(),
            texts: reader.texts,
            places,
            abis,
        })
    }

    /// The rows of one of [`LISTS`].
    pub(super) fn list(&self, name: &str) -> &[Row] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    /// The call of that name on an ABI.
    pub(super) fn call(&self, abi: &str, name: &str) -> Option<&Call> {
        self.calls.get(abi)?.get(*self.places.get(name)?.get(abi)?)
    }

    /// The call of that name on each ABI that has it.
    pub(super) fn calls_named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Call)> {
        let abis = self.places.get(name).into_iter().flat_map(BTreeMap::keys);
        abis.filter_map(move |abi| Some((abi.as_str(), self.call(abi, name)?)))
    }

    /// Whether an argument of a call is there on some ABI.
    pub(super) fn has_argument(&self, call: &str, arg: &str) -> bool {
        let mut args = self.calls_named(call).flat_map(|(_, call)| self.args(call));
        args.any(|other| other.name == arg)
    }

    /// Names of all calls.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.places.keys().map(String::as_str).collect()
    }

    /// The arguments of a call.
    pub(super) fn args(&self, call: &Call) -> &[Arg] {
        let form = call.form.as_ref().and_then(|form| self.forms.get(form));
        form.map_or(&[], Vec::as_slice)
    }
}

struct Reader<'a> {
    crate_dir: &'a Path,
    found: &'a mut Findings,
    texts: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn text(&mut self, file: &str) -> Result<(), Error> {
        let path = self.crate_dir.join("tables").join(file);
        let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
        self.texts.insert(file.to_owned(), text);
        Ok(())
    }

    /// The rows of a table that parse; the others are findings.
    fn rows<T>(&mut self, file: &str, parse: impl Fn(&Row) -> Option<T>) -> Result<Vec<T>, Error> {
        self.text(file)?;
        let mut rows = Vec::new();
        for row in Sheet::read(&self.crate_dir.join("tables").join(file))?.rows() {
            match parse(row) {
                Some(row) => rows.push(row),
                None => self.found.add(file, format_args!("line {} does not parse", row.line())),
            }
        }
        Ok(rows)
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "-" { Some(None) } else { parse(text).map(Some) }
}

fn abi(row: &Row) -> Option<Abi> {
    (row.width() == 12).then_some(())?;
    Some(Abi {
        name: row.column(0).to_owned(),
        token_name: row.column(1).to_owned(),
        token: hex(row.column(2))?,
        big_endian: match row.column(3) {
            "big" => true,
            "little" => false,
            _ => return None,
        },
        word: row.column(4).parse().ok()?,
        register: row.column(5).parse().ok()?,
        nr_base: hex(row.column(6))?,
        pairs: match row.column(10) {
            "-" => Pairs::Whole,
            "any" => Pairs::Any,
            "even" => Pairs::Even,
            _ => return None,
        },
    })
}

fn call(row: &Row) -> Option<Call> {
    (row.width() == 6).then_some(())?;
    Some(Call {
        nr: row.column(0).parse().ok()?,
        name: row.column(1).to_owned(),
        form: optional(row.column(3), |form| Some(form.to_owned()))?,
        status: match row.column(4) {
            "ok" => Status::Implemented,
            "ni" => Status::Unimplemented,
            "private" => Status::Private,
            _ => return None,
        },
        since: optional(row.column(5), |version| version.parse().ok())?,
    })
}

fn form(row: &Row) -> Option<(String, Vec<Arg>)> {
    let args = (1..row.width()).map(|index| row.column(index)).filter(|arg| !arg.is_empty());
    Some((row.column(0).to_owned(), args.map(arg).collect::<Option<_>>()?))
}

fn arg(text: &str) -> Option<Arg> {
    let parts: Vec<&str> = text.split(':').collect();
    let (&[name, _, declared, ty, kind, regs], set) = parts.split_at_checked(6)? else {
        return None;
    };
    let width = |ty: &str| ty.strip_prefix(['s', 'u', 'p'])?.parse().ok();
    let reg = |text: &str| text.parse().ok();
    Some(Arg {
        name: name.to_owned(),
        declared: width(declared)?,
        signed: ty.starts_with('s'),
        width: width(ty)?,
        kind: kind.to_owned(),
        regs: optional(regs, |regs| regs.split(',').map(reg).collect())?.unwrap_or_default(),
        set: match set {
            [] => None,
            [set] => Some((*set).to_owned()),
            _ => return None,
        },
    })
}

fn constant(row: &Row) -> Option<(String, Constant)> {
    let number = |text: &str| optional(text, |text| text.parse().ok());
    let mut exceptions = BTreeMap::new();
    for index in 3..row.width() {
        let (value, abis) = row.column(index).split_once('=')?;
        for abi in abis.split(',') {
            if exceptions.insert(abi.to_owned(), number(value)?).is_some() {
                return None;
            }
        }
    }
    let constant = Constant {
        signed: row.column(1).starts_with('s'),
        width: row.column(1).strip_prefix(['s', 'u'])?.parse().ok()?,
        default: number(row.column(2))?,
        exceptions,
    };
    Some((row.column(0).to_owned(), constant))
}

fn set(row: &Row) -> Option<(String, Set)> {
    (row.width() == 5).then_some(())?;
    let words = |index| row.words(index).map(str::to_owned).collect();
    let set = Set {
        kind: row.column(1).to_owned(),
        mask: optional(row.column(2), |mask| Some(mask.to_owned()))?,
        values: words(3),
        flags: words(4),
    };
    Some((row.column(0).to_owned(), set))
}
