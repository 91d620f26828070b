//! Programs at their tracepoints for as long as the tasks that they are about, or until a signal
//! comes: for `attach`, and for `event --attach`.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use filterc::CompiledModule;
use filterc::event_module::{COUNTS, counts};
use filterc_abi::Endian;
use filterc_audit::{OnLoss, Ring};
use filterc_ebpf::audit::{self, Record};
use filterc_ebpf::{Hook, Module};
use filterc_loader::bpf::{
    CgroupError, Groups, Loaded, Log, MAX_GROUPS, ModuleLoadError, Process, RingReader,
};
use filterc_loader::wait::{Interrupts, ready};
use filterc_loader::{Exec, Held, Status};
use serde_json::json;

use crate::auditing::{self, SinkArgs};
use crate::console::{Console, Failure, stdout};
use crate::ebpf::{self, refused};
use crate::kernel_audit::Recorder;
use crate::record;

/// Which tasks programs are about: the group `tasks`.
#[derive(Args, Debug)]
pub(crate) struct TaskArgs {
    /// Watch this process, and the children that it has from now on
    #[arg(long, value_name = "PID", group = "tasks")]
    pid: Vec<u32>,

    /// Watch the tasks that are in this control group, or come into it or one below it, and their
    /// children: a folder of the kernel's file system of control groups. Of the first version of
    /// control groups, only those that are in it now
    #[arg(long, value_name = "FOLDER", group = "tasks")]
    cgroup: Vec<PathBuf>,

    /// Start this command and watch it: all words from here on
    #[arg(long = "for", value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, group = "tasks")]
    command: Vec<OsString>,
}

/// What is told of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    /// The value of a watched task: see [`audit`].
    pub(crate) flags: u64,
    /// As JSON.
    pub(crate) json: bool,
}

/// How long to wait before records are looked for again, whatever happens.
const PATIENCE: Duration = Duration::from_millis(200);

/// Attaches the programs until the tasks end or a signal comes. They go with this process, also
/// where it is killed.
pub(crate) fn attached(
    module: &Module,
    tasks: &TaskArgs,
    telling: Telling,
    recording: Option<(&SinkArgs, Option<Box<CompiledModule>>)>,
    console: &Console,
) -> Result<(), Failure> {
    // Programs that watch hold nobody up.
    let (sink, policy) = match recording {
        Some((sink, policy)) => (sink.open(OnLoss::Continue)?, policy),
        None => (None, None),
    };
    let mut held = if tasks.command.is_empty() { None } else { Some(hold(&tasks.command)?) };
    // Signals that come from here on are heard, and the child has none of this.
    let interrupts = Interrupts::new().map_err(|error| system("signals", &error))?;
    let loaded = ebpf::load(module, Log::Refusals)?;
    let mut records = records(&loaded)?;
    // First: so the call at which a task is noticed is told.
    let groups = joining(&loaded, tasks, telling, console)?;
    let links = loaded.attach().map_err(|error| refused(&error))?;
    let mut processes = Vec::new();
    let ids = held.iter().map(Held::id).chain(tasks.pid.iter().copied());
    for id in ids {
        let process = Process::open(id).map_err(|error| refused(&error))?;
        loaded.watch(&process, telling.flags).map_err(|error| refused(&error))?;
        console.note(&format!("process {id} is watched"));
        processes.push(process);
    }
    for folder in &tasks.cgroup {
        let count = loaded.watch_cgroup(folder, telling.flags);
        let count = count.map_err(|error| of_group(folder.clone(), &error))?;
        console.note(&format!("{}: {count} tasks are watched", folder.display()));
    }
    if let Some(held) = &mut held {
        held.start().map_err(|error| system("the command", &error))?;
    }
    let forever = !tasks.cgroup.is_empty();
    let mut teller = match sink {
        Some(ring) => {
            Teller::Record(Box::new(Recorder::new(telling.flags & audit::EXIT != 0, policy)), ring)
        }
        None => Teller::Print(telling),
    };
    follow(&loaded, &mut teller, records.as_mut(), &interrupts, processes, forever)?;
    drop((links, groups));
    teller.finish(console)?;
    report(&loaded, held.as_mut(), console);
    tell_counts(&loaded, telling)
}

/// Has tasks watched that come into a group later, where the kernel can tell.
fn joining(
    loaded: &Loaded,
    tasks: &TaskArgs,
    telling: Telling,
    console: &Console,
) -> Result<Option<Groups>, Failure> {
    if tasks.cgroup.is_empty() {
        return Ok(None);
    }
    match loaded.watch_joining(&tasks.cgroup, telling.flags) {
        Ok(groups) => Ok(Some(groups)),
        Err(CgroupError::FirstVersion) => {
            console.note(
                "control groups of the first version: tasks that come into them later are not \
                 watched",
            );
            Ok(None)
        }
        Err(error) => {
            let folder = tasks.cgroup.first().cloned().unwrap_or_default();
            Err(of_group(folder, &error))
        }
    }
}

