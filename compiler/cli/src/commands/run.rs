//! `filterc run policy.flt -- COMMAND…`

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use filterc::evaluate::evaluate;
use filterc::{Compiled, Gate, Options, Target, compile, render};
use filterc_abi::{self as abi, Action, Endian};
use filterc_audit::OnLoss;
use filterc_hir::eval::Reason;
use filterc_loader::supervised::OnDeath;
use filterc_loader::{Exec, Flags, install};

use crate::auditing::SinkArgs;
use crate::console::{self, Console, Failure};
use crate::input;
use crate::options::PolicyArgs;

use super::run_strict::{self, Strict};
use super::running::{Records, load_failure};
use super::{run_notify, run_ptrace};

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The policy; `-` is standard input
    #[arg(value_name = "POLICY", required_unless_present = "strict")]
    policy: Option<PathBuf>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    /// Have the kernel log every action but `allow`
    #[arg(long)]
    log: bool,

    /// Leave the mitigation of speculative store bypass off
    #[arg(long)]
    spec_allow: bool,

    /// Who decides what the kernel cannot: a supervisor beside the command
    #[arg(long, value_enum, default_value_t = Via::Auto)]
    via: Via,

    /// What becomes of the command, and of all that it started, where the supervisor of `--via
    /// notify` is killed
    #[arg(long, value_enum, default_value_t = OnMonitorDeath::Kill)]
    on_monitor_death: OnMonitorDeath,

    /// No policy: the command may read, write and end, and nothing else
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "bare",
        conflicts_with_all = ["policy", "via", "no_seccomp", "on_monitor_death"],
        value_name = "PROGRAM"
    )]
    strict: Option<Strict>,

    /// With `--via ptrace`: no filter, so that the supervisor decides every call
    #[arg(long)]
    no_seccomp: bool,

    #[command(flatten)]
    sink: SinkArgs,

    /// What happens where a record of `--audit` is lost: the command goes on, waits for room, or is
    /// killed
    #[arg(long, value_name = "continue|stop|kill", default_value = "continue")]
    on_loss: OnLoss,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Who decides what the kernel cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Via {
    /// Nobody where the policy asks for registers only; as `ptrace` where it has sequences; else as
    /// `notify`
    Auto,
    /// Nobody: the filter in the kernel decides all calls
    Seccomp,
    /// A supervisor by user notifications, which acts in the command's place where it looks at
    /// memory
    Notify,
    /// A supervisor by ptrace(2), at which calls stop
    Ptrace,
}

/// What becomes of a command whose supervisor is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnMonitorDeath {
    /// It is killed, with everything that it started
    Kill,
    /// It goes on; calls that the supervisor would be asked about fail with ENOSYS
    Errno,
}

