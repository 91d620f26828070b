//! eBPF modules: the same spine as for filters, with another end.
//!
//! ```text
//! … ─passes─▶ ir ─emit─▶ decide ─encode, decode, verify─▶ decide ─wrap─▶ module ─verify─▶ module
//! ```
//!
//! `decide` is the one function of the policy, and the same instructions for every target; what
//! is proved of it where it is a program of its own holds where it is called.

use filterc_abi::Endian;
use filterc_abi::objects::ObjectHook;
use filterc_check::Proof;
use filterc_codegen::ebpf::tracing::{self, Access};
use filterc_codegen::ebpf::{self as codegen, Object, lsm};
use filterc_ebpf::{self as ebpf, Insn, LabelPattern, MapSpec, Module, Verified, VerifyError};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::SourceMap;
use filterc_hir::policy::{Policy, RuleId};
use filterc_ir as ir;

use crate::diagnostics::Diagnostics;
use crate::hooks;
use crate::limits;
use crate::lines;
use crate::machine;
use crate::objective::objective;
use crate::options::{Options, Target};
use crate::params;
use crate::pipeline::{Front, Observer, byte_orders, finished, front};
use crate::prove::prove_function;
use crate::source::Source;

/// The codes of this stage.
pub const CODES: &[&str] = &["F0261", "F0262", "F0263", "F0411"];

/// A policy, and the eBPF programs that were made of it.
#[derive(Clone, Debug)]
pub struct CompiledModule {
    name: String,
    sources: SourceMap,
    policy: Policy,
    warnings: Vec<Diagnostic>,
    /// That of the first byte order, and those of others.
    program: ModuleProgram,
    others: Vec<ModuleProgram>,
}

/// The programs for machines of one byte order.
#[derive(Clone, Debug)]
pub struct ModuleProgram {
    endian: Endian,
    abi_names: Vec<&'static str>,
    dag: ir::Dag,
    module: Module,
    decide: Verified,
    origin: Vec<Option<RuleId>>,
    proof: Option<Proof>,
}

impl CompiledModule {
    /// The name of the policy's source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All files read.
    #[must_use]
    pub const fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// The typed policy, with constants in the places of parameters.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Warnings, in the order of the text.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The programs; of the first byte order, where the policy's ABIs have two.
    #[must_use]
    pub const fn program(&self) -> &ModuleProgram {
        &self.program
    }

    /// The programs, for each byte order among the policy's ABIs.
    pub fn programs(&self) -> impl Iterator<Item = &ModuleProgram> {
        std::iter::once(&self.program).chain(&self.others)
    }
}

impl ModuleProgram {
    /// The byte order of the machines that they are for.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Names of the ABIs that they decide about; all others are foreign.
    #[must_use]
    pub fn abi_names(&self) -> &[&'static str] {
        &self.abi_names
    }

    /// The decision DAG that `decide` was made of.
    #[must_use]
    pub const fn dag(&self) -> &ir::Dag {
        &self.dag
    }

    /// The programs and their maps.
    #[must_use]
    pub const fn module(&self) -> &Module {
        &self.module
    }

    /// The function of the policy: R1 is the address of a `struct seccomp_data`, R0 what a
    /// seccomp filter would return.
    #[must_use]
    pub const fn decide(&self) -> &Verified {
        &self.decide
    }

    /// Its instructions.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        self.decide.program().insns()
    }

    /// For each of its slots, the rule that it is there for; none for dispatch and defaults.
    #[must_use]
    pub fn origin(&self) -> &[Option<RuleId>] {
        &self.origin
    }

    /// That `decide` returns what the policy says, for every call; `None` if that was not proved.
    #[must_use]
    pub const fn proof(&self) -> Option<Proof> {
        self.proof
    }
}

/// Compiles a policy to eBPF: for [`Target::Seccomp`] and
/// [`Target::Tracepoint`], as for [`Target::Syscall`].
///
/// # Errors
/// Everything that is wrong with it: at least one error, or, with
/// [`Options::deny_warnings`], at least one warning.
pub fn compile_module(source: &Source, options: &Options) -> Result<CompiledModule, Diagnostics> {
    compile_module_observed(source, options, &mut |_| ())
}

/// The same; `done` is told when each step is done.
///
/// # Errors
/// See [`compile_module`].
pub fn compile_module_observed(
    source: &Source,
    options: &Options,
    done: &mut Observer<'_>,
) -> Result<CompiledModule, Diagnostics> {
    let Front { sources, policy, values, mut diagnostics, .. } = front(source, options, done)?;
    let policy = match values {
        Some(values) => policy.bound(&values),
        None if policy.params().is_empty() => policy,
        // There is no loader that would fill them in.
        None => {
            diagnostics.extend(params::missing(&policy));
            return Err(Diagnostics { sources, list: diagnostics });
        }
    };
    let mut programs = Vec::new();
    for endian in byte_orders(&policy) {
        match generate(&sources, &policy, endian, options, done) {
            Ok(program) => programs.push(program),
            Err(error) => diagnostics.push(*error),
        }
    }
    match finished(programs, &mut diagnostics, options) {
        Some((program, others)) => Ok(CompiledModule {
            name: source.name().to_owned(),
            sources,
            policy,
            warnings: diagnostics,
            program,
            others,
        }),
        None => Err(Diagnostics { sources, list: diagnostics }),
    }
}

