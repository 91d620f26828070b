//! What a person or a tool sees: diagnostics on standard error, results on standard output.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use filterc::output::{write_all_atomically, write_atomically};
use filterc::{Diagnostics, render};
use filterc_abi::{self as abi, Action, SeccompData};
use filterc_cbpf::errno::{errno_name, errno_name_on};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::Reason;
use serde_json::{Value, json};

use crate::options::{ColorChoice, MessageFormat};

/// Why a command did not end with status 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The policy is at fault (status 1).
    Policy(Box<Diagnostics>),
    /// The kernel, or a file, says no, for a reason that has a page (status 1). What is known
    /// besides is for tools.
    Coded { code: &'static str, text: String, details: Value },
    /// The answer is no; the text may be empty where it has been given already (status 1).
    No(String),
    /// Usage, input or output (status 2).
    Environment(String),
}

impl Failure {
    /// Input or output failed on a file.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Environment(format!("{}: {error}", path.display()))
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Policy(Box::new(diagnostics))
    }
}

/// A file and what it is to hold; without a path, standard output.
pub(crate) type Output = (Option<PathBuf>, Vec<u8>);

/// Where messages go and how they look.
#[derive(Debug)]
pub(crate) struct Console {
    style: render::Style,
    bold: bool,
    format: MessageFormat,
}

impl Console {
    pub(crate) fn new(color: ColorChoice, format: MessageFormat) -> Self {
        let wanted = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = || env::var_os("TERM").is_some_and(|term| term == "dumb");
        let coloured = |is_terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !wanted("NO_COLOR") && !dumb() && is_terminal,
        };
        let on_stderr = coloured(io::stderr().is_terminal());
        let style = if on_stderr { render::Style::Coloured } else { render::Style::Plain };
        Self { style, bold: coloured(io::stdout().is_terminal()), format }
    }

    /// Whether results on standard output can have bold headings.
    pub(crate) const fn is_bold(&self) -> bool {
        self.bold
    }

    /// Diagnostics, in the chosen form.
    pub(crate) fn diagnostics(&self, sources: &SourceMap, list: &[Diagnostic]) {
        let text = match self.format {
            MessageFormat::Human => render::text(sources, list, self.style),
            MessageFormat::Json => render::json(sources, list),
        };
        stderr(&text);
    }

    /// Something worth knowing about a result that was given nevertheless.
    pub(crate) fn note(&self, text: &str) {
        match self.format {
            MessageFormat::Human => stderr(&format!("note: {text}\n")),
            MessageFormat::Json => {
                let object = json!({ "severity": "note", "message": text });
                stderr(&format!("{object}\n"));
            }
        }
    }

    /// A text for people that was asked for, beside the result.
    pub(crate) fn plain(&self, text: &str) {
        stderr(text);
    }

    /// Why a command failed.
    pub(crate) fn report(&self, failure: &Failure) {
        match failure {
            Failure::Policy(diagnostics) => {
                self.diagnostics(&diagnostics.sources, &diagnostics.list);
            }
            Failure::Coded { code, text, details } => match self.format {
                MessageFormat::Human => stderr(&format!("error[{code}]: {text}\n")),
                MessageFormat::Json => {
                    let mut object = json!({ "severity": "error", "code": code, "message": text });
                    if let (Some(object), Value::Object(details)) =
                        (object.as_object_mut(), details)
                    {
                        object.extend(details.clone());
                    }
                    stderr(&format!("{object}\n"));
                }
            },
            Failure::No(text) if text.is_empty() => (),
            Failure::No(text) | Failure::Environment(text) => match self.format {
                MessageFormat::Human => stderr(&format!("filterc: {text}\n")),
                MessageFormat::Json => {
                    let object = json!({ "severity": "error", "message": text });
                    stderr(&format!("{object}\n"));
                }
            },
        }
    }
}

/// If standard error is gone there is nobody to tell; the exit status still says it.
fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a result to standard output. A reader that has gone away (`| head`) is no failure.
pub(crate) fn stdout(contents: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(contents).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io(Path::new("standard output"), &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a result to a file, atomically, or to standard output for `-` or none.
pub(crate) fn write_output(path: Option<&Path>, contents: &[u8]) -> Result<(), Failure> {
    match path {
        None => stdout(contents),
        Some(path) if path == Path::new("-") => stdout(contents),
        Some(path) => write_atomically(path, contents).map_err(|error| Failure::io(path, &error)),
    }
}

/// Writes several results: of those that are files, all or none.
pub(crate) fn write_outputs(outputs: Vec<Output>) -> Result<(), Failure> {
    let mut files = Vec::with_capacity(outputs.len());
    for (path, contents) in outputs {
        match path {
            Some(path) => files.push((path, contents)),
            None => stdout(&contents)?,
        }
    }
    write_all_atomically(&files).map_err(|(path, error)| Failure::io(&path, &error))
}

/// Refuses to send bytes to a terminal, as they would garble it.
pub(crate) fn refuse_terminal(path: Option<&Path>) -> Result<(), Failure> {
    let to_stdout = path.is_none_or(|path| path == Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        let text = "the program is binary; name a file with -o, or choose a text form with --emit";
        return Err(Failure::Environment(text.to_owned()));
    }
    Ok(())
}

/// An action as a policy writes it, its errno by the name that it has for the caller.
pub(crate) fn action(action: Action, call: &SeccompData) -> String {
    match action {
        Action::Errno(errno) => match errno_of(errno, call) {
            Some(name) => format!("errno({name})"),
            None => action.to_string(),
        },
        Action::Allow
        | Action::Log
        | Action::Notify
        | Action::Trace(_)
        | Action::Trap(_)
        | Action::KillThread
        | Action::KillProcess => action.to_string(),
    }
}

/// What decides, in words.
pub(crate) fn reason(reason: Reason) -> String {
    match reason {
        Reason::Rule(rule) => format!("by rule {}", rule.0 + 1),
        Reason::Default => "by the default".to_owned(),
        Reason::Unknown => "as for any call newer than the policy".to_owned(),
        Reason::Foreign => "as for any call of an ABI that is not listed".to_owned(),
    }
}

/// The name of an error number on the ABI of a call; where that is not known, the generic one.
fn errno_of(errno: u16, call: &SeccompData) -> Option<&'static str> {
    match abi::abi_of_call(call.arch, call.nr.cast_unsigned()) {
        Some(abi) => errno_name_on(abi, errno),
        None => errno_name(errno),
    }
}
