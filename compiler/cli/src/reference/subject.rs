//! What a word names: a call, a group, a constant, an ABI or a number.

use filterc_abi::{self as tables, Abi, Alias, KernelVersion};

use super::View;
use super::group::Calls;

/// What a word names.
pub(crate) enum Subject {
    /// A call, perhaps by another name.
    Call(&'static str, Option<&'static Alias>),
    /// A group.
    Group(Calls),
    /// A constant.
    Constant(&'static str),
    /// An ABI.
    Abi(&'static Abi),
    /// An ABI of the kernel without tables, and why.
    NoTables(&'static str, &'static str),
}

/// Why a word names nothing.
pub(crate) enum Unknown {
    /// Nothing has that name; names near it.
    Name(Vec<String>),
    /// No ABI in question has a call with that number.
    Number(u32),
    /// The word is not well formed: how it should be.
    Form(&'static str),
}

/// What a word names, numbers on the ABIs in question.
pub(crate) fn find(word: &str, view: &View) -> Result<Vec<Subject>, Unknown> {
    if let Some(group) = word.strip_prefix('@') {
        return Calls::find(group).map(|calls| vec![Subject::Group(calls)]);
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return numbered(word, view);
    }
    let one = if let Some(name) = call_named(word) {
        Subject::Call(name, None)
    } else if tables::alias(word).is_some() {
        return Ok(aliased(word, view));
    } else if let Some(abi) = tables::abi(word) {
        Subject::Abi(abi)
    } else if let Some((name, why)) =
        tables::abis_without_tables().iter().find(|(name, _)| *name == word)
    {
        Subject::NoTables(name, why)
    } else if let Some(name) = constant_named(word) {
        Subject::Constant(name)
    } else {
        return Err(Unknown::Name(similar(word)));
    };
    Ok(vec![one])
}

/// A call's name, if some ABI has it, be it as a part of a multiplexer.
fn call_named(word: &str) -> Option<&'static str> {
    let named = |abi: &'static Abi| {
        let carried = || abi.sub_calls().iter().find(|sub| sub.name == word).map(|sub| sub.name);
        abi.syscall(word).map(|call| call.name).or_else(carried)
    };
    tables::abis().iter().find_map(named)
}

/// A constant's name, if some ABI has it.
fn constant_named(word: &str) -> Option<&'static str> {
    let abi = tables::abis().iter().find(|abi| abi.constant(word).is_some())?;
    abi.constant_names().find(|name| *name == word)
}

/// The calls of an alias, if possible those that the ABIs in question have.
fn aliased(word: &str, view: &View) -> Vec<Subject> {
    let all: Vec<&Alias> = tables::aliases_named(word).collect();
    let is_here = |alias: &&&Alias| view.abis.iter().any(|abi| abi.syscall(alias.call).is_some());
    let here: Vec<&Alias> = all.iter().filter(is_here).copied().collect();
    let best = if here.is_empty() { all } else { here };
    best.into_iter().map(|alias| Subject::Call(alias.call, Some(alias))).collect()
}

fn numbered(word: &str, view: &View) -> Result<Vec<Subject>, Unknown> {
    let nr = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    let nr = nr.ok_or(Unknown::Form("a number is decimal or, behind `0x`, hexadecimal"))?;
    let mut names: Vec<&str> = Vec::new();
    for abi in &view.abis {
        let name = abi.syscall_by_nr(nr).map(|call| call.name);
        names.extend(name.filter(|name| !names.contains(name)));
    }
    if names.is_empty() {
        return Err(Unknown::Number(nr));
    }
    Ok(names.into_iter().map(|name| Subject::Call(name, None)).collect())
}

/// Names of all sorts near a mistyped one, best first, at most three.
fn similar(word: &str) -> Vec<String> {
    let calls = tables::abis().iter().flat_map(|abi| abi.syscalls()).map(|call| call.name);
    let aliases = tables::aliases().iter().map(|alias| alias.name);
    let abis = tables::abis().iter().map(|abi| abi.name);
    let constants = tables::abis().iter().flat_map(|abi| abi.constant_names());
    near(word, calls.chain(aliases).chain(abis).chain(constants))
}

/// Those of the names that are near a mistyped one, best first, at most three.
pub(crate) fn near(word: &str, names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    // Long garbage is not worth the comparison.
    if word.len() > 64 {
        return Vec::new();
    }
    let most = 1 + word.len() / 4;
    let lower = word.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.len().abs_diff(word.len()) > most || !seen.insert(name) {
            continue;
        }
        let distance = strsim::osa_distance(&lower, &name.to_ascii_lowercase());
        if distance <= most {
            near.push((distance, name));
        }
    }
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// A version as `@since` takes it.
pub(crate) fn version(text: &str) -> Result<KernelVersion, String> {
    let is_version = text.split('.').count() == 2
        && text.split('.').all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let parsed = text.parse::<KernelVersion>().ok().filter(|_| is_version);
    match parsed {
        None => Err("a kernel version is MAJOR.MINOR, such as 6.6".to_owned()),
        Some(version) if version > KernelVersion::TABLE => {
            Err(format!("the tables end with kernel {}", KernelVersion::TABLE))
        }
        Some(version) => Ok(version),
    }
}
