//! Findings that are no errors: the policy compiles, but hardly to what was meant.

use filterc_abi::Abi;
use filterc_grammar::source::FileId;

use crate::consteval::Constants;
use crate::error::{Definition, Kind};
use crate::findings::{Calls, Findings, Subject};
use crate::resolve;
use crate::scope::{Scope, Table};

/// What may stand left of a comparison, for a guess at a mistyped name.
pub(crate) fn fields(subject: Subject) -> impl Iterator<Item = &'static str> {
    let own = match subject.calls {
        Calls::One(call) => call.args,
        Calls::Number(_) | Calls::Range(..) => &[],
        Calls::Named(_) | Calls::Any | Calls::None => &[],
    };
    own.iter().map(|arg| arg.name).chain(["nr", "arch", "instruction_pointer"])
}

/// Definitions of the policy's own file that nothing uses. A file that is included is a
/// library: who includes it need not use all of it.
pub(crate) fn unused(scope: &Scope<'_>, constants: &Constants<'_>, findings: &mut Findings) {
    let is_defined = |name: &str| constants.is_defined(name);
    unused_of(Definition::Const, &scope.consts, is_defined, findings);
    unused_of(Definition::Group, &scope.groups, |_| false, findings);
    unused_of(Definition::Let, &scope.lets, |_| false, findings);
    unused_of(Definition::Param, &scope.params, is_defined, findings);
    unused_of(Definition::Label, &scope.labels, |_| false, findings);
}

fn unused_of<T>(
    definition: Definition,
    table: &Table<'_, T>,
    excused: impl Fn(&str) -> bool,
    findings: &mut Findings,
) {
    for defined in table.iter() {
        let own = defined.span.file == FileId(0);
        if own && !defined.is_used() && !excused(&defined.name.text) {
            let kind = Kind::Unused { definition, name: defined.name.text.clone() };
            findings.add(defined.name.span, kind);
        }
    }
}

/// A `const` with the name of a kernel constant, but another value.
pub(crate) fn hidden_constants<'a>(
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    abis: &[&'static Abi],
    findings: &mut Findings,
) {
    for defined in scope.consts.iter() {
        let name = &defined.name.text;
        if constants.is_defined(name) {
            continue;
        }
        for (abi_index, &abi) in abis.iter().enumerate() {
            let kernel = constants.kernel(abi_index, name);
            let value = constants.own(scope, abi_index, name);
            let Some((kernel, value)) = kernel.zip(value) else { continue };
            if !same_bits(kernel, value) {
                let kind = Kind::HidesConstant { name: name.clone(), value, kernel };
                let subject = Subject { abi, abi_index, calls: Calls::None, used_by: None };
                findings.about(defined.name.span, kind, subject);
            }
        }
    }
}

/// A `group` with the name of one that needs no definition, but other calls.
pub(crate) fn hidden_groups(
    scope: &Scope<'_>,
    calls: &resolve::Calls<'_>,
    findings: &mut Findings,
) {
    for (position, defined) in scope.groups.in_order() {
        let name = &defined.name.text;
        if calls.hides(position, name) {
            findings.add(defined.name.span, Kind::HidesGroup { name: name.clone() });
        }
    }
}

/// Whether two numbers are one 32-bit or 64-bit pattern, perhaps with another sign.
fn same_bits(a: i128, b: i128) -> bool {
    let narrow = |value: i128| (-(1_i128 << 31)..1 << 32).contains(&value);
    let width = if narrow(a) && narrow(b) { 32 } else { 64 };
    (a ^ b) & ((1_i128 << width) - 1) == 0
}
