//! `filterc event sys_enter_openat 'dfd == 3 && flags & 0x40'`

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use filterc::Diagnostics;
use filterc::emit::{self, Format};
use filterc::event::{self, EventFilter, Request};
use filterc::event_module::{self, EventOptions};
use filterc_abi::{self as abi, Abi};
use filterc_ebpf::{Module, audit};
use filterc_grammar::diagnostic::{Code, Diagnostic, Severity};
use filterc_grammar::source::SourceMap;
use filterc_hir::event::check::Context;
use filterc_hir::event::{Predicate, Record, explain, layout, print};
use strsim::osa_distance;

use crate::console::{Console, Failure, refuse_terminal, stdout, write_output};
use crate::input;
use crate::program::ProgramArgs;
use crate::symbols::RunningKernel;
use crate::tracefs::Instance;
use crate::watching::{TaskArgs, Telling, attached};

/// Arguments of `event`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("tasks").multiple(true).requires("attach"))]
pub(crate) struct EventArgs {
    /// The event, such as sys_enter_openat or syscalls:sys_exit_read
    #[arg(value_name = "EVENT")]
    event: String,

    /// Which records are kept, such as 'dfd == 3 && flags & 0x40'; `0` removes the filter
    #[arg(value_name = "PREDICATE", required_unless_present = "clear")]
    predicate: Option<OsString>,

    /// Write the filter in this form, instead of explaining it
    #[arg(long, value_enum, value_name = "FORM")]
    emit: Option<Form>,

    /// The file; standard output if left out
    #[arg(short, long, value_name = "FILE", requires = "emit")]
    output: Option<PathBuf>,

    /// Give the event this filter, in the instance
    #[arg(long, conflicts_with_all = ["emit", "clear"], requires = "place")]
    set: bool,

    /// Remove the event's filter, in the instance
    #[arg(long, conflicts_with_all = ["emit", "predicate"], requires = "place")]
    clear: bool,

    /// Keep and drop the events of some tasks by this filter, for every perf event there, until the
    /// tasks end or a signal comes; then tell how many
    #[arg(long, conflicts_with_all = ["emit", "set", "clear", "all_tasks"], requires = "tasks")]
    attach: bool,

    #[command(flatten)]
    tasks: TaskArgs,

    /// With --attach: print the counts as a JSON object
    #[arg(long, requires = "attach")]
    json: bool,

    #[command(flatten)]
    place: Place,

    /// ABI of the machine whose events they are; this one's if left out
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,

    /// The event's `format` file, instead of the tables
    #[arg(long, value_name = "FILE")]
    format: Option<PathBuf>,

    /// How many processors the machine can have, for CPUS{…}; this one's if left out
    #[arg(long, value_name = "N")]
    cpus: Option<u32>,

    /// Constant that wins over the kernel's
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE")]
    define: Vec<String>,

    /// Let warnings be errors
    #[arg(long)]
    deny_warnings: bool,

    #[command(flatten)]
    program: ProgramArgs,
}

/// Where a filter is set.
#[derive(Args, Debug)]
#[group(id = "place", multiple = false)]
struct Place {
    /// Tracing instance
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,

    /// Tracing instance, which is made if it is missing
    #[arg(long, value_name = "NAME")]
    create: Option<String>,

    /// The tracer's own buffer, which all users of the machine share
    #[arg(long)]
    top_level: bool,
}

/// A form of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The text for the event's `filter` file, without a line break
    Ftrace,
    /// An object file with the program, which keeps (1) or drops (0) an event at its tracepoint
    Obj,
    /// The program's instructions alone; one that names no maps, so with --all-tasks, and without
    /// texts
    Bpf,
    /// The program as assembly text
    Asm,
}

/// Checks a filter, and explains, writes or sets it.
pub(crate) fn run(args: &EventArgs, console: &Console) -> Result<(), Failure> {
    let abi = machine_abi(args.arch.as_deref())?;
    let name = args.event.strip_prefix("syscalls:").unwrap_or(&args.event);
    let name = name.strip_prefix("syscalls/").unwrap_or(name);
    let instance = instance(&args.place)?;
    let record = record(args, abi, name, instance.as_ref())?;
    let Some(predicate) = &args.predicate else {
        return instance.map_or(Ok(()), |instance| instance.set(name, b"0"));
    };
    let text = predicate.as_bytes();
    let kernel = RunningKernel::default();
    let machine = kernel.machine(args.cpus);
    let defines = args.define.iter().map(|text| input::define("-D", text));
    let defines = defines.collect::<Result<Vec<_>, _>>()?;
    let context = Context { abi, defines: &defines, machine: &machine };
    let read = match event::read("<filter>", text, &record, &context)? {
        Request::Clear => return clear(args, instance.as_ref(), name),
        Request::Filter(read) => read,
    };
    if args.deny_warnings && !read.warnings.is_empty() {
        let (sources, list) = (read.sources.clone(), read.warnings.clone());
        return Err(Failure::from(Diagnostics { sources, list }));
    }
    console.diagnostics(&read.sources, &read.warnings);
    if read.dangling {
        console.note("the kernel ignores the operator at the end, and so it is left out");
    }
    if args.attach {
        return attach(args, &read, console);
    }
    match (args.emit, instance.filter(|_| args.set)) {
        (Some(Form::Ftrace), _) => write_output(args.output.as_deref(), &read.kernel_text()?),
        (Some(Form::Obj), _) => program(args, &read, Format::Obj),
        (Some(Form::Bpf), _) => program(args, &read, Format::Bpf),
        (Some(Form::Asm), _) => program(args, &read, Format::Asm),
        (None, Some(instance)) => instance.set(name, &read.kernel_text()?),
        (None, None) => stdout(explained(abi, &read).as_bytes()),
    }
}

