//! A single call as a C programmer would write it, for `filterc eval`.

use filterc_abi::{Abi, Arg, Regs, SeccompData, Syscall};
use filterc_grammar::ast::{CallExample, Constant, Name, Statement};
use filterc_grammar::diagnostic::Diagnostic;

use crate::arms::selects;
use crate::consteval::Constants;
use crate::error::Kind;
use crate::field;
use crate::findings::{Calls, Findings, Subject};
use crate::resolve::on_abi;
use crate::scope::Scope;
use crate::types::Type;

/// The call on an ABI; `_` and missing arguments are 0.
///
/// Each argument takes the registers that the ABI gives it: an `int` the low half, with
/// zeros above (as glibc leaves them; the kernel does not look), a 64-bit value of a
/// 32-bit ABI two of them. An argument beyond those that the call has goes into its
/// register raw. A name that only a multiplexer has becomes a call of that, where the
/// arguments are in memory and so are not here. Constants have the meaning that the
/// policy's `const`s and `defines` give them.
///
/// # Errors
/// No such call, unknown constants, values that do not fit, more than six registers.
pub fn call_example(
    statements: &[Statement],
    defines: &[(String, i128)],
    abi: &'static Abi,
    example: &CallExample,
) -> Result<SeccompData, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let scope = Scope::collect(statements, &mut findings);
    let abis = [abi];
    let constants = Constants::evaluate(&scope, &abis, defines, &mut findings);
    // What is wrong with the policy itself is `check`'s to tell.
    let mut findings = Findings::default();
    let made = Example { abi, scope: &scope, constants: &constants, findings: &mut findings }
        .make(&example.name, &example.args);
    match made {
        Some(call) if !findings.failed() => Ok(call),
        Some(_) | None => Err(findings.into_diagnostics(1)),
    }
}

struct Example<'s, 'a> {
    abi: &'static Abi,
    scope: &'s Scope<'a>,
    constants: &'s Constants<'a>,
    findings: &'s mut Findings,
}

impl<'a> Example<'_, 'a> {
    fn make(&mut self, name: &Name, args: &'a [Option<Constant>]) -> Option<SeccompData> {
        let mut data = SeccompData { arch: self.abi.audit_arch, ..SeccompData::default() };
        let on = on_abi(self.abi, &name.text);
        if let Some(call) = on.direct {
            data.nr = call.nr.cast_signed();
            self.arguments(call, args, &mut data);
        } else if let Some((nr, _)) = on.sub_call.and_then(|sub| selects(self.abi, sub)) {
            data.nr = nr.cast_signed();
            if let Some(slot) = data.args.first_mut() {
                *slot = on.sub_call.map_or(0, |sub| sub.value.into());
            }
        } else {
            let kind = Kind::UnknownCall { name: name.text.clone(), elsewhere: Vec::new() };
            let recorded = self.findings.add(name.span, kind);
            let known = self.abi.syscalls().iter().map(|call| call.name);
            self.findings.suggest(recorded, &name.text, known);
            return None;
        }
        Some(data)
    }

    fn arguments(
        &mut self,
        call: &'static Syscall,
        args: &'a [Option<Constant>],
        data: &mut SeccompData,
    ) {
        let calls = Calls::One(call);
        let subject = Subject { abi: self.abi, abi_index: 0, calls, used_by: None };
        // The register after those of the named arguments.
        let mut next = call.args.iter().map(|arg| registers_end(arg.regs)).max().unwrap_or(0);
        for (position, constant) in args.iter().enumerate() {
            let regs = match call.args.get(position) {
                Some(arg) => arg.regs,
                None => {
                    next += 1;
                    Regs::One(next - 1)
                }
            };
            let Some(constant) = constant else { continue };
            let arg = call.args.get(position);
            let Some(bits) = self.bits(constant, arg, subject) else { continue };
            if !place(data, regs, bits) {
                let kind = Kind::BadIndex { what: "a call has six argument registers".to_owned() };
                self.findings.about(constant.span, kind, subject);
            }
        }
    }

    /// The bits of a constant in an argument's type, or raw.
    fn bits(
        &mut self,
        constant: &'a Constant,
        arg: Option<&'static Arg>,
        subject: Subject,
    ) -> Option<u64> {
        let value = self.constants.read(self.scope, subject, constant, self.findings)?;
        let ty = match arg.and_then(field::of_argument) {
            Some(field) => field.ty(),
            None => Type::new(64, false, crate::types::Kind::Integer)?,
        };
        let value = value.in_type(ty);
        let bits = ty.pattern(value);
        if bits.is_none() {
            let kind = Kind::DoesNotFit { value, ty, ordered: false };
            self.findings.about(constant.span, kind, subject);
        }
        bits
    }
}

fn registers_end(regs: Regs) -> u8 {
    match regs {
        Regs::One(register) => register + 1,
        Regs::Pair { lo, hi } => lo.max(hi) + 1,
        Regs::Invisible => 6,
    }
}

/// Puts a value into its registers; false if there are none.
fn place(data: &mut SeccompData, regs: Regs, bits: u64) -> bool {
    let mut put = |register: u8, value: u64| match data.args.get_mut(usize::from(register)) {
        Some(slot) => {
            *slot = value;
            true
        }
        None => false,
    };
    match regs {
        Regs::One(register) => put(register, bits),
        Regs::Pair { lo, hi } => put(lo, bits & 0xffff_ffff) && put(hi, bits >> 32),
        // The seventh argument of a call is on the stack, where no filter sees it.
        Regs::Invisible => true,
    }
}
