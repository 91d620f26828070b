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
//! The registers of a call are where `struct pt_regs` of `asm/ptrace.h` has them, which is an
//! interface for user space, too, and does not change. Where the kernel remembers that a call
//! is of 32 bits is not: see [`Layout`].

use filterc_abi::facts::FACTS_SIZE;
use filterc_abi::objects::object_hook;
use filterc_abi::{Action, seccomp};
use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::audit::{self, Moment, offset};
use filterc_ebpf::verify::{Argument, Context, Patience};
use filterc_ebpf::{Function, Hook, MapSpec, Module, NamedMap, Target, Unit, assemble};

use super::object::Object;
use super::who::Asked;

/// How programs get the arguments of a tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// As numbers; memory of the kernel is copied (`raw_tp`).
    Numbers,
    /// With the kernel's types; its memory is read at once (`tp_btf`).
    Types,
}

/// What differs between kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Byte offset of `thread_info.status` in `struct task_struct`, below 64.
    pub status: u8,
}

impl Default for Layout {
    /// Since Linux 5.11, and as far as is known now.
    fn default() -> Self {
        Self { status: 16 }
    }
}

/// The machine whose registers are known here, as ABIs name it.
pub const KERNEL_ARCH: &str = "x86";

/// Tokens of the kernel's ABIs.
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// Bit of `thread_info.status`: a call of 32 bits (`TS_COMPAT`).
const COMPAT: u32 = 2;

/// Offsets in `struct pt_regs` on x86_64.
mod regs {
    pub(super) const R10: u32 = 56;
    pub(super) const R9: u32 = 64;
    pub(super) const R8: u32 = 72;
    pub(super) const BP: u32 = 32;
    pub(super) const BX: u32 = 40;
    pub(super) const CX: u32 = 88;
    pub(super) const DX: u32 = 96;
    pub(super) const SI: u32 = 104;
    pub(super) const DI: u32 = 112;
    pub(super) const ORIG_AX: u32 = 120;
    pub(super) const IP: u32 = 128;
    /// Bytes of all.
    pub(super) const SIZE: u32 = 168;
}

/// Arguments in the order of the calling conventions.
const NATIVE: [u32; 6] = [regs::DI, regs::SI, regs::DX, regs::R10, regs::R8, regs::R9];
const INT_80: [u32; 6] = [regs::BX, regs::CX, regs::DX, regs::SI, regs::DI, regs::BP];

/// What is where in the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The record, and the facts of the call behind it.
    pub(super) record: i32,
    /// The registers that were copied.
    pub(super) regs: i32,
    /// The start of the task.
    pub(super) task: i32,
}

impl Frame {
    /// With room for facts if some are asked for.
    pub(super) fn new(asked: Asked) -> Self {
        Self::with(if asked.any() { FACTS_SIZE } else { 0 })
    }

    /// With room for facts.
    pub(super) fn with_facts() -> Self {
        Self::with(FACTS_SIZE)
    }

    fn with(facts: u32) -> Self {
        let record = -at(audit::RECORD_SIZE) - at32(facts);
        let regs = record - at32(regs::SIZE);
        Self { record, regs, task: regs - 64 }
    }

    /// The call.
    pub(super) fn call(self) -> i32 {
        self.record + at(offset::CALL)
    }

    /// The first of the facts.
    pub(super) fn facts(self) -> i32 {
        self.record + at(audit::RECORD_SIZE)
    }
}

/// A module that watches tasks by a policy's function.
///
/// # Errors
/// A fault of the text below; there is none.
pub fn watch(decide: &Object, access: Access, layout: Layout) -> Result<Module, AsmError> {
    let maps = audit::MAPS.map(|(name, spec)| NamedMap { name: name.to_owned(), spec });
    let units = vec![
        at_call(decide, Moment::Enter, access, layout)?,
        at_call(decide, Moment::Exit, access, layout)?,
        at_fork()?,
    ];
    Ok(Module { license: "GPL".to_owned(), maps: maps.into(), units })
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
    };
    Module { license: "GPL".to_owned(), maps: Vec::new(), units: vec![unit] }
}

/// What a program of such a module is verified for.
#[must_use]
pub fn target<'m>(unit: &Unit, maps: &'m [MapSpec]) -> Target<'m> {
    const CALL: &[Argument<'static>] = &[Argument::Structure(NUMBERS), Argument::Number];
    const FORK: &[Argument<'static>] = &[Argument::Task, Argument::Task];
    const NUMBERS: &[u32] = &[
        regs::BP,
        regs::BX,
        regs::R10,
        regs::R9,
        regs::R8,
        regs::CX,
        regs::DX,
        regs::SI,
        regs::DI,
        regs::ORIG_AX,
        regs::IP,
    ];
    let (context, returns) = match &unit.hook {
        Hook::Syscall => (Context::Syscall, (i64::MIN, i64::MAX)),
        Hook::Tracepoint { .. } => (Context::Tracepoint, (0, 1)),
        Hook::RawTracepoint(_) => (Context::RawTracepoint, (0, 0)),
        Hook::TracepointBtf(name) if name == FORK_EVENT => (Context::Arguments(FORK), (0, 0)),
        Hook::TracepointBtf(_) => (Context::Arguments(CALL), (0, 0)),
        Hook::Lsm(name) => (Context::Arguments(hook_arguments(name)), (-4095, 0)),
    };
    // A filter of events may search in texts, and an object may lie deep below folders.
    let patience = match &unit.hook {
        Hook::Tracepoint { .. } | Hook::Lsm(_) => Patience::Long,
        Hook::Syscall | Hook::RawTracepoint(_) | Hook::TracepointBtf(_) => Patience::Usual,
    };
    Target { context, maps, descriptors: &[], returns, patience }
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
    layout: Layout,
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
    let mut insns = assemble(&wrapper(Asked::of(decide), moment, access, layout))?;
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
    })
}