/// What is put around the function of a policy.
#[derive(Debug, PartialEq, Eq)]
enum Wrapping {
    /// Nothing: it is called with a call.
    None,
    /// What puts a call together and tells.
    Watch(Access),
    /// What finds labels and obeys.
    Hooks(Vec<&'static ObjectHook>),
}

fn generate(
    sources: &SourceMap,
    policy: &Policy,
    endian: Endian,
    options: &Options,
    done: &mut Observer<'_>,
) -> Result<ModuleProgram, Box<Diagnostic>> {
    let parts = policy.abis().iter().filter(|part| part.abi().endian == endian);
    let abis: Vec<_> = parts.map(|part| part.abi()).collect();
    let wrapping = match options.target {
        Target::Seccomp | Target::Syscall | Target::Tracepoint | Target::Monitor => Wrapping::None,
        Target::RawTracepoint => Wrapping::Watch(Access::Numbers),
        Target::TracepointBtf => Wrapping::Watch(Access::Types),
        Target::Lsm => Wrapping::Hooks(hooks::hooks(policy, endian)?),
    };
    let machine = match wrapping {
        Wrapping::None => None,
        Wrapping::Watch(_) | Wrapping::Hooks(_) => Some(machine::choose(&abis, options)?),
    };
    let dag = ir::build(policy, endian).map_err(|error| limits::too_many_nodes(policy, &error))?;
    done("build");
    // The kernel has no bitmap for these: every call runs them.
    let (objective, _) = objective(policy, endian, &Options { bitmap: false, ..options.clone() });
    done("objective");
    let level = options.opt_level.number();
    let dag = ir::passes::run(dag, level, &objective, &mut |pass, _| done(pass));
    let object = codegen::emit(&dag, &objective).map_err(|error| limits::no_function(&error))?;
    done("emit");
    let Object { insns, origin } = object;
    let bytes = ebpf::encode(&insns, endian);
    // From here on only the bytes count.
    let insns =
        ebpf::decode(&bytes, endian).map_err(|error| limits::own_fault(error.code(), &error))?;
    let decide = ebpf::verify(&insns, &ebpf::Target::SYSCALL).map_err(unverified)?;
    let object = Object { insns, origin };
    let module = match (&wrapping, machine) {
        (Wrapping::Watch(access), Some(machine)) => tracing::watch(&object, *access, machine),
        (Wrapping::Hooks(hooks), Some(machine)) => lsm::enforce(&object, hooks, machine),
        (Wrapping::None, _) | (_, None) => Ok(tracing::on_request(&object)),
    };
    let mut module = module.map_err(|error| limits::own_fault(error.code(), &error))?;
    if matches!(wrapping, Wrapping::Hooks(_)) {
        module.labels = patterns(policy);
    }
    let maps: Vec<MapSpec> = module.maps.iter().map(|map| map.spec).collect();
    for unit in &mut module.units {
        let target = tracing::target(unit, &maps, machine);
        ebpf::verify(&unit.insns, &target).map_err(unverified)?;
        let decide = unit.functions.iter().find(|function| function.name == "decide");
        let start = decide.map(|function| function.slot);
        if start != Some(0) {
            unit.lines.push(lines::line(sources, policy, None, 0));
        }
        if let Some(start) = start {
            unit.lines.extend(lines::lines(sources, policy, &object.origin, start));
        }
    }
    done("verify");
    let proof = if options.prove { Some(prove_function(policy, &decide, endian)?) } else { None };
    if proof.is_some() {
        done("prove");
    }
    Ok(ModuleProgram {
        endian,
        abi_names: abis.iter().map(|abi| abi.name).collect(),
        dag,
        module,
        decide,
        origin: object.origin,
        proof,
    })
}

/// The patterns of a policy's labels, whose bits are their places.
fn patterns(policy: &Policy) -> Vec<LabelPattern> {
    let labels = (0..).zip(policy.labels());
    let patterns = labels.flat_map(|(bit, label)| {
        label.patterns.iter().map(move |pattern| LabelPattern {
            bit,
            label: label.name.clone(),
            pattern: pattern.clone(),
        })
    });
    patterns.collect()
}

/// A verifier, ours or the kernel's, follows no more than so many ways; all else is our fault.
fn unverified(error: VerifyError) -> Box<Diagnostic> {
    if error.kind == ebpf::Kind::TooComplex {
        return limits::too_complex();
    }
    limits::own_fault(error.code(), &error)
}
