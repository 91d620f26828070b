//! `filterc doc openat`

use clap::Args;
use serde_json::{Value, json};

use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::reference::page::Page;
use crate::reference::subject::{self, Subject};
use crate::reference::word::Unknown;
use crate::reference::{View, abi, call, constant, group};

/// Arguments of `doc`.
#[derive(Args, Debug)]
pub(crate) struct DocArgs {
    /// Calls, numbers (with --arch), groups such as @basic-io, constants or ABIs
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// ABIs to show; constants have the values of the first. By default all, and this machine's
    #[arg(long, value_delimiter = ',', value_name = "ABI")]
    arch: Vec<String>,

    /// Show long lists of constants whole
    #[arg(long)]
    all: bool,

    /// Write one JSON object a name
    #[arg(long)]
    json: bool,
}

/// Prints what is known of each name; fails if one names nothing.
pub(crate) fn run(args: &DocArgs, console: &Console) -> Result<(), Failure> {
    let asked =
        args.arch.iter().map(|name| input::abi_named(name)).collect::<Result<Vec<_>, _>>()?;
    let view = View::new(&asked, args.all);
    let mut page = Page::new(console.is_bold());
    let mut lines = String::new();
    let mut failed = Vec::new();
    for word in &args.names {
        if asked.is_empty() && word.starts_with(|c: char| c.is_ascii_digit()) {
            let text = format!("{word}: which ABI's number? Name it with --arch");
            return Err(Failure::Environment(text));
        }
        match subject::find(word, &view) {
            Ok(subjects) => subjects.iter().for_each(|subject| {
                if args.json {
                    lines.push_str(&format!("{}\n", as_json(subject, &view)));
                } else {
                    as_text(subject, &view, &mut page);
                }
            }),
            Err(unknown) => failed.push(why(word, &unknown)),
        }
    }
    let text = if args.json { lines } else { page.finish() };
    stdout(text.as_bytes())?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::No(failed.join("\n"))) }
}

/// Why a word names nothing.
pub(crate) fn why(word: &str, unknown: &Unknown) -> String {
    match unknown {
        Unknown::Form(text) => format!("`{word}`: {text}"),
        Unknown::Number(nr) => format!("no call has the number {nr} there"),
        Unknown::Name(near) => {
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            let guess = match near.split_last() {
                None => String::new(),
                Some((one, [])) => format!("; did you mean {one}?"),
                Some((last, first)) => format!("; did you mean {} or {last}?", first.join(", ")),
            };
            let groups = match word.strip_prefix('@') {
                Some(_) if near.is_empty() => "; `filterc list --groups` shows the groups",
                Some(_) | None => "",
            };
            format!("nothing is called `{word}`{guess}{groups}")
        }
    }
}

fn as_text(subject: &Subject, view: &View, page: &mut Page) {
    match subject {
        Subject::Call(name, alias) => call::text(name, *alias, view, page),
        Subject::Group(calls) => group::text(*calls, view, page),
        Subject::Constant(name) => constant::text(name, view, page),
        Subject::Abi(abi) => abi::text(abi, page),
        Subject::NoTables(name, reason) => {
            page.title(name, "an ABI of the kernel, without tables here");
            page.entry("because", reason);
        }
    }
}

fn as_json(subject: &Subject, view: &View) -> Value {
    match subject {
        Subject::Call(name, alias) => call::json(name, *alias, view),
        Subject::Group(calls) => group::json(*calls, view),
        Subject::Constant(name) => constant::json(name, view),
        Subject::Abi(abi) => abi::json(abi),
        Subject::NoTables(name, reason) => {
            json!({ "kind": "abi", "name": name, "without_tables": reason })
        }
    }
}
