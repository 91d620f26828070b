//! The helpers that are known by name: those that filters need.

/// A helper of the kernel, by the number that programs call it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Helper {
    /// The value of a key, or null.
    MapLookupElem,
    /// Adds or changes the value of a key.
    MapUpdateElem,
    /// Takes a key away.
    MapDeleteElem,
    /// Time since boot without suspended time, in nanoseconds.
    KtimeGetNs,
    /// The processor.
    GetSmpProcessorId,
    /// The task: process id above, thread id below.
    GetCurrentPidTgid,
    /// The task's real group id above, real user id below.
    GetCurrentUidGid,
    /// The task's command name.
    GetCurrentComm,
    /// Whether the task is in a control group, or in one below it.
    CurrentTaskUnderCgroup,
    /// The id of the task's cgroup.
    GetCurrentCgroupId,
    /// Memory of the task.
    ProbeReadUser,
    /// Memory of the kernel.
    ProbeReadKernel,
    /// Text of the task, up to its NUL.
    ProbeReadUserStr,
    /// Text of the kernel, up to its NUL.
    ProbeReadKernelStr,
    /// Puts a record into a ring buffer.
    RingbufOutput,
    /// Room for a record in a ring buffer.
    RingbufReserve,
    /// The record is written.
    RingbufSubmit,
    /// The record is given up.
    RingbufDiscard,
    /// The value that belongs to a task.
    TaskStorageGet,
    /// Takes the value that belongs to a task away.
    TaskStorageDelete,
    /// The task, as a pointer that programs may follow.
    GetCurrentTaskBtf,
    /// Sends a signal to the task's process.
    SendSignal,
    /// Where the registers of a task are that it came into the kernel with.
    TaskPtRegs,
}

/// `(number, name, helper)`, by number (`linux/bpf.h`, `___BPF_FUNC_MAPPER`).
const TABLE: &[(i32, &str, Helper)] = &[
    (1, "bpf_map_lookup_elem", Helper::MapLookupElem),
    (2, "bpf_map_update_elem", Helper::MapUpdateElem),
    (3, "bpf_map_delete_elem", Helper::MapDeleteElem),
    (5, "bpf_ktime_get_ns", Helper::KtimeGetNs),
    (8, "bpf_get_smp_processor_id", Helper::GetSmpProcessorId),
    (14, "bpf_get_current_pid_tgid", Helper::GetCurrentPidTgid),
    (15, "bpf_get_current_uid_gid", Helper::GetCurrentUidGid),
    (16, "bpf_get_current_comm", Helper::GetCurrentComm),
    (37, "bpf_current_task_under_cgroup", Helper::CurrentTaskUnderCgroup),
    (80, "bpf_get_current_cgroup_id", Helper::GetCurrentCgroupId),
    (109, "bpf_send_signal", Helper::SendSignal),
    (112, "bpf_probe_read_user", Helper::ProbeReadUser),
    (113, "bpf_probe_read_kernel", Helper::ProbeReadKernel),
    (114, "bpf_probe_read_user_str", Helper::ProbeReadUserStr),
    (115, "bpf_probe_read_kernel_str", Helper::ProbeReadKernelStr),
    (130, "bpf_ringbuf_output", Helper::RingbufOutput),
    (131, "bpf_ringbuf_reserve", Helper::RingbufReserve),
    (132, "bpf_ringbuf_submit", Helper::RingbufSubmit),
    (133, "bpf_ringbuf_discard", Helper::RingbufDiscard),
    (156, "bpf_task_storage_get", Helper::TaskStorageGet),
    (157, "bpf_task_storage_delete", Helper::TaskStorageDelete),
    (158, "bpf_get_current_task_btf", Helper::GetCurrentTaskBtf),
    (175, "bpf_task_pt_regs", Helper::TaskPtRegs),
];

impl Helper {
    /// The helper of that number, if it is one of these.
    #[must_use]
    pub fn new(id: i32) -> Option<Self> {
        let row = TABLE.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
        TABLE.get(row).map(|(.., helper)| *helper)
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> i32 {
        TABLE.iter().find(|(.., helper)| *helper == self).map_or(0, |(id, ..)| *id)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(.., helper)| *helper == self).map_or("", |(_, name, _)| name)
    }
}

/// The number of the helper of that name.
pub(crate) fn by_name(name: &str) -> Option<i32> {
    TABLE.iter().find(|(_, other, _)| *other == name).map(|(id, ..)| *id)
}
