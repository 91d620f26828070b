//! The data files of others, read as data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use filterc_abi::{Abi, abi};

use crate::error::Error;

/// What a source says of one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    /// Name of the ABI in our tables.
    pub(super) abi: &'static str,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) value: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The number of a call, with the base of the ABI.
    Call,
    /// The value of a constant.
    Constant,
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::io(path, &error))
}

/// The ABIs that a name of another project stands for: theirs have one table where only the
/// byte order differs.
fn ours(name: &str) -> Vec<&'static Abi> {
    let names: &[&str] = match name {
        "arm64" => &["aarch64"],
        "x86" => &["i386"],
        "mips" | "mipso32" => &["mips", "mipsel"],
        "mips64" => &["mips64", "mipsel64"],
        "mips64n32" => &["mips64n32", "mipsel64n32"],
        "powerpc" => &["ppc"],
        "powerpc64" | "ppc64" => &["ppc64", "ppc64le"],
        "sh" => &["sh", "sheb"],
        other => return abi(other).into_iter().collect(),
    };
    names.iter().filter_map(|name| abi(name)).collect()
}

/// `tables/ABI.py` of the Python package: a dictionary of names and numbers, one a line.
pub(super) fn system_calls(folder: &Path) -> Result<BTreeSet<Fact>, Error> {
    let folder = folder.join("tables");
    let io = |error| Error::io(&folder, &error);
    let mut facts = BTreeSet::new();
    for entry in fs::read_dir(&folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let abis = ours(name);
        for (name, number) in read(&path)?.lines().filter_map(dictionary) {
            facts.extend(abis.iter().map(|abi| call(abi, name, number)));
        }
    }
    Ok(facts)
}

fn call(abi: &'static Abi, name: &str, number: u32) -> Fact {
    Fact { abi: abi.name, kind: Kind::Call, name: name.to_owned(), value: number.into() }
}

/// `"name": number,`
fn dictionary(line: &str) -> Option<(&str, u32)> {
    let (name, number) = line.trim().strip_suffix(',')?.split_once(": ")?;
    let name = name.strip_prefix('"')?.strip_suffix('"')?;
    Some((name, number.parse().ok()?))
}

/// `src/ARCH/*.rs` of the crate: constants, and members of enumerations.
pub(super) fn linux_raw_sys(folder: &Path) -> Result<BTreeSet<Fact>, Error> {
    let folder = folder.join("src");
    let io = |error| Error::io(&folder, &error);
    let mut facts = BTreeSet::new();
    for entry in fs::read_dir(&folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let abis = ours(name);
        if abis.is_empty() || !path.is_dir() {
            continue;
        }
        for file in fs::read_dir(&path).map_err(io)? {
            let text = read(&file.map_err(io)?.path())?;
            for (name, value) in text.lines().filter_map(constant) {
                let fact = |abi: &&'static Abi| raw_fact(abi, name, value);
                facts.extend(abis.iter().filter_map(fact));
            }
        }
    }
    Ok(facts)
}

fn raw_fact(abi: &'static Abi, name: &str, value: i128) -> Option<Fact> {
    let (kind, name) = match name.strip_prefix("__NR_").or(name.strip_prefix("__ARM_NR_")) {
        // Bounds, no calls.
        Some("Linux" | "BASE" | "Linux_syscalls" | "syscalls" | "arch_specific_syscall") => {
            return None;
        }
        Some(call) => (Kind::Call, call),
        None => (Kind::Constant, name),
    };
    Some(Fact { abi: abi.name, kind, name: name.to_owned(), value })
}

/// `pub const NAME: u32 = 1;`, or `NAME = 1,` of an enumeration.
fn constant(line: &str) -> Option<(&str, i128)> {
    let line = line.trim();
    let (name, value) = match line.strip_prefix("pub const ") {
        Some(rest) => {
            let (name, rest) = rest.split_once(':')?;
            let (ty, value) = rest.strip_suffix(';')?.split_once('=')?;
            let number = matches!(ty.trim(), "u8" | "u16" | "u32" | "u64" | "i32" | "i64");
            number.then_some((name, value))?
        }
        None => line.strip_suffix(',')?.split_once('=')?,
    };
    Some((name.trim(), value.trim().parse().ok()?))
}

