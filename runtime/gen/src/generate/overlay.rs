//! Curated facts that are laid over what the definitions say: effective widths, first
//! kernels, sets of constants.

use std::collections::BTreeMap;
use std::path::Path;

use filterc_abi::KernelVersion;

use super::abis::Abi;
use super::curated::{Row, Sheet};
use super::types::Type;
use crate::error::Error;

/// The ABIs that a row is for.
#[derive(Debug)]
struct Where(Option<Vec<String>>);

impl Where {
    /// `*`, a list, or `word64` in a list: the ABIs with registers of 64 bits.
    fn read(row: &Row, index: usize, abis: &[Abi]) -> Result<Self, Error> {
        if row.get(index) == "*" {
            return Ok(Self(None));
        }
        let mut names = Vec::new();
        for word in row.words(index) {
            if word == "word64" {
                let wide = abis.iter().filter(|abi| abi.register == 64);
                names.extend(wide.map(|abi| abi.name.clone()));
            } else if abis.iter().any(|abi| abi.name == word) {
                names.push(word.to_owned());
            } else {
                return Err(row.error(&format!("no ABI is called {word}")));
            }
        }
        Ok(Self(Some(names)))
    }
}

/// Rows by what they are about; of those about the same, one that names the ABI goes before
/// one for all.
#[derive(Debug)]
struct Rows<T> {
    rows: BTreeMap<String, Vec<(Where, T, Row)>>,
}

impl<T: Copy> Rows<T> {
    fn read(sheet: Sheet, abis: &[Abi], value: impl Fn(&str) -> Option<T>) -> Result<Self, Error> {
        let mut rows: BTreeMap<String, Vec<(Where, T, Row)>> = BTreeMap::new();
        for row in sheet.into_rows() {
            let found = value(row.get(2)).ok_or_else(|| row.error("not a value"))?;
            let place = Where::read(&row, 1, abis)?;
            rows.entry(row.get(0).to_owned()).or_default().push((place, found, row));
        }
        Ok(Self { rows })
    }

    fn find(&self, key: &str, abi: &str) -> Option<T> {
        let rows = self.rows.get(key)?;
        let own = |(place, ..): &&(Where, T, Row)| {
            place.0.as_ref().is_some_and(|names| names.iter().any(|name| name == abi))
        };
        let all = |(place, ..): &&(Where, T, Row)| place.0.is_none();
        rows.iter().find(own).or_else(|| rows.iter().find(all)).map(|(_, value, _)| *value)
    }

    /// The first row about something that is not there.
    fn check(&self, is_there: impl Fn(&str) -> bool) -> Result<(), Error> {
        let missing = self.rows.iter().find(|(key, _)| !is_there(key));
        match missing.and_then(|(key, rows)| Some((key, rows.first()?))) {
            Some((key, (.., row))) => Err(row.error(&format!("no ABI has {key}"))),
            None => Ok(()),
        }
    }
}

/// The curated facts about arguments and calls.
pub(crate) struct Overlay {
    widths: Rows<Type>,
    since: Rows<KernelVersion>,
    /// Set by `call.arg`.
    sets: BTreeMap<String, (String, Row)>,
}

impl Overlay {
    /// Reads `widths.tsv`, `since.tsv` and `bindings.tsv`; what is missing is empty.
    pub(crate) fn read(crate_dir: &Path, abis: &[Abi]) -> Result<Self, Error> {
        let widths = Sheet::read_if_there(crate_dir, "widths", 3)?;
        let since = Sheet::read_if_there(crate_dir, "since", 3)?;
        let mut sets = BTreeMap::new();
        for row in Sheet::read_if_there(crate_dir, "bindings", 2)?.rows() {
            for arg in row.words(1) {
                let set = (row.get(0).to_owned(), row.clone());
                if sets.insert(arg.to_owned(), set).is_some() {
                    return Err(row.error(&format!("a second set for {arg}")));
                }
            }
        }
        Ok(Self {
            widths: Rows::read(widths, abis, Type::parse)?,
            since: Rows::read(since, abis, |text| text.parse().ok())?,
            sets,
        })
    }

