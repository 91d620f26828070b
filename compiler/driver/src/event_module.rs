//! Event filters to a module of programs at tracepoints: one program for each filter.
//!
//! ```text
//! filters ─emit─▶ insns ─encode, decode, verify─▶ programs ─▶ module, with the lines of the text
//! ```

use filterc_abi::{self as abi, Endian};
use filterc_codegen::ebpf::event::{self as codegen, Object};
use filterc_codegen::ebpf::tracing;
use filterc_ebpf::{self as ebpf, MapSpec, Module};
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_grammar::source::{SourceMap, Span};
use filterc_hir::event::check::{self, Context};
use filterc_hir::event::kernel::Machine;
use filterc_hir::event::{Filter, layout};

pub use filterc_codegen::ebpf::event::{
    COUNTS, Monitored, Options as EventOptions, counting, counts,
};

use crate::diagnostics::Diagnostics;
use crate::limits;
use crate::lines;
use crate::options::Options;
use crate::pipeline::sort;
use crate::source::{self, Source};

/// The codes of this stage beside those of the code generator.
pub const CODES: &[&str] = &["F0421"];

/// The event filters of a text, and the programs that were made of them.
#[derive(Clone, Debug)]
pub struct EventModule {
    /// All files read.
    pub sources: SourceMap,
    /// Warnings, in the order of the text.
    pub warnings: Vec<Diagnostic>,
    /// The byte order of the machine that they are for.
    pub endian: Endian,
    /// The programs and their maps.
    pub module: Module,
}

/// Compiles the `event` statements of a text, for any machine; its other statements are for
/// other targets.
///
/// # Errors
/// Everything that is wrong with them, and F0421 if there are none; or, with
/// [`Options::deny_warnings`], at least one warning.
pub fn compile_events(
    source: &Source,
    options: &Options,
    how: &EventOptions,
) -> Result<EventModule, Diagnostics> {
    compile_events_for(source, options, how, &Machine::ANY)
}

/// The same for a machine of which more is known: how many processors it can have, and where the
/// functions of its kernel are, which tests of `.function` ask for.
///
/// # Errors
/// As [`compile_events`].
pub fn compile_events_for(
    source: &Source,
    options: &Options,
    how: &EventOptions,
    machine: &Machine<'_>,
) -> Result<EventModule, Diagnostics> {
    let expanded = source::expand(source, &options.include_paths);
    let (sources, mut list) = (expanded.sources, expanded.diagnostics);
    let chosen = options.abis.as_ref().and_then(|abis| abis.first().copied());
    let abi = chosen.or(options.default_abi).unwrap_or_else(abi::x86_64);
    let context = Context { abi, defines: &options.defines, machine };
    let checked = check::statements(&expanded.statements, &context);
    list.extend(checked.diagnostics);
    sort(&mut list);
    let failed = list.iter().any(|found| found.severity == Severity::Error);
    let denied = options.deny_warnings && !list.is_empty();
    let Some(filters) = checked.result.filter(|_| !failed && !denied) else {
        return Err(Diagnostics { sources, list });
    };
    if filters.is_empty() {
        list.push(nothing());
        return Err(Diagnostics { sources, list });
    }
    match programs(&sources, &filters, how) {
        Ok(module) => Ok(EventModule { sources, warnings: list, endian: abi.endian, module }),
        Err(errors) => {
            list.extend(errors);
            sort(&mut list);
            Err(Diagnostics { sources, list })
        }
    }
}

/// The programs of filters, which are of machines of one byte order. If they count, each does so
/// in a place of its own, from the given one on.
///
/// # Errors
/// What the filters ask for that no program can do.
pub fn programs(
    sources: &SourceMap,
    filters: &[Filter],
    how: &EventOptions,
) -> Result<Module, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut objects: Vec<Object> = Vec::new();
    for (number, filter) in (0..).zip(filters) {
        let counted = how.counted.map(|first| first.saturating_add(number));
        match program(filter, &EventOptions { counted, ..*how }) {
            Ok(object) => objects.push(object),
            Err(error) => errors.push(*error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let pairs: Vec<_> = filters.iter().zip(&objects).collect();
    let own_fault = |code, fault: &dyn std::fmt::Display| vec![*limits::own_fault(code, fault)];
    let mut module =
        codegen::module(&pairs, how.monitored).map_err(|error| own_fault(error.code(), &error))?;
    let maps: Vec<MapSpec> = module.maps.iter().map(|map| map.spec).collect();
    for (number, unit) in module.units.iter_mut().enumerate() {
        // The map of texts may be larger than a program by itself needs.
        ebpf::verify(&unit.insns, &tracing::target(unit, &maps, None))
            .map_err(|error| own_fault(error.code(), &error))?;
        unit.lines.push(lines::line_at(sources, None, 0));
        for (slot, span) in objects.get(number).map(|object| &object.spans).into_iter().flatten() {
            let line = lines::line_at(sources, Some(*span), *slot);
            unit.lines.retain(|before| before.slot != *slot);
            unit.lines.push(line);
        }
    }
    Ok(module)
}

/// A program, decoded from its bytes and verified.
fn program(filter: &Filter, how: &EventOptions) -> Result<Object, Box<Diagnostic>> {
    let object = codegen::emit(filter, how)
        .map_err(|error| refused(error.code(), error.to_string(), error.span))?;
    let bytes = ebpf::encode(&object.insns, filter.record.endian);
    let own_fault = |code, fault: &dyn std::fmt::Display| limits::own_fault(code, fault);
    let insns = ebpf::decode(&bytes, filter.record.endian)
        .map_err(|error| own_fault(error.code(), &error))?;
    let maps = codegen::maps(std::slice::from_ref(&object), how.monitored);
    let maps: Vec<MapSpec> = maps.iter().map(|map| map.spec).collect();
    let target = ebpf::Target {
        context: ebpf::verify::Context::Tracepoint,
        maps: &maps,
        descriptors: &[],
        returns: (0, 1),
        patience: ebpf::verify::Patience::Long,
    };
    match ebpf::verify(&insns, &target) {
        Ok(_) => Ok(Object { insns, ..object }),
        // The code generator counts rounds of searches; the verifier walks the ways between them.
        Err(error) if error.kind == ebpf::Kind::TooComplex => {
            let error = codegen::EmitError { kind: codegen::Kind::SearchTooLong, span: None };
            Err(refused(
                error.code(),
                error.to_string(),
                filter.predicate.tests().first().map(|test| test.span),
            ))
        }
        Err(error) => Err(own_fault(error.code(), &error)),
    }
}

fn refused(code: &'static str, message: String, span: Option<Span>) -> Box<Diagnostic> {
    let help = match code {
        "F0266" => "say what it stands for by other fields",
        "F0267" => "give the number with --event-id: the event's file `id` in tracefs has it",
        "F0268" => {
            "search for shorter parts, or for fewer; what stands at the start or at the end is no search"
        }
        _ => "test fewer things, or make several filters of it",
    };
    Box::new(Diagnostic {
        code: Code(code),
        severity: Severity::Error,
        message,
        primary: span.map(|span| Label { span, message: "asked for here".to_owned() }),
        secondary: Vec::new(),
        help: vec![help.to_owned()],
    })
}

fn nothing() -> Diagnostic {
    let message = "there is no `event` statement: nothing stands at a tracepoint".to_owned();
    let example = format!("event {}:sys_enter_openat if dfd == 3", layout::SUBSYSTEM);
    Diagnostic {
        code: Code("F0421"),
        severity: Severity::Error,
        message,
        primary: None,
        secondary: Vec::new(),
        help: vec![format!("such as `{example}`; policies have the other targets")],
    }
}
