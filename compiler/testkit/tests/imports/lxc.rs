//! A second reading of LXC's policies.

use std::path::Path;

use filterc_abi::{Abi, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::lxc::import;
use filterc_import::{Target, Width};
use filterc_testkit::corpus;

use super::{ALLOW, ERRNO, KILL_THREAD, NOTIFY, TRAP, WIDTHS, bits, check, corpora, holds, host};
use super::{known, own};

fn action(words: &[&str], otherwise: u32) -> u32 {
    match words.first().copied() {
        Some("kill") => KILL_THREAD,
        Some("allow") => ALLOW,
        Some("trap") => TRAP,
        Some("notify") => NOTIFY,
        Some("errno") => ERRNO | words[1].parse::<u32>().unwrap(),
        _ => otherwise,
    }
}

/// Whether a rule without conditions, or with, is on a call, and what it says.
fn rule(line: &str, abi: &'static Abi, call: &SeccompData, width: Width) -> Option<bool> {
    let known = known(abi, call);
    let name = line.split([' ', '[']).next().unwrap();
    // A multiplexer is called for what it carries.
    let carried = abi.sub_calls().iter().any(|sub| {
        let selects = u64::from(sub.mask) & call.args[0] & 0xffff_ffff == u64::from(sub.value);
        sub.name == name && known.is_some_and(|known| known.name == sub.multiplexer) && selects
    });
    if name == "reject_force_umount" {
        return known.filter(|it| it.name == "umount2").map(|_| call.args[1] & 1 != 0);
    }
    if !carried && known.is_none_or(|known| known.name != name) {
        return None;
    }
    Some(line.split('[').skip(1).all(|condition| {
        let inner = condition.split(']').next().unwrap();
        let parts: Vec<&str> = inner.split(',').collect();
        let number = |text: &str| {
            text.strip_prefix("0x")
                .map_or_else(|| text.parse().unwrap(), |it| u64::from_str_radix(it, 16).unwrap())
        };
        let (index, value) = (number(parts[0]) as usize, number(parts[1]));
        let is = call.args[index];
        match parts[2] {
            "&=" | "SCMP_CMP_MASKED_EQ" => {
                let mask = number(parts[3]);
                let seen = bits(abi, known, index, "mask", (mask, value), width);
                is & mask & seen == value & mask & seen
            }
            op => {
                let op = if op == "SCMP_CMP_GT" { ">" } else { op };
                let seen = bits(abi, known, index, op, (value, 0), width);
                holds(op, is & seen, value & seen)
            }
        }
    }))
}

pub(super) fn decide(text: &str, abi: &'static Abi, call: &SeccompData, width: Width) -> u32 {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let version = lines.next().unwrap();
    let style: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let deny = style[0] == "denylist";
    let default = action(&style[1..], if deny { ALLOW } else { KILL_THREAD });
    if version == "1" {
        let listed = lines.any(|line| line.parse() == Ok(call.nr));
        return if listed { ALLOW } else { default };
    }
    let mut section = String::from("all");
    let mut found = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').replace("x86_64", "X").replace("x86", "i386");
            section = section.replace('X', "x86_64").replace("arm64", "aarch64");
            continue;
        }
        if section != "all" && section != abi.name {
            continue;
        }
        let Some(met) = rule(line, abi, call, width) else { continue };
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let said = action(&words, if deny { KILL_THREAD } else { ALLOW });
        let said = if line.starts_with("reject_force_umount") { ERRNO | 13 } else { said };
        let whole = !line.contains('[') && !line.starts_with("reject_force_umount");
        found.push((whole, met, said));
    }
    let whole = found.iter().find(|(whole, ..)| *whole);
    let met = whole.or_else(|| found.iter().find(|(_, met, _)| *met));
    met.map_or(default, |(.., said)| *said)
}

fn compare(path: &Path, abi: &'static Abi) {
    let text = corpus::text(path);
    for width in WIDTHS {
        let target = Target { width, ..Target::new(abi) };
        let imported = import(FileId(0), &text, &target)
            .unwrap_or_else(|list| panic!("{}: {list:#?}", path.display()));
        let decide = |abi, call: &SeccompData| Some(decide(&text, abi, call, width));
        check(&path.display().to_string(), &imported, &decide, KILL_THREAD);
    }
}

#[test]
fn policies_mean_what_they_say() {
    for path in own("lxc", "conf") {
        for abi in ["x86_64", "aarch64", "ppc64", "riscv64"] {
            compare(&path, host(abi));
        }
    }
}

#[test]
fn real_policies_mean_what_they_say() {
    for path in corpora("lxc", &["seccomp", "conf"]) {
        compare(&path, host("x86_64"));
        compare(&path, host("aarch64"));
    }
}
