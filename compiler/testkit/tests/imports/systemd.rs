//! A second reading of systemd's settings: for each call, what all lines say of it.

use std::collections::BTreeMap;
use std::path::Path;

use filterc_abi::{self as abi, Abi, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::Target;
use filterc_import::systemd::{Listing, Options, import};
use filterc_testkit::corpus;

use super::{ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, check, corpora, host, known, own};

/// Groups by name: of a listing, or filterc's.
pub(super) type Groups = Option<BTreeMap<String, Vec<String>>>;

fn groups(listing: &str) -> BTreeMap<String, Vec<String>> {
    let (mut groups, mut group) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    for line in listing.lines() {
        if line.starts_with('@') {
            line.trim().clone_into(&mut group);
        } else if !line.starts_with(' ') {
            group.clear();
        } else if !group.is_empty() && !line.trim().starts_with('#') {
            groups.entry(group.clone()).or_default().push(line.trim().to_owned());
        }
    }
    groups
}

fn in_group(groups: &Groups, group: &str, name: &str) -> bool {
    match groups {
        Some(all) => {
            let is =
                |it: &String| it == name || (it.starts_with('@') && in_group(groups, it, name));
            all[group].iter().any(is)
        }
        None if group == "@known" => abi::abis().iter().any(|abi| abi.syscall(name).is_some()),
        None => abi::group(&group[1..]).unwrap().calls.contains(&name),
    }
}

/// What a list says of a name: nothing, or that, perhaps with an errno or `kill`.
fn said(
    lines: &[Vec<String>],
    name: &str,
    groups: &Groups,
    log: bool,
) -> (Option<bool>, Option<String>) {
    let (mut allows, mut found): (Option<bool>, Option<String>) = (None, None);
    for line in lines {
        if line.is_empty() {
            (allows, found) = (None, None);
            continue;
        }
        let inverted = line[0].starts_with('~');
        if allows.is_none() {
            allows = Some(!inverted);
            if !inverted && !log && in_group(groups, "@default", name) {
                found = Some(String::new());
            }
        }
        for word in line {
            let word = word.trim_start_matches('~');
            let (what, errno) = word.split_once(':').unwrap_or((word, ""));
            let here =
                if what.starts_with('@') { in_group(groups, what, name) } else { what == name };
            if here {
                let puts = inverted != allows.unwrap()
                    || (inverted && allows.unwrap() && !errno.is_empty());
                found = puts.then(|| errno.to_owned());
            }
        }
    }
    (allows, found)
}

pub(super) fn decide(text: &str, groups: &Groups, abi: &'static Abi, call: &SeccompData) -> u32 {
    let lines = text.lines().filter(|line| !line.trim().starts_with(['#', ';']));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = |name: &str| -> Vec<Vec<String>> {
        let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.map(|value| value.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let errno = |text: &str| match text {
        "" | "kill" => KILL_PROCESS,
        text => {
            ERRNO
                | text
                    .parse()
                    .unwrap_or_else(|_| u32::try_from(abi.constant(text).unwrap()).unwrap())
        }
    };
    let negative =
        lines("SystemCallErrorNumber").concat().first().map_or(KILL_PROCESS, |it| errno(it));
    let carried: Vec<&str> = abi
        .sub_calls()
        .iter()
        .filter(|sub| {
            known(abi, call).is_some_and(|known| known.name == sub.multiplexer)
                && u64::from(sub.mask) & call.args[0] & 0xffff_ffff == u64::from(sub.value)
        })
        .map(|sub| sub.name)
        .collect();
    let name = known(abi, call).map_or("", |known| known.name);
    let filter = lines("SystemCallFilter");
    let (allows, mut found) = said(&filter, name, groups, false);
    // What a multiplexer carries counts where nothing is said of itself.
    for part in &carried {
        found = found.or_else(|| said(&filter, part, groups, false).1);
    }
    let logs = |name: &str| {
        let log = said(&lines("SystemCallLog"), name, groups, true);
        !name.is_empty() && log.0.is_some_and(|allows| log.1.is_some() == allows)
    };
    let logged = logs(name) || carried.into_iter().any(logs);
    let allows = allows == Some(true);
    let decided = match found.as_deref() {
        Some("") => {
            if allows {
                ALLOW
            } else {
                negative
            }
        }
        Some(word) => errno(word),
        None => {
            if allows {
                negative
            } else {
                ALLOW
            }
        }
    };
    if decided == ALLOW && logged { LOG } else { decided }
}

fn compare(path: &Path, abi: &'static Abi, listing: Option<&str>) {
    let text = corpus::text(path);
    let sets = listing.map(|text| Listing::parse(text).unwrap());
    let groups: Groups = listing.map(groups);
    let options = Options { target: Target::new(abi), sets };
    let imported = import(FileId(0), &text, &options)
        .unwrap_or_else(|list| panic!("{}: {list:#?}", path.display()));
    let decide = |abi, call: &SeccompData| Some(decide(&text, &groups, abi, call));
    check(&path.display().to_string(), &imported, &decide, KILL_THREAD);
}

#[test]
fn units_mean_what_they_say() {
    for path in own("systemd", "service").into_iter().chain(own("systemd", "conf")) {
        for abi in ["x86_64", "aarch64", "s390x"] {
            compare(&path, host(abi), None);
        }
    }
}

#[test]
fn real_units_mean_what_they_say() {
    let listing = corpora("systemd", &["txt"]).first().map(|path| corpus::text(path));
    for path in corpora("systemd", &["lines"]) {
        if corpus::text(&path).contains("SystemCall") {
            compare(&path, host("x86_64"), None);
            compare(&path, host("x86_64"), listing.as_deref());
        }
    }
}
