//! A check of the curated sets against the kernel's own tests: where a call refuses bits
//! outside of a mask (`flags & ~(A | B)`), the mask and the set of the argument must agree.
//!
//! It is a check and no source: what the kernel tests is spread over functions, and this
//! sees only the plain cases. What it finds and the sets do not say is resolved there or
//! listed, with the reason, in `curated/masks.tsv`.

pub(crate) mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use filterc_abi::Abi;
use source::{Function, Source, is_word};

use crate::error::Error;
use crate::generate::sets::bindings::bindings;
use crate::generate::sets::lines;

/// Folders of the source whose code is searched; macros also from `include`.
const FOLDERS: [&str; 11] = [
    "block",
    "drivers/char",
    "fs",
    "include/linux",
    "io_uring",
    "ipc",
    "kernel",
    "mm",
    "net",
    "security",
    "arch",
];

/// How far calls of functions are followed.
const DEPTH: u8 = 3;

/// The masks of one argument: `(call, argument)`, and for each mask the names in it.
type Masks = BTreeMap<(String, String), BTreeSet<Vec<String>>>;

/// Finds the masks in the kernel's source. `is_constant` tells the names that are constants.
fn mine(linux: &Path, is_constant: &dyn Fn(&str) -> bool) -> Result<Masks, Error> {
    let mut source = Source::default();
    for folder in FOLDERS {
        source.read(&linux.join(folder))?;
    }
    Ok(masks(&source, is_constant))
}

/// Compares the sets of the tables with the masks of a source, by the values of x86_64.
pub(crate) fn check(linux: &Path, abi_dir: &Path) -> Result<String, Error> {
    let curated = |name: &str| {
        let path = abi_dir.join("curated").join(name);
        std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))
    };
    let bindings = bindings(&curated("bindings.tsv")?).map_err(Error::Failed)?;
    let members = |place: &str| {
        let set = filterc_abi::set(bindings.get(place)?)?;
        Some(set.members().chain(set.mask).map(str::to_owned).collect())
    };
    let value = |name: &str| filterc_abi::x86_64().constant(name);
    check_with(linux, &curated("masks.tsv")?, &members, &value)
}

/// Compares sets with the masks of a source; `listed` is the text of `curated/masks.tsv`.
pub(crate) fn check_with(
    linux: &Path,
    listed: &str,
    members: &dyn Fn(&str) -> Option<BTreeSet<String>>,
    value: &dyn Fn(&str) -> Option<i128>,
) -> Result<String, Error> {
    let mut allowed = BTreeMap::new();
    for (number, columns) in lines(listed) {
        let &[place, reason] = &columns[..] else {
            return Err(Error::Failed(format!("masks.tsv:{number}: not two columns")));
        };
        allowed.insert(place.to_owned(), reason.to_owned());
    }
    let mut masks = mine(linux, &|name| value(name).is_some())?;
    // An entry point that is not called so by any table is reached under another name.
    masks.retain(|(call, arg), _| {
        let has = |abi: &'static Abi| abi.syscall(call).is_some_and(|call| call.arg(arg).is_some());
        filterc_abi::abis().iter().any(has)
    });
    compare(&masks, members, value, &allowed).map_err(Error::Differs)
}

fn masks(source: &Source, is_constant: &dyn Fn(&str) -> bool) -> Masks {
    let mut masks = Masks::new();
    for (call, function) in &source.calls {
        for param in &function.params {
            let mut found = BTreeSet::new();
            in_function(source, function, param, DEPTH, &mut found);
            let resolved = found.iter().filter_map(|mask| {
                let mut names = BTreeSet::new();
                resolve(source, mask, is_constant, DEPTH + 3, &mut names)?;
                Some(names.into_iter().collect())
            });
            let resolved: BTreeSet<Vec<String>> = resolved.collect();
            if !resolved.is_empty() {
                masks.entry((call.clone(), param.clone())).or_default().extend(resolved);
            }
        }
    }
    masks
}

/// The masks that a function tests a parameter against, and those of the functions that
/// it hands the parameter on to.
fn in_function(
    source: &Source,
    function: &Function,
    param: &str,
    depth: u8,
    found: &mut BTreeSet<String>,
) {
    for (at, _) in function.body.match_indices(param) {
        let (before, after) = function.body.split_at(at);
        let after = after.get(param.len()..).unwrap_or("");
        if before.ends_with(|c| is_word(c) || c == '.' || c == '>') || after.starts_with(is_word) {
            continue;
        }
        if let Some(mask) = after.trim_start().strip_prefix("& ~") {
            found.extend(operand(mask));
        }
        if depth == 0 || !after.trim_start().starts_with([',', ')']) {
            continue;
        }
        let Some((name, position)) = callee(before) else { continue };
        let Some(Some(inner)) = source.functions.get(name) else { continue };
        if let Some(param) = inner.params.get(position) {
            in_function(source, inner, param, depth - 1, found);
        }
    }
}

/// The operand at the start of a text: a word, or what stands in parentheses.
fn operand(text: &str) -> Option<String> {
    let text = text.trim_start();
    if !text.starts_with('(') {
        let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
        return text.get(..end).map(str::to_owned);
    }
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(..=at).map(str::to_owned);
        }
    }
    None
}

