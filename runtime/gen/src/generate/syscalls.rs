//! The tables of ABIs and calls: the stages in their order.

use std::path::{Path, PathBuf};

use super::abis;
use super::agree::{self, Accepted};
use super::calls::{Inputs, clone_order};
use super::forms;
use super::kinds::Kinds;
use super::names;
use super::output::Files;
use super::overlay::Overlay;
use super::registers::Parameters;
use super::resolve::{Resolver, Source, Stubs};
use super::tree::Tree;
use super::types::Types;
use crate::error::Error;

/// `abis.tsv`, `forms.tsv` and `syscalls/ABI.tsv`, from the newest tree and an older one.
pub(crate) fn generate(crate_dir: &Path, new: Tree, old: Tree) -> Result<Files, Error> {
    let abis = abis::read(crate_dir)?;
    let views = |old| abis.iter().flat_map(|abi| &abi.views).filter(move |view| view.old == old);
    let inputs = Inputs {
        new: Source::read(new, views(false))?,
        old: Source::read(old, views(true))?,
        stubs: Stubs::read(crate_dir)?,
        types: Types::read(crate_dir)?,
        parameters: Parameters::read(crate_dir)?,
    };
    let mut calls = inputs.calls(&abis)?;
    inputs.add_private(crate_dir, &abis, &mut calls)?;
    forms::complete(&mut calls)?;
    agree::adopt(&mut calls);

    let overlay = Overlay::read(crate_dir, &abis)?;
    let all = || calls.by_abi.iter().flatten();
    overlay.check(
        |name| all().any(|call| call.name == name),
        |arg| all().any(|call| call.has_argument(arg)),
    )?;
    Accepted::read(crate_dir)?.check(&abis, &calls, &overlay)?;
    names::check(crate_dir, &abis, &calls)?;

    let mut lines = String::new();
    for (abi, calls) in abis.iter().zip(&calls.by_abi) {
        let view = abi.first_view()?;
        let source = inputs.source(view);
        let resolver = Resolver::new(source, &inputs.stubs, view)?;
        lines.push_str(&abi.line(&source.tree, resolver.config(), clone_order(calls))?);
        lines.push('\n');
    }
    let tables = forms::render(&abis, &calls, &Kinds::read(crate_dir)?, &overlay)?;
    let mut files = Files::from([
        (PathBuf::from("abis.tsv"), lines),
        (PathBuf::from("forms.tsv"), tables.forms),
    ]);
    for (abi, text) in abis.iter().zip(tables.syscalls) {
        files.insert(PathBuf::from(format!("syscalls/{}.tsv", abi.name)), text);
    }
    Ok(files)
}

#[cfg(test)]
#[path = "syscalls_tests.rs"]
mod tests;
