//! `filterc audit 'ret < 0 && comm == "nginx"' log.bin`

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use filterc::{Options, Target, analyse};
use filterc_abi::Abi;
use filterc_audit::binary::{self, Item};
use filterc_audit::{Call, Event, Gap, Gaps, Record, Stored, json, sql, strace, table, words};
use filterc_hir::policy::Policy;
use filterc_monitor::sequences::stored::Stored as Sequences;
use filterc_review::stored::{self, Selection};
use serde_json::json;

use crate::console::{Console, Failure, refuse_terminal};
use crate::input;

/// Arguments of `audit`.
#[derive(Args, Debug)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct AuditArgs {
    /// Files of records, `-` for standard input; before them perhaps a predicate that says which
    /// records are wanted: what comes first is one if there are several words, and no file is named so
    #[arg(value_name = "PREDICATE] [FILE", required = true)]
    words: Vec<OsString>,

    /// Which records are wanted; all arguments are files then
    #[arg(long = "where", value_name = "PREDICATE")]
    wanted: Option<String>,

    /// Go on at the end of the file, and wait for what comes
    #[arg(short, long, conflicts_with = "count")]
    follow: bool,

    /// How records are written
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Strace)]
    format: Form,

    /// The file; standard output if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Count calls instead: how many, how many of them failed, and how long they took
    #[arg(long, value_enum, value_name = "BY", num_args = 0..=1, require_equals = true, default_missing_value = "call")]
    count: Option<By>,

    /// Policy whose sequences are looked for: each that has happened becomes a record too
    #[arg(long, value_name = "POLICY")]
    rules: Option<PathBuf>,

    /// ABI whose constants a predicate has, where a record is of no call; this machine's if left out
    #[arg(long, value_name = "ABI")]
    arch: Option<String>,

    /// Constant of predicates that wins over the kernel's
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE")]
    define: Vec<String>,
}

const EXIT_STATUS: &str = "\
Exit status: 0 all records are there; 1 some are lost, missing or damaged, a sequence of --rules has happened, \
or the predicate or the policy is at fault; \
2 bad usage, a file that cannot be read, or one without records.";

/// A form of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Lines as of `strace -f`
    Strace,
    /// JSON Lines, which are read again as they were
    Json,
    /// A line each, of columns
    Table,
    /// Statements that make a table
    Sql,
    /// The binary form, which is read again as it was
    Binary,
    /// Parquet, for DuckDB, DataFusion or Spark
    #[cfg(feature = "parquet")]
    Parquet,
}

/// What calls are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Call,
    Rule,
    Action,
    Error,
    Comm,
    Pid,
}

/// So many of the same sort of warning are shown for a file.
const SHOWN: u64 = 10;

/// How long until a file is looked at again.
const AGAIN: Duration = Duration::from_millis(100);

/// Reads records, and writes those that are wanted.
pub(crate) fn run(args: &AuditArgs, console: &Console) -> Result<(), Failure> {
    let (predicate, files) = words(args)?;
    if args.follow && files.len() != 1 {
        return Err(Failure::Environment("--follow is of one file".to_owned()));
    }
    let native = match &args.arch {
        Some(name) => input::abi_named(name)?,
        None => stored::native(),
    };
    let defines = args.define.iter().map(|text| input::define("-D", text));
    let defines = defines.collect::<Result<Vec<_>, _>>()?;
    let predicate = predicate.as_deref();
    let selection = predicate.map(|text| Selection::read(text, native, &defines)).transpose()?;
    let policy = args.rules.as_deref().map(|path| rules(path, native, &defines, console));
    let policy = policy.transpose()?;
    let mut reading = Reading {
        selection,
        sequences: policy.as_ref().map(|policy| Sequences::new(policy, &[])),
        happened: 0,
        console,
        out: Out::new(args, predicate.is_some() || policy.is_some())?,
        counts: args.count.map(|by| (by, BTreeMap::new())),
        uninstrumented: BTreeSet::new(),
        missing: 0,
        damaged: 0,
    };
    let result = files.iter().try_for_each(|file| reading.file(file, args.follow));
    match result.and_then(|()| reading.finish(args.format)) {
        // That is no failure.
        Err(Failure::No(text)) if text == GONE => Ok(()),
        other => other,
    }
}

