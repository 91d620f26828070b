//! The constants found: from which headers, with which value on which ABI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use filterc_abi::Abi;

use super::compile::{Type, Value};
use super::headers::LIBC;
use crate::generate::sets::Known;

/// A constant of one header on one ABI.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Position of the ABI in the list of ABIs.
    pub(crate) abi: usize,
    /// The header that was compiled.
    pub(crate) unit: String,
    /// The name.
    pub(crate) name: String,
    /// The header that defines it there.
    pub(crate) origin: String,
    /// Whether it is a macro made as an ioctl request.
    pub(crate) is_request: bool,
    /// `None`: it is no integer constant.
    pub(crate) value: Option<Value>,
}

/// What is known about a name.
#[derive(Debug)]
pub(crate) struct Fact {
    name: String,
    origins: BTreeSet<String>,
    is_request: bool,
    /// By position of the ABI.
    values: BTreeMap<usize, Value>,
    /// ABIs where the name is there, but is no integer constant.
    unusable: BTreeSet<usize>,
}

impl Known for Fact {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_from(&self, header: &dyn Fn(&str) -> bool) -> bool {
        self.origins.iter().any(|origin| header(origin))
    }

    fn is_request(&self) -> bool {
        self.is_request
    }
}

impl Known for Finding {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_from(&self, header: &dyn Fn(&str) -> bool) -> bool {
        header(&self.origin)
    }

    fn is_request(&self) -> bool {
        self.is_request
    }
}

/// All constants found, by name.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) by_name: BTreeMap<String, Fact>,
}

impl Facts {
    /// Brings together what was found. Where two headers disagree on an ABI, `preferred`
    /// says which to take (name → header); if it does not, that is a fault. The names of C
    /// libraries count where no header of the kernel has them.
    pub(crate) fn collect(
        findings: Vec<Finding>,
        preferred: &BTreeMap<String, String>,
        abis: &[Abi],
    ) -> Result<Self, String> {
        let mut facts = Self::default();
        let mut faults = String::new();
        let mut unused: BTreeSet<&str> = preferred.keys().map(String::as_str).collect();
        let (libc, kernel): (Vec<Finding>, Vec<Finding>) =
            findings.into_iter().partition(|found| found.unit == LIBC);
        for found in kernel {
            if let Some(header) = preferred.get(&found.name) {
                unused.remove(found.name.as_str());
                if *header != found.origin {
                    continue;
                }
            }
            let abi = abis.get(found.abi).map_or("?", |abi| abi.name);
            if let Some(other) = facts.add(&found) {
                let _ = writeln!(
                    faults,
                    "{} on {abi}: {other}, but {:?} in {}",
                    found.name, found.value, found.unit
                );
            }
        }
        for found in libc {
            let value = |fact: &Fact| fact.values.contains_key(&found.abi);
            if !facts.by_name.get(&found.name).is_some_and(value) {
                facts.add(&found);
            }
        }
        for name in unused {
            let _ = writeln!(faults, "preferred.tsv: {name}: not found at all");
        }
        if faults.is_empty() { Ok(facts) } else { Err(faults) }
    }

    /// Adds what was found; if the name has another value on that ABI, returns that.
    fn add(&mut self, found: &Finding) -> Option<i128> {
        let new = || Fact {
            name: found.name.clone(),
            origins: BTreeSet::new(),
            is_request: false,
            values: BTreeMap::new(),
            unusable: BTreeSet::new(),
        };
        let fact = self.by_name.entry(found.name.clone()).or_insert_with(new);
        fact.origins.insert(found.origin.clone());
        fact.is_request |= found.is_request;
        let Some(value) = found.value else {
            fact.unusable.insert(found.abi);
            return None;
        };
        let other = fact.values.insert(found.abi, value)?;
        (other.value != value.value).then_some(other.value)
    }

    /// The names with a value on at least one ABI.
    pub(crate) fn usable(&self) -> Vec<&dyn Known> {
        let facts = self.by_name.values().filter(|fact| !fact.values.is_empty());
        facts.map(|fact| -> &dyn Known { fact }).collect()
    }

