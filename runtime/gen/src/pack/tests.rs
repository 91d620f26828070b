//! The committed file is current, and what is read in it is the text of the tables, whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use filterc_abi::{Abi, Arg, Endian, KernelVersion, Regs, SetKind, Status, Syscall};

use super::*;

fn abi_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../abi"))
}

fn files() -> Files {
    Files::read(&abi_folder().join("tables")).unwrap()
}

/// The lines that are rows.
fn rows(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

fn is_same(name: &str, files: &Files, unpacked: &[String]) {
    let text = rows(files.text(name));
    for (unpacked, row) in unpacked.iter().zip(&text) {
        assert_eq!(unpacked, row, "{name}");
    }
    assert_eq!(unpacked.len(), text.len(), "{name}: number of rows");
}

fn version(version: Option<KernelVersion>) -> String {
    version.map_or("-".to_owned(), |version| version.to_string())
}

#[test]
fn the_committed_file_is_current() {
    let args = PackArgs { check: true };
    let report = run(&args, abi_folder()).unwrap_or_else(|error| panic!("{error}"));
    print!("{report}");
}

#[test]
fn abis_are_those_of_the_text() {
    let row = |abi: &Abi| {
        let mark = abi.mark.map_or("-".to_owned(), |mark| {
            format!("{}:{:#x}", if mark.set { "set" } else { "clear" }, mark.bit)
        });
        let endian = if abi.endian == Endian::Big { "big" } else { "little" };
        [
            abi.name,
            abi.audit_arch_name,
            &format!("{:#010x}", abi.audit_arch),
            endian,
            &abi.word.to_string(),
            &abi.register.to_string(),
            &format!("{:#x}", abi.nr_base),
            &mark,
            &version(abi.filters_since),
            abi.clone_order.name(),
            abi.pairs.name(),
            abi.kernel_arch,
        ]
        .join("\t")
    };
    is_same("abis", &files(), &filterc_abi::abis().iter().map(row).collect::<Vec<_>>());
}

fn arg(arg: &Arg) -> String {
    let sign = if arg.signed { 's' } else { 'u' };
    let regs = match arg.regs {
        Regs::One(reg) => reg.to_string(),
        Regs::Pair { lo, hi } => format!("{lo},{hi}"),
        Regs::Invisible => "-".to_owned(),
    };
    let set = arg.set.map(|set| format!(":{set}")).unwrap_or_default();
    let Arg { name, ctype, declared, width, kind, .. } = arg;
    format!("{name}:{ctype}:{declared}:{sign}{width}:{}:{regs}{set}", kind.name())
}

/// A form's argument as the text has it, without what the packed tables do not have: the sign
/// of its declared type, and that of addresses, which are unsigned.
fn written_arg(text: &str) -> String {
    let mut parts: Vec<&str> = text.split(':').collect();
    parts[2] = parts[2].trim_start_matches(['s', 'u', 'p']);
    let ty = parts[3].replace('p', "u");
    parts[3] = &ty;
    parts.join(":")
}

#[test]
fn calls_and_their_arguments_are_those_of_the_text() {
    let files = files();
    let forms: BTreeMap<&str, Vec<String>> = rows(files.text("forms"))
        .into_iter()
        .map(|line| {
            let mut columns = line.split('\t');
            let id = columns.next().unwrap();
            (id, columns.filter(|arg| !arg.is_empty()).map(written_arg).collect())
        })
        .collect();
    for abi in filterc_abi::abis() {
        let name = format!("syscalls/{}", abi.name);
        let text = rows(files.text(&name));
        assert_eq!(abi.syscalls().len(), text.len(), "{name}");
        for (call, row) in abi.syscalls().iter().zip(text) {
            let columns: Vec<&str> = row.split('\t').collect();
            let [nr, call_name, entry, form, status, since] = columns[..] else { panic!("{row}") };
            let Syscall { nr: unpacked, name, entry: unpacked_entry, .. } = call;
            assert_eq!(
                (nr, call_name, entry),
                (unpacked.to_string().as_str(), *name, *unpacked_entry)
            );
            assert_eq!(
                (status, since),
                (call.status.name(), version(call.since).as_str()),
                "{row}"
            );
            let args: Vec<String> = call.args.iter().map(arg).collect();
            let none = Vec::new();
            let written = if form == "-" { &none } else { &forms[form] };
            assert_eq!(&args, written, "{} {row}", abi.name);
            assert!(form != "-" || call.status != Status::Implemented || args.is_empty());
        }
    }
}

#[test]
fn every_form_is_used() {
    let files = files();
    let mut used = std::collections::BTreeSet::new();
    for abi in filterc_abi::abis() {
        let text = files.text(&format!("syscalls/{}", abi.name));
        used.extend(rows(text).into_iter().map(|row| row.split('\t').nth(3).unwrap()));
    }
    for row in rows(files.text("forms")) {
        let id = row.split('\t').next().unwrap();
        assert!(used.contains(id), "{id}");
    }
}

#[test]
fn sub_calls_are_those_of_the_text() {
    let mut lines = Vec::new();
    for abi in filterc_abi::abis() {
        for sub in abi.sub_calls() {
            let (name, by) = (sub.name, sub.multiplexer);
            lines.push(format!("{}\t{name}\t{by}\t{:#x}\t{}", abi.name, sub.mask, sub.value));
        }
    }
    is_same("subcalls", &files(), &lines);
}

#[test]
fn constants_are_those_of_the_text() {
    let files = files();
    let text = rows(files.text("consts"));
    for abi in filterc_abi::abis() {
        let mut names = Vec::new();
        for row in &text {
            let columns: Vec<&str> = row.split('\t').collect();
            let exception = columns[3..].iter().find_map(|column| {
                let (value, on) = column.split_once('=').unwrap();
                on.split(',').any(|name| name == abi.name).then_some(value)
            });
            let written: Option<i128> = match exception.unwrap_or(columns[2]) {
                "-" => None,
                value => Some(value.parse().unwrap()),
            };
            let found = abi.constant_info(columns[0]);
            assert_eq!(found.map(|found| found.value), written, "{} {row}", abi.name);
            let Some(found) = found else { continue };
            names.push(columns[0]);
            let sign = if found.signed { 's' } else { 'u' };
            let width = match columns[1].as_bytes()[1] {
                b'w' => abi.word,
                _ => columns[1][1..].parse().unwrap(),
            };
            assert_eq!((columns[1].starts_with(sign), found.width), (true, width), "{row}");
        }
        assert!(abi.constant_names().eq(names), "{}: the names", abi.name);
    }
}

#[test]
fn sets_are_those_of_the_text() {
    let row = |set: &filterc_abi::Set| {
        let (values, flags) = (set.values().join(" "), set.flags().join(" "));
        assert!(set.kind != SetKind::Flags || values.is_empty(), "{}", set.name);
        let mask = set.mask.unwrap_or("-");
        format!("{}\t{}\t{mask}\t{values}\t{flags}", set.name, set.kind.name())
    };
    is_same("sets", &files(), &filterc_abi::sets().iter().map(row).collect::<Vec<_>>());
}

#[test]
fn lists_are_those_of_the_text() {
    let files = files();
    let mut lines = Vec::new();
    for group in filterc_abi::groups() {
        lines.push(format!("{}\t{}\t{}", group.name, group.about, group.calls.join(" ")));
    }
    is_same("groups", &files, &lines);
    lines.clear();
    for family in filterc_abi::families() {
        let others = if family.others.is_empty() { "-".into() } else { family.others.join(" ") };
        let calls = family.calls.join(" ");
        lines.push(format!("{}\t{}\t{calls}\t{others}", family.name, family.about));
    }
    is_same("families", &files, &lines);
    lines.clear();
    for alias in filterc_abi::aliases() {
        lines.push(format!("{}\t{}\t{}", alias.name, alias.call, alias.note));
    }
    is_same("aliases", &files, &lines);
    lines.clear();
    for row in filterc_abi::all_dependents() {
        let mut line = format!("{}\t{}\t{}\t", row.call, row.arg, row.on);
        write!(line, "{}\t{}", row.values.join(" "), row.set).unwrap();
        lines.push(line);
    }
    is_same("dependents", &files, &lines);
    lines.clear();
    for row in filterc_abi::all_in_memory() {
        let abis = if row.abis.is_empty() { "*".to_owned() } else { row.abis.join(" ") };
        let fields = row.fields.join(" ");
        lines.push(format!("{}\t{abis}\t{}\t{fields}\t{}", row.call, row.arg, row.note));
    }
    is_same("memory", &files, &lines);
}

/// Tables of one ABI in a folder of their own.
fn small_tables(consts: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    fs::create_dir_all(tables.join("syscalls")).unwrap();
    let write = |name: &str, text: &str| fs::write(tables.join(name), text).unwrap();
    for name in ["aliases", "dependents", "families", "groups", "memory", "sets", "subcalls"] {
        write(&format!("{name}.tsv"), "");
    }
    write("MANIFEST", "# a kernel\nkernel\t7.3.4\n");
    write("abis.tsv", "m\tAUDIT_ARCH_M\t0x40000001\tlittle\t64\t64\t0x0\t-\t3.5\tdefault\t-\tm\n");
    write("syscalls/m.tsv", "0\tread\tsys_read\tread/1\tok\t1.0\n7\tclose\tsys_close\t-\tni\t-\n");
    write("forms.tsv", "read/1\tfd:unsigned int:u32:u32:fd:0\n");
    write("consts.tsv", consts);
    folder
}

#[test]
fn writes_once_and_checks() {
    let folder = small_tables("EPERM\ts32\t1\n");
    let pack = |check| run(&PackArgs { check }, folder.path());
    let path = folder.path().join("tables/tables.bin");
    assert!(matches!(pack(true), Err(Error::Failed(_))), "there is no file yet");
    assert!(pack(false).unwrap().contains("bytes"));
    let first = fs::read(&path).unwrap();
    assert!(pack(true).is_ok() && pack(false).is_ok());
    assert_eq!(fs::read(&path).unwrap(), first, "the same tables make the same bytes");
    fs::write(&path, &first[1..]).unwrap();
    assert!(matches!(pack(true), Err(Error::Differs(_))));
}

#[test]
fn says_where_a_row_is_wrong() {
    for (consts, place) in [
        ("EPERM\ts32\n", "consts.tsv:1: no value"),
        ("A\ts32\t1\nEPERM\tx32\t1\n", "consts.tsv:2: C type `x32`"),
        ("EPERM\ts32\tone\n", "consts.tsv:1: value `one`"),
        ("EPERM\ts32\t1\t2=vax\n", "consts.tsv:1: exception `2=vax`"),
        ("EPERM\ts32\t1\t-=m\n", "consts.tsv:1: no value anywhere"),
        ("EPERM\tu64\t18446744073709551616\n", "consts.tsv:1: no value anywhere"),
        ("B\ts32\t1\nA\ts32\t1\n", "consts.tsv: not sorted"),
    ] {
        let folder = small_tables(consts);
        let error = run(&PackArgs { check: false }, folder.path()).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
        assert!(!folder.path().join("tables/tables.bin").exists());
    }
}