/// The policy whose sequences are looked for.
fn rules(
    path: &Path,
    native: &'static Abi,
    defines: &[(String, i128)],
    console: &Console,
) -> Result<Policy, Failure> {
    let options = Options {
        target: Target::Monitor,
        default_abi: Some(native),
        defines: defines.to_vec(),
        ..Options::default()
    };
    let analysis = analyse(&input::source(path)?, &options);
    console.diagnostics(&analysis.sources, &analysis.diagnostics);
    let policy = analysis.policy.ok_or_else(|| Failure::No("the policy is at fault".to_owned()))?;
    if policy.sequences().is_empty() {
        let text = format!("{}: the policy has no `sequence`", path.display());
        return Err(Failure::Environment(text));
    }
    if !policy.params().is_empty() {
        let text = format!("{}: its parameters have no values here", path.display());
        return Err(Failure::Environment(text));
    }
    Ok(policy)
}

/// The predicate, and the files.
fn words(args: &AuditArgs) -> Result<(Option<String>, Vec<PathBuf>), Failure> {
    let files = |words: &[OsString]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
    if args.wanted.is_some() {
        return Ok((args.wanted.clone(), files(&args.words)));
    }
    match args.words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && first != "-" && !Path::new(first).exists() => {
            let text = first
                .to_str()
                .ok_or_else(|| Failure::Environment("the predicate is not UTF-8".to_owned()))?;
            Ok((Some(text.to_owned()), files(rest)))
        }
        all => Ok((None, files(all))),
    }
}

/// Where records go to.
enum Out {
    Lines(Form, Box<dyn Write>),
    #[cfg(feature = "parquet")]
    Parquet(Box<filterc_audit_parquet::Writer<Box<dyn Write + Send>>>),
}

impl Out {
    fn new(args: &AuditArgs, selects: bool) -> Result<Self, Failure> {
        let to = args.output.as_deref().filter(|path| *path != Path::new("-"));
        let counts = args.count.is_some();
        let binary = match args.format {
            Form::Binary => true,
            #[cfg(feature = "parquet")]
            Form::Parquet => true,
            Form::Strace | Form::Json | Form::Table | Form::Sql => false,
        };
        if binary && counts {
            let text = "--count has the forms `table` and `json`";
            return Err(Failure::Environment(text.to_owned()));
        }
        if binary {
            refuse_terminal(to)?;
        }
        let mut sink: Box<dyn Write + Send> = match to {
            Some(path) => {
                let file = File::create(path).map_err(|error| Failure::io(path, &error))?;
                Box::new(BufWriter::with_capacity(1 << 16, file))
            }
            None => Box::new(BufWriter::with_capacity(1 << 16, io::stdout())),
        };
        let head = match args.format {
            _ if counts => Vec::new(),
            #[cfg(feature = "parquet")]
            Form::Parquet => {
                let writer = filterc_audit_parquet::Writer::new(sink).map_err(written)?;
                return Ok(Self::Parquet(Box::new(writer)));
            }
            Form::Binary => binary::header(if selects { binary::SELECTED } else { 0 }).to_vec(),
            Form::Table => table::HEAD.as_bytes().to_vec(),
            Form::Sql => format!("BEGIN;\n{}", sql::create()).into_bytes(),
            Form::Strace | Form::Json => Vec::new(),
        };
        sink.write_all(&head).map_err(written)?;
        Ok(Self::Lines(args.format, sink))
    }

    fn record(&mut self, record: &Record, line: &mut Vec<u8>) -> io::Result<()> {
        line.clear();
        let (form, sink) = match self {
            Self::Lines(form, sink) => (*form, sink),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => return writer.add(record),
        };
        match form {
            Form::Strace => line.extend_from_slice(strace::line(record).as_bytes()),
            Form::Table => line.extend_from_slice(table::line(record).as_bytes()),
            Form::Json => json::write(record, line),
            Form::Sql => sql::insert(record, line),
            // What was read from a frame fits into one; a line can be longer than that.
            Form::Binary => binary::encode(record, line).map_err(|_| {
                io::Error::other("a record is longer than the binary form has room")
            })?,
            #[cfg(feature = "parquet")]
            Form::Parquet => {}
        }
        sink.write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(_, sink) => sink.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => Ok(()),
        }
    }

    fn finish(self, counted: bool) -> io::Result<()> {
        match self {
            Self::Lines(form, mut sink) => {
                if form == Form::Sql && !counted {
                    sink.write_all(b"COMMIT;\n")?;
                }
                sink.flush()
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.finish(),
        }
    }
}