    /// Names that some ABIs lack and hardly should: a header of all architectures gives
    /// them, or most architectures do, or they are there but no constants. Returns the
    /// positions of the ABIs that lack each.
    pub(crate) fn partial(
        &self,
        names: &BTreeSet<String>,
        abis: usize,
    ) -> BTreeMap<&str, Vec<usize>> {
        let facts = names.iter().filter_map(|name| self.by_name.get(name));
        let partial = facts.filter_map(|fact| {
            let lacking: Vec<usize> =
                (0..abis).filter(|abi| !fact.values.contains_key(abi)).collect();
            let of_arch = ["asm/", "asm-generic/", "internal/asm/"];
            let shared = |origin: &String| !of_arch.iter().any(|start| origin.starts_with(start));
            let shared = fact.origins.iter().any(shared);
            let broken = fact.unusable.iter().any(|abi| !fact.values.contains_key(abi));
            let most = lacking.len() * 3 <= abis;
            let found = !lacking.is_empty() && (shared || broken || most);
            found.then_some((fact.name.as_str(), lacking))
        });
        partial.collect()
    }

    /// Requests that are constants on no ABI, as when a header does not include what they
    /// need; names with `_` in front are parts of others.
    pub(crate) fn unusable_requests(&self) -> impl Iterator<Item = &str> {
        let facts = self.by_name.values();
        let unusable = facts.filter(|fact| {
            fact.is_request && fact.values.is_empty() && !fact.name.starts_with('_')
        });
        unusable.map(|fact| fact.name.as_str())
    }

    /// The line of a name for `consts.tsv`.
    pub(crate) fn line(&self, name: &str, abis: &[Abi]) -> Option<String> {
        let fact = self.by_name.get(name)?;
        let value = |abi: usize| fact.values.get(&abi).map(|found| found.value);
        let mut count: BTreeMap<i128, usize> = BTreeMap::new();
        for abi in 0..abis.len() {
            if let Some(value) = value(abi) {
                *count.entry(value).or_default() += 1;
            }
        }
        // The value of most; of two as common, the lower.
        let default = count.iter().max_by_key(|(value, n)| (**n, std::cmp::Reverse(**value)))?.0;
        let mut line = format!("{name}\t{}\t{default}", type_of(&fact.values, abis));
        let mut exceptions: BTreeMap<Option<i128>, Vec<&str>> = BTreeMap::new();
        for (at, abi) in abis.iter().enumerate() {
            if value(at) != Some(*default) {
                exceptions.entry(value(at)).or_default().push(abi.name);
            }
        }
        let absent = exceptions.remove(&None);
        for (value, names) in exceptions.into_iter().chain(absent.map(|names| (None, names))) {
            let value = value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            let _ = write!(line, "\t{value}={}", names.join(","));
        }
        Some(line)
    }

    /// The value of a name on an ABI.
    pub(crate) fn value(&self, name: &str, abi: usize) -> Option<Value> {
        self.by_name.get(name)?.values.get(&abi).copied()
    }
}

/// The type that holds on all ABIs, as `consts.tsv` writes it. The sign and the width are
/// those of the C type; the width is `w`, the ABI's word, where it is that on every ABI and
/// not the same on all. Where ABIs differ otherwise (an ioctl request is `int` where it is
/// a bare number, `unsigned long` where a size goes into it), the widest on any.
fn type_of(values: &BTreeMap<usize, Value>, abis: &[Abi]) -> &'static str {
    let types = || values.iter().filter_map(|(at, found)| Some((found.ty, abis.get(*at)?.word)));
    let widths: BTreeSet<u8> = types().map(|(ty, word)| ty.width(word)).collect();
    let is_long = |ty: Type| matches!(ty, Type::Long | Type::ULong);
    let by_word =
        types().any(|(ty, _)| is_long(ty)) && types().all(|(ty, word)| ty.width(word) <= word);
    let signed = types().all(|(ty, _)| ty.is_signed());
    let width = if by_word { None } else { widths.last() };
    match (signed, width) {
        (true, None) => "sw",
        (false, None) => "uw",
        (true, Some(32)) => "s32",
        (false, Some(32)) => "u32",
        (true, Some(_)) => "s64",
        (false, Some(_)) => "u64",
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
