//! What form a text has: by what stands in it; its name decides where that is not enough.

use std::path::Path;

use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use serde_json::Value;

use crate::foreign::format::Format;

/// Ends of names and what they can be.
const NAMES: &[(&str, &[Format])] = &[
    (".flt", &[Format::Flt]),
    (".json", &[Format::Oci, Format::Kubernetes, Format::Seccompiler]),
    (".yaml", &[Format::Kubernetes]),
    (".yml", &[Format::Kubernetes]),
    (".kafel", &[Format::Kafel]),
    (".policy", &[Format::Minijail, Format::Kafel]),
    (".service", &[Format::Systemd]),
    (".socket", &[Format::Systemd]),
    (".seccomp", &[Format::Lxc]),
    (".txt", &[Format::Bionic]),
    (".rules", &[Format::Ftrace2011]),
];

/// What a text can be: one, none, or several that its name does not decide between.
pub(crate) fn detect(path: &Path, text: &str) -> Vec<Format> {
    let found = by_content(text);
    if found.len() < 2 {
        return found;
    }
    let name = path.to_string_lossy().to_ascii_lowercase();
    let hint = NAMES.iter().find(|(end, _)| name.ends_with(end)).map_or(&[][..], |(_, it)| it);
    let meant: Vec<Format> = found.iter().copied().filter(|it| hint.contains(it)).collect();
    if meant.is_empty() { found } else { meant }
}

fn by_content(text: &str) -> Vec<Format> {
    if let Some(found) = of_json(text) {
        return found.into_iter().collect();
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (format, is_it) in [
        (Format::Kubernetes, is_resource as fn(&[&str]) -> bool),
        (Format::Systemd, is_unit),
        (Format::Lxc, is_lxc),
        (Format::Bionic, is_list),
        (Format::Kafel, is_kafel),
        (Format::Minijail, is_minijail),
        (Format::Ftrace2011, is_rules),
    ] {
        if is_it(&lines) {
            found.push(format);
        }
    }
    let parsed = parser::parse(FileId(0), text);
    if parsed.diagnostics.is_empty() && !parsed.file.statements.is_empty() {
        found.push(Format::Flt);
    }
    found.sort();
    found
}

/// What a JSON object is; `None` for what is no JSON object.
fn of_json(text: &str) -> Option<Option<Format>> {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return None };
    if members.contains_key("defaultAction") || members.contains_key("ociVersion") {
        return Some(Some(Format::Oci));
    }
    if members.get("kind").and_then(Value::as_str) == Some(filterc_import::kubernetes::KIND) {
        return Some(Some(Format::Kubernetes));
    }
    let is_filter = |value: &Value| value.as_object().is_some_and(|it| it.contains_key("filter"));
    let filters = !members.is_empty() && members.values().all(is_filter);
    Some(filters.then_some(Format::Seccompiler))
}

fn is_resource(lines: &[&str]) -> bool {
    let value = |line: &&str| {
        line.strip_prefix("kind:").map(|it| it.trim().trim_matches(['"', '\'']).to_owned())
    };
    lines.iter().filter_map(value).any(|kind| kind == filterc_import::kubernetes::KIND)
}

fn is_unit(lines: &[&str]) -> bool {
    const SETTINGS: &[&str] =
        &["SystemCallFilter", "SystemCallErrorNumber", "SystemCallArchitectures", "SystemCallLog"];
    lines
        .iter()
        .any(|line| line.split_once('=').is_some_and(|(it, _)| SETTINGS.contains(&it.trim())))
}

fn is_lxc(lines: &[&str]) -> bool {
    const STYLES: &[&str] = &["allowlist", "denylist", "whitelist", "blacklist"];
    match lines {
        [version, style, ..] => {
            matches!(version.trim(), "1" | "2")
                && style.split_whitespace().next().is_some_and(|it| STYLES.contains(&it))
        }
        _ => false,
    }
}

