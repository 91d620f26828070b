//! Where the corpus is.

use std::fs;
use std::path::{Path, PathBuf};

use filterc::{Compiled, Options, Source, compile};
use filterc_abi as abi;

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the crate lies two folders down").to_path_buf()
}

/// A folder of the corpus.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    root().join("corpus").join(name)
}

/// The files of a corpus folder with that extension, sorted; there must be some.
#[must_use]
pub fn files(name: &str, extension: &str) -> Vec<PathBuf> {
    let folder = folder(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} files in {}", folder.display());
    files
}

/// A file's text.
#[must_use]
pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The ABIs on which the kernel has filters, and a filter sees arguments: all but m68k.
pub fn filtered_abis() -> impl Iterator<Item = &'static abi::Abi> + Clone {
    abi::abis().iter().filter(|abi| abi.filters_since.is_some() && abi.name != "m68k")
}

/// Options for tests: a policy without `arch` is for x86_64 on every machine.
#[must_use]
pub fn options() -> Options {
    Options { default_abi: Some(abi::x86_64()), ..Options::default() }
}

/// Every policy of the corpus, compiled.
#[must_use]
pub fn policies() -> Vec<Compiled> {
    files("policies", "flt").iter().map(|path| policy(path)).collect()
}

/// One policy, compiled.
#[must_use]
pub fn policy(path: &Path) -> Compiled {
    let source = Source::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    compile(&source, &options()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}
