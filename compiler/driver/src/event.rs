//! One event filter, given as a text: first as the kernel reads it, then as our language does.
//!
//! What the kernel accepts is its own, to the byte, and means what it means there. What it rejects
//! may have our additions; what neither takes is told with our findings, and with what the kernel
//! would say.

use filterc_grammar::diagnostic::{Diagnostic, Severity};
use filterc_grammar::parser::parse_predicate;
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_hir::event::check::{self, Checked, Context};
use filterc_hir::event::kernel::{self, Accepted, Rejection};
use filterc_hir::event::{Filter, Record, lower};

use crate::diagnostics::Diagnostics;

/// What a text asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// `0`: that the filter be removed.
    Clear,
    /// A filter.
    Filter(Box<EventFilter>),
}

/// A filter that was read.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// The filter.
    pub filter: Filter,
    /// The text, for spans to point into.
    pub sources: SourceMap,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// Whether the kernel ignores an operator at the end.
    pub dangling: bool,
    /// The text, where it is the kernel's own; without what the kernel ignores.
    own: Option<Vec<u8>>,
}

impl EventFilter {
    /// Whether the kernel reads the text as it stands.
    #[must_use]
    pub const fn is_kernels(&self) -> bool {
        self.own.is_some()
    }

    /// The text for the event's `filter` file: the one that was given, if the kernel reads it,
    /// else one that means the same.
    ///
    /// # Errors
    /// F0280 or F0281: the kernel cannot be told.
    pub fn kernel_text(&self) -> Result<Vec<u8>, Diagnostics> {
        if let Some(own) = &self.own {
            return Ok(own.clone());
        }
        lower::kernel_text(&self.filter).map_err(|unsayable| Diagnostics {
            sources: self.sources.clone(),
            list: vec![unsayable.diagnostic()],
        })
    }
}

/// Reads the text of a filter for the event with that record.
///
/// # Errors
/// Everything that is wrong with it, and what the kernel would say.
pub fn read(
    name: &str,
    text: &[u8],
    record: &Record,
    context: &Context<'_>,
) -> Result<Request, Diagnostics> {
    // A text that is no UTF-8 is one of bytes, which the kernel takes for Latin-1.
    let utf8 = std::str::from_utf8(text).ok().map(str::to_owned);
    let is_utf8 = utf8.is_some();
    let shown = utf8.unwrap_or_else(|| text.iter().map(|byte| char::from(*byte)).collect());
    let mut sources = SourceMap::default();
    let file = SourceFile { name: name.to_owned(), text: shown.clone(), included_from: None };
    let file = sources.add(file);
    let kernel = kernel::parse(record, file, text, context.machine);
    let (tree, mut list) = parse_predicate(file, &shown);
    let Checked { result, diagnostics } = check::predicate(record, &tree, context);
    list.extend(diagnostics);
    let is_sound = list.iter().all(|found| found.severity != Severity::Error);
    let language = result.filter(|_| is_sound);
    match kernel {
        Ok(Accepted::Clear) => Ok(Request::Clear),
        Ok(Accepted::Filter { predicate, dangling }) => {
            let filter = Filter { record: record.clone(), predicate };
            let warnings = match language {
                // It sees what is cut, too.
                Some(_) => list,
                None => without_places(check::lints(context.abi, &filter), is_utf8),
            };
            let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            let own = text.get(..dangling.unwrap_or(end)).map(<[u8]>::to_vec);
            let dangling = dangling.is_some();
            Ok(Request::Filter(Box::new(EventFilter { filter, sources, warnings, dangling, own })))
        }
        Err(rejection) => match language.filter(|_| is_utf8) {
            Some(filter) => Ok(Request::Filter(Box::new(EventFilter {
                filter,
                sources,
                warnings: list,
                dangling: false,
                own: None,
            }))),
            None => Err(Diagnostics { sources, list: with_kernel(list, rejection) }),
        },
    }
}

/// The warnings without places that are of other bytes than what is shown.
fn without_places(mut list: Vec<Diagnostic>, is_utf8: bool) -> Vec<Diagnostic> {
    if !is_utf8 {
        for found in &mut list {
            found.primary = None;
        }
    }
    list
}

/// Our findings, and beside the first error what the kernel says.
fn with_kernel(mut list: Vec<Diagnostic>, rejection: Rejection) -> Vec<Diagnostic> {
    let said = format!("the kernel: {rejection}");
    match list.iter_mut().find(|found| found.severity == Severity::Error) {
        Some(first) => first.help.push(said),
        // Only a text that is no UTF-8 comes here: the language has no such text.
        None => list.push(Diagnostic {
            code: filterc_grammar::diagnostic::Code("F0279"),
            severity: Severity::Error,
            message: "a filter with additions to the kernel's language must be UTF-8".to_owned(),
            primary: None,
            secondary: Vec::new(),
            help: vec![said],
        }),
    }
    list
}
