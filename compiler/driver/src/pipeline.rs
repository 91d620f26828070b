//! The spine: every stage of the compiler, in order.
//!
//! ```text
//! text ─expand─▶ statements ─check─▶ hir ─build─▶ ir ─passes─▶ ir ─emit─▶ insns ─encode─▶ bytes
//!                                                                                         │
//!                   CompiledProgram ◀─prove─ verified ◀─verify─ insns ◀─decode───────────┘
//! ```
//!
//! Parameters are holes in the program until they have values: it is proved for all of them. With
//! values, the bytes are those of the patched program, which is proved to be the policy with
//! these constants.
//!
//! For a monitor, the DAG is staged when it is built ([`ir::stage()`]): what depends on more than
//! registers becomes the gate, and the proof is that it does for exactly those calls.
//!
//! A compilation reads the policy and its includes, nothing else: the result is a function
//! of those texts and the options. What a [`CompiledProgram`] holds was decoded from the
//! bytes, verified, and proved to decide what the typed policy says, so what is handed out is
//! what was judged.

use filterc_abi::Endian;
use filterc_cbpf::{self as cbpf, PatchError, Table, Template};
use filterc_check::rules::Facts;
use filterc_codegen as codegen;
use filterc_grammar::ast::Statement;
use filterc_grammar::diagnostic::{Diagnostic, Severity};
use filterc_grammar::source::SourceMap;
use filterc_hir::{self as hir, policy::Policy};
use filterc_ir as ir;

use crate::compiled::{Compiled, CompiledProgram};
use crate::diagnostics::Diagnostics;
use crate::limits;
use crate::lints;
use crate::objective::objective;
use crate::options::{Options, Target};
use crate::params;
use crate::profile;
use crate::prove::{Says, prove, prove_template};
use crate::source::{self, Expanded, Source};

/// What is known about a policy before any code is made: enough for an editor.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// All files read.
    pub sources: SourceMap,
    /// The statements of all files, includes in place.
    pub statements: Vec<Statement>,
    /// The typed policy, if no error was found.
    pub policy: Option<Policy>,
    /// What is true of its rules; nothing if there is no policy.
    pub facts: Facts,
    /// Errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a policy, and makes no code.
#[must_use]
pub fn analyse(source: &Source, options: &Options) -> Analysis {
    analyse_observed(source, options, &mut |_| ())
}

/// What is told the name of each step when it is done: `parse`, `check`, `lints`, `build`, `objective`, the
/// passes, `emit`, `verify`, `prove`. It may look at a clock, as nothing here does.
pub type Observer<'o> = dyn FnMut(&str) + 'o;

fn analyse_observed(source: &Source, options: &Options, done: &mut Observer<'_>) -> Analysis {
    let expanded = source::expand(source, &options.include_paths);
    done("parse");
    let mut diagnostics = expanded.diagnostics;
    let syntax_ok = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
    let checked = hir::check::check(
        &expanded.statements,
        &hir::Options {
            default_abi: options.default_abi,
            abis: options.abis.clone(),
            defines: &options.defines,
            sight: options.target.sight(),
        },
    );
    done("check");
    diagnostics.extend(checked.diagnostics);
    let policy = checked.policy.filter(|_| syntax_ok);
    let facts = policy.as_ref().map(lints::facts).unwrap_or_default();
    if let Some(policy) = &policy {
        diagnostics.extend(lints::warnings(policy, &expanded.statements, &facts, &diagnostics));
    }
    done("lints");
    sort(&mut diagnostics);
    let Expanded { sources, statements, .. } = expanded;
    Analysis { sources, statements, policy, facts, diagnostics }
}

/// Puts diagnostics in the order of the text; those without a place come first.
pub(crate) fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics
        .sort_by_key(|d| d.primary.as_ref().map(|label| (label.span.file, label.span.start)));
}

/// What a compilation comes to: the first program and the others, unless there is an error, or a
/// warning where none is suffered. Puts the diagnostics in order.
pub(crate) fn finished<P>(
    programs: Vec<P>,
    diagnostics: &mut [Diagnostic],
    options: &Options,
) -> Option<(P, Vec<P>)> {
    sort(diagnostics);
    let denied = options.deny_warnings && !diagnostics.is_empty();
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let mut programs = programs.into_iter();
    let first = programs.next().filter(|_| !failed && !denied)?;
    Some((first, programs.collect()))
}

/// Compiles a policy.
///
/// # Errors
/// Everything that is wrong with it: at least one error, or, with
/// [`Options::deny_warnings`], at least one warning.
pub fn compile(source: &Source, options: &Options) -> Result<Compiled, Diagnostics> {
    compile_observed(source, options, &mut |_| ())
}

