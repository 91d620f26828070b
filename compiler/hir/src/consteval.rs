//! Values of constant expressions, by ABI.
//!
//! Arithmetic is on mathematical integers, and every intermediate result must be within
//! 64 bits, signed or unsigned. `~c` is −c−1, which has the bits of `c` turned over at
//! any width; a result that it took part in is meant as bits, so that `~0x80000000` is
//! 0x7fffffff where 32 bits are wanted.
//!
//! A name is first a `-D` definition, then a `const` or `param`, then a kernel constant. A
//! parameter is no constant here: its value is not known.

use std::cell::RefCell;

use filterc_abi::Abi;
use filterc_grammar::ast::{BinOp, Constant, ConstantKind};
use filterc_grammar::source::Span;
use hashbrown::HashMap;

use crate::error::Kind;
use crate::findings::{Calls, Findings, Subject};
use crate::scope::Scope;
use crate::types::Type;

/// The value of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    number: i128,
    /// Whether `~` made it: it stands for its bits, not for a negative number.
    pattern: bool,
}

impl Value {
    /// The number, for places that are not of a field's type.
    pub(crate) fn number(self) -> i128 {
        self.number
    }

    /// The number that it is in a field of that type.
    pub(crate) fn in_type(self, ty: Type) -> i128 {
        let modulus = i128::from(ty.mask()) + 1;
        let wraps = self.pattern
            && self.number < 0
            && -modulus <= self.number
            && ty.bits(self.number).is_none();
        if wraps { self.number + modulus } else { self.number }
    }
}

/// What is wrong with an expression, and where; empty where it was told elsewhere.
type Problems = Vec<(Span, Kind)>;

/// What a name means on one ABI.
enum Meaning {
    Value(Value),
    /// A `const` that has no value anywhere, which was told at its definition.
    Broken,
    /// A `const` or kernel constant that has a value, but not here.
    Elsewhere,
    /// A parameter: it has no value yet.
    Param,
    Nothing,
}

/// All constants of a policy with their values on every listed ABI.
pub(crate) struct Constants<'a> {
    abis: &'a [&'static Abi],
    defines: HashMap<&'a str, i128>,
    /// By ABI, then by position in the scope; `None` if it has no value there.
    values: Vec<Vec<Option<Value>>>,
    /// By position: it has no value on any ABI, and that has been told.
    broken: Vec<bool>,
    /// Kernel constants that were looked up, by ABI.
    seen: Vec<RefCell<HashMap<&'a str, Option<i128>>>>,
}

