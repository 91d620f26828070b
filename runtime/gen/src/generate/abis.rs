//! The ABIs: the rows of `abis.tsv` and the ways in which kernels reach their calls, both
//! curated, and checked against the source as far as it tells.

use std::collections::BTreeMap;
use std::path::Path;

use filterc_abi::{Endian, Pairs};

use super::curated::{Row, Sheet};
use super::kconfig::{Config, Kconfig};
use super::table::{Column, makefile_abis};
use super::tree::Tree;
use crate::error::Error;

/// One ABI.
pub(crate) struct Abi {
    pub(crate) name: String,
    /// Name of its `AUDIT_ARCH_*` token.
    audit_arch: String,
    pub(crate) endian: Endian,
    /// Width of `long` in user space, in bits.
    pub(crate) word: u8,
    /// Width of a register, in bits.
    pub(crate) register: u8,
    /// Where its numbers begin.
    pub(crate) base: u32,
    mark: String,
    filters_since: String,
    pub(crate) pairs: Pairs,
    /// Where in `seccomp_data.args` the first argument is.
    pub(crate) first: u8,
    kernel_arch: String,
    /// How kernels reach its calls; the first one is what the tables say, the others
    /// must agree with it.
    pub(crate) views: Vec<View>,
    row: Row,
}

/// A kernel that reaches the calls of an ABI.
pub(crate) struct View {
    /// Whether the newest kernel has it no more, and an older tree is read.
    pub(crate) old: bool,
    /// Folder under `arch/`.
    pub(crate) arch: String,
    /// Path of its table.
    pub(crate) table: String,
    /// Words of the table's lines that are for this ABI.
    pub(crate) abis: Vec<String>,
    pub(crate) column: Column,
    /// Width of the kernel's own `long`, in bits.
    pub(crate) long: u8,
    /// What is known of its configuration.
    given: Vec<String>,
}

impl View {
    /// Its configuration.
    pub(crate) fn config(&self, kconfigs: &BTreeMap<String, Kconfig>) -> Option<Config> {
        let given: Vec<&str> = self.given.iter().map(String::as_str).collect();
        Some(kconfigs.get(&self.arch)?.config(&given))
    }
}

/// Reads `abis.tsv` and `views.tsv`.
pub(crate) fn read(crate_dir: &Path) -> Result<Vec<Abi>, Error> {
    let sheet = Sheet::read(crate_dir, "abis", 11)?;
    let mut abis = Vec::new();
    for row in sheet.into_rows() {
        abis.push(abi(row)?);
    }
    abis.sort_by(|a, b| a.name.cmp(&b.name));
    let views = Sheet::read(crate_dir, "views", 8)?;
    for row in views.rows() {
        let Some(abi) = abis.iter_mut().find(|abi| abi.name == row.get(0)) else {
            return Err(row.error("no such ABI"));
        };
        abi.views.push(view(row)?);
    }
    match abis.iter().find(|abi| abi.views.is_empty()) {
        Some(abi) => Err(views.error(&format!("no kernel reaches the calls of {}", abi.name))),
        None => Ok(abis),
    }
}

fn abi(row: Row) -> Result<Abi, Error> {
    let number = |index: usize| {
        let text = row.get(index);
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => text.parse(),
        };
        parsed.map_err(|_| row.error(&format!("not a number: {text}")))
    };
    let width = |index: usize| match row.get(index) {
        "32" => Ok(32),
        "64" => Ok(64),
        other => Err(row.error(&format!("not a width: {other}"))),
    };
    Ok(Abi {
        name: row.get(0).to_owned(),
        audit_arch: row.get(1).to_owned(),
        endian: match row.get(2) {
            "little" => Endian::Little,
            "big" => Endian::Big,
            _ => return Err(row.error("neither little nor big")),
        },
        word: width(3)?,
        register: width(4)?,
        base: number(5)?,
        mark: row.get(6).to_owned(),
        filters_since: row.get(7).to_owned(),
        pairs: match row.get(8) {
            "-" => Pairs::Whole,
            "any" => Pairs::Any,
            "even" => Pairs::Even,
            _ => return Err(row.error("pairs are -, any or even")),
        },
        first: row.get(9).parse().map_err(|_| row.error("not a place"))?,
        kernel_arch: row.get(10).to_owned(),
        views: Vec::new(),
        row,
    })
}

fn view(row: &Row) -> Result<View, Error> {
    let owned = |index: usize| row.words(index).into_iter().map(str::to_owned).collect();
    Ok(View {
        old: match row.get(1) {
            "new" => false,
            "old" => true,
            _ => return Err(row.error("the tree is new or old")),
        },
        arch: row.get(2).to_owned(),
        table: row.get(3).to_owned(),
        abis: owned(4),
        column: match row.get(5) {
            "native" => Column::Native,
            "compat" => Column::Compat,
            _ => return Err(row.error("the column is native or compat")),
        },
        long: match row.get(6) {
            "32" => 32,
            "64" => 64,
            _ => return Err(row.error("long is 32 or 64")),
        },
        given: owned(7),
    })
}

