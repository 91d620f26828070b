//! The files that a compilation writes: one for each program, named by a pattern.
//!
//! `%a` in the name is the program's ABIs, in the policy's order, joined by `+`; `%%` is a `%`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use filterc::emit::{self, FORMATS, Format};
use filterc::{Compiled, CompiledModule, CompiledProgram, certificate};
use filterc_check::NoCertificate;
use serde_json::Value;

use crate::console::{Failure, Output};

/// What is to be written, and where: nothing has been. `policy` is the policy's own file.
pub(crate) fn outputs(
    compiled: &Compiled,
    format: Format,
    output: Option<&Path>,
    policy: &Path,
) -> Result<Vec<Output>, Failure> {
    let pattern = output.filter(|output| *output != Path::new("-"));
    let names = |program: &CompiledProgram| program.abi_names().join("+");
    if !format.is_of_program() {
        let all: Vec<String> = compiled.programs().map(names).collect();
        return Ok(vec![one(
            compiled,
            compiled.program(),
            format,
            pattern,
            policy,
            &all.join("+"),
        )?]);
    }
    let outputs: Vec<Output> = compiled
        .programs()
        .map(|program| one(compiled, program, format, pattern, policy, &names(program)))
        .collect::<Result<_, _>>()?;
    let path = |output: Option<&Output>| output.and_then(|(path, _)| path.clone());
    if outputs.len() > 1 && path(outputs.first()) == path(outputs.get(1)) {
        return Err(two_programs(&all_abis(compiled), pattern));
    }
    Ok(outputs)
}

/// The same for eBPF.
pub(crate) fn modules(
    compiled: &CompiledModule,
    (format, target): (Format, &str),
    output: Option<&Path>,
) -> Result<Vec<Output>, Failure> {
    let pattern = output.filter(|output| *output != Path::new("-"));
    let mut outputs: Vec<Output> = Vec::new();
    let abis: Vec<String> =
        compiled.programs().map(|program| program.abi_names().join("+")).collect();
    for (program, abis) in compiled.programs().zip(&abis) {
        let Some(contents) = emit::emit_module(program, format) else {
            return Err(no_form(target, format, "`asm` shows all of it"));
        };
        outputs.push((pattern.map(|pattern| expand(pattern, abis)).transpose()?, contents));
    }
    let path = |output: Option<&Output>| output.and_then(|(path, _)| path.clone());
    if outputs.len() > 1 && path(outputs.first()) == path(outputs.get(1)) {
        return Err(two_programs(&abis, pattern));
    }
    Ok(outputs)
}

/// The certificates of the programs.
pub(crate) fn certificates(compiled: &Compiled, pattern: &Path) -> Result<Vec<Output>, Failure> {
    beside(compiled, pattern, |program| {
        certificate::certificate(compiled, program).map_err(|why| no_certificate(&why))
    })
}

/// The same for eBPF.
pub(crate) fn module_certificates(
    compiled: &CompiledModule,
    pattern: &Path,
) -> Result<Vec<Output>, Failure> {
    let all = compiled.programs().map(|program| program.abi_names().join("+"));
    let all: Vec<String> = all.collect();
    let mut outputs: Vec<Output> = Vec::new();
    for (program, abis) in compiled.programs().zip(&all) {
        let path = expand(pattern, abis)?;
        if outputs.iter().any(|(other, _)| other.as_ref() == Some(&path)) {
            return Err(two_programs(&all, Some(pattern)));
        }
        let made = certificate::certificate_of_module(compiled, program);
        outputs.push((Some(path), made.map_err(|why| no_certificate(&why))?));
    }
    Ok(outputs)
}

fn no_certificate(why: &NoCertificate) -> Failure {
    Failure::No(format!(
        "no certificate can be made: {why}; the proof stands without one: leave out --certificate"
    ))
}

/// The tables of the programs' parameters.
pub(crate) fn tables(compiled: &Compiled, pattern: &Path) -> Result<Vec<Output>, Failure> {
    beside(compiled, pattern, |program| {
        Ok(emit::emit(compiled, program, Format::Table, "policy").unwrap_or_default())
    })
}

