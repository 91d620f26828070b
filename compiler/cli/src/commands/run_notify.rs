//! `filterc run --via notify`: the filter asks a supervisor, which looks at what the registers do not
//! hold, and acts in the command's place where looking and acting must be one.

use std::{process, thread};

use filterc::Compiled;
use filterc_abi::{Action, Endian};
use filterc_audit::{Ring, Sink};
use filterc_loader::notify::Listener;
use filterc_loader::supervised::{self, End, Front, OnDeath, Side, Supervisor, die_by};
use filterc_loader::{Exec, Flags, action_available};
use filterc_monitor::notify::{Supervision, supervise};

use super::running::{Records, coded, lines};
use crate::auditing;
use crate::console::{Console, Failure};

/// Runs the command; returns only if that failed, and in the supervisor's process, when nothing is
/// left to supervise.
pub(super) fn run(
    compiled: &Compiled,
    exec: &Exec,
    flags: &Flags,
    (on_death, records): (OnDeath, Records<'_>),
    console: &Console,
) -> Result<(), Failure> {
    if records.sink.is_stdout() {
        return Err(Failure::Environment(
            "standard output is the command's: `--audit` needs a file here".into(),
        ));
    }
    if !action_available(Action::Notify).unwrap_or(false) {
        return Err(coded(
            "F0920",
            "this kernel has no user notifications, which Linux 5.0 and later have: use `--via \
             ptrace`"
                .into(),
        ));
    }
    let filter = compiled.program_for(Endian::HOST).verified();
    let with_killable = Flags { new_listener: true, wait_killable_recv: true, ..*flags };
    let flags = if filterc_loader::flag_available("wait_killable_recv") {
        with_killable
    } else {
        Flags { wait_killable_recv: false, ..with_killable }
    };
    let side = supervised::start(exec, filter, &flags, on_death).map_err(|error| {
        coded("F0921", format!("the processes of a supervised command cannot be made: {error}"))
    })?;
    match side {
        Side::Front(front) => stand_for(front, exec),
        Side::Supervisor(supervisor) => {
            let result = answer(compiled, supervisor, records, console);
            if let Err(error) = &result {
                console.report(error);
            }
            // Standard output is not this process's.
            process::exit(i32::from(result.is_err()));
        }
    }
}

/// Ends as the command ends.
fn stand_for(front: Front, exec: &Exec) -> Result<(), Failure> {
    let end = front.wait();
    match end.map_err(|error| coded("F0921", format!("cannot wait for the command: {error}")))? {
        End::Exited(status) => process::exit(status),
        End::Signal(signal) => {
            die_by(signal);
            process::exit(128 + signal)
        }
        End::NotExecuted(errno) => {
            let error = std::io::Error::from_raw_os_error(errno);
            Err(Failure::Environment(format!("{}: {error}", exec.path().display())))
        }
        End::NotInstalled(code) => Err(Failure::Environment(format!(
            "the filter was refused [F{code:04}]: `filterc explain F{code:04}` says why"
        ))),
        End::Unsupervised => Err(coded(
            "F0922",
            "the supervisor ended before the command, which was killed with everything that it had \
             started"
                .into(),
        )),
    }
}

/// Answers calls until nothing is left that makes them.
fn answer(
    compiled: &Compiled,
    mut supervisor: Supervisor,
    records: Records<'_>,
    console: &Console,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| coded("F0923", format!("the supervisor ends: {error}"));
    // Before the command runs: it may write where records go.
    let mut ring = match records.sink.open(records.on_loss) {
        Ok(ring) => ring,
        Err(error) => {
            supervisor.kill();
            return Err(error);
        }
    };
    let Ok(listener) = supervisor.listener() else {
        // The process in front has been told.
        return supervisor.reap().map_err(failed);
    };
    let listener = match Listener::new(listener) {
        Ok(listener) => listener,
        Err(error) => {
            console.report(&failed(error));
            supervisor.kill();
            return supervisor.reap().map_err(failed);
        }
    };
    let lines = lines(compiled);
    let what = Supervision { policy: compiled.policy(), params: &[], lines: &lines };
    // The threads beside this one end with the process.
    let supervisor = std::sync::Arc::new(supervisor);
    let (reaping, waiting) = (supervisor.clone(), supervisor.clone());
    let reaper = thread::spawn(move || reaping.reap());
    thread::spawn(move || waiting.wait_for_front());
    let sink = ring.as_mut().map(|ring| -> &mut (dyn Sink + Send) { ring });
    match supervise(what, listener, sink) {
        Err(error) => {
            // Before the command ends, and with it who reads this.
            console.report(&failed(error));
            supervisor.kill();
        }
        // The front kills what is left when this process is gone.
        Ok(ended) if ended.lost => {
            console.report(&coded("F0923", "a record was lost (`--on-loss`)".into()));
            process::exit(1);
        }
        Ok(_) => {}
    }
    let summary = ring.map(Ring::finish);
    // What is no task under the filter any more may still be one to be told of.
    let _reaped = reaper.join();
    summary.map_or(Ok(()), |summary| auditing::report(&summary, console))
}
