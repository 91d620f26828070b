//! Arguments that a call does not have where the policy asks for them: they are in memory
//! there, or the ABI defines the call otherwise.

use filterc_abi::Abi;

use crate::fallback;
use crate::field;
use crate::findings::{Calls, Subject};
use crate::types::Field;
use crate::wording::{few, list};

/// What to do about an argument that the call does not have.
pub(crate) fn hints(subject: Subject, name: &str, listed: &[&'static Abi]) -> Vec<String> {
    let Calls::One(call) = subject.calls else { return Vec::new() };
    let has = |abi: &'static Abi| abi.syscall(call.name).and_then(|call| call.arg(name)).is_some();
    let elsewhere = guard(call.name, listed, has).map(|(abis, guard)| {
        let has = if abis.len() == 1 { "has" } else { "have" };
        format!("{} {has} it; to ask there only, write `{guard} && …`", list(&abis))
    });
    let mut hints: Vec<String> = elsewhere.into_iter().collect();
    let Some(row) = subject.abi.in_memory(call.name) else { return hints };
    if field::in_memory(subject, name).is_none() {
        if !hints.is_empty() {
            return hints;
        }
        let (pointer, fields) = (row.arg, list(&row.fields));
        hints.push(format!(
            "in memory, where a filter cannot see it, `{pointer}` points at {fields}"
        ));
        return hints;
    }
    hints.insert(0, row.note.to_owned());
    let name = name.split_once('.').map_or(name, |(_, field)| field);
    let kin = kin(subject.abi, call.name, name);
    if !kin.is_empty() {
        hints.push(format!("`{name}` can be seen in {}", few(&kin)));
    }
    let call = call.name;
    hints.push(match fallback::older(subject.abi, call) {
        Some(older) => {
            format!("refuse the call, so that libraries use `{older}`: `errno(ENOSYS) {call}`")
        }
        None => format!("refuse the call: `errno(EPERM) {call}`"),
    });
    hints.push(format!("or allow it whatever its arguments: `allow {call}`"));
    hints.push(format!("or leave it to a supervisor: `notify {call}`"));
    hints
}

/// Calls of the same family in which the argument is in a register.
fn kin(abi: &'static Abi, call: &str, arg: &str) -> Vec<&'static str> {
    let families = filterc_abi::families().iter().filter(|family| family.calls.contains(&call));
    let calls = families.flat_map(|family| &family.calls).copied();
    calls.filter(|call| abi.syscall(call).is_some_and(|call| call.arg(arg).is_some())).collect()
}

/// What to say about a test that cannot be made here, but on other ABIs.
pub(crate) fn where_it_works(
    subject: Subject,
    name: &str,
    listed: &[&'static Abi],
    works: impl Fn(Field) -> bool,
) -> Option<String> {
    let Calls::One(call) = subject.calls else { return None };
    let field = |abi: &'static Abi| field::of_argument(abi.syscall(call.name)?.arg(name)?);
    let (abis, guard) = guard(call.name, listed, |abi| field(abi).is_some_and(&works))?;
    Some(format!("it makes sense on {}; to ask there only, write `{guard} && …`", list(&abis)))
}

/// The listed ABIs that have a call and of which something holds, and a test that tells them
/// from those of which it does not.
fn guard(
    call: &str,
    listed: &[&'static Abi],
    holds: impl Fn(&'static Abi) -> bool,
) -> Option<(Vec<&'static str>, String)> {
    let having = listed.iter().copied().filter(|abi| abi.syscall(call).is_some());
    let (yes, no): (Vec<_>, Vec<_>) = having.partition(|abi| holds(abi));
    if yes.is_empty() || no.is_empty() {
        return None;
    }
    // Not where they share a token, as x86_64 and x32 do.
    let shared = yes.iter().any(|abi| no.iter().any(|other| other.audit_arch == abi.audit_arch));
    let names: Vec<&'static str> = yes.iter().map(|abi| abi.name).collect();
    let guard = match (yes.as_slice(), no.as_slice()) {
        ([one], _) => format!("arch == {}", one.audit_arch_name),
        (_, [other]) => format!("arch != {}", other.audit_arch_name),
        (many, _) => {
            let tokens: Vec<&str> = many.iter().map(|abi| abi.audit_arch_name).collect();
            format!("arch in {{ {} }}", tokens.join(", "))
        }
    };
    (!shared).then_some((names, guard))
}