/// A file for each program beside its own.
fn beside(
    compiled: &Compiled,
    pattern: &Path,
    contents: impl Fn(&CompiledProgram) -> Result<Vec<u8>, Failure>,
) -> Result<Vec<Output>, Failure> {
    let mut outputs: Vec<Output> = Vec::new();
    for program in compiled.programs() {
        let path = expand(pattern, &program.abi_names().join("+"))?;
        if outputs.iter().any(|(other, _)| other.as_ref() == Some(&path)) {
            return Err(two_programs(&all_abis(compiled), Some(pattern)));
        }
        outputs.push((Some(path), contents(program)?));
    }
    Ok(outputs)
}

fn one(
    compiled: &Compiled,
    program: &CompiledProgram,
    format: Format,
    pattern: Option<&Path>,
    policy: &Path,
    abis: &str,
) -> Result<Output, Failure> {
    let path = pattern.map(|pattern| expand(pattern, abis)).transpose()?;
    let stem = path.as_deref().unwrap_or(policy).file_stem();
    let name = stem.map_or("policy".into(), OsStr::to_string_lossy);
    let name = if name == "-" { "policy".into() } else { name };
    if format == Format::Pfc {
        let text = emit::pfc(compiled, program).map_err(|why| Failure::Coded {
            code: why.code(),
            text: why.to_string(),
            details: Value::Null,
        })?;
        return Ok((path, text.into_bytes()));
    }
    let contents = emit::emit(compiled, program, format, &name);
    let contents = contents
        .ok_or_else(|| no_form("seccomp", format, "object files are of eBPF: `--target tp_btf`"))?;
    Ok((path, contents))
}

/// A target does not have a form.
fn no_form(target: &str, format: Format, instead: &str) -> Failure {
    let name = FORMATS.iter().find(|(_, other)| *other == format);
    let name = name.map_or("", |(name, _)| name);
    Failure::Environment(format!("--target {target} has no form `{name}`; {instead}"))
}

/// The name for the program of these ABIs.
fn expand(pattern: &Path, abis: &str) -> Result<PathBuf, Failure> {
    let mut bytes = pattern.as_os_str().as_bytes().iter().copied();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        match (byte, (byte == b'%').then(|| bytes.next()).flatten()) {
            (b'%', Some(b'a')) => name.extend_from_slice(abis.as_bytes()),
            (b'%', Some(b'%')) => name.push(b'%'),
            (b'%', _) => {
                return Err(Failure::Environment(format!(
                    "-o {}: `%a` stands for the ABIs, `%%` for a percent sign; there is nothing else",
                    pattern.display()
                )));
            }
            (other, _) => name.push(other),
        }
    }
    Ok(PathBuf::from(OsString::from_vec(name)))
}

/// The ABIs of each program.
fn all_abis(compiled: &Compiled) -> Vec<String> {
    compiled.programs().map(|program| program.abi_names().join("+")).collect()
}

/// One place for two programs.
fn two_programs(abis: &[String], pattern: Option<&Path>) -> Failure {
    let programs: Vec<String> = abis.iter().map(|abis| abis.replace('+', ", ")).collect();
    let pattern = pattern.unwrap_or(Path::new("policy.bpf"));
    let stem = pattern.file_stem().map_or("policy".into(), OsStr::to_string_lossy);
    let extension = pattern.extension().map_or("bpf".into(), OsStr::to_string_lossy);
    Failure::Environment(format!(
        "the policy's ABIs have two byte orders, and so it has two programs ({}): name a file for \
         each with `-o {stem}-%a.{extension}`, or choose ABIs with --arch",
        programs.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let expand = |pattern: &str| expand(Path::new(pattern), "x86_64+i386").ok();
        for (pattern, name) in [
            ("policy.bpf", "policy.bpf"),
            ("policy-%a.bpf", "policy-x86_64+i386.bpf"),
            ("%a/%a", "x86_64+i386/x86_64+i386"),
            ("100%%.bpf", "100%.bpf"),
            ("%%a", "%a"),
        ] {
            assert_eq!(expand(pattern), Some(PathBuf::from(name)), "{pattern}");
        }
        for pattern in ["%", "a%b", "%A", "x%"] {
            assert_eq!(expand(pattern), None, "{pattern}");
        }
    }
}