/// The same; `done` is told when each step is done.
///
/// # Errors
/// See [`compile`].
pub fn compile_observed(
    source: &Source,
    options: &Options,
    done: &mut Observer<'_>,
) -> Result<Compiled, Diagnostics> {
    // A filter is compiled here, whatever else is asked for.
    let target = match options.target {
        Target::Monitor => Target::Monitor,
        Target::Seccomp
        | Target::Syscall
        | Target::RawTracepoint
        | Target::TracepointBtf
        | Target::Tracepoint
        | Target::Lsm => Target::Seccomp,
    };
    let options = &Options { target, ..options.clone() };
    let Front { sources, statements, policy, values, facts, mut diagnostics } =
        front(source, options, done)?;
    let mut programs = Vec::new();
    for endian in byte_orders(&policy) {
        match generate(&policy, endian, values.as_deref(), options, done) {
            Ok(program) => {
                let uncached = lints::uncached(&policy, &facts, &program, &diagnostics);
                diagnostics.extend(uncached);
                programs.push(program);
            }
            Err(error) => diagnostics.push(*error),
        }
    }
    match finished(programs, &mut diagnostics, options) {
        Some((program, others)) => Ok(Compiled {
            name: source.name().to_owned(),
            sources,
            statements,
            policy: match values {
                Some(values) => policy.bound(&values),
                None => policy,
            },
            warnings: diagnostics,
            defines: [options.defines.as_slice(), &options.params].concat(),
            program,
            others,
        }),
        None => Err(Diagnostics { sources, list: diagnostics }),
    }
}

/// What is known of a policy that code can be made of.
pub(crate) struct Front {
    pub(crate) sources: SourceMap,
    pub(crate) statements: Vec<Statement>,
    pub(crate) policy: Policy,
    /// The values of its parameters, if they were given.
    pub(crate) values: Option<Vec<u64>>,
    pub(crate) facts: Facts,
    /// Warnings.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// All that comes before code, whatever the target.
pub(crate) fn front(
    source: &Source,
    options: &Options,
    done: &mut Observer<'_>,
) -> Result<Front, Diagnostics> {
    let Analysis { sources, statements, policy, facts, mut diagnostics } =
        analyse_observed(source, options, done);
    let Some(policy) = policy else { return Err(Diagnostics { sources, list: diagnostics }) };
    if options.profile.as_ref().is_some_and(|profile| !profile.is_of(&policy)) {
        diagnostics.push(profile::of_other_abis());
    }
    let values = match options.params.as_slice() {
        [] => None,
        given => match params::values(&policy, given) {
            Ok(values) => Some(values),
            Err(error) => {
                diagnostics.push(*error);
                return Err(Diagnostics { sources, list: diagnostics });
            }
        },
    };
    Ok(Front { sources, statements, policy, values, facts, diagnostics })
}

/// From a typed policy to a verified program, patched with values if there are some.
fn generate(
    policy: &Policy,
    endian: Endian,
    values: Option<&[u64]>,
    options: &Options,
    done: &mut Observer<'_>,
) -> Result<CompiledProgram, Box<Diagnostic>> {
    let dag = built(policy, endian, options)?;
    done("build");
    let (mut objective, shares) = objective(policy, endian, options);
    done("objective");
    let level = options.opt_level.number();
    let mut dag = ir::passes::run(dag, level, &objective, &mut |pass, _| done(pass));
    let mut object = codegen::cbpf::emit(&dag, &objective);
    if object.is_err() {
        // Whatever was wished for, a program that fits is better than none.
        done("emit");
        objective = objective.smallest();
        let again = built(policy, endian, options)?;
        dag = ir::passes::run(again, level, &objective, &mut |pass, _| done(pass));
        object = codegen::cbpf::emit(&dag, &objective);
    }
    let object = object.map_err(|error| limits::too_long(policy, &error))?;
    done("emit");
    let bytes = cbpf::encode(&object.insns, endian);
    // What it is held against.
    let says = |policy| Says { policy, gate: options.target_gate() };
    // From here on only the bytes count, and the table of what is to be put into them.
    let insns =
        cbpf::decode(&bytes, endian).map_err(|error| limits::own_fault(error.code(), &error))?;
    let own_fault = |error: PatchError| limits::own_fault(error.code(), &error);
    let template = Template::new(&insns, &object.sites).map_err(own_fault)?;
    done("verify");
    let mut proof =
        if options.prove { Some(prove_template(says(policy), &template, endian)?) } else { None };
    let (bytes, verified, table) = match values {
        None => (bytes, template.unpatched().clone(), params::table(policy, &template)),
        Some(values) => {
            let verified = template.patch(values).map_err(own_fault)?;
            if options.prove {
                proof = Some(prove(says(&policy.bound(values)), &verified, endian)?);
            }
            (cbpf::encode(verified.insns(), endian), verified, Table::default())
        }
    };
    if proof.is_some() {
        done("prove");
    }
    let parts = policy.abis().iter().filter(|part| part.abi().endian == endian);
    let abi_names = parts.map(|part| part.abi().name).collect();
    let origin = object.origin;
    Ok(CompiledProgram {
        endian,
        abi_names,
        dag,
        objective,
        shares,
        bytes,
        verified,
        table,
        origin,
        proof,
    })
}

/// The decisions of a policy that are the kernel's.
fn built(policy: &Policy, endian: Endian, options: &Options) -> Result<ir::Dag, Box<Diagnostic>> {
    let dag = ir::build(policy, endian).and_then(|dag| match options.target_gate() {
        Some(gate) => ir::stage(&dag, gate),
        None => Ok(dag),
    });
    dag.map_err(|error| limits::too_many_nodes(policy, &error))
}

/// The byte orders of a policy's ABIs: one program is for one of them.
pub(crate) fn byte_orders(policy: &Policy) -> Vec<Endian> {
    let mut orders: Vec<_> = policy.abis().iter().map(|part| part.abi().endian).collect();
    orders.sort();
    orders.dedup();
    orders
}