/// The program at a call, up to the function.
fn wrapper(asked: Asked, moment: Moment, access: Access, layout: Layout) -> String {
    let frame = Frame::new(asked);
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
        watched = watched(frame, told_at(moment), layout),
        put_together = put_together(frame, moment, access, layout),
        who = asked.text(frame.facts()),
        tell = tell(frame, moment, "r0"),
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

/// Leaves strangers alone; of a watched task R8 is what is told, and its start is copied.
pub(super) fn watched(frame: Frame, wanted: u64, layout: Layout) -> String {
    let task = frame.task;
    let (tasks, size) = (audit::TASKS, u32::from(layout.status) + 4);
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
         if r1 == 0 goto stranger
         r1 = r10
         r1 += {task}
         r2 = {size}
         r3 = r7
         call bpf_probe_read_kernel
         if r0 != 0 goto lost"
    )
}

/// Puts the `struct seccomp_data` together.
pub(super) fn put_together(frame: Frame, moment: Moment, access: Access, layout: Layout) -> String {
    let (get_regs, base) = registers(frame, access, moment);
    let gone = match moment {
        Moment::Enter | Moment::Hook => "",
        Moment::Exit => "if r1 == -1 goto stranger",
    };
    let (nr, ip) = (place(base, regs::ORIG_AX), place(base, regs::IP));
    let member = |offset: u32| stack(frame.call() + at32(offset));
    let (nr_at, arch_at) = (member(seccomp::offset::NR), member(seccomp::offset::ARCH));
    let ip_at = member(seccomp::offset::INSTRUCTION_POINTER);
    let status_at = stack(frame.task + i32::from(layout.status));
    let (x86_64, i386) = (X86_64.cast_signed(), I386.cast_signed());
    let (native, int_80) = (arguments(frame, &NATIVE, base), arguments(frame, &INT_80, base));
    format!(
        "        {get_regs}
         r1 = *(u64 *)({nr})
         {gone}
         *(u32 *)({nr_at}) = r1
         r1 = *(u64 *)({ip})
         *(u64 *)({ip_at}) = r1
         r1 = *(u32 *)({status_at})
         if r1 & {COMPAT} goto int_80
         *(u32 *)({arch_at}) = {x86_64}
         {native}
         goto ask
int_80:  *(u32 *)({arch_at}) = {i386}
         {int_80}"
    )
}

/// Writes the record of the decision in a register; R0 is then 0, or there was no room.
pub(super) fn tell(frame: Frame, moment: Moment, decision: &str) -> String {
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

/// A place in the stack, which is below R10.
pub(super) fn stack(at: i32) -> String {
    format!("r10 - {}", -at)
}

/// Where registers are read.
#[derive(Clone, Copy)]
enum Base {
    /// In the stack from there on, where they were copied to.
    Stack(i32),
    /// In the kernel, at the address in R9.
    Kernel,
}

fn place(base: Base, offset: u32) -> String {
    match base {
        Base::Stack(regs) => stack(regs + at32(offset)),
        Base::Kernel => format!("r9 + {offset}"),
    }
}

/// What makes the registers readable, and where they are then.
fn registers(frame: Frame, access: Access, moment: Moment) -> (String, Base) {
    if access == Access::Types && moment != Moment::Hook {
        return ("r9 = *(u64 *)(r6 + 0)".to_owned(), Base::Kernel);
    }
    let from = match moment {
        Moment::Enter | Moment::Exit => "r3 = *(u64 *)(r6 + 0)",
        // No argument of a hook: the kernel says where they are of a task.
        Moment::Hook => "r1 = r7\ncall bpf_task_pt_regs\nr3 = r0",
    };
    let (regs, size) = (frame.regs, regs::SIZE);
    let text = format!(
        "{from}
                 r1 = r10
                 r1 += {regs}
                 r2 = {size}
                 call bpf_probe_read_kernel
                 if r0 != 0 goto lost"
    );
    (text, Base::Stack(regs))
}

/// Copies the arguments to where the function looks for them.
fn arguments(frame: Frame, from: &[u32; 6], base: Base) -> String {
    let args = frame.call() + at32(seccomp::offset::ARGS);
    let copies = from.iter().zip((args..).step_by(8)).map(|(from, to)| {
        format!("r1 = *(u64 *)({})\n*(u64 *)({}) = r1\n", place(base, *from), stack(to))
    });
    copies.collect()
}

fn at(offset: usize) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
}

fn at32(offset: u32) -> i32 {
    i32::try_from(offset).unwrap_or(i32::MAX)
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
    })
}
