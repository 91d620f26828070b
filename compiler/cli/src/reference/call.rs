//! A system call: numbers, arguments, the constants that they take, and what a filter sees.

use filterc_abi::{self as tables, Abi, Alias, Arg, ArgKind, Status, Syscall};
use serde_json::{Map, Value, json};

use super::page::{Page, commas};
use super::sight::{self, Carrier, registers};
use super::{View, group, grouped, names, since, values};

/// The call on the ABIs that have it.
fn on(name: &str, view: &View) -> Vec<On> {
    view.abis.iter().filter_map(|abi| Some((*abi, abi.syscall(name)?))).collect()
}

/// A number as the ABI's own documentation writes it.
pub(crate) fn nr(number: u32) -> String {
    if number < 0x1_0000 { number.to_string() } else { format!("{number:#x}") }
}

/// One call.
pub(crate) fn text(name: &str, alias: Option<&Alias>, view: &View, page: &mut Page) {
    let here = on(name, view);
    let abis: Vec<&'static Abi> = here.iter().map(|(abi, _)| *abi).collect();
    page.title(name, &alias.map(|a| format!("{} ({})", a.name, a.note)).unwrap_or_default());
    relations(name, &here, page);
    if !here.is_empty() {
        numbers(&here, &abis, page);
    }
    let mut variants = variants(&here);
    let is_shown = |members: &[On]| members.iter().any(|(abi, _)| abi.name == view.abi.name);
    variants.sort_by_key(|members| (!is_shown(members), std::cmp::Reverse(members.len())));
    for members in &variants {
        arguments(members, &abis, page);
    }
    constants(name, view, &here, page);
    let calls: Vec<_> = here.iter().map(|(_, call)| *call).collect();
    sight::text(name, &calls, view, page);
}

/// What else has to do with the call.
fn relations(name: &str, here: &[On], page: &mut Page) {
    let groups = group::of_call(name);
    if !groups.is_empty() {
        page.entry("groups", &commas(groups).join(" "));
    }
    if !here.is_empty() {
        page.entry("since", &ages(here));
    }
    let aliases: Vec<String> = tables::aliases()
        .iter()
        .filter(|alias| alias.call == name)
        .map(|alias| format!("{} ({})", alias.name, alias.note))
        .collect();
    if !aliases.is_empty() {
        page.entry("also called", &commas(aliases).join(" "));
    }
    for family in tables::families().iter().filter(|family| family.calls.contains(&name)) {
        let others = family.calls.iter().filter(|call| **call != name);
        let others = commas(others.map(|call| (*call).to_owned())).join(" ");
        let others = if others.is_empty() { String::new() } else { format!("{others}: ") };
        page.entry("much like", &format!("{others}{}", family.about));
        if !family.others.is_empty() {
            let others = family.others.iter().map(|call| (*call).to_owned());
            page.entry("reached by", &commas(others).join(" "));
        }
    }
}

/// First versions: the most common one, then the exceptions.
fn ages(here: &[On]) -> String {
    let mut ages = grouped(here.iter().map(|(abi, call)| (call.since, *abi)));
    ages.sort_by_key(|(version, abis)| (version.is_none(), std::cmp::Reverse(abis.len())));
    let mut parts = Vec::new();
    for (i, (version, abis)) in ages.iter().enumerate() {
        let on: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
        let version = since(*version);
        parts.push(if i == 0 { version } else { format!("{version} on {}", on.join(" ")) });
    }
    parts.join("; ")
}