/// The function whose arguments a text ends in, and the number of whole ones.
fn callee(before: &str) -> Option<(&str, usize)> {
    let mut depth = 0_u32;
    let mut commas = 0;
    for (at, c) in before.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => {
                // An argument by itself, not an operand.
                let last = before.trim_end();
                let name = before.get(..at)?.rsplit(|c| !is_word(c)).next()?;
                return (last.ends_with([',', '(']) && !name.is_empty()).then_some((name, commas));
            }
            '(' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            ';' | '{' | '}' => return None,
            _ => {}
        }
    }
    None
}

/// The constants that a mask is the union of; `None` if it is anything else.
fn resolve(
    source: &Source,
    mask: &str,
    is_constant: &dyn Fn(&str) -> bool,
    depth: u8,
    names: &mut BTreeSet<String>,
) -> Option<()> {
    for part in mask.split('|') {
        let part = part.trim().trim_start_matches('(').trim_end_matches(')').trim();
        if is_constant(part) {
            names.insert(part.to_owned());
        } else if depth > 0 && part.contains('|') {
            resolve(source, part, is_constant, depth - 1, names)?;
        } else {
            let body = source.macros.get(part)?.as_ref().filter(|_| depth > 0)?;
            resolve(source, body, is_constant, depth - 1, names)?;
        }
    }
    Some(())
}

/// Where a mask and the set of an argument disagree, a line each.
///
/// `members` are the names of the set of an argument; `value` is of a constant.
fn compare(
    masks: &Masks,
    members: &dyn Fn(&str) -> Option<BTreeSet<String>>,
    value: &dyn Fn(&str) -> Option<i128>,
    allowed: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut faults = String::new();
    let mut unused: BTreeSet<&str> = allowed.keys().map(String::as_str).collect();
    let mut agree = 0;
    let union = |names: &mut dyn Iterator<Item = &String>| {
        names.filter_map(|name| value(name)).fold(0, |bits, value| bits | value)
    };
    for ((call, arg), masks) in masks {
        let place = format!("{call}.{arg}");
        // Tests of parts come before that of the whole.
        let all: BTreeSet<&String> = masks.iter().flatten().collect();
        let mask = union(&mut all.iter().copied());
        let difference = match members(&place) {
            None => "has no set".to_owned(),
            Some(set) => {
                let set = union(&mut set.iter());
                match (mask & !set, set & !mask) {
                    (0, 0) => {
                        agree += 1;
                        continue;
                    }
                    (missing, more) => format!("set lacks {missing:#x}, has {more:#x} more"),
                }
            }
        };
        if unused.remove(place.as_str()) || allowed.contains_key(&place) {
            continue;
        }
        let _ = writeln!(faults, "{place}: {difference}; the kernel: {all:?}");
    }
    for place in unused {
        let _ = writeln!(faults, "masks.tsv: {place}: set and mask agree, or there is no mask");
    }
    if faults.is_empty() {
        Ok(format!(
            "{agree} of {} masks are those of the sets, the others are listed\n",
            masks.len()
        ))
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#define MASK (A | B)
static int inner(int x, unsigned int how)
{
\treturn how & ~MASK ? -EINVAL : 0;
}
SYSCALL_DEFINE2(one, int, fd, unsigned int, flags)
{
\tif (s->flags & ~C || flags & ~(A | C))
\t\treturn -EINVAL;
\treturn inner(fd, flags);
}
SYSCALL_DEFINE1(two, unsigned int, flags)
{
\tif (flags & ~(A << 1))
\t\treturn inner(1, flags + 1);
}
";

    fn mined() -> Masks {
        let mut source = Source::default();
        source.add(TEXT);
        masks(&source, &|name| ["A", "B", "C"].contains(&name))
    }

    #[test]
    fn masks_are_found_in_the_call_and_in_what_it_calls() {
        let masks = mined();
        let one = &masks[&("one".to_owned(), "flags".to_owned())];
        let names: Vec<String> = one.iter().map(|names| names.join("|")).collect();
        assert_eq!(names, ["A|B", "A|C"]);
        assert_eq!(masks.len(), 1);
    }

    #[test]
    fn a_difference_is_a_fault_unless_it_is_listed() {
        let value = |name: &str| {
            Some(match name {
                "A" => 1,
                "B" => 2,
                "C" => 4,
                _ => 8,
            })
        };
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let none = BTreeMap::new();
        let ok = |_: &str| Some(set(&["A", "B", "C"]));
        assert!(compare(&mined(), &ok, &value, &none).is_ok());
        let other = |_: &str| Some(set(&["A", "B", "D"]));
        let fault = compare(&mined(), &other, &value, &none).unwrap_err();
        assert!(fault.contains("one.flags: set lacks 0x4, has 0x8 more"), "{fault}");
        assert!(compare(&mined(), &|_| None, &value, &none).is_err());
        let listed = BTreeMap::from([("one.flags".to_owned(), "why".to_owned())]);
        assert!(compare(&mined(), &other, &value, &listed).is_ok());
        // What is listed must be needed.
        assert!(compare(&mined(), &ok, &value, &listed).is_err());
    }
}
