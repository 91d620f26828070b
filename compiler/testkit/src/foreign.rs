//! Policies of other tools made at random: of few calls and few numbers, so that rules meet. Most are
//! well-formed; what their tools refuse is among them.

use crate::rng::Rng;

const CALLS: &[&str] = &[
    "read",
    "write",
    "openat",
    "mmap",
    "lseek",
    "fchmod",
    "ioctl",
    "kill",
    "socket",
    "bind",
    "getpid",
    "exit_group",
    "prctl",
    "clone",
    "no_such_call",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "10",
    "0x5401",
    "0xffff",
    "0x10000",
    "0x7fffffff",
    "0x80000000",
    "0xffffffff",
    "0x100000000",
    "0xffffffff00000000",
    "0xffffffffffffff9c",
    "0xffffffffffffffff",
];

fn pick<'t>(rng: &mut Rng, list: &[&'t str]) -> &'t str {
    rng.pick(list).copied().unwrap_or_default()
}

/// Some of something, `most` at most and one at least, with a text between.
fn some(rng: &mut Rng, most: usize, between: &str, one: impl Fn(&mut Rng) -> String) -> String {
    let all: Vec<String> = (0..=rng.below(most)).map(|_| one(rng)).collect();
    all.join(between)
}

/// A call that most ABIs have, seldom another.
fn call(rng: &mut Rng) -> &'static str {
    let known = CALLS.len() - usize::from(rng.below(40) > 0);
    pick(rng, CALLS.get(..known).unwrap_or(CALLS))
}

/// A policy of minijail.
#[must_use]
pub fn minijail(rng: &mut Rng) -> String {
    let value = |rng: &mut Rng| {
        let names = ["PROT_EXEC", "AF_UNIX", "O_CREAT", "PR_SET_NAME"];
        some(rng, 2, "|", |rng| {
            let not = if rng.below(4) == 0 { "~" } else { "" };
            let word = if rng.below(4) == 0 { pick(rng, &names) } else { pick(rng, NUMBERS) };
            format!("{not}{word}")
        })
    };
    let atom = |rng: &mut Rng| {
        let op = pick(rng, &["==", "!=", "<", "<=", ">", ">=", "&", "in"]);
        format!("arg{} {op} {}", rng.below(4), value(rng))
    };
    let condition = |rng: &mut Rng| some(rng, 3, " || ", |rng| some(rng, 2, " && ", atom));
    let action = |rng: &mut Rng| {
        pick(rng, &["1", "allow", "kill", "trap", "trace", "log", "return EPERM", "return 38"])
            .to_owned()
    };
    let mut lines = String::new();
    let mut free: Vec<&str> = CALLS.iter().copied().filter(|it| *it != "no_such_call").collect();
    for _ in 0..=rng.below(8) {
        let name = free.swap_remove(rng.below(free.len()));
        let filter = match rng.below(4) {
            0 => action(rng),
            1 => format!("{{ {}, {} }}", some(rng, 2, ", ", condition), action(rng)),
            _ => condition(rng),
        };
        lines.push_str(&format!("{name}: {filter}\n"));
    }
    if rng.below(3) == 0 {
        lines.push_str("@default trap\n");
    }
    lines
}

/// A policy of kafel.
#[must_use]
pub fn kafel(rng: &mut Rng) -> String {
    fn formula(rng: &mut Rng, depth: usize) -> String {
        let argument = |rng: &mut Rng| pick(rng, &["a", "b", "c"]).to_owned();
        let number = |rng: &mut Rng| pick(rng, NUMBERS).to_owned();
        match rng.below(if depth == 0 { 3 } else { 7 }) {
            0 => {
                let op = pick(rng, &["==", "!=", "<", "<=", ">", ">="]);
                format!("({} & {}) {op} {}", argument(rng), number(rng), number(rng))
            }
            1 => {
                let op = pick(rng, &["==", "!="]);
                format!("{} {op} {} | {}", argument(rng), number(rng), number(rng))
            }
            2 => {
                let op = pick(rng, &["==", "!=", "<", "<=", ">", ">="]);
                if rng.below(4) == 0 {
                    format!("{} {op} {}", number(rng), argument(rng))
                } else {
                    format!("{} {op} {}", argument(rng), number(rng))
                }
            }
            3 => format!("!({})", formula(rng, depth - 1)),
            4 => format!("({} || {})", formula(rng, depth - 1), formula(rng, depth - 1)),
            5 => format!("({} && {})", formula(rng, depth - 1), formula(rng, depth - 1)),
            _ => format!("({}, {})", formula(rng, depth - 1), formula(rng, depth - 1)),
        }
    }
    let item = |rng: &mut Rng| match rng.below(4) {
        0 => call(rng).to_owned(),
        1 => format!("SYSCALL[{}] (a, b, c) {{ {} }}", rng.below(1100), formula(rng, 1)),
        _ => format!("{}(a, b, c) {{ {} }}", call(rng), formula(rng, 3)),
    };
    let block = |rng: &mut Rng| {
        let actions = ["ALLOW", "LOG", "KILL", "KILL_PROCESS", "ERRNO(1)", "TRAP(3)", "TRACE(9)"];
        format!("  {} {{ {} }}", pick(rng, &actions), some(rng, 4, ", ", item))
    };
    let body = some(rng, 4, ",\n", block);
    let default = pick(rng, &["ALLOW", "KILL", "ERRNO(38)"]);
    format!("POLICY a {{\n{body}\n}}\nUSE a DEFAULT {default}\n")
}

