//! Every code of this stage has its page, and a policy that produces it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod read;

use std::fs;
use std::path::{Path, PathBuf};

use filterc_grammar::diagnostic::Severity;
use filterc_hir::error::CODES;
use read::{checked, lines};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixtures(code: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("corpus/errors")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(code))
        .filter(|path| path.extension().is_some_and(|extension| extension == "flt"))
        .collect()
}

#[test]
fn codes_are_sorted() {
    assert!(CODES.is_sorted_by(|a, b| a < b));
    let own = ["F02", "F03", "F090", "F091"];
    assert!(CODES.iter().all(|code| own.iter().any(|prefix| code.starts_with(prefix))));
}

#[test]
fn every_code_has_a_policy_that_produces_it() {
    for code in CODES {
        let fixtures = fixtures(code);
        assert!(!fixtures.is_empty(), "{code}");
        for path in fixtures {
            let text = fs::read_to_string(&path).unwrap();
            let checked = checked(&text);
            let found: Vec<_> = checked.diagnostics.iter().map(|d| d.code.0).collect();
            assert!(found.contains(code), "{}: {found:?}", path.display());
            let fatal = checked.diagnostics.iter().any(|d| d.severity == Severity::Error);
            assert_eq!(checked.policy.is_none(), fatal, "{}", path.display());
            for diagnostic in &checked.diagnostics {
                let said = lines(&text, diagnostic);
                assert!(said.iter().all(|line| !line.is_empty()), "{said:?}");
                assert!(!diagnostic.message.ends_with('.'), "{said:?}");
            }
        }
    }
}

#[test]
fn every_code_has_a_page() {
    for code in CODES {
        let page = root().join(format!("compiler/driver/codes/{code}.md"));
        let text = fs::read_to_string(&page).unwrap();
        assert!(text.starts_with(&format!("# {code}: ")), "{}", page.display());
    }
}

#[test]
fn pages_show_policies_that_produce_their_code() {
    for code in CODES {
        let page = root().join(format!("compiler/driver/codes/{code}.md"));
        let text = fs::read_to_string(page).unwrap();
        let Some((_, example)) = text.split_once("```flt\n") else { continue };
        let example = example.split_once("```").unwrap().0;
        let found = checked(example).diagnostics;
        assert!(found.iter().any(|d| d.code.0 == *code), "{code}");
    }
}
