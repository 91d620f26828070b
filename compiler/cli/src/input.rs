//! Reading what the command line names.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use filterc::{Compiled, Diagnostics, Options, Profile, Source, params};
use filterc_abi::{self as abi, Abi, Endian};
use filterc_cbpf::{self as cbpf, Program};
use filterc_grammar::ast::{Constant, ConstantKind};
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir::abi_name;

use crate::console::{Console, Failure};
use crate::options::PolicyArgs;

/// No program that the kernel takes is longer: 4096 instructions of 8 bytes. One more byte
/// is read, so that a longer file is seen to be longer; an assembly text may be larger.
const MAX_INPUT_LEN: u64 = 16 << 20;

/// A policy, from a file or standard input.
pub(crate) fn source(path: &Path) -> Result<Source, Failure> {
    let result = if path == Path::new("-") {
        Source::read_stream("<stdin>", io::stdin().lock())
    } else {
        Source::read(path)
    };
    result.map_err(|error| Failure::io(path, &error))
}

/// The library's options for the command line's; warnings about a profile go to the console.
pub(crate) fn options(args: &PolicyArgs, console: &Console) -> Result<Options, Failure> {
    let abis = args.arch.iter().map(|name| abi_named(name)).collect::<Result<Vec<_>, _>>()?;
    let defines = args.define.iter().map(|text| define("-D", text)).collect::<Result<_, _>>()?;
    let params = args.param.iter().map(|text| define("--param", text)).collect::<Result<_, _>>()?;
    Ok(Options {
        abis: (!abis.is_empty()).then_some(abis),
        include_paths: args.include.clone(),
        defines,
        params,
        opt_level: args.level(),
        goal: args.goal(),
        bitmap: !args.no_bitmap,
        profile: args.profile.as_deref().map(|path| profile(path, console)).transpose()?,
        prove: !args.no_prove,
        deny_warnings: args.deny_warnings,
        ..Options::default()
    })
}

/// A profile, from a file or standard input. Programs can write anything between its lines.
fn profile(path: &Path, console: &Console) -> Result<Profile, Failure> {
    let bytes = bytes(path)?;
    let name = path.display().to_string();
    let (profile, warnings) = Profile::read_bytes(&name, &bytes)?;
    console.diagnostics(&warnings.sources, &warnings.list);
    Ok(profile)
}

/// Refuses a policy whose parameters have no value, where the finished program is needed.
pub(crate) fn is_finished(compiled: &Compiled) -> Result<(), Failure> {
    let list = params::missing(compiled.policy());
    if list.is_empty() {
        return Ok(());
    }
    Err(Failure::from(Diagnostics { sources: compiled.sources().clone(), list }))
}

/// The ABI of that name, or why there is none.
pub(crate) fn abi_named(name: &str) -> Result<&'static Abi, Failure> {
    abi::abi(name).ok_or_else(|| {
        let filtered = abi::abis().iter().filter(|abi| abi.filters_since.is_some());
        let known: Vec<_> = filtered.map(|abi| abi.name).collect();
        let reason = abi::abis_without_tables().iter().find(|(other, _)| *other == name);
        let reason = match (reason, abi_name::meant(name)) {
            (Some((_, reason)), _) => (*reason).to_owned(),
            (None, Some(abi)) => format!("no such ABI, did you mean {}?", abi.name),
            (None, None) => "no such ABI".to_owned(),
        };
        Failure::Environment(format!("--arch {name}: {reason}; the ABIs are {}", known.join(", ")))
    })
}

/// `NAME=VALUE` of `-D` or `--param`: the value is an integer as policies write them.
pub(crate) fn define(option: &str, text: &str) -> Result<(String, i128), Failure> {
    let wrong = |why: &str| Failure::Environment(format!("{option} {text}: {why}"));
    let (name, value) = text.split_once('=').ok_or_else(|| wrong("write NAME=VALUE"))?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(wrong("a name is made of letters, digits and `_`"));
    }
    let (constant, errors) = parser::parse_constant(FileId::default(), value);
    match integer(&constant) {
        Some(value) if errors.is_empty() => Ok((name.to_owned(), value)),
        Some(_) | None => Err(wrong("the value must be an integer, such as 12, 0x1f or -1")),
    }
}

fn integer(constant: &Constant) -> Option<i128> {
    match &constant.kind {
        ConstantKind::Integer(value) => Some(i128::from(*value)),
        ConstantKind::Negate(inner) => match &inner.kind {
            ConstantKind::Integer(value) => Some(-i128::from(*value)),
            ConstantKind::Name(_)
            | ConstantKind::Complement(_)
            | ConstantKind::Negate(_)
            | ConstantKind::Paren(_)
            | ConstantKind::Binary(..)
            | ConstantKind::Error => None,
        },
        ConstantKind::Name(_)
        | ConstantKind::Complement(_)
        | ConstantKind::Paren(_)
        | ConstantKind::Binary(..)
        | ConstantKind::Error => None,
    }
}

/// All bytes of a file or of standard input, up to a limit.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::io(path, &error);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(MAX_INPUT_LEN + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).map_err(failed)?.take(MAX_INPUT_LEN + 1).read_to_end(&mut bytes)
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > MAX_INPUT_LEN {
        let text = format!("{}: longer than {MAX_INPUT_LEN} bytes", path.display());
        return Err(Failure::Environment(text));
    }
    Ok(bytes)
}

/// A program from a `.bpf` file; bytes that are no program are the file's fault.
pub(crate) fn program(path: &Path, endian: Endian) -> Result<Program, Failure> {
    let bytes = bytes(path)?;
    cbpf::decode(&bytes, endian)
        .map_err(|error| Failure::No(format!("{}: {error}", path.display())))
}

/// The same of an eBPF program.
pub(crate) fn ebpf_program(path: &Path, endian: Endian) -> Result<filterc_ebpf::Program, Failure> {
    let bytes = bytes(path)?;
    filterc_ebpf::decode(&bytes, endian)
        .map_err(|error| Failure::No(format!("{}: {error}", path.display())))
}