/// Lines without comments, joined where a `\` says so, that are not empty.
fn logical(lines: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut joined = false;
    for line in lines {
        let content = line.split('#').next().unwrap_or_default().trim_end();
        let (content, continues) =
            content.strip_suffix('\\').map_or((content, false), |content| (content, true));
        match found.last_mut().filter(|_| joined) {
            Some(last) => last.push_str(content),
            None => found.push(content.to_owned()),
        }
        joined = continues;
    }
    found.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn is_list(lines: &[&str]) -> bool {
    let arches = ["all", "lp32", "lp64", "arm", "arm64", "riscv64", "x86", "x86_64"];
    let lines = logical(lines);
    let is_line = |line: &String| {
        line.rsplit_once(')').is_some_and(|(call, on)| {
            let mut on = on.split([',', ' ', '\t']).filter(|it| !it.is_empty()).peekable();
            call.contains('(') && on.peek().is_some() && on.all(|it| arches.contains(&it))
        })
    };
    !lines.is_empty() && lines.iter().all(is_line)
}

fn is_kafel(lines: &[&str]) -> bool {
    const ACTIONS: &[&str] = &[
        "ALLOW",
        "LOG",
        "KILL",
        "KILL_THREAD",
        "KILL_PROCESS",
        "DENY",
        "ERRNO",
        "TRAP",
        "TRACE",
        "USER_NOTIF",
    ];
    let text: Vec<&str> =
        lines.iter().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let text = text.join("\n");
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|it| !it.is_empty())
        .collect();
    let has = |word: &str| words.contains(&word);
    let acts = ACTIONS.iter().any(|action| has(action));
    let braces = text.contains('{');
    (has("POLICY") && braces) || (has("DEFAULT") && acts) || (acts && braces)
}

/// The parts of rules `CALL: WHAT`, and directives; `None` if a line is neither.
fn rules(lines: &[&str]) -> Option<Vec<(String, String)>> {
    let lines = logical(lines);
    let mut rules = Vec::new();
    for line in &lines {
        if line.starts_with('@') {
            rules.push((line.clone(), String::new()));
            continue;
        }
        let (call, what) = line.split_once(':')?;
        let is_call = |c: char| c.is_ascii_alphanumeric() || "_-{}[]=,@; \t".contains(c);
        if !call.chars().all(is_call) || what.trim().is_empty() {
            return None;
        }
        rules.push((call.trim().to_owned(), what.trim().to_owned()));
    }
    (!rules.is_empty()).then_some(rules)
}

fn is_minijail(lines: &[&str]) -> bool {
    const BEGINS: &[&str] =
        &["1", "allow", "arg", "kill", "log", "return", "trace", "trap", "user-notify", "{"];
    let Some(rules) = rules(lines) else { return false };
    rules.iter().all(|(call, what)| {
        (call.starts_with('@') || BEGINS.iter().any(|begin| what.starts_with(begin)))
            && !call.starts_with("sys_")
    })
}

fn is_rules(lines: &[&str]) -> bool {
    let Some(rules) = rules(lines) else { return false };
    rules.iter().all(|(call, what)| {
        let name = !call.is_empty() && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // Arguments have names there, which are of this form for prctl alone.
        let numbered = |at: u8| what.contains(&format!("arg{at}"));
        let minijails = what.contains(" in ")
            || what.contains("return")
            || (!call.ends_with("prctl") && (0..6).any(numbered));
        name && !minijails && (what == "1" || what.contains(['=', '<', '>', '&', '~']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<Format> {
        detect(Path::new(name), text)
    }

    #[test]
    fn texts_are_what_stands_in_them() {
        for (text, format) in [
            ("allow read\n", Format::Flt),
            ("# what it is\narch x86_64\ndefault kill\n", Format::Flt),
            ("{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }", Format::Oci),
            ("{ \"ociVersion\": \"1.0\", \"linux\": {} }", Format::Oci),
            ("{ \"vmm\": { \"filter\": [] } }", Format::Seccompiler),
            ("{ \"kind\": \"SeccompProfile\", \"spec\": {} }", Format::Kubernetes),
            ("---\nkind: SeccompProfile\nspec: {}\n", Format::Kubernetes),
            ("[Service]\nSystemCallFilter=@system-service\n", Format::Systemd),
            ("2\ndenylist\nmount errno 1\n", Format::Lxc),
            ("read(int, void*, size_t)  all\n", Format::Bionic),
            ("POLICY a { ALLOW { read } } USE a DEFAULT KILL\n", Format::Kafel),
            ("ERRNO(1) { ptrace } DEFAULT ALLOW", Format::Kafel),
            ("read: 1\nmmap: arg2 in ~PROT_EXEC || \\\n arg2 == 1\n", Format::Minijail),
            ("@denylist\nbpf: return EPERM\n", Format::Minijail),
            ("sys_read: fd == 0\nsys_exit: 1\n", Format::Ftrace2011),
        ] {
            assert_eq!(found("-", text), [format], "{text}");
        }
    }

    #[test]
    fn a_name_decides_where_the_text_does_not() {
        let text = "read: 1\nwrite: 1\n";
        assert_eq!(found("-", text), [Format::Minijail, Format::Ftrace2011]);
        assert_eq!(found("a.policy", text), [Format::Minijail]);
        assert_eq!(found("a.rules", text), [Format::Ftrace2011]);
        assert!(found("a.json", "{ \"x\": 1 }").is_empty());
        assert!(found("-", "").is_empty() && found("-", "what is this?").is_empty());
    }
}
