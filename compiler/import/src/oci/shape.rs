//! From JSON to a [`Profile`]. Nothing is decided here but whether the text is of that shape.

use filterc_abi::KernelVersion;
use filterc_cbpf::errno;
use filterc_grammar::source::Span;

use crate::arguments::conditions::{Condition, Op};
use crate::error::Kind;
use crate::json::node::{Node, Value};
use crate::json::reader::{Members, Reader};
use crate::oci::arches;
use crate::oci::profile::{Architectures, Entry, Errno, Filter, Profile, Verdict, VerdictKind};

const TOP: &[&str] = &[
    "architectures",
    "archMap",
    "defaultAction",
    "defaultErrno",
    "defaultErrnoRet",
    "flags",
    "listenerMetadata",
    "listenerPath",
    "syscalls",
];
const ENTRY: &[&str] =
    &["action", "args", "comment", "errno", "errnoRet", "excludes", "includes", "name", "names"];
const CONDITION: &[&str] = &["index", "op", "value", "valueTwo"];
const FILTER: &[&str] = &["arches", "caps", "minKernel"];
const MAP: &[&str] = &["architecture", "subArchitectures"];
const FLAGS: &[&str] = &[
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// Entries of a profile: more is a mistake, and each is compared with the others.
const MOST_ENTRIES: usize = 4096;

/// Largest errno that is written: container runtimes take 15 bits.
const MAX_ERRNO_RET: u64 = 32767;

/// Reads a profile: a bare one, or the `linux.seccomp` of a container's `config.json`.
pub(crate) fn read(root: &Node<'_>, reader: &mut Reader) -> Option<Profile> {
    let node = nested(root).unwrap_or_else(|| root.clone());
    let mut members = reader.object(&node, TOP)?;
    let default =
        verdict(&mut members, ("defaultAction", "defaultErrno", "defaultErrnoRet"), reader);
    let architectures = architectures(&mut members, reader);
    let mut for_the_loader = Vec::new();
    if let Some(flags) = members.take("flags") {
        for (flag, span) in reader.texts(&flags).unwrap_or_default() {
            if !FLAGS.contains(&flag.as_str()) {
                reader.error(&flags.path, span, &Kind::UnknownFlag(flag.clone()));
            }
            for_the_loader.push(flag);
        }
    }
    for name in ["listenerPath", "listenerMetadata"] {
        for_the_loader.extend(members.take(name).map(|_| name.to_owned()));
    }
    let entries = match members.take("syscalls") {
        Some(list) => {
            let entries = reader.list(&list)?;
            if entries.len() > MOST_ENTRIES {
                reader.at(&list, &Kind::TooMany(MOST_ENTRIES));
                return None;
            }
            entries
        }
        None => Vec::new(),
    };
    let entries = entries.iter().filter_map(|node| entry(node, reader)).collect();
    Some(Profile { default: default?, architectures: architectures?, entries, for_the_loader })
}

/// `linux.seccomp` of a container's configuration.
fn nested<'t>(root: &Node<'t>) -> Option<Node<'t>> {
    let member = |node: &Node<'t>, name: &str| match node.value() {
        Ok(Value::Object(members)) => {
            members.into_iter().find(|(other, _)| other == name).map(|(_, node)| node)
        }
        Ok(_) | Err(_) => None,
    };
    member(root, "ociVersion")?;
    member(&member(root, "linux")?, "seccomp")
}

fn architectures(members: &mut Members<'_>, reader: &mut Reader) -> Option<Architectures> {
    let list = members.take("architectures");
    let map = members.take("archMap");
    let list = list.map(|node| Some((reader.texts(&node)?, node)));
    let map = map.map(|node| Some((arch_map(&node, reader)?, node)));
    match (list, map) {
        (None, None) => Some(Architectures::List(Vec::new())),
        (Some(list), None) => Some(Architectures::List(list?.0)),
        (None, Some(map)) => Some(Architectures::Map(map?.0)),
        (Some(list), Some(map)) => {
            let (list, _) = list?;
            let (map, node) = map?;
            // An empty one says nothing.
            if map.is_empty() {
                return Some(Architectures::List(list));
            }
            if !list.is_empty() {
                let what = "`archMap` and `architectures` both say which ABIs are meant";
                reader.at(&node, &Kind::SaidTwice(what.to_owned()));
            }
            Some(Architectures::Map(map))
        }
    }
}

type ArchMap = Vec<(String, Vec<(String, Span)>)>;

fn arch_map(node: &Node<'_>, reader: &mut Reader) -> Option<ArchMap> {
    let mut rows = Vec::new();
    for node in reader.list(node)? {
        let Some(mut members) = reader.object(&node, MAP) else { continue };
        let host = members.need("architecture", reader).and_then(|node| reader.text(&node));
        let others = members.take("subArchitectures");
        let others = others.and_then(|node| reader.texts(&node)).unwrap_or_default();
        rows.extend(host.map(|host| (host, others)));
    }
    Some(rows)
}