/// The program of the filter.
fn program(args: &EventArgs, read: &EventFilter, format: Format) -> Result<(), Failure> {
    if format.is_binary() {
        refuse_terminal(args.output.as_deref())?;
    }
    let module = module(read, &args.program.options())?;
    let bytes = emit::emit_programs(&module, read.filter.record.endian, format);
    let bytes = bytes.ok_or_else(|| no_place(format))?;
    write_output(args.output.as_deref(), &bytes)
}

fn module(read: &EventFilter, how: &EventOptions) -> Result<Module, Failure> {
    let filters = std::slice::from_ref(&read.filter);
    let programs = event_module::programs(&read.sources, filters, how);
    Ok(programs.map_err(|list| Diagnostics { sources: read.sources.clone(), list })?)
}

/// The program at its tracepoint, for as long as the tasks.
fn attach(args: &EventArgs, read: &EventFilter, console: &Console) -> Result<(), Failure> {
    let how = EventOptions { counted: Some(0), ..args.program.options() };
    // Any value makes a task a watched one.
    let telling = Telling { flags: audit::ENTER, json: args.json };
    attached(&module(read, &how)?, &args.tasks, telling, None, console)
}

/// A form that has no place for these programs.
pub(crate) fn no_place(format: Format) -> Failure {
    let text = match format {
        Format::Bpf | Format::Hex => {
            "instructions alone are one program without maps: give --all-tasks, and look at no \
             text; or write an object file"
        }
        Format::Obj
        | Format::Asm
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Ir
        | Format::Dot
        | Format::Cost
        | Format::CostJson
        | Format::Table => "programs at tracepoints have the forms `obj`, `asm`, `bpf` and `hex`",
    };
    Failure::Environment(text.to_owned())
}

fn machine_abi(name: Option<&str>) -> Result<&'static Abi, Failure> {
    match name {
        Some(name) => input::abi_named(name),
        None => abi::host().ok_or_else(|| {
            Failure::Environment(
                "this machine's ABI has no tables: give one with --arch".to_owned(),
            )
        }),
    }
}

fn instance(place: &Place) -> Result<Option<Instance>, Failure> {
    match (&place.instance, &place.create) {
        (Some(name), _) => Instance::open(Some(name), false).map(Some),
        (None, Some(name)) => Instance::open(Some(name), true).map(Some),
        (None, None) if place.top_level => Instance::open(None, false).map(Some),
        (None, None) => Ok(None),
    }
}

/// The event's record: as a file describes it, else as the kernel does that is given the filter,
/// else as the tables have it.
fn record(
    args: &EventArgs,
    abi: &'static Abi,
    name: &str,
    instance: Option<&Instance>,
) -> Result<Record, Failure> {
    let described = match (&args.format, instance) {
        (Some(path), _) => Some((path.display().to_string(), input::bytes(path)?)),
        (None, Some(instance)) => Some((name.to_owned(), instance.format(name)?.into_bytes())),
        (None, None) => None,
    };
    if let Some((whose, text)) = described {
        let text = String::from_utf8_lossy(&text);
        return Record::of_format(abi, &text).ok_or_else(|| {
            Failure::Environment(format!("{whose}: this describes no syscall event"))
        });
    }
    Record::of_event(abi, name).ok_or_else(|| unknown(abi, name))
}

fn unknown(abi: &'static Abi, name: &str) -> Failure {
    let near = layout::events(abi).min_by_key(|event| osa_distance(event, name));
    let of_call = layout::suffix_of(name).and_then(|call| abi.syscall(call));
    let of_call = of_call.and_then(layout::event_suffix);
    let hint = match (of_call, near) {
        (Some(suffix), _) => format!("that call's events end in `{suffix}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "no system call has such an event".to_owned(),
    };
    let list = vec![Diagnostic {
        code: Code("F0270"),
        severity: Severity::Error,
        message: format!("unknown event `{name}`"),
        primary: None,
        secondary: Vec::new(),
        help: vec![hint],
    }];
    Failure::from(Diagnostics { sources: SourceMap::default(), list })
}

fn clear(args: &EventArgs, instance: Option<&Instance>, name: &str) -> Result<(), Failure> {
    match (args.emit, instance.filter(|_| args.set)) {
        _ if args.attach => {
            Err(Failure::Environment("`0` removes a filter: there is no program of it".to_owned()))
        }
        (Some(Form::Ftrace), _) => write_output(args.output.as_deref(), b"0"),
        (Some(Form::Obj | Form::Bpf | Form::Asm), _) => {
            Err(Failure::Environment("`0` removes a filter: there is no program of it".to_owned()))
        }
        (None, Some(instance)) => instance.set(name, b"0"),
        (None, None) => stdout(b"removes the event's filter\n"),
    }
}

/// What the filter means, a line for each test.
fn explained(abi: &'static Abi, read: &EventFilter) -> String {
    let record = &read.filter.record;
    let language =
        if read.is_kernels() { "the kernel's own language" } else { "not the kernel's language" };
    let mut out = format!("{}:{}, {language}\n", record.subsystem, record.name);
    let tests = read.filter.predicate.tests();
    let mut lines: Vec<(String, String)> = Vec::new();
    for test in tests {
        let line = (print::test(test), explain::meaning(abi, record, test));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match &read.filter.predicate {
        Predicate::True => out.push_str("    every record is kept\n"),
        Predicate::False => out.push_str("    no record is kept\n"),
        Predicate::Not(_) | Predicate::And(_) | Predicate::Or(_) | Predicate::Test(_) => {}
    }
    let width = lines.iter().map(|(test, _)| test.chars().count()).max().unwrap_or(0).min(40);
    for (test, meaning) in lines {
        out.push_str(&format!("    {test:width$}  {meaning}\n"));
    }
    out
}
