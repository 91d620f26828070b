//! What helpers say about the world around a program.

use crate::machine::Callee;

/// The world around a program. An interpreter has none of its own: whoever runs a program says
/// what time it is and whose call it sees.
pub trait Environment {
    /// `bpf_ktime_get_ns`.
    fn ktime_ns(&mut self) -> u64;

    /// `bpf_get_smp_processor_id`.
    fn processor(&mut self) -> u32;

    /// `bpf_get_current_pid_tgid`: process id in the upper half, thread id in the lower.
    fn pid_tgid(&mut self) -> u64;

    /// `bpf_get_current_uid_gid`: group id in the upper half, user id in the lower.
    fn uid_gid(&mut self) -> u64;

    /// The command name that `bpf_get_current_comm` copies, NUL behind it.
    fn comm(&mut self) -> [u8; 16];

    /// `bpf_get_current_cgroup_id`.
    fn cgroup_id(&mut self) -> u64;

    /// Whether the task is in the control group that this descriptor stands for, or below it
    /// (`bpf_current_task_under_cgroup`).
    fn is_under_cgroup(&mut self, descriptor: u32) -> bool {
        let _ = descriptor;
        false
    }

    /// `bpf_get_current_task_btf`: the address of the task.
    fn task(&mut self) -> u64;

    /// `bpf_task_pt_regs` of that task: the address of its registers.
    fn task_registers(&mut self) -> u64 {
        0
    }

    /// `bpf_send_signal` to the task's process: 0, or a negative error number.
    fn signal(&mut self, signal: u32) -> u64 {
        let _ = signal;
        0
    }

    /// Fills `into` from the task's memory.
    ///
    /// # Errors
    /// [`Unreadable`], and then `into` can be anything.
    fn read_user(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// Fills `into` from the kernel's memory (the program's own is known already).
    ///
    /// # Errors
    /// [`Unreadable`], and then `into` can be anything.
    fn read_kernel(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// The address of a variable of the kernel or of a module, by its BTF id.
    fn variable(&mut self, id: i32, object: i32) -> Option<u64> {
        let (_, _) = (id, object);
        None
    }

    /// What a helper that the interpreter does not have returns; `None` if there is no such.
    fn call(&mut self, callee: Callee, arguments: [u64; 5]) -> Option<u64> {
        let (_, _) = (callee, arguments);
        None
    }
}

/// Why memory cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// The address is of the other half, or of none (ERANGE for kernel memory).
    OutOfRange,
    /// Nothing is there (EFAULT). A load through a pointer to kernel memory gives 0.
    Fault,
}

/// An environment in which nothing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// [`Environment::ktime_ns`].
    pub ktime_ns: u64,
    /// [`Environment::processor`].
    pub processor: u32,
    /// [`Environment::pid_tgid`].
    pub pid_tgid: u64,
    /// [`Environment::uid_gid`].
    pub uid_gid: u64,
    /// [`Environment::comm`].
    pub comm: [u8; 16],
    /// [`Environment::cgroup_id`].
    pub cgroup_id: u64,
    /// The descriptors for which [`Environment::is_under_cgroup`] holds.
    pub cgroups: Vec<u32>,
    /// [`Environment::task`].
    pub task: u64,
    /// [`Environment::task_registers`].
    pub registers: u64,
    /// Signals that were sent to the task's process, in order.
    pub signals: Vec<u32>,
    /// The task's memory: pieces, each with its address.
    pub user: Vec<(u64, Vec<u8>)>,
    /// The kernel's memory: pieces, each with its address.
    pub kernel: Vec<(u64, Vec<u8>)>,
}

/// First address of the kernel on x86_64 with four levels of page tables.
const KERNEL: u64 = 0xffff_8000_0000_0000;

impl Environment for Fixed {
    fn ktime_ns(&mut self) -> u64 {
        self.ktime_ns
    }

    fn processor(&mut self) -> u32 {
        self.processor
    }

    fn pid_tgid(&mut self) -> u64 {
        self.pid_tgid
    }

    fn uid_gid(&mut self) -> u64 {
        self.uid_gid
    }

    fn comm(&mut self) -> [u8; 16] {
        self.comm
    }

    fn cgroup_id(&mut self) -> u64 {
        self.cgroup_id
    }

    fn is_under_cgroup(&mut self, descriptor: u32) -> bool {
        self.cgroups.contains(&descriptor)
    }

    fn task(&mut self) -> u64 {
        self.task
    }

    fn task_registers(&mut self) -> u64 {
        self.registers
    }

    fn signal(&mut self, signal: u32) -> u64 {
        self.signals.push(signal);
        0
    }

    fn read_user(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        if address >= KERNEL {
            return Err(Unreadable::OutOfRange);
        }
        copy(&self.user, address, into)
    }

    fn read_kernel(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        if address < KERNEL {
            return Err(Unreadable::OutOfRange);
        }
        copy(&self.kernel, address, into)
    }
}

/// Copies from the piece that has all of it. Of nothing there is enough everywhere.
fn copy(pieces: &[(u64, Vec<u8>)], address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
    if into.is_empty() {
        return Ok(());
    }
    let found = pieces.iter().find_map(|(start, bytes)| {
        let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
        bytes.get(offset..)?.get(..into.len())
    });
    into.copy_from_slice(found.ok_or(Unreadable::Fault)?);
    Ok(())
}
