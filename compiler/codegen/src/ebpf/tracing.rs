//! Programs that watch tasks: at each call of a watched task, they decide what the policy says
//! of it, and tell.
//!
//! Three programs make a module. `enter` and `exit` stand at the tracepoints `sys_enter` and
//! `sys_exit`: if the task is watched, they put a `struct seccomp_data` together, as the kernel
//! does for a filter, call `decide`, and write a record if that is asked for. `fork`, at
//! `sched_process_fork`, has children watched as their parents are. Nothing is prevented: a
//! decision is told, not carried out.
//!
//! A call that a seccomp filter denies does not come to `sys_enter`, but to `sys_exit`; and a
//! call that does not return, as `exit`, comes to `sys_enter` alone. What the registers of a call
//! that ends are worth: a return from a signal has other registers then, and the number −1, and is
//! left out; a call that starts another program has 0 for arguments.
//!
//! Where the registers of a call are, the table of machines says ([`filterc_abi::registers`]); where
//! the kernel remembers of a task that it is one of 32 bits differs between kernels, and is put
//! in when the program is loaded.

use std::sync::LazyLock;

use filterc_abi::Action;
use filterc_abi::objects::object_hook;
use filterc_abi::registers::{MACHINES, Machine};
use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::audit::{self, Moment, offset};
use filterc_ebpf::verify::{Argument, Context, Patience};
use filterc_ebpf::{Function, Hook, MapSpec, Module, NamedMap, Target, Unit, assemble};

use super::asking::assemble_asking;
pub use super::call::Access;
use super::call::{Frame, at, put_together, stack};
use super::object::Object;
use super::who::Asked;

/// A module that watches tasks by a policy's function.
///
/// # Errors
/// A fault of the text below; there is none.
pub fn watch(
    decide: &Object,
    access: Access,
    machine: &'static Machine,
) -> Result<Module, AsmError> {
    let maps = audit::MAPS.map(|(name, spec)| NamedMap { name: name.to_owned(), spec });
    let units = vec![
        at_call(decide, Moment::Enter, access, machine)?,
        at_call(decide, Moment::Exit, access, machine)?,
        at_fork()?,
    ];
    Ok(Module { license: "GPL".to_owned(), maps: maps.into(), units, labels: Vec::new() })
}

/// A module of the function alone, to be run on request: the context is a `struct seccomp_data`.
#[must_use]
pub fn on_request(decide: &Object) -> Module {
    let function = |slot| Function { name: "decide".to_owned(), slot };
    let unit = Unit {
        name: "decide".to_owned(),
        hook: Hook::Syscall,
        insns: decide.insns.clone(),
        functions: vec![function(0)],
        lines: Vec::new(),
        fields: Vec::new(),
    };
    Module { license: "GPL".to_owned(), maps: Vec::new(), units: vec![unit], labels: Vec::new() }
}

/// What a program of such a module is verified for; at calls, it is for the kernel of a machine.
#[must_use]
pub fn target<'m>(unit: &Unit, maps: &'m [MapSpec], machine: Option<&Machine>) -> Target<'m> {
    const FORK: &[Argument<'static>] = &[Argument::Task, Argument::Task];
    let (context, returns) = match &unit.hook {
        Hook::Syscall => (Context::Syscall, (i64::MIN, i64::MAX)),
        Hook::Tracepoint { .. } => (Context::Tracepoint, (0, 1)),
        Hook::RawTracepoint(_) => (Context::RawTracepoint, (0, 0)),
        Hook::TracepointBtf(name) if name == FORK_EVENT => (Context::Arguments(FORK), (0, 0)),
        Hook::TracepointBtf(_) => (Context::Arguments(call_arguments(machine)), (0, 0)),
        Hook::Lsm(name) => (Context::Arguments(hook_arguments(name)), (-4095, 0)),
    };
    // A filter of events may search in texts, and an object may lie deep below folders.
    let patience = match &unit.hook {
        Hook::Tracepoint { .. } | Hook::Lsm(_) => Patience::Long,
        Hook::Syscall | Hook::RawTracepoint(_) | Hook::TracepointBtf(_) => Patience::Usual,
    };
    Target { context, maps, descriptors: &[], returns, patience }
}

/// The arguments of a tracepoint at calls, for verification: the registers of a machine, and a
/// number.
fn call_arguments(machine: Option<&Machine>) -> &'static [Argument<'static>] {
    static NUMBERS: LazyLock<Vec<Vec<(u32, u32)>>> =
        LazyLock::new(|| MACHINES.iter().map(Machine::read).collect());
    static ARGUMENTS: LazyLock<Vec<[Argument<'static>; 2]>> = LazyLock::new(|| {
        NUMBERS.iter().map(|numbers| [Argument::Structure(numbers), Argument::Number]).collect()
    });
    let at = MACHINES.iter().position(|known| Some(known) == machine);
    at.and_then(|at| ARGUMENTS.get(at)).map_or(&[], |arguments| arguments)
}

