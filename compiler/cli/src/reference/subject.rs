//! What a word names: a call, a group, a constant, an ABI or a number.

use filterc_abi::{self as tables, Abi, Alias};

use super::View;
use super::group::Calls;
use super::word::{Unknown, near};

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
