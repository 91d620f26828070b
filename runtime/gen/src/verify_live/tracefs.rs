//! Names and C types of arguments as the kernel's own tracer has them.
//!
//! The events are keyed by the name of the kernel function (`sys_newstat`), which is why they
//! are looked up by [`Syscall::entry`]. They say nothing about widths: every field is eight bytes
//! and unsigned there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use filterc_abi::{Status, Syscall};
use filterc_loader::probe::detached;

use crate::error::Error;

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// How many events there are.
    pub(super) events: usize,
    /// How many are as the tables say.
    pub(super) agree: usize,
    /// Differences that were reviewed, with the reason.
    pub(super) allowed: Vec<String>,
    /// Other differences.
    pub(super) differ: Vec<String>,
    /// Implemented calls of the tables without an event.
    pub(super) untraced: Vec<&'static str>,
}

/// Compares the x86_64 table with the running kernel. `allowed` is the reviewed list:
/// `call, arguments as the event has them, reason`. The inner error is why it cannot be done.
pub(super) fn compare(allowed: &str) -> Result<Result<Comparison, String>, Error> {
    if filterc_abi::host().map(|abi| abi.name) != Some("x86_64") {
        return Ok(Err("this machine is not an x86_64".to_owned()));
    }
    match events() {
        Ok(events) => Ok(Ok(judge(&events, &reviewed(allowed)?))),
        Err(reason) => Ok(Err(reason)),
    }
}

/// The arguments of each event, `type name`, keyed by function.
type Events = BTreeMap<String, Vec<String>>;

fn events() -> Result<Events, String> {
    for place in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
        let folder = Path::new(place).join("events/syscalls");
        if folder.is_dir() {
            return read(&folder);
        }
    }
    // Not mounted: an instance that no other process sees.
    let root = detached(c"tracefs").map_err(|error| format!("tracefs is not mounted: {error}"))?;
    read(&PathBuf::from(format!("/proc/self/fd/{}/events/syscalls", root.as_raw_fd())))
}

fn read(folder: &Path) -> Result<Events, String> {
    let say = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut events = Events::new();
    for entry in fs::read_dir(folder).map_err(say)? {
        let entry = entry.map_err(say)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix("sys_enter_")) else {
            continue;
        };
        let format = fs::read_to_string(entry.path().join("format")).map_err(say)?;
        events.insert(format!("sys_{name}"), fields(&format));
    }
    Ok(events)
}

/// The arguments in the text of a `format` file.
fn fields(format: &str) -> Vec<String> {
    let declarations = format.lines().filter_map(|line| {
        let (declaration, _) = line.trim().strip_prefix("field:")?.split_once(';')?;
        Some(declaration)
    });
    let own = |declaration: &&str| {
        let name = declaration.rsplit(' ').next().unwrap_or("");
        // What every event has, and the texts behind pointers that newer kernels add.
        !name.starts_with("common_")
            && name != "__syscall_nr"
            && !declaration.starts_with("__data_loc")
    };
    declarations.filter(own).map(plain).collect()
}

/// `const char __user * name` as the tables write it.
fn plain(declaration: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in declaration.split_whitespace().filter(|word| *word != "__user") {
        let more = ["int", "long", "short", "char"].contains(&word);
        if words.last() == Some(&"unsigned") && !more {
            words.push("int");
        }
        words.push(word);
    }
    // `**` is two pointers in either spelling.
    words.join(" ").replace("* *", "**")
}

fn table(call: &Syscall) -> Vec<String> {
    call.args.iter().map(|arg| plain(&format!("{} {}", arg.ctype, arg.name))).collect()
}

struct Reviewed<'a> {
    call: &'a str,
    arguments: &'a str,
    reason: &'a str,
}

fn reviewed(text: &str) -> Result<Vec<Reviewed<'_>>, Error> {
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [call, arguments, reason] => Ok(Reviewed { call, arguments, reason }),
        _ => Err(Error::Failed(format!("tracefs.tsv: three columns were expected: {line}"))),
    })
    .collect()
}

fn judge(events: &Events, reviewed: &[Reviewed<'_>]) -> Comparison {
    let mut comparison = Comparison { events: events.len(), ..Comparison::default() };
    let mut met = BTreeSet::new();
    let calls = filterc_abi::x86_64().syscalls();
    for call in calls.iter().filter(|call| call.status == Status::Implemented) {
        let Some(event) = events.get(call.entry) else {
            comparison.untraced.push(call.name);
            continue;
        };
        met.insert(call.entry);
        let table = table(call);
        if *event == table {
            comparison.agree += 1;
            continue;
        }
        let (event, table) = (event.join(", "), table.join(", "));
        match reviewed.iter().find(|row| row.call == call.name && row.arguments == event) {
            Some(row) => comparison.allowed.push(format!("{}: {}", call.name, row.reason)),
            None => {
                let line = format!("{}: the event has ({event}), the table ({table})", call.name);
                comparison.differ.push(line);
            }
        }
    }
    for name in events.keys().filter(|name| !met.contains(name.as_str())) {
        match reviewed.iter().find(|row| row.call == name) {
            Some(row) => comparison.allowed.push(format!("{name}: {}", row.reason)),
            None => {
                comparison.differ.push(format!("{name}: no call of the table has this function"))
            }
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]

    use super::*;

    const FORMAT: &str = "name: sys_enter_openat\nID: 782\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
        \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\
        \tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:const char __user * filename;\toffset:24;\tsize:8;\tsigned:0;\n\
        \tfield:__data_loc char[] __filename_val;\toffset:48;\tsize:4;\tsigned:0;\n\n\
        print fmt: \"dfd: 0x%08lx\", ((unsigned long)(REC->dfd))\n";

    #[test]
    fn fields_of_a_format() {
        assert_eq!(fields(FORMAT), ["int dfd", "const char * filename"]);
        assert_eq!(plain("unsigned nsops"), "unsigned int nsops");
        assert_eq!(plain("unsigned long * * x"), "unsigned long ** x");
    }

    #[test]
    fn differences_are_found_unless_reviewed() {
        let arguments = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
        let events = Events::from([
            ("sys_close".to_owned(), arguments("unsigned int fd")),
            ("sys_dup".to_owned(), arguments("int fildes")),
            ("sys_newuname".to_owned(), arguments("struct old * name")),
            ("sys_nosuch".to_owned(), Vec::new()),
        ]);
        let list = "# comment\nuname\tstruct old * name\tolder\n";
        let found = judge(&events, &reviewed(list).unwrap());
        assert_eq!((found.events, found.agree), (4, 1));
        assert_eq!(found.allowed, ["uname: older"]);
        let [dup, nosuch] = <[String; 2]>::try_from(found.differ).unwrap();
        assert!(
            dup.starts_with("dup: the event has (int fildes), the table (unsigned int"),
            "{dup}"
        );
        assert!(nosuch.starts_with("sys_nosuch: no call"), "{nosuch}");
        assert!(found.untraced.contains(&"read"));
        assert!(reviewed("a\tb").is_err());
    }
}