impl<'a> Constants<'a> {
    /// Reads all definitions. One that has a value on some ABIs only is an error where it
    /// is used on another.
    pub(crate) fn evaluate(
        scope: &Scope<'a>,
        abis: &'a [&'static Abi],
        defines: &'a [(String, i128)],
        findings: &mut Findings,
    ) -> Self {
        let mut constants = Self {
            abis,
            defines: defines.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
            values: vec![vec![None; scope.consts.len()]; abis.len()],
            broken: vec![true; scope.consts.len()],
            seen: abis.iter().map(|_| RefCell::default()).collect(),
        };
        for (position, defined) in scope.consts.in_order() {
            constants.define(scope, position, defined.value, findings);
        }
        constants
    }

    fn define(
        &mut self,
        scope: &Scope<'a>,
        position: usize,
        expression: &'a Constant,
        findings: &mut Findings,
    ) {
        let mut problems = Vec::new();
        let mut has_value = false;
        for (abi_index, &abi) in self.abis.iter().enumerate() {
            match self.value(scope, abi_index, expression) {
                Ok(value) => {
                    has_value = true;
                    let slot = self.values.get_mut(abi_index).and_then(|v| v.get_mut(position));
                    if let Some(slot) = slot {
                        *slot = Some(value);
                    }
                }
                Err(found) => problems
                    .push((Subject { abi, abi_index, calls: Calls::None, used_by: None }, found)),
            }
        }
        if has_value {
            if let Some(broken) = self.broken.get_mut(position) {
                *broken = false;
            }
            return;
        }
        for (subject, problems) in problems {
            self.report(scope, subject, problems, findings);
        }
    }

    /// The value for a subject; what is wrong with it is recorded.
    pub(crate) fn read(
        &self,
        scope: &Scope<'a>,
        subject: Subject,
        expression: &'a Constant,
        findings: &mut Findings,
    ) -> Option<Value> {
        match self.value(scope, subject.abi_index, expression) {
            Ok(value) => Some(value),
            Err(problems) => {
                self.report(scope, subject, problems, findings);
                None
            }
        }
    }

    /// The ABIs that the policy lists.
    pub(crate) fn abis(&self) -> &'a [&'static Abi] {
        self.abis
    }

    /// Whether the policy or the kernel has a constant of that name, on any listed ABI.
    pub(crate) fn is_known(&self, scope: &Scope<'a>, name: &'a str) -> bool {
        (0..self.abis.len()).any(|i| !matches!(self.name(scope, i, name), Meaning::Nothing))
    }

    /// The value that the policy's own `const` has on an ABI.
    pub(crate) fn own(&self, scope: &Scope<'a>, abi_index: usize, name: &str) -> Option<i128> {
        let values = self.values.get(abi_index)?;
        let value = *values.get(scope.consts.position(name)?)?;
        value.map(Value::number)
    }

    /// Whether the policy or a `-D` definition gives the name its meaning.
    pub(crate) fn is_own(&self, scope: &Scope<'a>, name: &str) -> bool {
        self.is_defined(name)
            || scope.consts.position(name).is_some()
            || scope.params.position(name).is_some()
    }

    /// The kernel's value, whatever the policy makes of the name.
    pub(crate) fn kernel(&self, abi_index: usize, name: &'a str) -> Option<i128> {
        let seen = self.seen.get(abi_index)?;
        let abi = self.abis.get(abi_index)?;
        *seen.borrow_mut().entry(name).or_insert_with(|| abi.constant(name))
    }

    /// Whether a `-D` definition stands in for the name.
    pub(crate) fn is_defined(&self, name: &str) -> bool {
        self.defines.contains_key(name)
    }

    fn report(
        &self,
        scope: &Scope<'a>,
        subject: Subject,
        problems: Problems,
        findings: &mut Findings,
    ) {
        findings.fail();
        for (span, kind) in problems {
            let unknown =
                if let Kind::UnknownConstant { name } = &kind { Some(name.clone()) } else { None };
            let recorded = findings.about(span, kind, subject);
            if let Some(name) = unknown {
                let own = scope.consts.names().chain(scope.params.names());
                let own = own.chain(self.defines.keys().copied());
                let kernel = subject.abi.constant_names().map(|name| -> &str { name });
                findings.suggest(recorded, &name, own.chain(kernel));
            }
        }
    }

    fn name(&self, scope: &Scope<'a>, abi_index: usize, name: &'a str) -> Meaning {
        let exact = |number| Meaning::Value(Value { number, pattern: false });
        let own = scope.consts.position(name);
        if let Some(defined) = own.and_then(|position| scope.consts.get(position)) {
            defined.mark_used();
        }
        if let Some(&number) = self.defines.get(name) {
            return exact(number);
        }
        let Some(position) = own else {
            if let Some(param) = scope.params.position(name).and_then(|i| scope.params.get(i)) {
                param.mark_used();
                return Meaning::Param;
            }
            return match self.kernel(abi_index, name) {
                Some(number) => exact(number),
                None if exists_somewhere(name) => Meaning::Elsewhere,
                None => Meaning::Nothing,
            };
        };
        let value = self.values.get(abi_index).and_then(|values| *values.get(position)?);
        match value {
            Some(value) => Meaning::Value(value),
            None if self.broken.get(position) == Some(&false) => Meaning::Elsewhere,
            None => Meaning::Broken,
        }
    }

    fn value(
        &self,
        scope: &Scope<'a>,
        abi_index: usize,
        expression: &'a Constant,
    ) -> Result<Value, Problems> {
        let span = expression.span;
        match &expression.kind {
            ConstantKind::Integer(number) => {
                Ok(Value { number: i128::from(*number), pattern: false })
            }
            ConstantKind::Name(name) => match self.name(scope, abi_index, name) {
                Meaning::Value(value) => Ok(value),
                Meaning::Broken => Err(Vec::new()),
                Meaning::Elsewhere => Err(vec![(span, Kind::NotOnAbi { name: name.clone() })]),
                Meaning::Param => {
                    let kind = Kind::ParamMisplaced { param: name.clone(), dispatch: false };
                    Err(vec![(span, kind)])
                }
                Meaning::Nothing => Err(vec![(span, Kind::UnknownConstant { name: name.clone() })]),
            },
            ConstantKind::Paren(inner) => self.value(scope, abi_index, inner),
            ConstantKind::Complement(inner) => {
                let value = self.value(scope, abi_index, inner)?;
                Ok(Value { number: bounded(span, !value.number)?, pattern: true })
            }
            ConstantKind::Negate(inner) => {
                let value = self.value(scope, abi_index, inner)?;
                Ok(Value { number: bounded(span, -value.number)?, ..value })
            }
            ConstantKind::Binary(first, rest) => self.binary(scope, abi_index, first, rest),
            // The parser has told what is wrong here.
            ConstantKind::Error => Err(Vec::new()),
        }
    }

    fn binary(
        &self,
        scope: &Scope<'a>,
        abi_index: usize,
        first: &'a Constant,
        rest: &'a [(BinOp, Constant)],
    ) -> Result<Value, Problems> {
        let mut result = self.value(scope, abi_index, first);
        for (op, operand) in rest {
            let span = first.span.to(operand.span);
            result = match (result, self.value(scope, abi_index, operand)) {
                (Ok(left), Ok(right)) => apply(*op, left, right, span, operand.span),
                (Ok(_), Err(problems)) | (Err(problems), Ok(_)) => Err(problems),
                (Err(mut problems), Err(more)) => {
                    problems.extend(more);
                    Err(problems)
                }
            };
        }
        result
    }
}