/// A reader that has gone away (`| head`) ends the command: this is what it is told by.
const GONE: &str = "";

fn written(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::No(GONE.to_owned());
    }
    Failure::io(Path::new("output"), &error)
}

/// Counted calls: how many, how many of them failed, and nanoseconds.
type Counts = BTreeMap<String, (u64, u64, u64)>;

struct Reading<'c> {
    selection: Option<Selection>,
    sequences: Option<Sequences<'c>>,
    happened: u64,
    console: &'c Console,
    out: Out,
    counts: Option<(By, Counts)>,
    uninstrumented: BTreeSet<(u32, i32)>,
    missing: u64,
    damaged: u64,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, follow: bool) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(path, &error);
        let (input, is_file): (Box<dyn Read>, bool) = if path == Path::new("-") {
            (Box::new(io::stdin().lock()), false)
        } else {
            let file = File::open(path).map_err(failed)?;
            let is_file = file.metadata().map_err(failed)?.is_file();
            (Box::new(file), is_file)
        };
        // A pipe ends when it ends; what is in it is written at once.
        let mut stored = Stored::new(input, follow && is_file);
        let at_once = follow || (!is_file && io::stdout().is_terminal());
        let (mut gaps, mut told) = (Gaps::default(), 0);
        let (mut line, mut records) = (Vec::new(), 0_u64);
        loop {
            match stored.next_item().map_err(failed)? {
                None if follow && is_file => {
                    self.out.flush().map_err(written)?;
                    std::thread::sleep(AGAIN);
                }
                None => break,
                Some(Item::Record(record)) => {
                    records += 1;
                    if !stored.is_selection() {
                        gaps.see(&record, |gap| {
                            told += 1;
                            if told <= SHOWN {
                                self.console.note(&format!(
                                    "{}: {}",
                                    path.display(),
                                    gap_text(gap)
                                ));
                            }
                        });
                    }
                    self.record(&record, &mut line)?;
                    if at_once {
                        self.out.flush().map_err(written)?;
                    }
                }
                Some(Item::Damage(damage)) => {
                    self.damaged += 1;
                    if self.damaged <= SHOWN {
                        let (unit, at) = match stored.form() {
                            Some(filterc_audit::Form::Json) => ("line", damage.at),
                            Some(filterc_audit::Form::Binary) | None => ("byte", damage.at),
                        };
                        let text = format!(
                            "{}: {unit} {at}: [F0954] {} bytes: {}",
                            path.display(),
                            damage.length,
                            damage.reason
                        );
                        self.console.note(&text);
                    }
                }
            }
        }
        if told > SHOWN {
            self.console.note(&format!("{}: {} more such gaps", path.display(), told - SHOWN));
        }
        self.missing += gaps.missing.saturating_add(gaps.lost).saturating_add(gaps.back);
        if records == 0 {
            let text = format!("{}: no record of a call or a task [F0953]", path.display());
            return Err(Failure::Environment(text));
        }
        Ok(())
    }

    fn record(&mut self, record: &Record, line: &mut Vec<u8>) -> Result<(), Failure> {
        if let Event::Call(call) = &record.event
            && call.uninstrumented
            && self.uninstrumented.insert((call.data.arch, call.data.nr))
        {
            self.console.note(&format!(
                "[F0957] a call that no rule names and no table knows: number {} of {:#010x}",
                call.data.nr, call.data.arch
            ));
        }
        let happened = self.sequences.as_mut().map(|it| it.take(record)).unwrap_or_default();
        self.wanted(record, line)?;
        for sequence in happened {
            self.happened += 1;
            for text in sequence.texts() {
                let event = Event::Sequence { name: sequence.name.clone(), text };
                self.wanted(&Record { event, ..record.clone() }, line)?;
            }
        }
        Ok(())
    }

    /// Writes or counts a record, if it is wanted.
    fn wanted(&mut self, record: &Record, line: &mut Vec<u8>) -> Result<(), Failure> {
        if let Some(selection) = &mut self.selection
            && !selection.keeps(record)
        {
            return Ok(());
        }
        match &mut self.counts {
            None => self.out.record(record, line).map_err(written),
            Some((by, counts)) => {
                if let Event::Call(call) = &record.event {
                    let slot = counts.entry(key(*by, record, call)).or_default();
                    slot.0 += 1;
                    slot.1 += u64::from(call.ret.is_some_and(|ret| words::errno_of(ret).is_some()));
                    slot.2 = slot.2.saturating_add(call.duration);
                }
                Ok(())
            }
        }
    }

    fn finish(mut self, form: Form) -> Result<(), Failure> {
        let counted = self.counts.is_some();
        if let (Some((by, counts)), Out::Lines(_, sink)) = (&self.counts, &mut self.out) {
            let text = counted_text(*by, counts, form == Form::Json);
            sink.write_all(text.as_bytes()).map_err(written)?;
        }
        self.out.finish(counted).map_err(written)?;
        let unanswered = self.sequences.as_ref().map_or(0, Sequences::unanswered);
        if unanswered > 0 {
            self.console.note(&format!(
                "[F0918] the records do not say what sequences ask for, {unanswered} times: it did \
                 not count as having happened"
            ));
        }
        let forgotten = self.sequences.as_ref().map_or(0, Sequences::forgotten);
        if forgotten > 0 {
            self.console.note(&format!(
                "[F0918] too many tasks at once: what was under way in {forgotten} of them was \
                 forgotten"
            ));
        }
        let text = match (self.missing, self.damaged) {
            (0, 0) if self.happened > 0 => format!("sequences have happened: {}", self.happened),
            (0, 0) => return Ok(()),
            (missing, 0) => format!("{missing} records are not there, or out of order"),
            (0, damaged) => format!("{damaged} parts are damaged"),
            (missing, damaged) => {
                format!(
                    "{missing} records are not there, or out of order; {damaged} parts are damaged"
                )
            }
        };
        Err(Failure::No(text))
    }
}

