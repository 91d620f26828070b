//! A side of an equation: what it can do at a point of (arch, nr), as functions of the
//! other bits.

use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{self as cbpf, Template, Verified};
use filterc_hir::eval::Case;
use filterc_hir::expr::Predicate;

use crate::classic::Program;
use crate::formula::Formula;
use crate::function::Function;
use crate::gates::{Form, Gates, Node, Result};
use crate::joined;
use crate::layout::Ties;
use crate::machine::Halt;
use crate::meter::{Meter, cost};
use crate::region::{Head, Region};
use crate::run::{Paths, Runs, run};
use crate::sample::Candidates;
use crate::spec::Spec;
use crate::{Params, Side};

/// A side, prepared.
#[derive(Debug)]
pub(crate) enum Subject<'a> {
    Policy(Spec),
    Program { filter: &'a Verified, program: Program<'a>, endian: Endian },
    Template { template: &'a Template, program: Program<'a>, endian: Endian },
    Function(Function<'a>),
}

/// What a side can do at one point of (arch, nr), or at all of them.
#[derive(Debug)]
pub(crate) enum Behaviour<'a> {
    Case(&'a Spec, Case<'a>),
    Whole(&'a Spec),
    Value(u32),
    Paths(Paths),
    /// There are too many paths.
    Joined(&'a Program<'a>),
}

impl<'a> Subject<'a> {
    pub(crate) fn new(side: Side<'a>, endian: Endian) -> Self {
        match side {
            Side::Policy(policy) => Self::Policy(Spec::new(policy, endian)),
            Side::Staged { policy, gate } => Self::Policy(Spec::staged(policy, gate, endian)),
            Side::Program(filter) => {
                Self::Program { filter, program: Program::new(filter.ops()), endian }
            }
            Side::Template(template) => {
                Self::Template { template, program: Program::new(template.ops()), endian }
            }
            Side::Ebpf(program) => Self::Function(Function::new(program, 0, endian)),
            Side::Function { program, slot } => {
                Self::Function(Function::new(program, slot, endian))
            }
        }
    }

    /// What it can do at a point, or, without one, everywhere; the region shrinks to where
    /// it does just that.
    pub(crate) fn at(
        &self,
        head: Option<Head>,
        region: &mut Region,
        states: usize,
        meter: &Meter,
    ) -> std::result::Result<Behaviour<'_>, Halt> {
        let runs = match (self, head) {
            (Self::Policy(spec), Some(head)) => {
                return Ok(Behaviour::Case(spec, spec.case(head, region)));
            }
            (Self::Policy(spec), None) => return Ok(Behaviour::Whole(spec)),
            (Self::Program { program, .. } | Self::Template { program, .. }, head) => {
                match run(program, head, region, states, meter) {
                    // Only at a point it matters where they lead elsewhere.
                    Err(Halt::OverBudget) if head.is_none() => {
                        return Ok(Behaviour::Joined(program));
                    }
                    runs => runs?,
                }
            }
            (Self::Function(function), head) => function.run(head, region, states, meter)?,
        };
        Ok(match runs {
            Runs::Value(value) => Behaviour::Value(value),
            Runs::Paths(paths) => Behaviour::Paths(paths),
        })
    }

    /// Steps that [`Self::value`] takes at most, more or less.
    pub(crate) fn longest(&self) -> u64 {
        match self {
            Self::Policy(_) => cost::CALL,
            Self::Program { program, .. } | Self::Template { program, .. } => {
                let instructions = u64::try_from(program.ops().len()).unwrap_or(u64::MAX);
                instructions.saturating_mul(cost::INSTRUCTION)
            }
            Self::Function(function) => function.longest(),
        }
    }

    /// What it says to one call, the parameters having these values; `None` if no kernel takes
    /// the program with them, or it comes to no end, which verification has made impossible.
    pub(crate) fn value(&self, call: &SeccompData, params: &Params) -> Option<u32> {
        match self {
            Self::Policy(spec) => spec.value(call, params),
            Self::Program { filter, endian, .. } => Some(cbpf::interpret(filter, call, *endian)),
            Self::Template { template, endian, .. } => {
                let patched = template.patch(params).ok()?;
                Some(cbpf::interpret(&patched, call, *endian))
            }
            Self::Function(function) => function.value(call, params),
        }
    }

    /// How many parameters it looks at: the position of the last, and one.
    pub(crate) fn params(&self) -> usize {
        match self {
            Self::Policy(spec) => spec.params(),
            Self::Program { .. } | Self::Function(_) => 0,
            Self::Template { template, .. } => {
                let after = |site: &cbpf::Site| usize::from(site.param) + 1;
                template.sites().iter().map(after).max().unwrap_or_default()
            }
        }
    }
}

impl Behaviour<'_> {
    /// The value, if it is the same for all arguments as can be seen at once.
    pub(crate) fn only(&self) -> Option<u32> {
        match self {
            Self::Case(_, case) => match case.arms.first() {
                None => Some(case.otherwise.action.to_ret()),
                Some(arm) => (arm.predicate == Predicate::True).then(|| arm.action.to_ret()),
            },
            Self::Value(value) => Some(*value),
            Self::Whole(_) | Self::Paths(_) | Self::Joined(_) => None,
        }
    }

    /// Ties words that are compared with each other.
    pub(crate) fn tie(&self, ties: &mut Ties) {
        match self {
            Self::Case(spec, case) => Spec::tests(case, &mut |test| spec.tie(test, ties)),
            Self::Whole(spec) => spec.all_tests(&mut |test| spec.tie(test, ties)),
            Self::Value(_) | Self::Joined(_) => {}
            Self::Paths(paths) => paths.tie(ties),
        }
    }

    /// Notes constants that words are compared with.
    pub(crate) fn note(&self, candidates: &mut Candidates) {
        match self {
            Self::Case(spec, case) => Spec::tests(case, &mut |test| spec.note(test, candidates)),
            Self::Whole(spec) => spec.all_tests(&mut |test| spec.note(test, candidates)),
            Self::Value(_) => {}
            Self::Paths(paths) => paths.note(candidates),
            Self::Joined(program) => joined::note(program, candidates),
        }
    }

    /// The form that does for its values.
    pub(crate) fn form(&self) -> Form {
        match self {
            Self::Joined(_) => Form::Bits,
            Self::Paths(paths) if !paths.has_numbers() => Form::Bits,
            Self::Case(..) | Self::Whole(_) | Self::Value(_) | Self::Paths(_) => Form::Value,
        }
    }

    /// The value as functions of the bits.
    pub(crate) fn functions(
        &self,
        formula: &mut Formula<impl Gates>,
        form: Form,
    ) -> Result<Vec<Node>> {
        match self {
            Self::Case(spec, case) => spec.functions(case, formula, form),
            Self::Whole(spec) => spec.whole(formula, form),
            Self::Value(value) => formula.gates().value(*value, form),
            Self::Paths(paths) => paths.functions(formula, form),
            Self::Joined(program) => joined::functions(program, formula),
        }
    }
}