fn numbers(here: &[On], all: &[&'static Abi], page: &mut Page) {
    page.heading("numbers");
    let key = |call: &Syscall| (call.nr, call.status);
    let mut rows = grouped(here.iter().map(|(abi, call)| (key(call), *abi)));
    rows.sort_by_key(|((number, _), _)| *number);
    let row = |((number, status), abis): &((u32, Status), Vec<&'static Abi>)| {
        let status = match status {
            Status::Implemented => "",
            Status::Unimplemented => ": not implemented, always ENOSYS",
            Status::Private => ": handled before the table",
        };
        vec![format!("{:>6}", nr(*number)), format!("{}{status}", names(abis, all))]
    };
    page.table(0, &rows.iter().map(row).collect::<Vec<_>>());
}

/// A call on an ABI.
type On = (&'static Abi, &'static Syscall);

/// The ABIs whose arguments a reader takes for the same.
fn variants(here: &[On]) -> Vec<Vec<On>> {
    let mut variants: Vec<Vec<On>> = Vec::new();
    for on in here {
        let found = variants
            .iter_mut()
            .find(|members| members.first().is_some_and(|first| is_same(*first, *on)));
        match found {
            Some(members) => members.push(*on),
            None => variants.push(vec![*on]),
        }
    }
    variants
}

/// Whether the arguments are the same but for the words of their C types, and as wide as a
/// register where those differ.
fn is_same((abi, call): On, (other_abi, other): On) -> bool {
    let is_whole = |abi: &Abi, arg: &Arg| arg.width == abi.register && arg.declared == arg.width;
    let is_same = |(one, two): (&Arg, &Arg)| {
        let ([name, _, ty, kind, registers], other) = (cells(abi, one), cells(other_abi, two));
        let whole = is_whole(abi, one) && is_whole(other_abi, two) && one.signed == two.signed;
        let [other_name, _, other_ty, other_kind, other_registers] = other;
        (name, kind, registers) == (other_name, other_kind, other_registers)
            && (ty == other_ty || whole)
    };
    let is_missing = |call: &Syscall| call.status == Status::Unimplemented;
    is_missing(call) == is_missing(other)
        && call.args.len() == other.args.len()
        && call.args.iter().zip(other.args).all(is_same)
}

/// The name of an argument, its C type, how it is compared, its kind, where it is.
fn cells(abi: &Abi, arg: &Arg) -> [String; 5] {
    let is_address = arg.kind == ArgKind::Pointer && [abi.word, abi.register].contains(&arg.width);
    let sign = if arg.signed { 's' } else { 'u' };
    let ty = if is_address { "address".to_owned() } else { format!("{sign}{}", arg.width) };
    let kind = if is_address { "pointer" } else { arg.kind.name() };
    [arg.name.to_owned(), arg.ctype.to_owned(), ty, kind.to_owned(), registers(arg.regs)]
}

fn arguments(members: &[On], all: &[&'static Abi], page: &mut Page) {
    let Some((_, call)) = members.first() else { return };
    if call.status == Status::Unimplemented {
        return;
    }
    let abis: Vec<&'static Abi> = members.iter().map(|(abi, _)| *abi).collect();
    let what = if call.args.is_empty() { "no arguments" } else { "arguments" };
    page.heading(&format!("{what} on {}", names(&abis, all)));
    // What differs stands side by side, narrow before wide.
    let row = |position: usize| {
        let here = members.iter().filter_map(|(abi, call)| Some((abi, call.args.get(position)?)));
        let here: Vec<[String; 5]> = here.map(|(abi, arg)| cells(abi, arg)).collect();
        let column = |cell: fn(&[String; 5]) -> &String| {
            let mut texts: Vec<&str> = here.iter().map(|cells| cell(cells).as_str()).collect();
            texts.sort_unstable();
            texts.dedup();
            texts.join("/")
        };
        let columns: [fn(&[String; 5]) -> &String; 5] =
            [|[c, ..]| c, |[_, c, ..]| c, |[_, _, c, ..]| c, |[.., c, _]| c, |[.., c]| c];
        columns.map(column).to_vec()
    };
    page.table(2, &(0..call.args.len()).map(row).collect::<Vec<_>>());
}

/// The constants that arguments take, on one ABI.
fn constants(name: &str, view: &View, here: &[On], page: &mut Page) {
    let own = here.iter().find(|(abi, _)| abi.name == view.abi.name).or(here.first());
    let Some((abi, call)) = own else { return };
    let view = View { abi, ..view.clone() };
    let width = call.args.iter().map(|arg| arg.name.len()).max().unwrap_or_default();
    let mut is_first = true;
    let mut heading = |page: &mut Page| {
        if std::mem::take(&mut is_first) {
            page.heading(&format!("constants on {}", abi.name));
        }
    };
    for arg in call.args {
        if let Some(set) = arg.set.and_then(tables::set).filter(|set| !set.is_empty()) {
            heading(page);
            values::text(set, (arg.name, width), style(arg), &view, page);
        }
        for row in tables::dependents(name, arg.name) {
            heading(page);
            let values = row.values.join(" or ");
            let condition = format!("if {} is {values}", row.on);
            page.beside(2, arg.name, width, condition.split(' '));
            if let Some(set) = tables::set(row.set) {
                values::text(set, ("", width), style(arg), &view, page);
            }
        }
    }
}

/// How the values of an argument are best read.
fn style(arg: &Arg) -> values::Style {
    let is_mode = arg.kind == ArgKind::Mode || arg.ctype.ends_with("mode_t");
    if is_mode { values::Style::Octal } else { values::Style::Bits }
}

/// One call.
pub(crate) fn json(name: &str, alias: Option<&Alias>, view: &View) -> Value {
    let mut abis = Map::new();
    for (abi, call) in on(name, view) {
        abis.insert(abi.name.to_owned(), variant(call));
    }
    let carriers = sight::carriers(name, view).into_iter().map(|(by, abis)| {
        let abis: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
        let Carrier { multiplexer, mask, value } = by;
        json!({ "multiplexer": multiplexer, "mask": mask, "value": value, "abis": abis })
    });
    let memory = sight::in_memory(name, view).into_iter().map(
        |row| json!({ "arg": row.arg, "abis": row.abis, "fields": row.fields, "note": row.note }),
    );
    let families = tables::families().iter().filter(|family| family.calls.contains(&name));
    let aliases = tables::aliases().iter().filter(|alias| alias.call == name);
    json!({
        "kind": "call",
        "name": name,
        "alias": alias.map(|alias| alias.name),
        "groups": group::of_call(name),
        "aliases": aliases.map(|alias| alias.name).collect::<Vec<_>>(),
        "families": families
            .map(|f| json!({ "about": f.about, "calls": f.calls, "others": f.others }))
            .collect::<Vec<_>>(),
        "abis": abis,
        "multiplexed": carriers.collect::<Vec<_>>(),
        "in_memory": memory.collect::<Vec<_>>(),
        "constants": { "abi": view.abi.name, "args": sets(name, view) },
    })
}

fn variant(call: &Syscall) -> Value {
    let arg = |arg: &Arg| {
        let registers = match arg.regs {
            tables::Regs::One(reg) => json!([reg]),
            tables::Regs::Pair { lo, hi } => json!([lo, hi]),
            tables::Regs::Invisible => json!([]),
        };
        json!({
            "name": arg.name,
            "type": arg.ctype,
            "declared": arg.declared,
            "width": arg.width,
            "signed": arg.signed,
            "kind": arg.kind.name(),
            "registers": registers,
            "set": arg.set,
        })
    };
    json!({
        "nr": call.nr,
        "entry": call.entry,
        "status": call.status.name(),
        "since": call.since.map(|version| version.to_string()),
        "args": call.args.iter().map(arg).collect::<Vec<_>>(),
    })
}

/// The constants of each argument on the ABI that is shown.
fn sets(name: &str, view: &View) -> Map<String, Value> {
    let mut sets = Map::new();
    let Some(call) = view.abi.syscall(name) else { return sets };
    for arg in call.args {
        let depends: Vec<Value> = tables::dependents(name, arg.name)
            .map(
                |row| json!({ "on": row.on, "is": row.values, "set": values::json(row.set, view) }),
            )
            .collect();
        if arg.set.is_some() || !depends.is_empty() {
            let own = arg.set.map(|set| values::json(set, view));
            sets.insert(arg.name.to_owned(), json!({ "set": own, "depends": depends }));
        }
    }
    sets
}
