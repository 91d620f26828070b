//! What maps there are, for all who deal with them.

/// How a map is organised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapKind {
    /// `BPF_MAP_TYPE_HASH`.
    Hash,
    /// `BPF_MAP_TYPE_ARRAY`: keys are the numbers below `max_entries`.
    Array,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`: the same, and each processor has values of its own. Programs
    /// see those of the processor that runs them.
    PercpuArray,
    /// `BPF_MAP_TYPE_CGROUP_ARRAY`: control groups, by number; a value is a descriptor of one.
    CgroupArray,
    /// `BPF_MAP_TYPE_RINGBUF`: records for user space; `max_entries` bytes of room.
    Ringbuf,
    /// `BPF_MAP_TYPE_TASK_STORAGE`: a value that belongs to a task.
    TaskStorage,
}

impl MapKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Hash,
        Self::Array,
        Self::PercpuArray,
        Self::CgroupArray,
        Self::Ringbuf,
        Self::TaskStorage,
    ];

    /// Its number (`enum bpf_map_type`).
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Hash => 1,
            Self::Array => 2,
            Self::PercpuArray => 6,
            Self::CgroupArray => 8,
            Self::Ringbuf => 27,
            Self::TaskStorage => 29,
        }
    }

    /// The flags that it is made with: values of task storage are allocated as tasks need them
    /// (`BPF_F_NO_PREALLOC`), which the kernel asks for.
    #[must_use]
    pub const fn flags(self) -> u32 {
        match self {
            Self::TaskStorage => 1,
            Self::Hash | Self::Array | Self::PercpuArray | Self::CgroupArray | Self::Ringbuf => 0,
        }
    }
}

/// What a map is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapSpec {
    /// How it is organised.
    pub kind: MapKind,
    /// Bytes of a key; 4 for arrays of all kinds and task storage, 0 for ring buffers.
    pub key_size: u32,
    /// Bytes of a value; 4 for arrays of control groups, 0 for ring buffers.
    pub value_size: u32,
    /// Most keys, or bytes of a ring buffer (a power of two, whole pages); 0 for task storage.
    pub max_entries: u32,
}