/// Nodes of an expression beyond the first.
pub(crate) fn extra_nodes(expression: &Constant) -> usize {
    match &expression.kind {
        ConstantKind::Integer(_) | ConstantKind::Name(_) | ConstantKind::Error => 0,
        ConstantKind::Complement(inner)
        | ConstantKind::Negate(inner)
        | ConstantKind::Paren(inner) => 1 + extra_nodes(inner),
        ConstantKind::Binary(first, rest) => {
            let rest: usize = rest.iter().map(|(_, operand)| 1 + extra_nodes(operand)).sum();
            1 + extra_nodes(first) + rest
        }
    }
}

/// Whether some ABI with tables has the kernel constant.
fn exists_somewhere(name: &str) -> bool {
    filterc_abi::abis().iter().any(|abi| abi.constant(name).is_some())
}

/// Refuses what is not within 64 bits, signed or (also negated) unsigned.
fn bounded(span: Span, number: i128) -> Result<i128, Problems> {
    const LIMIT: i128 = 1 << 64;
    if (-LIMIT..LIMIT).contains(&number) { Ok(number) } else { Err(vec![(span, Kind::Overflow)]) }
}

/// `left op right`. Both are below 2⁶⁵ in size, so that no operation here leaves 128 bits,
/// a product excepted, which is checked.
fn apply(
    op: BinOp,
    left: Value,
    right: Value,
    span: Span,
    right_span: Span,
) -> Result<Value, Problems> {
    let (a, b) = (left.number, right.number);
    let shift = || match u32::try_from(b) {
        Ok(amount) if amount < 64 => Ok(amount),
        Ok(_) | Err(_) => Err(vec![(right_span, Kind::BadShift { amount: b })]),
    };
    let number = match op {
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::And => a & b,
        // Below 2⁶⁴ · 2⁶³, which is within 128 bits, sign included.
        BinOp::Shl => a << shift()?,
        BinOp::Shr => a >> shift()?,
        BinOp::Add => a + b,
        BinOp::Sub => a - b,
        BinOp::Mul => a.checked_mul(b).ok_or_else(|| vec![(span, Kind::Overflow)])?,
    };
    Ok(Value { number: bounded(span, number)?, pattern: left.pattern || right.pattern })
}
