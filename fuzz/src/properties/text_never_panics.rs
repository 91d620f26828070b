//! Any text as a policy, a program, a call or a profile: no panic, and every error has a place in it.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile, render};
use filterc_grammar::source::{FileId, Span};
use filterc_grammar::{parser, print};
use filterc_testkit::corpus;

use crate::generate::soup;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let text = match u.int_in_range(0..=2)? {
        0 => soup::words(u)?,
        1 => soup::mutated_policy(u)?,
        _ => String::from_utf8_lossy(u.bytes(u.len())?).into_owned(),
    };
    // Nothing is read but the text: an include could name any file of the machine.
    let source = Source::text("fuzz.flt", text.replace("include", "exclude"));
    if let Err(diagnostics) = compile(&source, &corpus::options()) {
        assert!(!diagnostics.list.is_empty(), "a failure without a reason");
        for diagnostic in &diagnostics.list {
            let spans = diagnostic.primary.iter().chain(&diagnostic.secondary);
            for Span { start, end, .. } in spans.map(|label| label.span) {
                let range = start as usize..end as usize;
                assert!(source.contents().get(range).is_some(), "{diagnostic:?}");
            }
        }
        let rendered = render::text(&diagnostics.sources, &diagnostics.list, render::Style::Plain);
        assert!(!rendered.is_empty());
    }
    let _ = print::format(&text);
    let _ = parser::parse_predicate(FileId::default(), &text);
    let _ = parser::parse_constant(FileId::default(), &text);
    let _ = parser::parse_call(FileId::default(), &text);
    let _ = filterc_cbpf::assemble(&text);
    let _ = filterc::Profile::read("fuzz.profile", &text);
    Ok(())
}