/// Becomes the command, under the filter; returns only if that failed. The command's exit
/// status is then this process's, as there is no other process.
pub(crate) fn run(args: &RunArgs, console: &Console) -> Result<(), Failure> {
    let flags = Flags { log: args.log, spec_allow: args.spec_allow, ..Flags::default() };
    if let Some(strict) = args.strict {
        let exec = prepare(&args.command)?;
        let compiled = run_strict::policy(strict, &exec)?;
        return become_command(&compiled, &exec, &flags);
    }
    let path = args.policy.as_deref().unwrap_or(Path::new("-"));
    let options = Options {
        target: match args.via {
            Via::Auto | Via::Notify | Via::Ptrace => Target::Monitor,
            Via::Seccomp => Target::Seccomp,
        },
        gate: if args.via == Via::Ptrace { Gate::Trace } else { Gate::Notify },
        ..input::options(&args.policy_args, console)?
    };
    let source = input::source(path)?;
    let mut via = args.via;
    let mut compiled = compile(&source, &options)?;
    let has_sequences = !compiled.policy().sequences().is_empty();
    // Only a tracer sees calls end, and signals.
    if via == Via::Auto && has_sequences {
        via = Via::Ptrace;
        compiled = compile(&source, &Options { gate: Gate::Trace, ..options })?;
    }
    console.diagnostics(compiled.sources(), compiled.warnings());
    input::is_finished(&compiled)?;
    let host = abi::host().map(|host| host.name);
    if !host.is_some_and(|name| compiled.policy().abis().iter().any(|p| p.abi().name == name)) {
        let this = host.unwrap_or(std::env::consts::ARCH);
        return Err(Failure::Environment(format!(
            "the policy does not cover this machine's ABI ({this}): every call of the command \
             would be foreign; add it to `arch`"
        )));
    }
    // Everything that needs other system calls comes before the filter.
    let exec = prepare(&args.command)?;
    exec_is_allowed(&compiled, &exec)?;
    let is_asked = !compiled.policy().questions().is_empty();
    match via {
        _ if args.no_seccomp && via != Via::Ptrace => {
            Err(Failure::Environment("`--no-seccomp` needs `--via ptrace`".into()))
        }
        Via::Seccomp if args.sink.is_asked() => Err(Failure::Environment(
            "`--audit` needs a supervisor, which makes records: `--via notify` or `--via ptrace`"
                .into(),
        )),
        Via::Notify if has_sequences => Err(Failure::Environment(
            "the policy has sequences: only `--via ptrace` sees calls end and signals".into(),
        )),
        Via::Ptrace => {
            let records = Records { sink: &args.sink, on_loss: args.on_loss };
            run_ptrace::run(&compiled, &exec, &flags, (args.no_seccomp, records), console)
        }
        Via::Auto if !is_asked && !args.sink.is_asked() => become_command(&compiled, &exec, &flags),
        Via::Auto | Via::Notify => {
            let on_death = match args.on_monitor_death {
                OnMonitorDeath::Kill => OnDeath::Kill,
                OnMonitorDeath::Errno => OnDeath::Errno,
            };
            let records = Records { sink: &args.sink, on_loss: args.on_loss };
            run_notify::run(&compiled, &exec, &flags, (on_death, records), console)
        }
        Via::Seccomp => become_command(&compiled, &exec, &flags),
    }
}

/// The command, found and ready.
fn prepare(words: &[OsString]) -> Result<Exec, Failure> {
    let words: Result<Vec<_>, _> =
        words.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    let words =
        words.map_err(|_| Failure::Environment("a word of the command has a NUL".into()))?;
    Exec::prepare(&words).map_err(|error| load_failure(&error))
}

fn become_command(compiled: &Compiled, exec: &Exec, flags: &Flags) -> Result<(), Failure> {
    let program = compiled.program_for(Endian::HOST);
    install(program.verified(), flags).map_err(|error| load_failure(&error))?;
    let error = exec.exec();
    Err(Failure::Environment(format!("{}: {error}", exec.path().display())))
}

/// The policy governs the very call that starts the command. Asked beforehand, it can be
/// quoted; afterwards this process may not even be able to write.
fn exec_is_allowed(compiled: &Compiled, exec: &Exec) -> Result<(), Failure> {
    let Some(call) = exec.seccomp_data() else { return Ok(()) };
    let evaluation = evaluate(compiled, Endian::HOST, &call);
    let decision = evaluation.decision;
    // The supervisor will be asked.
    let program = Action::from_ret(evaluation.trace.outcome.ret);
    let gates = [Gate::Notify, Gate::Trace].map(Gate::action);
    if gates.contains(&program) && !compiled.policy().questions().is_empty() {
        return Ok(());
    }
    if matches!(decision.action, Action::Allow | Action::Log) {
        return Ok(());
    }
    let by = match decision.reason {
        Reason::Rule(rule) => match compiled.policy().rules().get(rule.0 as usize) {
            Some(origin) => {
                format!("by the rule at {}", render::position(compiled.sources(), origin.span))
            }
            None => "by a rule".to_owned(),
        },
        Reason::Default => "by its default".to_owned(),
        Reason::Unknown => "as an unknown number".to_owned(),
        Reason::Foreign => "as a call of a foreign ABI".to_owned(),
    };
    Err(Failure::No(format!(
        "the policy answers execve, which starts the command, with {} {by}: the command cannot \
         be started; add `allow execve`",
        console::action(decision.action, &call)
    )))
}