    /// One that says nothing.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self {
            widths: Rows { rows: BTreeMap::new() },
            since: Rows { rows: BTreeMap::new() },
            sets: BTreeMap::new(),
        }
    }

    /// The bits that the kernel uses of an argument that is declared so: never more than
    /// declared.
    pub(crate) fn effective(&self, arg: &str, abi: &str, declared: Type) -> Type {
        self.widths.find(arg, abi).filter(|ty| ty.width < declared.width).unwrap_or(declared)
    }

    /// The first kernel with a call on an ABI, no older than the ABI itself (call `*`).
    pub(crate) fn since(&self, call: &str, abi: &str) -> Option<KernelVersion> {
        let own = self.since.find(call, abi)?;
        Some(self.since.find("*", abi).map_or(own, |floor| own.max(floor)))
    }

    /// The set of constants of an argument.
    pub(crate) fn set(&self, arg: &str) -> Option<&str> {
        self.sets.get(arg).map(|(set, _)| set.as_str())
    }

    /// Every row is about a call, or an argument (`call.arg`), of some ABI.
    pub(crate) fn check(
        &self,
        is_call: impl Fn(&str) -> bool,
        is_arg: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        self.widths.check(&is_arg)?;
        self.since.check(|call| call == "*" || is_call(call))?;
        match self.sets.iter().find(|(arg, _)| !is_arg(arg)) {
            Some((arg, (_, row))) => Err(row.error(&format!("no ABI has {arg}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use filterc_abi::{Endian, Pairs};

    use super::*;
    use crate::generate::abis::toy;

    fn rows<T: Copy>(text: &str, value: impl Fn(&str) -> Option<T>) -> Result<Rows<T>, Error> {
        let abis = [toy::abi(Endian::Big, 64, Pairs::Whole)];
        Rows::read(Sheet::parse(Path::new("x.tsv"), text, 3)?, &abis, value)
    }

    fn overlay(widths: &str, since: &str) -> Overlay {
        Overlay {
            widths: rows(widths, Type::parse).unwrap(),
            since: rows(since, |text| text.parse().ok()).unwrap(),
            sets: BTreeMap::new(),
        }
    }

    #[test]
    fn widths_narrow_and_never_widen() {
        let overlay = overlay("f.a\t*\ts32\te\nf.a\tword64\tu16\te\n", "");
        let effective =
            |arg, abi, declared| overlay.effective(arg, abi, Type::parse(declared).unwrap()).text();
        assert_eq!(effective("f.a", "toy", "u64"), "u16");
        assert_eq!(effective("f.a", "other", "u64"), "s32");
        assert_eq!(effective("f.a", "other", "u32"), "u32");
        assert_eq!(effective("f.b", "toy", "u64"), "u64");
    }

    #[test]
    fn nothing_is_older_than_its_abi() {
        let overlay = overlay("", "*\ttoy\t3.7\te\nf\t*\t2.6\te\ng\t*\t5.3\te\nf\ttoy\t3.9\te\n");
        let since = |call, abi| overlay.since(call, abi).map(|version| version.to_string());
        assert_eq!(since("f", "toy").as_deref(), Some("3.9"));
        assert_eq!(since("f", "other").as_deref(), Some("2.6"));
        assert_eq!(since("g", "toy").as_deref(), Some("5.3"));
        assert_eq!(since("h", "toy"), None);
    }

    #[test]
    fn rows_about_nothing_are_refused() {
        assert!(rows("f.a\tnowhere\ts32\te\n", Type::parse).is_err());
        assert!(rows("f.a\t*\ts31\te\n", Type::parse).is_err());
        let overlay = overlay("f.a\t*\ts32\te\n", "f\t*\t2.6\te\n");
        assert!(overlay.check(|_| true, |_| true).is_ok());
        assert!(overlay.check(|_| true, |_| false).is_err());
        assert!(overlay.check(|_| false, |_| true).is_err());
    }
}