impl Abi {
    /// The view that the tables are made from.
    pub(crate) fn first_view(&self) -> Result<&View, Error> {
        self.views.first().ok_or_else(|| self.row.error("no kernel reaches its calls"))
    }

    /// The row of `abis.tsv`; `tree` and `config` are those of the first view.
    pub(crate) fn line(
        &self,
        tree: &Tree,
        config: &Config,
        clone_order: Option<&'static str>,
    ) -> Result<String, Error> {
        let token = token(tree, &self.audit_arch).map_err(|what| self.row.error(&what))?;
        let filters = config.is_on("HAVE_ARCH_SECCOMP_FILTER");
        if filters != (self.filters_since != "-") {
            return Err(self.row.error("HAVE_ARCH_SECCOMP_FILTER says otherwise about filters"));
        }
        self.check_shared_table(tree)?;
        let order = clone_order.ok_or_else(|| self.row.error("clone has no known order"))?;
        let endian = match self.endian {
            Endian::Little => "little",
            Endian::Big => "big",
        };
        let pairs = match self.pairs {
            Pairs::Whole => "-",
            Pairs::Any => "any",
            Pairs::Even => "even",
        };
        Ok(format!(
            "{}\t{}\t{token:#010x}\t{endian}\t{}\t{}\t{:#x}\t{}\t{}\t{order}\t{pairs}\t{}",
            self.name,
            self.audit_arch,
            self.word,
            self.register,
            self.base,
            self.mark,
            self.filters_since,
            self.kernel_arch,
        ))
    }

    /// Where the architecture's makefile picks lines of a shared table: it picks ours.
    fn check_shared_table(&self, tree: &Tree) -> Result<(), Error> {
        for view in self.views.iter().filter(|view| view.table.starts_with("scripts/")) {
            let mut ours = view.abis.clone();
            ours.sort_unstable();
            let theirs = makefile_abis(tree, &view.arch, view.long)?;
            if theirs.as_ref() != Some(&ours) {
                return Err(self.row.error(&format!("Makefile.syscalls picks {theirs:?}")));
            }
        }
        Ok(())
    }
}

/// The value of `AUDIT_ARCH_*`, from the headers.
fn token(tree: &Tree, name: &str) -> Result<u32, String> {
    let mut text = String::new();
    for path in ["include/uapi/linux/audit.h", "include/uapi/linux/elf-em.h"] {
        text.push_str(&tree.read(path).map_err(|error| error.to_string())?);
    }
    value(&text.replace("\\\n", " "), name, 4).ok_or_else(|| format!("{name} has no value"))
}

/// The value of a macro that is a number or an `|` of macros.
fn value(text: &str, name: &str, depth: u8) -> Option<u32> {
    let body = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("#define")?.trim_start().strip_prefix(name)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    })?;
    let body = body.split("/*").next()?.trim().trim_matches(['(', ')']);
    body.split('|').try_fold(0, |bits, part| {
        let part = part.trim();
        let number = match part.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => part.parse().ok(),
        };
        Some(bits | number.or_else(|| value(text, part, depth.checked_sub(1)?))?)
    })
}

#[cfg(test)]
pub(crate) mod toy {
    //! An ABI for tests.

    use std::path::PathBuf;

    use super::*;

    pub(crate) fn view() -> View {
        let row = "toy\tnew\ttoy\ttoy.tbl\tcommon\tnative\t32\tTOY\te\n";
        view_of(row)
    }

    fn view_of(row: &str) -> View {
        let sheet = Sheet::parse(&PathBuf::from("views.tsv"), row, 8).unwrap();
        super::view(sheet.rows().next().unwrap()).unwrap()
    }

    pub(crate) fn abi(endian: Endian, register: u8, pairs: Pairs) -> Abi {
        let row =
            format!("toy\tAUDIT_ARCH_TOY\tlittle\t{register}\t{register}\t0\t-\t-\t-\t0\ttoy\te\n");
        let sheet = Sheet::parse(&PathBuf::from("abis.tsv"), &row, 11).unwrap();
        let parsed = super::abi(sheet.into_rows().next().unwrap()).unwrap();
        Abi { endian, pairs, ..parsed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_sums_of_macros() {
        let text = "#define EM_TOY\t90\t/* a toy */\n#define EM_TOYS 91\n#define WIDE 0x80000000\n\
                    #define ARCH_TOY (EM_TOY|WIDE)\n#define LOOP (LOOP)\n";
        assert_eq!(value(text, "ARCH_TOY", 4), Some(0x8000_005a));
        assert_eq!((value(text, "LOOP", 4), value(text, "EM_TO", 4)), (None, None));
    }
}
