//! `filterc attach policy.flt --for COMMAND…`

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use filterc_abi::Endian;
use filterc_ebpf::audit::{self, Record};
use filterc_loader::bpf::{CgroupError, Loaded, Log, ModuleLoadError, Process, RingReader};
use filterc_loader::wait::{Interrupts, ready};
use filterc_loader::{Exec, Held, Status};

use crate::console::{Console, Failure, stdout};
use crate::ebpf::{self, ModuleArgs, refused};
use crate::record;

/// Arguments of `attach`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("tasks").required(true).multiple(true))]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    module: ModuleArgs,

    /// Watch this process, and the children that it has from now on
    #[arg(long, value_name = "PID", group = "tasks")]
    pid: Vec<u32>,

    /// Watch the tasks that are in this control group now, and their children: a folder of the
    /// kernel's file system of control groups
    #[arg(long, value_name = "FOLDER", group = "tasks")]
    cgroup: Vec<PathBuf>,

    /// Start this command and watch it: all words from here on
    #[arg(long = "for", value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, group = "tasks")]
    command: Vec<OsString>,

    /// When calls are told: as they begin; as they end, with what they returned; or both. Calls that
    /// a seccomp filter denies only end, and `exit` only begins
    #[arg(long, value_enum, default_value_t = When::Enter, value_name = "WHEN")]
    when: When,

    /// Also tell calls that the policy allows
    #[arg(long)]
    all: bool,

    /// Print one JSON object for each call
    #[arg(long)]
    json: bool,
}

/// When calls are told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum When {
    Enter,
    Exit,
    Both,
}

impl AttachArgs {
    /// What of a task is told.
    const fn flags(&self) -> u64 {
        let moments = match self.when {
            When::Enter => audit::ENTER,
            When::Exit => audit::EXIT,
            When::Both => audit::ENTER | audit::EXIT,
        };
        if self.all { moments | audit::ALLOWED } else { moments }
    }
}

/// How long to wait before records are looked for again, whatever happens.
const PATIENCE: Duration = Duration::from_millis(200);

/// Attaches the programs until the tasks end or a signal comes. They go with this process, also
/// where it is killed.
pub(crate) fn run(args: &AttachArgs, console: &Console) -> Result<(), Failure> {
    args.module.refuse_labels()?;
    let module = args.module.module(console)?;
    let mut held = if args.command.is_empty() { None } else { Some(hold(&args.command)?) };
    // Signals that come from here on are heard, and the child has none of this.
    let interrupts = Interrupts::new().map_err(|error| system("signals", &error))?;
    let loaded = ebpf::load(&module, Log::Refusals)?;
    let records = records(&loaded)?;
    let links = loaded.attach().map_err(|error| refused(&error))?;
    let mut processes = Vec::new();
    let ids = held.iter().map(Held::id).chain(args.pid.iter().copied());
    for id in ids {
        let process = Process::open(id).map_err(|error| refused(&error))?;
        loaded.watch(&process, args.flags()).map_err(|error| refused(&error))?;
        console.note(&format!("process {id} is watched"));
        processes.push(process);
    }
    for folder in &args.cgroup {
        let count = loaded.watch_cgroup(folder, args.flags()).map_err(|error| match error {
            CgroupError::Read(error) => Failure::io(folder, &error),
            CgroupError::Load(error) => refused(&error),
        })?;
        console.note(&format!("{}: {count} tasks are watched", folder.display()));
    }
    if let Some(held) = &mut held {
        held.start().map_err(|error| system("the command", &error))?;
    }
    let forever = !args.cgroup.is_empty();
    follow(args, records, &interrupts, processes, forever)?;
    drop(links);
    report(&loaded, held.as_mut(), console);
    Ok(())
}

fn hold(command: &[OsString]) -> Result<Held, Failure> {
    let words: Result<Vec<_>, _> =
        command.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    let words =
        words.map_err(|_| Failure::Environment("a word of the command has a NUL".into()))?;
    let exec = Exec::prepare(&words)
        .map_err(|error| Failure::Environment(format!("{error} [{}]", error.code())))?;
    Held::new(&exec).map_err(|error| system("the command", &error))
}

fn system(what: &str, error: &std::io::Error) -> Failure {
    Failure::Environment(format!("{what}: {error}"))
}

/// The reading end of the module's records.
fn records(loaded: &Loaded) -> Result<RingReader, Failure> {
    let map = audit::MAPS.get(audit::RECORDS).and_then(|(name, _)| loaded.map(name));
    let map = map.ok_or_else(|| refused(&ModuleLoadError::NoTaskMap))?;
    RingReader::new(map)
        .map_err(|error| refused(&ModuleLoadError::Bpf { what: "map `records`".to_owned(), error }))
}

/// Prints records until all processes have ended, or a signal comes.
fn follow(
    args: &AttachArgs,
    mut records: RingReader,
    interrupts: &Interrupts,
    mut processes: Vec<Process>,
    forever: bool,
) -> Result<(), Failure> {
    loop {
        let ends = processes.iter().map(AsFd::as_fd);
        let list: Vec<BorrowedFd<'_>> =
            [interrupts.as_fd(), records.as_fd()].into_iter().chain(ends).collect();
        let ready = ready(&list, PATIENCE).map_err(|error| system("waiting", &error))?;
        // What was written before an end is there by now.
        for bytes in records.consume() {
            if let Some(record) = Record::from_bytes(&bytes, Endian::HOST) {
                let text = if args.json { record::json(&record) } else { record::text(&record) };
                stdout(text.as_bytes())?;
            }
        }
        let mut ended = ready.iter().skip(2);
        processes.retain(|_| !ended.next().copied().unwrap_or(false));
        if ready.first() == Some(&true) || (processes.is_empty() && !forever) {
            return Ok(());
        }
    }
}

/// What should be known besides.
fn report(loaded: &Loaded, held: Option<&mut Held>, console: &Console) {
    let lost = audit::MAPS.get(audit::LOST).and_then(|(name, _)| loaded.map(name));
    let lost = lost.and_then(|map| map.lookup(&[0; 4]).ok().flatten());
    let lost = lost.and_then(|value| value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)));
    if let Some(lost @ 1..) = lost {
        console.note(&format!("{lost} calls are not told: there was no room for their records"));
    }
    match held.and_then(Held::try_wait) {
        Some(Status::Exited(0)) | None => {}
        Some(Status::Exited(status)) => {
            console.note(&format!("the command ended with the status {status}"));
        }
        Some(Status::Signal(signal)) => {
            console.note(&format!("the command was ended by the signal {signal}"));
        }
    }
}