/// An action and the errno beside it, by the names of the members: Podman's profiles have
/// both a name and a number.
fn verdict(
    members: &mut Members<'_>,
    (action, name, number): (&'static str, &str, &str),
    reader: &mut Reader,
) -> Option<Verdict> {
    let action = members.need(action, reader);
    let name = members.take(name).map(|node| errno_name(&node, reader));
    let number = members.take(number).map(|node| Some((errno_number(&node, reader)?, node)));
    let action = action?;
    let text = reader.text(&action)?;
    let Some(kind) = VerdictKind::named(&text) else {
        reader.at(&action, &Kind::UnknownAction(text));
        return None;
    };
    let errno = match (name, number) {
        (None, None) => None,
        (Some(name), None) => Some(Errno::Name(name?)),
        (None, Some(number)) => Some(Errno::Number(number?.0)),
        (Some(name), Some(number)) => {
            let name = name?;
            let (number, node) = number?;
            // The number is the one of most ABIs.
            if errno::errno_number(&name) != Some(number) {
                let what = format!("the number {number} is not that of `{name}`");
                reader.at(&node, &Kind::SaidTwice(what));
            }
            Some(Errno::Name(name))
        }
    };
    Some(Verdict { kind, errno, path: action.path, span: action.span })
}

fn errno_name(node: &Node<'_>, reader: &mut Reader) -> Option<String> {
    let name = reader.text(node)?;
    let known = name.starts_with('E')
        && filterc_abi::abis().iter().any(|abi| abi.constant(&name).is_some());
    if !known {
        reader.at(node, &Kind::BadErrno(name));
        return None;
    }
    Some(name)
}

fn errno_number(node: &Node<'_>, reader: &mut Reader) -> Option<u16> {
    let number = reader.number(node)?;
    let errno = u16::try_from(number).ok().filter(|_| number <= MAX_ERRNO_RET);
    if errno.is_none() {
        reader.at(node, &Kind::BadErrno(number.to_string()));
    }
    errno
}

fn entry(node: &Node<'_>, reader: &mut Reader) -> Option<Entry> {
    let mut members = reader.object(node, ENTRY)?;
    let names = names(&mut members, node, reader);
    let verdict = verdict(&mut members, ("action", "errno", "errnoRet"), reader);
    let conditions = match members.take("args") {
        Some(list) => {
            let items = reader.list(&list)?;
            let read: Vec<_> = items.iter().map(|node| condition(node, reader)).collect();
            read.into_iter().collect()
        }
        None => Some(Vec::new()),
    };
    let mut filter = |name| match members.take(name) {
        Some(node) => filter(&node, reader),
        None => Some(Filter::default()),
    };
    let (includes, excludes) = (filter("includes"), filter("excludes"));
    let comment = members.take("comment").and_then(|node| reader.text(&node));
    Some(Entry {
        path: node.path.clone(),
        span: node.span,
        names: names?,
        verdict: verdict?,
        conditions: conditions?,
        includes: includes?,
        excludes: excludes?,
        comment: comment.unwrap_or_default(),
    })
}

/// `names`, or `name` of older profiles.
fn names(
    members: &mut Members<'_>,
    entry: &Node<'_>,
    reader: &mut Reader,
) -> Option<Vec<(String, Span)>> {
    let (one, many) = (members.take("name"), members.take("names"));
    let one = one.map(|node| Some((reader.text(&node)?, node.span)));
    let many = many.map(|node| Some((reader.texts(&node)?, node)));
    // Old tools write an empty `name` beside `names`.
    let one = one.filter(|one| one.as_ref().is_none_or(|(name, _)| !name.is_empty()));
    match (one, many) {
        (Some(one), None) => Some(vec![one?]),
        (None, Some(many)) => Some(many?.0),
        (Some(one), Some(many)) => {
            let (names, node) = many?;
            let what = "`name` and `names` both say which calls are meant";
            reader.at(&node, &Kind::SaidTwice(what.to_owned()));
            one.map(|_| names)
        }
        (None, None) => {
            reader.at(entry, &Kind::Missing("names"));
            None
        }
    }
}

fn condition(node: &Node<'_>, reader: &mut Reader) -> Option<Condition> {
    let mut members = reader.object(node, CONDITION)?;
    let index = members.need("index", reader).and_then(|node| index(&node, reader));
    let value = members.need("value", reader).and_then(|node| reader.number(&node));
    let second = match members.take("valueTwo") {
        Some(node) => reader.number(&node),
        None => Some(0),
    };
    let op = members.need("op", reader)?;
    let text = reader.text(&op)?;
    let Some(found) = Op::named(&text) else {
        reader.at(&op, &Kind::UnknownOperator(text));
        return None;
    };
    let path = node.path.clone();
    let (value, second) = (value?, second?);
    Some(Condition { path, index: index?, bits: 64, op: found, value, second })
}

fn index(node: &Node<'_>, reader: &mut Reader) -> Option<u8> {
    let number = reader.number(node)?;
    let index = u8::try_from(number).ok().filter(|&index| index < 6);
    if index.is_none() {
        reader.at(node, &Kind::BadIndex(number));
    }
    index
}

fn filter(node: &Node<'_>, reader: &mut Reader) -> Option<Filter> {
    let mut members = reader.object(node, FILTER)?;
    let mut texts = |name| match members.take(name) {
        Some(node) => reader.texts(&node),
        None => Some(Vec::new()),
    };
    let (caps, arches) = (texts("caps"), texts("arches"));
    for (name, span) in arches.iter().flatten().filter(|(name, _)| !arches::is_host(name)) {
        reader.error(&node.path, *span, &Kind::UnknownArchitecture(name.clone()));
    }
    let kernel = match members.take("minKernel") {
        Some(node) => Some(version(&node, reader)?),
        None => None,
    };
    let plain = |texts: Vec<(String, Span)>| texts.into_iter().map(|(text, _)| text).collect();
    Some(Filter { caps: plain(caps?), arches: plain(arches?), kernel })
}

fn version(node: &Node<'_>, reader: &mut Reader) -> Option<KernelVersion> {
    let text = reader.text(node)?;
    let version = text.parse();
    if version.is_err() {
        reader.at(node, &Kind::BadVersion(text));
    }
    version.ok()
}
