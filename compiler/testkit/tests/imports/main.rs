//! Imported policies against second readings of the originals, a few lines for each form, which
//! share nothing with the importers: on our own files, and, where they are, on other people's, which
//! are read in place. Every import is compiled with its proof.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod bionic;
mod generated;
mod kafel;
mod kubernetes;
mod lxc;
mod minijail;
mod seccompiler;
mod systemd;
mod texts;

use std::path::{Path, PathBuf};

use filterc::{Options, Source, compile};
use filterc_abi::{self as abi, Abi, Regs, SeccompData, Syscall};
use filterc_grammar::source::{FileId, SourceFile, SourceMap, Span};
use filterc_hir::eval::eval;
use filterc_import::{Imported, Includes, Width};
use filterc_testkit::{boundary, corpus};

/// Return values of filters.
pub(crate) const ALLOW: u32 = 0x7fff_0000;
pub(crate) const LOG: u32 = 0x7ffc_0000;
pub(crate) const NOTIFY: u32 = 0x7fc0_0000;
pub(crate) const TRACE: u32 = 0x7ff0_0000;
pub(crate) const ERRNO: u32 = 0x0005_0000;
pub(crate) const TRAP: u32 = 0x0003_0000;
pub(crate) const KILL_PROCESS: u32 = 0x8000_0000;
pub(crate) const KILL_THREAD: u32 = 0;

/// Calls for each number with conditions.
const PER_NUMBER: usize = 48;

pub(crate) const WIDTHS: [Width; 2] = [Width::Effective, Width::Registers];

/// Other people's files of a kind, or why there are none.
pub(crate) fn corpora(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let root = std::env::var_os("FILTERC_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/corpora"),
        PathBuf::from,
    );
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let is = |it: &&str| path.extension().is_some_and(|extension| extension == *it);
            if path.is_dir() {
                open.push(path);
            } else if extensions.iter().any(is) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        println!("skipped: no corpus {folder}; FILTERC_CORPORA names the folder of all");
    }
    found
}

/// Our own files of a form.
pub(crate) fn own(format: &str, extension: &str) -> Vec<PathBuf> {
    corpus::files(&format!("import/{format}"), extension)
}

pub(crate) fn host(name: &str) -> &'static Abi {
    abi::abi(name).unwrap()
}

/// Includes of a file, by the name of the included one, from some folders.
pub(crate) struct Beside {
    pub(crate) sources: SourceMap,
    pub(crate) folders: Vec<PathBuf>,
}

impl Beside {
    pub(crate) fn new(path: &Path) -> Self {
        let mut sources = SourceMap::default();
        let (name, text) = (path.display().to_string(), corpus::text(path));
        sources.add(SourceFile { name, text, included_from: None });
        Self { sources, folders: vec![path.parent().unwrap().to_path_buf()] }
    }

    /// The file that an include means.
    pub(crate) fn find(folders: &[PathBuf], path: &str) -> Option<PathBuf> {
        let name = Path::new(path).file_name()?;
        folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}

impl Includes for Beside {
    fn include(&mut self, path: &str, from: Span) -> Result<(FileId, String), String> {
        let found = Self::find(&self.folders, path).ok_or("no such file")?;
        let (name, text) = (found.display().to_string(), corpus::text(&found));
        let file = SourceFile { name, text: text.clone(), included_from: Some(from) };
        Ok((self.sources.add(file), text))
    }
}

/// Compiles an import with its proof, and compares what it decides with a second reading.
/// Returns how many calls were compared.
pub(crate) fn check(
    name: &str,
    imported: &Imported,
    decide: &dyn Fn(&'static Abi, &SeccompData) -> Option<u32>,
    foreign: u32,
) -> usize {
    let text = imported.document.to_text();
    let compiled = compile(&Source::text(name, text.clone()), &Options::default())
        .unwrap_or_else(|list| panic!("{name}: {list}\n{text}"));
    assert!(compiled.programs().all(|program| program.proof().is_some()), "{name}");
    let covered: Vec<&'static Abi> =
        compiled.policy().abis().iter().map(|part| part.abi()).collect();
    let calls = boundary::calls(compiled.policy(), PER_NUMBER);
    for call in &calls {
        let nr = call.nr.cast_unsigned();
        let of = |abi: &&&'static Abi| abi.audit_arch == call.arch && abi.admits(nr);
        let theirs = match covered.iter().find(of) {
            Some(abi) => decide(abi, call),
            None => Some(foreign),
        };
        let Some(theirs) = theirs else { continue };
        let ours = eval(compiled.policy(), call).to_ret();
        assert_eq!(ours, theirs, "{name}: {ours:#x}, not {theirs:#x}, for {call:x?}\n{text}");
    }
    calls.len()
}

/// The call of a number, if it is one.
pub(crate) fn known(abi: &'static Abi, call: &SeccompData) -> Option<&'static Syscall> {
    abi.syscall_by_nr(call.nr.cast_unsigned())
}

/// Bits of a register that a comparison with a number is about: those of the argument where that
/// is how it is read and the number fits it, as itself or as what it is with a sign. For a mask,
/// `second` is what the bits are to be.
pub(crate) fn bits(
    abi: &'static Abi,
    known: Option<&Syscall>,
    index: usize,
    op: &str,
    (value, second): (u64, u64),
    width: Width,
) -> u64 {
    let word = u64::MAX >> (64 - abi.word);
    let args = known.map_or(&[][..], |known| known.args);
    let Some(arg) = args.iter().find(|arg| arg.regs == Regs::One(index as u8)) else { return word };
    let max = u64::MAX >> (64 - arg.width);
    let above = value | max == u64::MAX;
    let negative = above && arg.signed && value & max > max >> 1;
    let fits = match op {
        "==" | "!=" => value <= max || negative,
        "<" | ">=" => value <= max && value > 0,
        "<=" | ">" => value < max,
        _ => value <= max || (above && second <= max && value & max > 0),
    };
    if width == Width::Effective && fits { max } else { word }
}

/// A comparison without sign.
pub(crate) fn holds(op: &str, left: u64, right: u64) -> bool {
    match op {
        "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        other => panic!("{other}"),
    }
}
