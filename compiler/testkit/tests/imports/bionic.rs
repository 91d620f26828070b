//! A second reading of bionic's lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use filterc_abi::{Abi, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::Target;
use filterc_import::bionic::{List, Options, Role, import};
use filterc_testkit::corpus;

use super::{ALLOW, TRAP, check, corpora, host, known, own};

/// The names of a list on an ABI.
fn names(text: &str, abi: &str) -> BTreeSet<String> {
    let (own, width) = match abi {
        "i386" => ("x86", "lp32"),
        "arm" => ("arm", "lp32"),
        "aarch64" => ("arm64", "lp64"),
        other => (other, "lp64"),
    };
    let lines = text.lines().map(|line| line.split('#').next().unwrap());
    let on = |line: &&str| {
        let on = line.rsplit(')').next().unwrap();
        on.split([',', ' ', '\t']).any(|it| it == "all" || it == own || it == width)
    };
    let name = |line: &str| {
        let head = line.split('(').next().unwrap().trim().to_owned();
        let mut parts = head.split(':');
        let function = parts.next().unwrap().split('|').next().unwrap().to_owned();
        let name = parts.next().map_or(function, str::to_owned);
        // The header's macro for the call that arm's table has under another name.
        let name = if abi == "arm" && name == "sync_file_range2" {
            "arm_sync_file_range".into()
        } else {
            name
        };
        name.trim_start_matches("__ARM_NR_").to_owned()
    };
    lines.filter(|line| line.contains('(')).filter(on).map(name).collect()
}

fn compare(paths: &[PathBuf], abi: &'static Abi, secondary: bool) {
    let texts: Vec<(String, String)> = paths
        .iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), corpus::text(path)))
        .collect();
    let lists: Vec<List<'_>> = texts
        .iter()
        .map(|(name, text)| List { file: FileId(0), text, role: Role::of_name(name) })
        .collect();
    let options = Options { target: Target::new(abi), secondary };
    let imported = import(&lists, &options).unwrap_or_else(|list| panic!("{list:#?}"));
    let allowed = |abi: &str| -> BTreeSet<String> {
        let of = |part: &str| -> BTreeSet<String> {
            let texts = texts.iter().filter(|(name, _)| name.contains(part));
            texts.flat_map(|(_, text)| names(text, abi)).collect()
        };
        let block = of("BLOCKLIST");
        let base = of("SYSCALLS").into_iter().filter(|name| !block.contains(name));
        base.chain(of("ALLOWLIST")).collect()
    };
    let allowed: BTreeMap<&str, BTreeSet<String>> =
        ["arm", "aarch64", "i386", "riscv64", "x86_64"].map(|abi| (abi, allowed(abi))).into();
    let decide = |abi: &'static Abi, call: &SeccompData| {
        let name = known(abi, call).map_or("", |known| known.name);
        Some(if allowed[abi.name].contains(name) { ALLOW } else { TRAP })
    };
    check("lists of bionic", &imported, &decide, TRAP);
}

#[test]
fn lists_mean_what_they_say() {
    let paths = own("bionic", "TXT");
    for abi in ["x86_64", "aarch64", "arm", "i386", "riscv64"] {
        compare(&paths, host(abi), abi != "riscv64");
    }
}

#[test]
fn real_lists_mean_what_they_say() {
    let paths = corpora("android-bionic", &["TXT"]);
    if paths.is_empty() {
        return;
    }
    // An application's filter, and the one of the system.
    for other in ["SYSTEM", "APP"] {
        let mine: Vec<PathBuf> = paths
            .iter()
            .filter(|path| !path.file_name().unwrap().to_string_lossy().contains(other))
            .cloned()
            .collect();
        for abi in ["x86_64", "aarch64", "arm", "i386", "riscv64"] {
            compare(&mine, host(abi), true);
        }
    }
}
