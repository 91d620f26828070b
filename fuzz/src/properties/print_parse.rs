//! Formatting keeps the tree and the comments, and formatting twice changes nothing.

use arbitrary::{Result, Unstructured};
use filterc_grammar::ast::File;
use filterc_grammar::source::FileId;
use filterc_grammar::{parser, print};

use crate::generate::{policy, soup};

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let text = match u.int_in_range(0..=2)? {
        0 => policy::policy(u)?,
        1 => soup::mutated_policy(u)?,
        _ => soup::words(u)?,
    };
    let Ok(formatted) = print::format(&text) else { return Ok(()) };
    let parse = |text: &str| parser::parse(FileId::default(), text);
    let (before, after) = (parse(&text), parse(&formatted));
    assert!(after.diagnostics.is_empty(), "formatting broke it:\n{formatted}");
    assert_eq!(without_spans(&before.file), without_spans(&after.file), "{text}\n{formatted}");
    let again = print::format(&formatted).expect("formatted text parses");
    assert_eq!(again, formatted, "formatting is not idempotent on\n{text}");
    let printed = print::file(&before.file);
    let reparsed = parse(&printed);
    assert!(reparsed.diagnostics.is_empty(), "printing broke it:\n{printed}");
    assert_eq!(print::file(&reparsed.file), printed, "{text}");
    Ok(())
}

/// The tree as text, less the lines that tell positions.
fn without_spans(file: &File) -> String {
    let text = format!("{file:#?}");
    let mut depth = 0;
    let kept = text.lines().filter(|line| {
        let opens = line.ends_with("Span {");
        if depth > 0 || opens {
            depth += i32::from(line.ends_with('{')) - i32::from(line.trim().starts_with('}'));
            return false;
        }
        true
    });
    kept.collect::<Vec<_>>().join("\n")
}