/// A filter of seccompiler, `main`.
#[must_use]
pub fn seccompiler(rng: &mut Rng) -> String {
    let decimal = |rng: &mut Rng, most: u64| {
        let text = pick(rng, NUMBERS);
        let digits = text.strip_prefix("0x");
        let value = digits.map_or_else(|| text.parse().ok(), |it| u64::from_str_radix(it, 16).ok());
        value.unwrap_or_default() & most
    };
    let condition = |rng: &mut Rng| {
        let (kind, most) =
            if rng.below(2) == 0 { ("dword", 0xffff_ffff) } else { ("qword", u64::MAX) };
        let op = match rng.below(7) {
            6 => format!("{{ \"masked_eq\": {} }}", decimal(rng, u64::MAX)),
            at => format!("\"{}\"", ["eq", "ne", "lt", "le", "gt", "ge"].get(at).unwrap_or(&"eq")),
        };
        let (index, value) = (rng.below(4), decimal(rng, most));
        format!(r#"{{ "index": {index}, "type": "{kind}", "op": {op}, "val": {value} }}"#)
    };
    let rule = |rng: &mut Rng| {
        let name = call(rng);
        // A call has rules of one kind, mostly.
        if name.len().is_multiple_of(2) && rng.below(20) > 0 {
            return format!("    {{ \"syscall\": \"{name}\" }}");
        }
        format!("    {{ \"syscall\": \"{name}\", \"args\": [{}] }}", some(rng, 3, ", ", condition))
    };
    let default = pick(rng, &["\"trap\"", "\"kill_process\"", "{ \"errno\": 1 }", "\"log\""]);
    let rules = some(rng, 8, ",\n", rule);
    format!(
        "{{ \"main\": {{ \"mismatch_action\": {default}, \"match_action\": \"allow\", \"filter\": [\n{rules}\n] }} }}\n"
    )
}

/// A policy of LXC.
#[must_use]
pub fn lxc(rng: &mut Rng) -> String {
    let deny = rng.below(2) == 0;
    let mut text = format!("2\n{}\n", if deny { "denylist" } else { "allowlist" });
    for _ in 0..=rng.below(10) {
        if rng.below(4) == 0 {
            text.push_str(pick(
                rng,
                &["[all]\n", "[x86_64]\n", "[x86]\n", "[arm64]\n", "# a comment\n"],
            ));
        }
        let action = pick(rng, &["", " errno 1", " errno 38", " trap"]);
        let mut indices = [0, 1, 2, 3];
        indices.rotate_left(rng.below(4));
        let mut conditions = String::new();
        for index in indices.iter().take(rng.below(5).saturating_sub(2)) {
            let (op, value) =
                (pick(rng, &["==", "!=", "<", "<=", ">", ">=", "&="]), pick(rng, NUMBERS));
            let mask = if op == "&=" { format!(",{}", pick(rng, NUMBERS)) } else { String::new() };
            conditions.push_str(&format!("[{index},{value},{op}{mask}]"));
        }
        // A name ends at a space.
        let space = if conditions.is_empty() { "" } else { " " };
        text.push_str(&format!("{}{action}{space}{conditions}\n", call(rng)));
    }
    if rng.below(3) == 0 {
        text.push_str("reject_force_umount\n");
    }
    text
}

/// Settings of a unit of systemd.
#[must_use]
pub fn systemd(rng: &mut Rng) -> String {
    let word = |rng: &mut Rng| {
        let names = ["@basic-io", "@clock", "@mount", "@known", "@network-io"];
        let name = if rng.below(3) == 0 { pick(rng, &names) } else { call(rng) };
        format!("{name}{}", pick(rng, &["", "", "", ":EACCES", ":kill", ":38"]))
    };
    let mut text = String::from("[Service]\n");
    for _ in 0..=rng.below(5) {
        let not = pick(rng, &["", "~"]);
        text.push_str(&format!("SystemCallFilter={not}{}\n", some(rng, 4, " ", word)));
    }
    if rng.below(3) == 0 {
        text.push_str(&format!("SystemCallLog={} {}\n", call(rng), call(rng)));
    }
    text.push_str(pick(
        rng,
        &["", "SystemCallErrorNumber=EPERM\n", "SystemCallErrorNumber=kill\n"],
    ));
    text.push_str(pick(
        rng,
        &["", "SystemCallArchitectures=native\n", "SystemCallArchitectures=x86\n"],
    ));
    text
}
