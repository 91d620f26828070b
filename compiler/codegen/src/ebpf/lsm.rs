//! Programs at hooks of security modules: they carry out what the policy says of a call, by the
//! labels of the object that it has come to.
//!
//! A program puts the `struct seccomp_data` of the running call together, out of the registers that
//! the task came into the kernel with, finds the labels of the object that the hook shows, and
//! calls `decide`, as programs at tracepoints do. What it returns is done: the call goes on, or
//! fails with an error number, or the process is killed. A hook that shows two objects asks for
//! both; the first refusal counts. Whatever cannot be read of a watched task's call or object is
//! refused (EPERM).
//!
//! A hook decides about the call during which it is come to, whichever that is: `execve` opens
//! files too, and so do those that `io_uring_enter` lets the kernel do.
//!
//! Labels are looked up by inode, then by the folders above, which are the parents of the entry by
//! which the object was found: a file has its own labels under all its names, and those of the
//! folders above the name in use.

use filterc_abi::members::{
    DENTRY_INODE, DENTRY_PARENT, FILE_DENTRY, INODE_NUMBER, INODE_SUPER, PATH_DENTRY, Path,
    SUPER_DEVICE,
};
use filterc_abi::objects::{Handle, ObjectHook, Shown};
use filterc_abi::registers::Machine;
use filterc_abi::seccomp::ret;
use filterc_abi::{Action, Fact};
use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::audit::{self, Moment};
use filterc_ebpf::labels;
use filterc_ebpf::{Function, Hook, Module, NamedMap, Unit};

use super::asking::{asked, assemble_asking};
use super::call::{self, Frame, stack};
use super::object::Object;
use super::tracing::{self, Access};
use super::who::Asked;

/// Folders above an object that are looked at: what lies deeper is refused.
pub const MAX_DEPTH: u32 = 128;

/// `EPERM`: what is refused without a number of its own, and with a signal.
const EPERM: u16 = 1;

/// `SIGKILL`.
const SIGKILL: u32 = 9;

/// Whether a hook can do what an action says: a signal with a cause, a tracer and a supervisor are
/// seccomp's, a call that is left out and succeeds is none of a hook's, and a signal that ends a
/// thread ends its process.
#[must_use]
pub const fn can_do(action: Action) -> bool {
    match action {
        Action::Allow | Action::Log | Action::KillProcess => true,
        Action::Errno(errno) => errno != 0,
        Action::KillThread | Action::Trap(_) | Action::Notify | Action::Trace(_) => false,
    }
}

/// A module that decides at these hooks, by a policy's function.
///
/// # Errors
/// A fault of the text below; there is none.
pub fn enforce(
    decide: &Object,
    hooks: &[&ObjectHook],
    machine: &'static Machine,
) -> Result<Module, AsmError> {
    let maps = audit::MAPS.into_iter().chain(labels::MAPS);
    let maps = maps.map(|(name, spec)| NamedMap { name: name.to_owned(), spec });
    let mut units = Vec::with_capacity(hooks.len() + 1);
    for hook in hooks {
        units.push(at_hook(decide, hook, machine)?);
    }
    units.push(tracing::at_fork()?);
    Ok(Module { license: "GPL".to_owned(), maps: maps.collect(), units, labels: Vec::new() })
}

fn at_hook(
    decide: &Object,
    hook: &ObjectHook,
    machine: &'static Machine,
) -> Result<Unit, AsmError> {
    let (mut insns, fields) = assemble_asking(&wrapper(Asked::of(decide), hook, machine))?;
    // The last one stands for the function.
    insns.pop();
    let slot = u32::try_from(insns.len()).unwrap_or(u32::MAX);
    insns.extend_from_slice(&decide.insns);
    let function = |name: &str, slot| Function { name: name.to_owned(), slot };
    Ok(Unit {
        name: hook.name.to_owned(),
        hook: Hook::Lsm(hook.name.to_owned()),
        insns,
        functions: vec![function(hook.name, 0), function("decide", slot)],
        lines: Vec::new(),
        fields,
    })
}

/// Where the program keeps what it looks at, below the start of the task.
#[derive(Clone, Copy)]
struct Places<'a> {
    frame: &'a Frame,
    /// A key of the maps.
    key: i32,
    /// The inode.
    inode: i32,
    /// What was read last.
    read: i32,
}

/// The program at a hook, up to the function.
fn wrapper(facts: Asked, hook: &ObjectHook, machine: &'static Machine) -> String {
    let frame = &Frame::with_facts(machine);
    let places =
        Places { frame, key: frame.task - 16, inode: frame.task - 24, read: frame.task - 32 };
    let objects: Vec<String> = hook
        .shows
        .iter()
        .enumerate()
        .map(|(at, shown)| object(at, hook.shows.len(), *shown, places))
        .collect();
    let (call_at, eperm) = (frame.call(), EPERM);
    format!(
        "{watched}
{put_together}
ask:     {who}
{objects}
judge:   r1 = r10
         r1 += {call_at}
         call decide
         r7 = r0
{told}
{done}
{next}
stranger: r0 = 0
         exit
lost:    r0 = -{eperm}
         exit
decide:  exit
",
        watched = tracing::watched(audit::HOOK),
        put_together = call::put_together(frame, Moment::Hook, Access::Numbers),
        who = facts.text(frame.facts()),
        objects = objects.concat(),
        told = told(frame),
        done = done(),
        next = if hook.shows.len() > 1 { "next:    if r9 == 1 goto object1" } else { "next:" },
    )
}