fn of_group(folder: PathBuf, error: &CgroupError) -> Failure {
    match error {
        CgroupError::Read(error) => Failure::io(&folder, error),
        CgroupError::Load(error) => refused(error),
        CgroupError::TooMany => {
            Failure::Environment(format!("more than {MAX_GROUPS} control groups"))
        }
        CgroupError::FirstVersion => Failure::Environment(format!(
            "{}: a control group of the first version",
            folder.display()
        )),
    }
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

/// The reading end of the module's records; programs that keep and drop events write none.
fn records(loaded: &Loaded) -> Result<Option<RingReader>, Failure> {
    let map = audit::MAPS.get(audit::RECORDS).and_then(|(name, _)| loaded.map(name));
    let is_event = |(_, hook, _): (_, &Hook, _)| matches!(hook, Hook::Tracepoint { .. });
    let Some(map) = map else {
        return if loaded.programs().any(is_event) {
            Ok(None)
        } else {
            Err(refused(&ModuleLoadError::NoTaskMap))
        };
    };
    RingReader::new(map)
        .map(Some)
        .map_err(|error| refused(&ModuleLoadError::Bpf { what: "map `records`".to_owned(), error }))
}

/// Tells records until all processes have ended, or a signal comes.
fn follow(
    loaded: &Loaded,
    teller: &mut Teller,
    mut records: Option<&mut RingReader>,
    interrupts: &Interrupts,
    mut processes: Vec<Process>,
    forever: bool,
) -> Result<(), Failure> {
    loop {
        let mut list: Vec<BorrowedFd<'_>> = vec![interrupts.as_fd()];
        list.extend(processes.iter().map(AsFd::as_fd));
        let count = list.len();
        list.extend(records.as_deref().map(AsFd::as_fd));
        let ready = ready(&list, PATIENCE).map_err(|error| system("waiting", &error))?;
        // What was written before an end is there by now.
        teller.look_again();
        for bytes in records.as_mut().map(|records| records.consume()).unwrap_or_default() {
            if let Some(record) = Record::from_bytes(&bytes, Endian::HOST) {
                teller.tell(record)?;
            }
        }
        teller.lost(lost(loaded));
        let mut ended = ready.iter().take(count).skip(1);
        processes.retain(|_| !ended.next().copied().unwrap_or(false));
        if ready.first() == Some(&true) || (processes.is_empty() && !forever) {
            return Ok(());
        }
    }
}

/// What becomes of records.
enum Teller {
    /// They are printed.
    Print(Telling),
    /// They go to a sink.
    Record(Box<Recorder>, Ring),
}

impl Teller {
    fn look_again(&mut self) {
        if let Self::Record(recorder, _) = self {
            recorder.look_again();
        }
    }

    fn tell(&mut self, record: Record) -> Result<(), Failure> {
        match self {
            Self::Print(telling) => {
                let text = if telling.json { record::json(&record) } else { record::text(&record) };
                stdout(text.as_bytes())
            }
            Self::Record(recorder, ring) => {
                // What is lost there says so there.
                recorder.told(record, ring);
                Ok(())
            }
        }
    }

    fn lost(&mut self, total: u64) {
        if let Self::Record(recorder, ring) = self {
            recorder.lost(total, ring);
        }
    }

    fn finish(self, console: &Console) -> Result<(), Failure> {
        let Self::Record(mut recorder, mut ring) = self else { return Ok(()) };
        recorder.finish(&mut ring);
        auditing::report(&ring.finish(), console)
    }
}

/// How many records the kernel has had no room for.
fn lost(loaded: &Loaded) -> u64 {
    let lost = audit::MAPS.get(audit::LOST).and_then(|(name, _)| loaded.map(name));
    let lost = lost.and_then(|map| map.lookup(&[0; 4]).ok().flatten());
    let lost = lost.and_then(|value| value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)));
    lost.unwrap_or(0)
}

/// What should be known besides.
fn report(loaded: &Loaded, held: Option<&mut Held>, console: &Console) {
    if let lost @ 1.. = lost(loaded) {
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

/// How many events of watched tasks each program has kept and dropped, if they count.
fn tell_counts(loaded: &Loaded, telling: Telling) -> Result<(), Failure> {
    let Some(map) = loaded.map(COUNTS) else { return Ok(()) };
    let value = map.lookup(&[0; 4]).ok().flatten().unwrap_or_default();
    let hooks = loaded.programs().filter_map(|(_, hook, _)| match hook {
        Hook::Tracepoint { subsystem, event } => Some(format!("{subsystem}:{event}")),
        Hook::Syscall | Hook::RawTracepoint(_) | Hook::TracepointBtf(_) | Hook::Lsm(_) => None,
    });
    for (place, event) in (0..).zip(hooks) {
        let Some((kept, dropped)) = counts(&value, place, Endian::HOST) else { continue };
        let line = if telling.json {
            format!("{}\n", json!({ "event": event, "kept": kept, "dropped": dropped }))
        } else {
            format!("{event}: {kept} kept, {dropped} dropped\n")
        };
        stdout(line.as_bytes())?;
    }
    Ok(())
}