fn gap_text(gap: Gap) -> String {
    let range = |first: u64, count: u64| match count {
        1 => format!("record {first}"),
        _ => format!("records {first} to {}", first.saturating_add(count - 1)),
    };
    match gap {
        Gap::Lost { first, count } => {
            let are = if count == 1 { "is" } else { "are" };
            format!("[F0956] {} had no room, and {are} lost", range(first, count.max(1)))
        }
        Gap::Missing { first, count } => {
            let are = if count == 1 { "is" } else { "are" };
            format!("[F0955] {} {are} missing, and nothing says why", range(first, count))
        }
        Gap::Back { due, found } => {
            format!(
                "[F0958] record {found} comes where {due} was due: out of order, or of another recording"
            )
        }
    }
}

fn key(by: By, record: &Record, call: &Call) -> String {
    let known = words::Known::of(&call.data);
    match by {
        By::Call => known.name(&call.data),
        By::Rule => match (call.answer.rule, call.answer.line) {
            (Some(rule), line) => format!("rule {rule}, line {line}"),
            (None, 0) => "no rule".to_owned(),
            (None, line) => format!("line {line}"),
        },
        By::Action => words::action(filterc_abi::Action::from_ret(call.answer.action), known.abi),
        By::Error => match call.ret {
            Some(ret) => words::error(ret, known.abi).unwrap_or("none").to_owned(),
            None => "not known".to_owned(),
        },
        By::Comm => words::quoted(&record.task.comm).trim_matches('"').to_owned(),
        By::Pid => record.task.pid.to_string(),
    }
}

fn counted_text(by: By, counts: &Counts, as_json: bool) -> String {
    let name = by.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|(key, (calls, ..))| (std::cmp::Reverse(*calls), key.as_str()));
    let mut text = String::new();
    if as_json {
        for (key, (calls, errors, nanos)) in rows {
            let object =
                json!({ &*name: key, "calls": calls, "errors": errors, "duration_ns": nanos });
            text.push_str(&format!("{object}\n"));
        }
        return text;
    }
    text.push_str(&format!("     CALLS     ERRORS        SECONDS  {}\n", name.to_uppercase()));
    for (key, (calls, errors, nanos)) in rows {
        let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        text.push_str(&format!("{calls:>10} {errors:>10} {seconds:>4}.{nanos:09}  {key}\n"));
    }
    text
}
