//! From the entry point that a table names to the arguments that the kernel takes there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::abis::View;
use super::curated::Sheet;
use super::define::{Definition, Definitions, Param, plain_params};
use super::kconfig::{Config, Kconfig};
use super::table;
use super::tree::Tree;
use crate::error::Error;

/// A tree and what was read from it.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    definitions: Definitions,
    pub(crate) kconfigs: BTreeMap<String, Kconfig>,
}

impl Source {
    /// Reads what the views of that tree need.
    pub(crate) fn read<'a>(
        tree: Tree,
        views: impl Iterator<Item = &'a View>,
    ) -> Result<Self, Error> {
        let mut kconfigs = BTreeMap::new();
        let mut entries = BTreeSet::new();
        for view in views {
            let abis: Vec<&str> = view.abis.iter().map(String::as_str).collect();
            for line in table::lines(&tree, &view.table, &abis)? {
                entries.extend(line.entry(view.column).map(str::to_owned));
            }
            if !kconfigs.contains_key(&view.arch) {
                kconfigs.insert(view.arch.clone(), Kconfig::read(&tree, &view.arch)?);
            }
        }
        Ok(Self { definitions: Definitions::read(&tree, &entries)?, tree, kconfigs })
    }
}

/// What an entry point turned out to be.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The function that defines the arguments.
    pub(crate) symbol: String,
    pub(crate) params: Vec<Param>,
}

/// Curated: entry points that the source does not define where this reader looks.
pub(crate) struct Stubs {
    /// By architecture (`*`: all) and entry point.
    rows: BTreeMap<(String, String), Stub>,
}

enum Stub {
    /// Ends in another function with the same registers.
    Same(String),
    /// Has these arguments.
    Args(Vec<Param>),
    /// Always returns ENOSYS.
    Unimplemented,
}

impl Stubs {
    /// Reads `stubs.tsv`: architectures, entry point, `=function`, `(type name, …)` or `-`.
    pub(crate) fn read(crate_dir: &Path) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for row in Sheet::read(crate_dir, "stubs", 3)?.rows() {
            let text = row.get(2);
            let args = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            for arch in row.words(0) {
                let stub = match (text.strip_prefix('='), args) {
                    (Some(function), _) => Stub::Same(function.to_owned()),
                    (_, Some(args)) => {
                        Stub::Args(plain_params(args).map_err(|what| row.error(&what))?)
                    }
                    _ if text == "-" => Stub::Unimplemented,
                    _ => return Err(row.error("neither =function nor (arguments)")),
                };
                if rows.insert((arch.to_owned(), row.get(1).to_owned()), stub).is_some() {
                    return Err(row.error("a second row for the same entry point"));
                }
            }
        }
        Ok(Self { rows })
    }

    fn find(&self, arch: &str, entry: &str) -> Option<&Stub> {
        let key = |arch: &str| (arch.to_owned(), entry.to_owned());
        self.rows.get(&key(arch)).or_else(|| self.rows.get(&key("*")))
    }
}

/// Resolves the entry points of one view.
pub(crate) struct Resolver<'a> {
    source: &'a Source,
    stubs: &'a Stubs,
    arch: &'a str,
    /// Bits of its `long`.
    long: u8,
    config: Config,
    /// `#define sys_x sys_y` where the table is made.
    renames: BTreeMap<String, String>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(source: &'a Source, stubs: &'a Stubs, view: &'a View) -> Result<Self, Error> {
        let config = view.config(&source.kconfigs);
        let config = config.ok_or_else(|| Error::Failed(format!("no Kconfig of {}", view.arch)))?;
        let mut renames = BTreeMap::new();
        for (name, body, condition) in source.definitions.beside_tables(&view.arch) {
            let holds = condition.holds(&|name| config.defines(name)) == Some(true);
            if holds && name.starts_with("sys_") && body.starts_with("sys_") {
                renames.insert(name.clone(), body.clone());
            }
        }
        Ok(Self { source, stubs, arch: &view.arch, long: view.long, config, renames })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The function that a table's entry point is compiled to.
    pub(crate) fn renamed<'b>(&'b self, entry: &'b str) -> &'b str {
        self.renames.get(entry).map_or(entry, String::as_str)
    }

    /// The arguments of an entry point; `None`: it always returns ENOSYS, as the kernel's
    /// weak `sys_ni_syscall` does where nothing defines it.
    pub(crate) fn resolve(&self, entry: &str) -> Result<Option<Entry>, Error> {
        let stub = self.stubs.find(self.arch, entry);
        let symbol = match stub {
            Some(Stub::Args(params)) => {
                return Ok(Some(Entry { symbol: entry.to_owned(), params: params.clone() }));
            }
            Some(Stub::Unimplemented) => return Ok(None),
            Some(Stub::Same(function)) => function,
            None => entry,
        };
        let definitions = &self.source.definitions;
        if let (None, Some(path)) = (stub, definitions.assembler(self.arch, entry)) {
            // A definition in C of the same name would be that of another architecture.
            let what = format!("{}: {path} defines {entry}; stubs.tsv has to tell", self.arch);
            return Err(Error::Failed(what));
        }
        let candidates = self.candidates(symbol);
        let Some((first, others)) = candidates.split_first() else {
            if definitions.is_conditional(symbol) {
                return Ok(None);
            }
            let what = format!("{}: nothing defines {symbol}", self.arch);
            return Err(Error::Failed(what));
        };
        if let Some(other) = others.iter().find(|other| !same(other, first)) {
            let paths = format!("{} or in {}", first.path, other.path);
            return Err(Error::Failed(format!("{}: {symbol} in {paths}?", self.arch)));
        }
        Ok(Some(Entry { symbol: symbol.to_owned(), params: first.params.clone() }))
    }

    /// Without those in files for the other word size (`pci_32.c`), if any are left.
    fn of_size<'b>(&self, all: Vec<&'b Definition>) -> Vec<&'b Definition> {
        let other = if self.long == 64 { "_32.c" } else { "_64.c" };
        let fitting = |d: &&&Definition| !d.path.ends_with(other);
        let found: Vec<&Definition> = all.iter().filter(fitting).copied().collect();
        if found.is_empty() { all } else { found }
    }

    /// The definitions that this kernel can have, of the nearest sort: the architecture's
    /// own, else the generic ones; those that are certain, else those that may be.
    fn candidates(&self, symbol: &str) -> Vec<&Definition> {
        let own = format!("arch/{}/", self.arch);
        let all = || self.source.definitions.of(symbol).iter();
        // User-mode Linux keeps its own in the folder of another architecture.
        let of_arch = |d: &&Definition| d.path.starts_with(&own) && !d.path.contains("/um/");
        let generic = |d: &&Definition| !d.path.starts_with("arch/");
        for sort in [all().filter(of_arch).collect::<Vec<_>>(), all().filter(generic).collect()] {
            let sort = self.of_size(sort);
            for wanted in [Some(true), None] {
                let holds = |d: &&&Definition| {
                    d.condition.holds(&|name| self.config.defines(name)) == wanted
                };
                let found: Vec<&Definition> = sort.iter().filter(holds).copied().collect();
                if !found.is_empty() {
                    return found;
                }
            }
        }
        Vec::new()
    }
}

/// Whether two definitions take the same, but for `const` values.
fn same(a: &Definition, b: &Definition) -> bool {
    let bare = |d: &Definition| -> Vec<Param> {
        let bare = |p: &Param| Param {
            ctype: p.ctype.strip_prefix("const ").unwrap_or(&p.ctype).to_owned(),
            ..p.clone()
        };
        d.params.iter().map(bare).collect()
    };
    bare(a) == bare(b)
}
