//! A second reading of seccompiler's filters, and seccompiler itself.

use filterc::{Options as CompileOptions, Source, compile};
use filterc_abi::{Abi, Endian, SeccompData};
use filterc_cbpf::{Insn, interpret, verify};
use filterc_grammar::source::FileId;
use filterc_import::seccompiler::{Options, import};
use filterc_import::{Imported, Target, Width};
use filterc_testkit::{boundary, corpus};
use serde_json::Value;

use super::{ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, TRACE, TRAP};
use super::{WIDTHS, bits, check, corpora, holds, host, known, own};

fn action(value: &Value) -> u32 {
    if let Some(errno) = value["errno"].as_u64() {
        return ERRNO | errno as u32;
    }
    if let Some(data) = value["trace"].as_u64() {
        return TRACE | data as u32;
    }
    match value.as_str().unwrap() {
        "allow" => ALLOW,
        "trap" => TRAP,
        "log" => LOG,
        "kill_thread" => KILL_THREAD,
        "kill_process" => KILL_PROCESS,
        other => panic!("{other}"),
    }
}

fn decide(filter: &Value, abi: &'static Abi, call: &SeccompData, width: Width) -> u32 {
    let either = |new: &str, old: &str| action(filter.get(new).unwrap_or(&filter[old]));
    let known = known(abi, call);
    let condition = |condition: &Value| {
        let index = condition["index"].as_u64().unwrap() as usize;
        let value = condition["val"].as_u64().unwrap();
        let part = if condition["type"] == "dword" { 0xffff_ffff } else { u64::MAX };
        let mask = condition["op"]["masked_eq"].as_u64();
        let op = condition["op"].as_str().map_or("mask", |op| match op {
            "eq" => "==",
            "ne" => "!=",
            "lt" => "<",
            "le" => "<=",
            "gt" => ">",
            "ge" => ">=",
            other => panic!("{other}"),
        });
        // A dword of an argument that is wider is a part of the register.
        let about = mask.map_or((value, 0), |mask| (mask & part, value & mask));
        let seen = bits(abi, known, index, op, about, width);
        let seen = seen & part & mask.unwrap_or(u64::MAX);
        let is = call.args[index] & seen;
        if mask.is_some() { is == value & seen } else { holds(op, is, value & seen) }
    };
    let matches = filter["filter"].as_array().unwrap().iter().any(|rule| {
        known.is_some_and(|known| rule["syscall"] == known.name)
            && rule["args"].as_array().into_iter().flatten().all(condition)
    });
    if matches {
        either("match_action", "filter_action")
    } else {
        either("mismatch_action", "default_action")
    }
}

/// What seccompiler's own program says, where it asks for what an import asks: not of x32, whose
/// numbers it takes for those of unknown calls.
fn against_seccompiler(name: &str, text: &str, filter: &str, imported: &Imported) {
    let compiled =
        seccompiler::compile_from_json(text.as_bytes(), "x86_64".try_into().unwrap()).unwrap();
    let insns: Vec<Insn> = compiled[filter]
        .iter()
        .map(|insn| Insn { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k })
        .collect();
    let program = verify(&insns).unwrap();
    let source = Source::text(name, imported.document.to_text());
    let ours = compile(&source, &CompileOptions::default()).unwrap();
    for call in boundary::calls(ours.policy(), 64) {
        if call.nr.cast_unsigned() & 0x4000_0000 == 0 {
            let theirs = interpret(&program, &call, Endian::Little);
            let is = filterc_hir::eval::eval(ours.policy(), &call).to_ret();
            assert_eq!(is, theirs, "{name}, {filter}: {call:x?}");
        }
    }
}

pub(super) fn compare(name: &str, text: &str, abi: &'static Abi) -> usize {
    let root: Value = serde_json::from_str(text).unwrap();
    let mut calls = 0;
    for (filter, value) in root.as_object().unwrap() {
        for width in WIDTHS {
            let target = Target { width, ..Target::new(abi) };
            let options = Options { target, filter: Some(filter.clone()) };
            let imported = import(FileId(0), text, &options)
                .unwrap_or_else(|list| panic!("{name}, {filter}: {list:#?}"));
            let decide = |abi, call: &SeccompData| Some(decide(value, abi, call, width));
            calls += check(name, &imported, &decide, KILL_PROCESS);
            if width == Width::Registers && abi.name == "x86_64" {
                against_seccompiler(name, text, filter, &imported);
            }
        }
    }
    calls
}

#[test]
fn filters_mean_what_they_say() {
    for path in own("seccompiler", "json") {
        for abi in ["x86_64", "aarch64", "riscv64"] {
            compare(&path.display().to_string(), &corpus::text(&path), host(abi));
        }
    }
}

#[test]
fn real_filters_mean_what_they_say() {
    for path in corpora("firecracker", &["json"]) {
        let name = path.display().to_string();
        let abi = if name.contains("aarch64") { "aarch64" } else { "x86_64" };
        let calls = compare(&name, &corpus::text(&path), host(abi));
        println!("{name}: {calls} calls");
    }
}
