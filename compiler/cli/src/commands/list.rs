//! `filterc list @basic-io --arch x86_64,i386`

use clap::Args;
use filterc_abi::{Abi, KernelVersion, Status};
use serde_json::{Map, Value, json};

use super::doc;
use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::reference::group::{self, Calls};
use crate::reference::page::Page;
use crate::reference::word::version;
use crate::reference::{View, call};

/// Arguments of `list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only the calls of this group, such as @basic-io, @known or '@since(6.6)'
    #[arg(value_name = "@GROUP")]
    group: Option<String>,

    /// Show the numbers on these ABIs, and only calls that one of them has; a number in
    /// parentheses is not implemented
    #[arg(long, value_delimiter = ',', value_name = "ABI")]
    arch: Vec<String>,

    /// Only calls that came with this kernel or a later one
    #[arg(long, value_parser = version, value_name = "VERSION")]
    since: Option<KernelVersion>,

    /// List the groups that need no definition
    #[arg(long, conflicts_with_all = ["group", "since"])]
    groups: bool,

    /// Write one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, _: &Console) -> Result<(), Failure> {
    let asked =
        args.arch.iter().map(|name| input::abi_named(name)).collect::<Result<Vec<_>, _>>()?;
    let view = View::new(&asked, true);
    if args.groups {
        return stdout(groups(&view, args.json).as_bytes());
    }
    let calls = match &args.group {
        None => Calls::All,
        Some(written) => Calls::find(written.strip_prefix('@').unwrap_or(written))
            .map_err(|unknown| Failure::No(doc::why(written, &unknown)))?,
    };
    let is_new = |name: &&&'static str| {
        args.since.is_none_or(|since| came_with(name, &view.abis).is_some_and(|v| v >= since))
    };
    let names = calls.names(&view.abis);
    let names: Vec<&'static str> = names.iter().filter(is_new).copied().collect();
    let text = if args.json {
        names.iter().map(|name| format!("{}\n", as_json(name, &view))).collect()
    } else if asked.is_empty() {
        names.iter().map(|name| format!("{name}\n")).collect()
    } else {
        table(&names, &asked)
    };
    stdout(text.as_bytes())
}

/// The first kernel that had a call on any of the ABIs; `None`: all known ones had.
fn came_with(name: &str, abis: &[&'static Abi]) -> Option<KernelVersion> {
    let versions = abis.iter().filter_map(|abi| abi.syscall(name)).map(|call| call.since);
    versions.min().flatten()
}

/// Names and numbers, a column for each ABI as they were asked for.
fn table(names: &[&'static str], abis: &[&'static Abi]) -> String {
    let mut rows = vec![vec![String::new()]];
    if let Some(head) = rows.first_mut() {
        head.extend(abis.iter().map(|abi| abi.name.to_owned()));
    }
    for name in names {
        let number = |abi: &&'static Abi| match abi.syscall(name) {
            None => "-".to_owned(),
            Some(of) if of.status == Status::Unimplemented => format!("({})", call::nr(of.nr)),
            Some(of) => call::nr(of.nr),
        };
        rows.push([(*name).to_owned()].into_iter().chain(abis.iter().map(number)).collect());
    }
    let mut page = Page::new(false);
    page.numbers(&rows);
    page.finish()
}

fn as_json(name: &str, view: &View) -> Value {
    let mut abis = Map::new();
    for abi in &view.abis {
        let Some(call) = abi.syscall(name) else { continue };
        let since = call.since.map(|version| version.to_string());
        let object = json!({ "nr": call.nr, "status": call.status.name(), "since": since });
        abis.insert(abi.name.to_owned(), object);
    }
    json!({ "name": name, "groups": group::of_call(name), "abis": abis })
}

fn groups(view: &View, as_json: bool) -> String {
    let all = group::all(view);
    if as_json {
        let object = |(name, count, about): &(String, Option<usize>, &str)| {
            format!("{}\n", json!({ "name": name, "calls": count, "about": about }))
        };
        return all.iter().map(object).collect();
    }
    let mut page = Page::new(false);
    let row = |(name, count, about): &(String, Option<usize>, &str)| {
        let count = count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        vec![name.clone(), format!("{count:>4}"), (*about).to_owned()]
    };
    page.table(0, &all.iter().map(row).collect::<Vec<_>>());
    page.finish()
}
