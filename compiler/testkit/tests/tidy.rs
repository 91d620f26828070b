//! Tidiness that neither compiler nor lint sees: the tiers, the size of files, the index of
//! codes, and that every path which a document names is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use filterc_testkit::corpus::{self, root};

/// The tier of each crate: a crate may use those of lower tiers only.
const TIERS: &[(&str, u32)] = &[
    ("filterc-grammar", 0),
    ("filterc-abi", 0),
    ("filterc-certify", 0),
    ("filterc-cbpf", 1),
    ("filterc-ebpf", 1),
    ("filterc-hir", 1),
    ("filterc-audit", 2),
    ("filterc-import", 2),
    ("filterc-ir", 2),
    ("filterc-loader", 2),
    ("filterc-object", 2),
    ("filterc-audit-parquet", 3),
    ("filterc-gen", 3),
    ("filterc-check", 3),
    ("filterc-codegen", 3),
    ("filterc-monitor", 3),
    ("filterc", 4),
    ("filterc-relate", 4),
    ("filterc-review", 5),
    ("filterc-cli", 6),
    ("filterc-example", 6),
    ("filterc-testkit", 6),
    ("filterc-fuzz", 7),
    ("filterc-benches", 7),
];

/// Arrows that are forbidden although the tiers would allow them.
const FORBIDDEN: &[(&str, &str)] =
    &[("filterc-cbpf", "filterc-grammar"), ("filterc-loader", "filterc-grammar")];

fn tracked_files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let output = match output {
        Ok(output) if output.status.success() => output.stdout,
        // An unpacked archive is no checkout: everything but the build folder counts.
        _ => {
            let find = ["-type", "f", "-not", "-path", "./target/*"];
            Command::new("find").arg(".").args(find).current_dir(root()).output().unwrap().stdout
        }
    };
    let text = String::from_utf8(output).unwrap();
    text.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

#[test]
fn crates_use_lower_tiers_only() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tiers: BTreeMap<&str, u32> = TIERS.iter().copied().collect();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let tier = tiers.get(name).unwrap_or_else(|| panic!("{name} has no tier"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let Some(below) = tiers.get(used) else { continue };
            let development = dependency["kind"] == "dev";
            let arrow = (name, used);
            assert!(development || below < tier, "{name} (tier {tier}) uses {used} ({below})");
            assert!(!FORBIDDEN.contains(&arrow), "{arrow:?} is forbidden");
        }
    }
}

#[test]
fn files_are_small_and_modules_documented() {
    let mut sizes = Vec::new();
    for path in tracked_files() {
        let is_rust = path.extension().is_some_and(|e| e == "rs");
        if !is_rust && path.extension().is_none_or(|e| e != "lalrpop") {
            continue;
        }
        let text = corpus::text(&root().join(&path));
        let lines = text.lines().count();
        sizes.push(lines);
        assert!(lines <= 800, "{} has {lines} lines, more than 800", path.display());
        let documented = text.lines().any(|line| line.starts_with("//!"));
        assert!(!is_rust || documented, "{} says not what it is for", path.display());
        for word in ["todo!(", "unimplemented!(", "#[ignore", "FIXME"] {
            let quoted = path.ends_with("testkit/tests/tidy.rs");
            assert!(quoted || !text.contains(word), "{}: {word}", path.display());
        }
    }
    sizes.sort_unstable();
    assert!(sizes[sizes.len() / 2] <= 250, "the median file has {} lines", sizes[sizes.len() / 2]);
}

#[test]
fn unsafe_code_is_in_the_loader_alone() {
    for path in tracked_files() {
        if path.extension().is_none_or(|e| e != "rs") || path.starts_with("runtime/loader") {
            continue;
        }
        let text = corpus::text(&root().join(&path));
        let found = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        let itself = path.ends_with("testkit/tests/tidy.rs");
        assert!(itself || !found, "{} has unsafe code", path.display());
    }
}

/// Codes of all stages.
fn codes() -> BTreeSet<&'static str> {
    let stages = [
        filterc_grammar::error::CODES,
        filterc::source::CODES,
        filterc::prove::CODES,
        filterc::lints::CODES,
        filterc::profile::CODES,
        filterc_hir::error::CODES,
        filterc_hir::event::lower::CODES,
        filterc_hir::query::CODES,
        filterc_import::error::CODES,
        filterc_import::fault::CODES,
        filterc_import::ftrace2011::CODES,
        filterc_ir::error::CODES,
        filterc_codegen::cbpf::CODES,
        filterc_codegen::ebpf::CODES,
        filterc_codegen::ebpf::event::CODES,
        filterc::module::CODES,
        filterc::event_module::CODES,
        filterc::evaluate::CODES,
        filterc_cbpf::error::CODES,
        filterc_cbpf::template::CODES,
        filterc_ebpf::error::CODES,
        filterc_loader::CODES,
        filterc_loader::bpf::CODES,
        filterc_loader::live::CODES,
        filterc_monitor::notify::CODES,
        filterc_monitor::ptrace::codes::CODES,
        filterc_object::CODES,
        filterc::emit::CODES,
        filterc_review::audit::CODES,
        filterc_review::graph::CODES,
        &[filterc_review::learn::INCOMPLETE],
        filterc_review::records::CODES,
        filterc_review::stored::CODES,
    ];
    let mut codes = BTreeSet::new();
    for code in stages.into_iter().flatten() {
        assert!(codes.insert(*code), "{code} is used twice");
    }
    codes
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<&str> = filterc::explain::PAGES.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes(), pages);
    for (code, page) in filterc::explain::PAGES {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}: the page lacks its title");
    }
}

#[test]
fn every_code_has_a_corpus_file_or_a_test() {
    let fixtures = corpus::folder("errors");
    let mut shown = BTreeSet::new();
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        shown.extend(name.get(..5).map(str::to_owned));
    }
    for code in codes() {
        // What only the kernel or the environment can cause has no file: a test names it.
        let tested = || {
            let tests = tracked_files();
            let crates = [
                "compiler/driver",
                "compiler/import",
                "compiler/cli/tests/audit.rs",
                "compiler/cli/tests/notify.rs",
                "compiler/review",
                "runtime/loader",
                "compiler/codegen",
                "compiler/ir",
                "compiler/testkit/tests/event_forms.rs",
                "compiler/testkit/tests/pfc.rs",
                "runtime/cbpf",
                "runtime/ebpf",
                "runtime/monitor",
                "runtime/object",
            ];
            tests.iter().filter(|path| crates.iter().any(|c| path.starts_with(c))).any(|path| {
                let text = || corpus::text(&root().join(path));
                let is_test = path.extension().is_some_and(|e| e == "rs")
                    && (path.to_string_lossy().contains("test") || text().contains("#[cfg(test)]"));
                is_test && text().to_uppercase().contains(code)
            })
        };
        assert!(shown.contains(code) || tested(), "{code} has no file under corpus/errors");
    }
}

#[test]
fn paths_in_documents_exist() {
    let mut missing = Vec::new();
    for document in tracked_files() {
        if document.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let text = corpus::text(&root().join(&document));
        for word in text.split('`').skip(1).step_by(2) {
            let looks_like_path = word.contains('/')
                && !word.contains([' ', '*', '<', '{', '$', '(', ':', '~'])
                && !word.starts_with(['/', '-']);
            let here = document.parent().unwrap_or(Path::new("")).join(word);
            if looks_like_path && !root().join(word).exists() && !root().join(here).exists() {
                missing.push(format!("{}: `{word}`", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "documents name what is not there:\n{}", missing.join("\n"));
}
