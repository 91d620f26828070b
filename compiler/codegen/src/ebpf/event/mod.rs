//! Event filters: a program of the kind *tracepoint* that keeps (1) or drops (0) an event.
//!
//! The predicate becomes a `graph` of questions by the same rule as a policy becomes a DAG;
//! a `plan` says what is read where and kept how; `emit` writes the branches in their order,
//! each question by `number` or `text`.
//!
//! Every text is read once, with the helper that the kernel's own filters use the core of: up to
//! its NUL, cut behind 1023 bytes, and not at all where a page is missing. All five ways of
//! matching are compiled; a part of a pattern that can stand anywhere is searched for in a bounded
//! loop. The verifier follows each round of it, so there is a limit: see [`SEARCH_LIMIT`].

mod count;
mod counting;
mod emit;
mod error;
mod graph;
mod monitor;
mod number;
mod plan;
mod question;
mod shape;
mod source;
mod strangers;
mod text;
mod writer;

use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::{Function, Hook, Insn, MapKind, MapSpec, Module, NamedMap, Unit};
use filterc_grammar::source::Span;
use filterc_hir::event::Filter;

use super::tracing;
use graph::Graph;
use plan::Plan;
use question::Question;
use shape::Item;

pub use count::{COUNTS, COUNTS_SIZE, counts};
pub use counting::counting;
pub use error::{CODES, EmitError, Kind};
pub use monitor::Monitored;

/// What a program is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whose events it looks at.
    pub monitored: Monitored,
    /// The event's number on the kernel that it is for, if that is known: what `common_type`
    /// is.
    pub event_id: Option<u16>,
    /// Whether it counts the events of watched tasks, and in which of the places that the map
    /// [`COUNTS`] has for programs: see [`counts`].
    pub counted: Option<u32>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The instructions. They name maps by their place in [`maps`]'s list.
    pub insns: Vec<Insn>,
    /// For each slot from which on another piece of the text is the reason, that piece.
    pub spans: Vec<(u32, Span)>,
    /// Bytes that the value of the map `texts` has at least; 0 if it is not used.
    pub texts: u32,
    /// Bytes that the value of the map [`COUNTS`] has at least; 0 if it is not used.
    pub counts: u32,
}

/// Rounds of searches, each counted with its instructions, that a program may have: the part of
/// what our verifier follows that is left to them (the kernel's follows a million). One part of
/// 50 bytes has so many, and so have two of 16.
pub const SEARCH_LIMIT: usize = 215_000;

/// The program of a filter.
///
/// # Errors
/// What of it no program can do, or the kernel would not take: see [`Kind`].
pub fn emit(filter: &Filter, options: &Options) -> Result<Object, EmitError> {
    let whole = |kind| EmitError { kind, span: None };
    let graph = Graph::of(&filter.predicate, options.event_id)?;
    let plan = Plan::of(&graph).map_err(whole)?;
    check_searches(&graph, &plan)?;
    let writer =
        emit::emit(&graph, &plan, (options.monitored, options.counted), filter.record.endian);
    let written = writer.finish().ok_or(whole(Kind::TooLong))?;
    let counts = options.counted.map_or(Some(0), |place| {
        // An instruction names a byte of the value by 29 bits.
        let size = place.checked_add(1)?.checked_mul(COUNTS_SIZE)?;
        (size < 1 << 29).then_some(size)
    });
    let counts = counts.ok_or(whole(Kind::TooLong))?;
    Ok(Object { insns: written.insns, spans: written.spans, texts: plan.buffer, counts })
}

/// The maps of programs that belong together: all of them count, or none does.
#[must_use]
pub fn maps(objects: &[Object], monitored: Monitored) -> Vec<NamedMap> {
    let mut maps = monitored.maps();
    let value_size = objects.iter().map(|object| object.counts).max().unwrap_or(0);
    if value_size > 0 {
        let spec = MapSpec { kind: MapKind::Array, key_size: 4, value_size, max_entries: 1 };
        maps.push(NamedMap { name: COUNTS.to_owned(), spec });
    }
    let value_size = objects.iter().map(|object| object.texts).max().unwrap_or(0);
    if value_size > 0 {
        let spec = MapSpec { kind: MapKind::PercpuArray, key_size: 4, value_size, max_entries: 1 };
        maps.push(NamedMap { name: "texts".to_owned(), spec });
    }
    maps
}

/// The module of such programs, each for the event of its filter, without lines. Where tasks are
/// watched, one more has their children watched.
///
/// # Errors
/// A fault of the text of that one; there is none.
pub fn module(programs: &[(&Filter, &Object)], monitored: Monitored) -> Result<Module, AsmError> {
    let objects: Vec<Object> = programs.iter().map(|(_, object)| (*object).clone()).collect();
    let maps = maps(&objects, monitored);
    let mut units: Vec<Unit> = Vec::new();
    for (number, (filter, object)) in programs.iter().enumerate() {
        let name = format!("event{number}");
        let hook = Hook::Tracepoint {
            subsystem: filter.record.subsystem.clone(),
            event: filter.record.name.clone(),
        };
        let functions = vec![Function { name: name.clone(), slot: 0 }];
        units.push(Unit {
            name,
            hook,
            insns: object.insns.clone(),
            functions,
            lines: Vec::new(),
            fields: Vec::new(),
        });
    }
    if monitored == Monitored::Tasks {
        units.push(tracing::at_fork()?);
    }
    Ok(Module { license: "GPL".to_owned(), maps, units, labels: Vec::new() })
}

/// Searches are what the verifiers follow longest: a filter with too many is refused here.
fn check_searches(graph: &Graph, plan: &Plan) -> Result<(), EmitError> {
    let mut work = 0;
    for id in &plan.order {
        let Some((branch, span)) = graph.branch(*id) else { continue };
        let Question::Match(text, shape) = &branch.question else { continue };
        let rounds = plan.text(*text).map_or(0, |place| place.most());
        let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
        for part in shape.rest.iter().flat_map(|rest| &rest.middle) {
            work += rounds.saturating_mul(weight(part));
        }
        if work > SEARCH_LIMIT {
            return Err(EmitError { kind: Kind::SearchTooLong, span: Some(*span) });
        }
    }
    Ok(())
}

/// Instructions of a round of the search for a part, and comparisons with earlier rounds.
fn weight(part: &[Item]) -> usize {
    let negated = usize::from(part.iter().any(|item| item.only().is_none()));
    let one = |item: &Item| match item.only() {
        Some(_) => 3 + negated,
        None => 1 + 5 * item.others().len(),
    };
    part.iter().map(one).sum::<usize>() + 60
}
