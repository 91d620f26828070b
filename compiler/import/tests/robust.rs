//! Nothing that a file may hold makes an import panic, and what it tells has a place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use filterc_abi as abi;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::FileId;
use filterc_grammar::{parser, print};
use filterc_import::oci::{self, Options};
use filterc_testkit::corpus;
use filterc_testkit::rng::Rng;

/// Imports for two machines; the errors of one.
fn import(text: &str) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for host in ["x86_64", "mips"] {
        match oci::import(FileId(0), text, &Options::new(abi::abi(host).unwrap())) {
            Ok(imported) => {
                let policy = imported.document.to_text();
                let parsed = parser::parse(FileId(0), &policy);
                assert!(parsed.diagnostics.is_empty(), "{text}\n{policy}");
                assert_eq!(print::format(&policy).as_ref(), Ok(&policy), "{text}");
            }
            Err(list) => {
                assert!(!list.is_empty(), "{text}");
                for diagnostic in &list {
                    let span = diagnostic.primary.as_ref().unwrap().span;
                    let place = text.get(span.start as usize..span.end as usize);
                    assert!(place.is_some(), "{diagnostic:?}\n{text}");
                }
                errors = list;
            }
        }
    }
    errors
}

/// Things that turn up in profiles, and some that do not.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e9",
    "18446744073709551616",
    "0.5",
    "\"\"",
    "\"read\"",
    "\"syscalls\"",
    "\"names\"",
    "\"args\"",
    "\"\\ud800\"",
    "\"\u{202e}\"",
    "\"SCMP_ACT_ALLOW\"",
    "\"SCMP_CMP_MASKED_EQ\"",
    "\"comment\"",
    "\"minKernel\"",
    "\"caps\"",
];

#[test]
fn mutilated_profiles_are_told() {
    let mut rng = Rng::new(7);
    let mut texts: Vec<String> =
        corpus::files("import/oci", "json").iter().map(|path| corpus::text(path)).collect();
    texts.extend(corpus::files("errors", "json").iter().map(|path| corpus::text(path)));
    for text in &texts {
        import(text);
        for _ in 0..150 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=rng.below(3) {
                let at = rng.below(bytes.len());
                let until = (at + rng.below(12)).min(bytes.len());
                let piece = rng.pick(PIECES).unwrap().bytes();
                bytes.splice(at..until, piece);
            }
            import(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn deep_and_long_texts_end() {
    import(&"[".repeat(1 << 20));
    import(&format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)));
    import(&format!("{{\"defaultAction\": {}1{} }}", "[".repeat(90), "]".repeat(90)));
    import(&" ".repeat((16 << 20) + 1));
    let entry = r#"{ "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
        { "index": 0, "value": VALUE, "op": "SCMP_CMP_EQ" }] }"#;
    let profile = |count: usize| {
        let entries: Vec<String> =
            (0..count).map(|value| entry.replace("VALUE", &value.to_string())).collect();
        format!(r#"{{ "defaultAction": "SCMP_ACT_KILL", "syscalls": [{}] }}"#, entries.join(","))
    };
    assert!(import(&profile(4096)).is_empty());
    // F0715: the only code without a file of its own, which would be a long one.
    assert_eq!(import(&profile(4097))[0].code.0, "F0715");
}
