//! `filterc run --via ptrace`: the process that was started becomes the command, and one beside
//! it watches.

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::seccomp::ret;
use filterc_abi::{Action, Endian, SeccompData};
use filterc_audit::{Ring, Sink};
use filterc_loader::beside::{self, Side, Watcher};
use filterc_loader::{Exec, Flags, action_available, install, ptrace};
use filterc_monitor::ptrace::{
    ByPolicy, Gate, Guard, Notice, Settings, Supervisor, Watch, codes, guard,
};

use super::running::{Records, coded, lines, load_failure};
use crate::auditing;
use crate::console::{Console, Failure};

/// Becomes the command, watched; returns only if that failed, or in the process that watches, when
/// there is nothing left to watch.
pub(super) fn run(
    compiled: &Compiled,
    exec: &Exec,
    flags: &Flags,
    (no_seccomp, records): (bool, Records<'_>),
    console: &Console,
) -> Result<(), Failure> {
    if !ptrace::can_change_calls() {
        return Err(coded(
            codes::NO_MACHINE,
            "on this machine a supervisor can change calls only by \
             PTRACE_SET_SYSCALL_INFO, which Linux 6.16 and later have"
                .into(),
        ));
    }
    if records.sink.is_stdout() {
        return Err(Failure::Environment(
            "standard output is the command's: `--audit` needs a file here".into(),
        ));
    }
    let sink = records.sink.absolute();
    let records = Records { sink: &sink, ..records };
    let plain = no_seccomp || !action_available(Action::Trace(0)).unwrap_or(false);
    let guard = guard(compiled, plain)?;
    let side = beside::split().map_err(|error| {
        coded(codes::NO_WATCHER, format!("the process that is to watch cannot be made: {error}"))
    })?;
    match side {
        Side::Watcher(watcher) => watch(compiled, (guard, plain), watcher, records, console),
        Side::Watched(watched) => {
            watched.wait().map_err(|why| {
                let why = if why.is_empty() { "it has ended" } else { why.as_str() };
                coded(codes::NOT_WATCHED, format!("the command cannot be watched: {why}"))
            })?;
            if !plain {
                // The guard first: the policy may forbid to install more.
                let program = guard.program_for(Endian::HOST);
                install(program.verified(), &Flags { tsync: false, ..*flags })
                    .map_err(|error| load_failure(&error))?;
                install(compiled.program_for(Endian::HOST).verified(), flags)
                    .map_err(|error| load_failure(&error))?;
            }
            let error = exec.exec();
            Err(Failure::Environment(format!("{}: {error}", exec.path().display())))
        }
    }
}

/// What closes the ways round the supervisor, compiled as any policy is.
fn guard(compiled: &Compiled, plain: bool) -> Result<Compiled, Failure> {
    let text = guard::text(compiled.policy(), plain);
    let text = text.ok_or_else(|| {
        coded(
            codes::NO_MACHINE,
            "a supervisor by ptrace is not known to work on this machine".into(),
        )
    })?;
    Ok(compile(&Source::text("<guard of the supervisor>", text), &Options::default())?)
}

fn watch(
    compiled: &Compiled,
    (guard, plain): (Compiled, bool),
    watcher: Watcher,
    records: Records<'_>,
    console: &Console,
) -> Result<(), Failure> {
    let gate = || {
        let program = compiled.program_for(Endian::HOST).verified().clone();
        let bits = (filterc::Gate::Trace.action().to_ret() & ret::DATA) as u16;
        Gate { bits, program }
    };
    let settings = Settings {
        gate: (!plain).then(gate),
        guard: Guard::new(guard.program_for(Endian::HOST).verified().clone()),
        near: true,
    };
    let lines = lines(compiled);
    let mut ring = match records.sink.open(records.on_loss) {
        Ok(ring) => ring,
        Err(error) => {
            watcher.refuse("its audit records cannot be written");
            return Err(error);
        }
    };
    let sink = ring.as_mut().map(|ring| -> &mut dyn Sink { ring });
    let supervisor = ByPolicy::new(compiled.policy(), &[], &lines).and_then(|decider| {
        Supervisor::seize(watcher.pid(), settings, decider, Messages::new(console), sink)
    });
    match supervisor {
        Err(error) => watcher.refuse(&error.to_string()),
        Ok(supervisor) => {
            if watcher.ready().is_ok()
                && let Err(error) = supervisor.run()
            {
                console.report(&coded(codes::ENDS, format!("the supervisor ends: {error}")));
            }
        }
    }
    ring.map(Ring::finish).map_or(Ok(()), |summary| auditing::report(&summary, console))
}

/// What is said on standard error while the command runs: each thing once.
struct Messages<'c> {
    console: &'c Console,
    said: Vec<(&'static str, i32)>,
}

impl<'c> Messages<'c> {
    const fn new(console: &'c Console) -> Self {
        Self { console, said: Vec::new() }
    }
}

impl Watch for Messages<'_> {
    fn notice(&mut self, tid: u32, notice: &Notice) {
        let (code, nr, text) = match notice {
            Notice::Debugger { request } => (
                codes::DEBUGGER,
                i32::try_from(*request).unwrap_or(0),
                format!(
                    "task {tid} asked to trace, or to be traced ({}), and got EPERM: a task has \
                     one tracer, and here that is filterc. Debuggers and the like work outside, \
                     or under `--via notify`",
                    request_name(*request)
                ),
            ),
            Notice::Unsettled { call } => (
                codes::UNSETTLED,
                call.nr,
                format!(
                    "task {tid}: {} would be allowed because of what stands in memory, which others \
                     can change before the kernel looks; it got EPERM: say `racy` in the rule where \
                     that does not matter, or use `--via notify`",
                    name(call)
                ),
            ),
            Notice::Uninstrumented { call } => (
                codes::UNINSTRUMENTED,
                call.nr,
                format!("task {tid} made {}, which no rule names and no table knows", name(call)),
            ),
            // Each time.
            Notice::Happened { name } => {
                let text = format!("task {tid}: the sequence `{name}` has happened");
                return self.console.report(&coded(codes::HAPPENED, text));
            }
            Notice::Killed { errno } => (
                codes::KILLED,
                *errno,
                format!(
                    "the process of task {tid} was killed: it could not be answered (errno {errno})"
                ),
            ),
        };
        if !self.said.contains(&(code, nr)) {
            self.said.push((code, nr));
            self.console.report(&coded(code, text));
        }
    }

    fn command_ended(&mut self) {
        beside::leave_stderr();
    }
}

fn request_name(request: u64) -> String {
    match request {
        0 => "PTRACE_TRACEME".to_owned(),
        16 => "PTRACE_ATTACH".to_owned(),
        0x4206 => "PTRACE_SEIZE".to_owned(),
        other => format!("request {other:#x}"),
    }
}

fn name(call: &SeccompData) -> String {
    let nr = call.nr.cast_unsigned();
    let abi = filterc_abi::abi_of_call(call.arch, nr);
    let known = abi.and_then(|abi| abi.syscall_by_nr(nr));
    known.map_or_else(|| format!("call {nr}"), |call| format!("`{}`", call.name))
}