/// The table of libseccomp: a column of numbers for each ABI, without its base.
pub(super) fn libseccomp(file: &Path) -> Result<BTreeSet<Fact>, Error> {
    let text = read(file)?;
    table(&text).ok_or_else(|| Error::Failed(format!("{}: no table", file.display())))
}

fn table(text: &str) -> Option<BTreeSet<Fact>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next()?.strip_prefix("#syscall")?.split(',').collect();
    let columns: Vec<Vec<&'static Abi>> = header.iter().map(|name| ours(name)).collect();
    let mut facts = BTreeSet::new();
    for line in lines {
        let mut cells = line.split(',');
        let name = cells.next()?;
        for (abis, cell) in columns.iter().skip(1).zip(cells) {
            // PNR: the ABI does not have it.
            let Ok(number) = cell.parse::<u32>() else { continue };
            facts.extend(abis.iter().map(|abi| call(abi, name, abi.nr_base + number)));
        }
    }
    Some(facts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

    use super::*;

    fn fact(abi: &'static str, kind: Kind, name: &str, value: i128) -> Fact {
        Fact { abi, kind, name: name.to_owned(), value }
    }

    #[test]
    fn a_dictionary() {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("tables");
        fs::create_dir(&tables).unwrap();
        let text = "# made\n\nsyscalls_arm64 = {\n    \"read\": 63,\n    \"bad\": x,\n}\n";
        fs::write(tables.join("arm64.py"), text).unwrap();
        fs::write(tables.join("cris.py"), text).unwrap();
        fs::write(tables.join("mipso32.py"), text.replace("63", "4003")).unwrap();
        let facts: Vec<Fact> = system_calls(folder.path()).unwrap().into_iter().collect();
        let read = |abi, number| fact(abi, Kind::Call, "read", number);
        assert_eq!(facts, [read("aarch64", 63), read("mips", 4003), read("mipsel", 4003)]);
        assert!(system_calls(&tables).is_err());
    }

    #[test]
    fn constants() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        fs::create_dir_all(source.join("x86")).unwrap();
        let text = "pub const EPERM: u32 = 1;\npub const __NR_read: u32 = 3;\n\
                    pub const AT_FDCWD: i32 = -100;\npub const NAME: &[u8; 2] = b\"a\\0\";\n\
                    pub const __NR_syscalls: u32 = 9;\nFSCONFIG_SET_FLAG = 0,\nfoo: 1,\n";
        fs::write(source.join("x86/general.rs"), text).unwrap();
        fs::write(source.join("lib.rs"), "pub const X: u32 = 1;").unwrap();
        let facts: Vec<Fact> = linux_raw_sys(folder.path()).unwrap().into_iter().collect();
        let constant = |name, value| fact("i386", Kind::Constant, name, value);
        let expected = [
            fact("i386", Kind::Call, "read", 3),
            constant("AT_FDCWD", -100),
            constant("EPERM", 1),
            constant("FSCONFIG_SET_FLAG", 0),
        ];
        assert_eq!(facts, expected);
    }

    #[test]
    fn a_table() {
        let text = "#syscall (v6),x86,x86_kver,x32,x32_kver,mips,mips_kver\n\
                    accept,PNR,KV_UNDEF,43,KV_UNDEF,168,KV_UNDEF\n";
        let facts: Vec<Fact> = table(text).unwrap().into_iter().collect();
        let accept = |abi, number| fact(abi, Kind::Call, "accept", number);
        let expected = [accept("mips", 4168), accept("mipsel", 4168), accept("x32", 0x4000_002b)];
        assert_eq!(facts, expected);
        assert!(table("name,x86\n").is_none());
    }
}
