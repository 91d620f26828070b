//! A single call as a C programmer would write it, for `filterc eval`.

use filterc_abi::{Abi, Arg, Regs, SeccompData};
use filterc_grammar::ast::{Argument, Call, CallExample, Constant, Name, Statement, Str};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::Span;

use crate::arms::selects;
use crate::consteval::{Constants, Value};
use crate::error::Kind;
use crate::field;
use crate::findings::{Calls, Findings, Subject};
use crate::on_abi::on_abi;
use crate::scope::Scope;
use crate::types::{self, Type};

/// The call on an ABI; `_` and missing arguments are 0.
///
/// Each argument takes the registers that the ABI gives it: an `int` the low half, with
/// zeros above (as glibc leaves them; the kernel does not look), a 64-bit value of a
/// 32-bit ABI two of them. A string stands for an address at which it might be. An argument
/// beyond those that the call has goes into its register raw, as do all of a call that is
/// given by number; that may be any number of 32 bits. A name that only a multiplexer has becomes a call of that, where the
/// arguments are in memory and so are not here. Constants have the meaning that the
/// policy's `const`s and `defines` give them.
///
/// # Errors
/// No such call, unknown constants, values that do not fit, strings for numbers, more than
/// six registers.
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
        .make(&example.call, &example.args);
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
    fn make(&mut self, call: &'a Call, args: &'a [Argument]) -> Option<SeccompData> {
        match call {
            Call::Name(name) => self.named(name, args),
            Call::Number(number, _) => self.numbered(number, args),
            // The parser makes none of them.
            Call::Group(_) | Call::Versioned(..) | Call::Any(_) | Call::Range(..) => None,
        }
    }

    fn numbered(&mut self, number: &'a Constant, args: &'a [Argument]) -> Option<SeccompData> {
        let mut data = SeccompData { arch: self.abi.audit_arch, ..SeccompData::default() };
        let subject = self.subject(Calls::None);
        let value = self.constants.read(self.scope, subject, number, self.findings)?;
        // −1 is what a tracer leaves behind: the kernel's `nr` is an `int`.
        let ty = Type::new(32, true, types::Kind::Integer)?;
        let nr = u32::try_from(self.in_type(value, ty, number.span, subject)?).ok()?;
        data.nr = nr.cast_signed();
        self.arguments(&[], args, subject, &mut data);
        Some(data)
    }

    fn subject(&self, calls: Calls) -> Subject {
        Subject { abi: self.abi, abi_index: 0, calls, used_by: None }
    }

    fn named(&mut self, name: &Name, args: &'a [Argument]) -> Option<SeccompData> {
        let mut data = SeccompData { arch: self.abi.audit_arch, ..SeccompData::default() };
        let on = on_abi(self.abi, &name.text);
        if let Some(call) = on.direct {
            data.nr = call.nr.cast_signed();
            self.arguments(call.args, args, self.subject(Calls::One(call)), &mut data);
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

    /// Puts the arguments into the registers of the parameters, and the rest behind them.
    fn arguments(
        &mut self,
        parameters: &'static [Arg],
        args: &'a [Argument],
        subject: Subject,
        data: &mut SeccompData,
    ) {
        // The register after those of the named arguments.
        let mut next = parameters.iter().map(|arg| registers_end(arg.regs)).max().unwrap_or(0);
        for (position, argument) in args.iter().enumerate() {
            let parameter = parameters.get(position);
            let regs = parameter.map_or(Regs::One(next), |arg| arg.regs);
            next = next.saturating_add(u8::from(parameter.is_none()));
            let (bits, span) = match argument {
                Argument::Any => continue,
                Argument::Constant(constant) => {
                    (self.bits(constant, parameter, subject), constant.span)
                }
                Argument::Text(text) => (self.address(text, parameter, regs, subject), text.span),
            };
            if bits.is_some_and(|bits| !place(data, regs, bits)) {
                let kind = Kind::BadIndex { what: "a call has six argument registers".to_owned() };
                self.findings.about(span, kind, subject);
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
        self.in_type(value, type_of(arg)?, constant.span, subject)
    }

    fn in_type(&mut self, value: Value, ty: Type, span: Span, subject: Subject) -> Option<u64> {
        let value = value.in_type(ty);
        let bits = ty.pattern(value);
        if bits.is_none() {
            self.findings.about(span, Kind::DoesNotFit { value, ty, ordered: false }, subject);
        }
        bits
    }

    /// An address that is neither null nor another that a policy would name, for an argument
    /// that is one.
    fn address(
        &mut self,
        text: &Str,
        arg: Option<&'static Arg>,
        regs: Regs,
        subject: Subject,
    ) -> Option<u64> {
        let ty = type_of(arg)?;
        if ty.kind() == types::Kind::Pointer {
            return Some(if ty.width() > 32 { 0x7fff_0000_1000 } else { 0x0804_1000 });
        }
        let field = match (arg, regs) {
            (None, Regs::One(register)) => format!("args[{register}]"),
            (None, Regs::Pair { .. } | Regs::Invisible) => String::new(),
            (Some(arg), _) => arg.name.to_owned(),
        };
        self.findings.about(text.span, Kind::NotText { field, ty }, subject);
        None
    }
}

/// The type of an argument, or of a register.
fn type_of(arg: Option<&'static Arg>) -> Option<Type> {
    match arg.and_then(field::of_argument) {
        Some(field) => Some(field.ty()),
        None => Type::new(64, false, types::Kind::Integer),
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
