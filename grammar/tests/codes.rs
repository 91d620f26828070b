//! Each code has a page and a file that produces it, and nothing produces a code unlisted.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use filterc_grammar::error::CODES;
use filterc_grammar::parser;
use filterc_grammar::source::FileId;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn codes(text: &str) -> Vec<&'static str> {
    let parsed = parser::parse(FileId::default(), text);
    parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect()
}

#[test]
fn each_code_has_a_file_that_produces_exactly_it() {
    let mut produced = BTreeSet::new();
    for entry in fs::read_dir(root().join("corpus/errors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".flt") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let found = codes(&text);
        let own = CODES.iter().copied().find(|code| name.starts_with(code));
        // Files of the other stages are correct syntax.
        assert_eq!(found, Vec::from_iter(own), "{name}");
        produced.extend(found);
    }
    assert_eq!(produced.into_iter().collect::<Vec<_>>(), CODES);
}

#[test]
fn each_code_has_a_page_whose_example_produces_it() {
    for code in CODES {
        let page = root().join(format!("compiler/driver/codes/{code}.md"));
        let page = fs::read_to_string(page).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        if let Some((_, example)) = page.split_once("```flt\n") {
            let example = example.split_once("```").unwrap().0;
            assert!(codes(example).contains(code), "{code}: {example}");
        }
    }
}

#[test]
fn the_reference_shows_correct_text() {
    let reference = fs::read_to_string(root().join("grammar/README.md")).unwrap();
    let examples: Vec<_> = reference.split("```flt\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let example = example.split_once("```").unwrap().0;
        assert_eq!(codes(example), [""; 0], "{example}");
    }
}