/// Finds the labels of an object, and goes on to the decision; R9 is 1 if another comes behind.
fn object(at: usize, count: usize, shown: Shown, places: Places<'_>) -> String {
    let label_offset = i32::try_from(Fact::Label.offset()).unwrap_or(i32::MAX);
    let label = stack(places.frame.facts() + label_offset);
    let (read, inode) = (stack(places.read), stack(places.inode));
    let (objects, trees) = (labels::OBJECTS, labels::TREES);
    let more = i32::from(at + 1 < count);
    format!(
        "object{at}: r1 = 0
         *(u64 *)({label}) = r1
{entry}
{own}
         if r3 == 0 goto above{at}
{own_key}
         r1 = map[idx:{objects}] ll
         r2 = r10
         r2 += {key_at}
         call bpf_map_lookup_elem
         if r0 == 0 goto above{at}
         r1 = *(u64 *)(r0 + 0)
         *(u64 *)({label}) = r1
above{at}: r7 = {MAX_DEPTH}
up{at}:
{parent}
         r1 = *(u64 *)({read})
         if r1 == r9 goto found{at}
         r9 = r1
{folder}
         if r3 == 0 goto lost
{folder_key}
         r1 = map[idx:{trees}] ll
         r2 = r10
         r2 += {key_at}
         call bpf_map_lookup_elem
         if r0 == 0 goto on{at}
         r1 = *(u64 *)(r0 + 0)
         r2 = *(u64 *)({label})
         r1 |= r2
         *(u64 *)({label}) = r1
on{at}:  r7 += -1
         if r7 != 0 goto up{at}
         goto lost
found{at}: r9 = {more}
         goto judge
",
        entry = entry(shown, places),
        own = format_args!(
            "{}r3 = *(u64 *)({inode})",
            read_kernel("r3 = r9", &DENTRY_INODE, places.inode)
        ),
        own_key = key(places),
        key_at = places.key,
        parent = read_kernel("r3 = r9", &DENTRY_PARENT, places.read),
        folder = format_args!(
            "{}r3 = *(u64 *)({inode})",
            read_kernel("r3 = r9", &DENTRY_INODE, places.inode)
        ),
        folder_key = key(places),
    )
}

/// R9 becomes the entry by which an object was found.
fn entry(shown: Shown, places: Places<'_>) -> String {
    let argument = format!("r3 = *(u64 *)(r6 + {})", 8 * u32::from(shown.argument));
    let (read, inode) = (stack(places.read), stack(places.inode));
    let text = match shown.handle {
        Handle::File => read_kernel(&argument, &FILE_DENTRY, places.read),
        Handle::Path => read_kernel(&argument, &PATH_DENTRY, places.read),
        // An address that is a number, as those that are read of the kernel's memory: it is
        // compared with them.
        Handle::Dentry => {
            let own = format!("{argument}\n*(u64 *)({inode}) = r3\nr3 = r10");
            let offset = places.inode;
            format!(
                "{own}\nr3 += {offset}\nr1 = r10\nr1 += {at}\nr2 = 8\ncall bpf_probe_read_kernel\n\
                 if r0 != 0 goto lost\n",
                at = places.read
            )
        }
    };
    format!("{text}r9 = *(u64 *)({read})")
}

/// Copies a member of a structure in the kernel's memory into the stack.
fn read_kernel(base: &str, member: &Path, to: i32) -> String {
    let (member, size) = (asked(member), member.size());
    format!(
        "{base}\nr3 += {member}\nr1 = r10\nr1 += {to}\nr2 = {size}\ncall bpf_probe_read_kernel\n\
         if r0 != 0 goto lost\n"
    )
}

/// The key of the inode that was read.
fn key(places: Places<'_>) -> String {
    let inode = format!("r3 = *(u64 *)({})", stack(places.inode));
    let of_super = format!("r3 = *(u64 *)({})", stack(places.read));
    let (device, rest) = (places.key + 8, stack(places.key + 12));
    let number = read_kernel(&inode, &INODE_NUMBER, places.key);
    let file_system = read_kernel(&inode, &INODE_SUPER, places.read);
    let device = read_kernel(&of_super, &SUPER_DEVICE, device);
    format!("{number}{file_system}{device}*(u32 *)({rest}) = 0")
}

/// Writes a record of the decision in R7, if that is asked for.
fn told(frame: &Frame) -> String {
    let (allow, allowed, lost) = (Action::Allow.to_ret(), audit::ALLOWED, audit::LOST);
    format!(
        "        if w7 != {allow} goto tell
         if r8 & {allowed} goto tell
         goto done
{tell}
         if r0 == 0 goto done
         r1 = map[idx:{lost}][0]+0 ll
         r2 = 1
         lock *(u64 *)(r1 + 0) += r2",
        tell = tracing::tell(frame, Moment::Hook, "r7"),
    )
}

/// Does what the decision in R7 says.
fn done() -> String {
    let (allow, log) = (Action::Allow.to_ret(), Action::Log.to_ret());
    let (action, errno) = (ret::ACTION_FULL.cast_signed(), ret::ERRNO);
    format!(
        "done:    if w7 == {allow} goto next
         if w7 == {log} goto next
         w1 = w7
         w1 &= {action}
         if w1 == {errno} goto fail
         r1 = {SIGKILL}
         call bpf_send_signal
         goto lost
fail:    w7 &= 4095
         r0 = 0
         r0 -= r7
         exit"
    )
}