/// The arguments of a hook of security modules, for verification: addresses that are handed on.
fn hook_arguments(hook: &str) -> &'static [Argument<'static>] {
    const ADDRESSES: &[Argument<'static>] = &[Argument::Structure(&[]); 4];
    let count = object_hook(hook).map_or(0, |hook| usize::from(hook.arguments));
    ADDRESSES.get(..count).unwrap_or_default()
}

const FORK_EVENT: &str = "sched_process_fork";

fn at_call(
    decide: &Object,
    moment: Moment,
    access: Access,
    machine: &'static Machine,
) -> Result<Unit, AsmError> {
    let (name, event) = match moment {
        Moment::Enter => ("enter", "sys_enter"),
        // No program of a hook is one at a call.
        Moment::Exit | Moment::Hook => ("exit", "sys_exit"),
    };
    let hook = match access {
        Access::Numbers => Hook::RawTracepoint(event.to_owned()),
        Access::Types => Hook::TracepointBtf(event.to_owned()),
    };
    let text = wrapper(Asked::of(decide), moment, access, machine);
    let (mut insns, fields) = assemble_asking(&text)?;
    // The last one stands for the function.
    insns.pop();
    let slot = u32::try_from(insns.len()).unwrap_or(u32::MAX);
    insns.extend_from_slice(&decide.insns);
    let function = |name: &str, slot| Function { name: name.to_owned(), slot };
    Ok(Unit {
        name: name.to_owned(),
        hook,
        insns,
        functions: vec![function(name, 0), function("decide", slot)],
        lines: Vec::new(),
        fields,
    })
}

/// The program at a call, up to the function.
fn wrapper(asked: Asked, moment: Moment, access: Access, machine: &'static Machine) -> String {
    let frame = Frame::new(machine, asked);
    let call = frame.call();
    let allow = Action::Allow.to_ret();
    let (allowed, lost) = (audit::ALLOWED, audit::LOST);
    format!(
        "{watched}
{put_together}
ask:     {who}
         r1 = r10
         r1 += {call}
         call decide
         if w0 != {allow} goto tell
         if r8 & {allowed} goto tell
         goto stranger
{tell}
         if r0 == 0 goto stranger
lost:    r1 = map[idx:{lost}][0]+0 ll
         r2 = 1
         lock *(u64 *)(r1 + 0) += r2
stranger: r0 = 0
         exit
decide:  exit
",
        watched = watched(told_at(moment)),
        put_together = put_together(&frame, moment, access),
        who = asked.text(frame.facts()),
        tell = tell(&frame, moment, "r0"),
    )
}

/// What a task must be watched for at a moment.
const fn told_at(moment: Moment) -> u64 {
    match moment {
        Moment::Enter => audit::ENTER,
        Moment::Exit => audit::EXIT,
        Moment::Hook => audit::HOOK,
    }
}

/// Leaves strangers alone: R6 becomes the context, R7 the task, and R8 what is told of it.
pub(super) fn watched(wanted: u64) -> String {
    let tasks = audit::TASKS;
    format!(
        "        r6 = r1
         call bpf_get_current_task_btf
         r7 = r0
         r1 = map[idx:{tasks}] ll
         r2 = r7
         r3 = 0
         r4 = 0
         call bpf_task_storage_get
         if r0 == 0 goto stranger
         r8 = *(u64 *)(r0 + 0)
         r1 = r8
         r1 &= {wanted}
         if r1 == 0 goto stranger"
    )
}

/// Writes the record of the decision in a register; R0 is then 0, or there was no room.
pub(super) fn tell(frame: &Frame, moment: Moment, decision: &str) -> String {
    let record = frame.record;
    let ret = match moment {
        Moment::Enter | Moment::Hook => "r1 = 0",
        Moment::Exit => "r1 = *(u64 *)(r6 + 8)",
    };
    let field = |offset: usize| stack(record + at(offset));
    let (time, pid_tgid) = (field(offset::TIME), field(offset::PID_TGID));
    let (action, moment_at) = (field(offset::ACTION), field(offset::MOMENT));
    let (ret_at, number) = (field(offset::RET), moment.number());
    let (records, size) = (audit::RECORDS, audit::RECORD_SIZE);
    format!(
        "tell:   *(u32 *)({action}) = {decision}
         *(u32 *)({moment_at}) = {number}
         {ret}
         *(u64 *)({ret_at}) = r1
         call bpf_get_current_pid_tgid
         *(u64 *)({pid_tgid}) = r0
         call bpf_ktime_get_ns
         *(u64 *)({time}) = r0
         r1 = map[idx:{records}] ll
         r2 = r10
         r2 += {record}
         r3 = {size}
         r4 = 0
         call bpf_ringbuf_output"
    )
}

/// Children are watched as their parents are. Both come with their types, whatever the other
/// programs do: only so can a task that is not the current one be given a value.
pub(super) fn at_fork() -> Result<Unit, AsmError> {
    let tasks = audit::TASKS;
    let text = format!(
        "r6 = r1
         r2 = *(u64 *)(r6 + 0)
         r1 = map[idx:{tasks}] ll
         r3 = 0
         r4 = 0
         call bpf_task_storage_get
         if r0 == 0 goto stranger
         r1 = *(u64 *)(r0 + 0)
         if r1 == 0 goto stranger
         *(u64 *)(r10 - 8) = r1
         r1 = map[idx:{tasks}] ll
         r2 = *(u64 *)(r6 + 8)
         r3 = r10
         r3 += -8
         r4 = 1
         call bpf_task_storage_get
stranger: r0 = 0
         exit
"
    );
    Ok(Unit {
        name: "fork".to_owned(),
        hook: Hook::TracepointBtf(FORK_EVENT.to_owned()),
        insns: assemble(&text)?,
        functions: vec![Function { name: "fork".to_owned(), slot: 0 }],
        lines: Vec::new(),
        fields: Vec::new(),
    })
}
