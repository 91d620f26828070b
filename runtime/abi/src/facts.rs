//! What is known of a call beside its registers: who makes it, and the labels of the object that
//! it names.
//!
//! The kernel has no structure for these. Programs that decide by them find them behind the
//! `struct seccomp_data` of the call, in the order of [`Fact::ALL`], each aligned to its size and
//! in the byte order of the machine; whoever runs such a program puts them there. The helpers
//! that the kernel has for them, and what these return, are in `include/uapi/linux/bpf.h`.

use crate::seccomp::{Endian, SECCOMP_DATA_SIZE, SeccompData};

/// Bytes of all facts.
pub const FACTS_SIZE: u32 = 56;

/// 32-bit words of all facts.
pub const FACTS_WORDS: usize = 14;

/// Bytes of a call with its facts.
pub const CALL_SIZE: u32 = SECCOMP_DATA_SIZE + FACTS_SIZE;

/// Bytes of a command name, with the NUL at its end (`TASK_COMM_LEN`).
pub const COMM_SIZE: usize = 16;

/// One fact: a number of 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The process: the thread-group id, in the first PID namespace.
    Pid,
    /// The thread, in the first PID namespace.
    Tid,
    /// The real user id, in the first user namespace.
    Uid,
    /// The real group id, in the first user namespace.
    Gid,
    /// The processor.
    Cpu,
    /// The id of the task's group in the hierarchy of version 2.
    Cgroup,
    /// The first eight bytes of the command name.
    CommHead,
    /// The other eight bytes.
    CommTail,
    /// The labels of the object that the call names, one bit each.
    Label,
}

impl Fact {
    /// All facts, in the order in which they lie in memory.
    pub const ALL: [Self; 9] = [
        Self::Pid,
        Self::Tid,
        Self::Uid,
        Self::Gid,
        Self::Cpu,
        Self::Cgroup,
        Self::CommHead,
        Self::CommTail,
        Self::Label,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The position among them.
    #[must_use]
    pub const fn index(self) -> u8 {
        self as u8
    }

    /// Byte offset from the first of them.
    #[must_use]
    pub const fn offset(self) -> u32 {
        match self {
            Self::Pid => 0,
            Self::Tid => 4,
            Self::Uid => 8,
            Self::Gid => 12,
            // Four bytes of 0 follow.
            Self::Cpu => 16,
            Self::Cgroup => 24,
            Self::CommHead => 32,
            Self::CommTail => 40,
            Self::Label => 48,
        }
    }

    /// Its width in bits: 32 or 64.
    #[must_use]
    pub const fn width(self) -> u8 {
        match self {
            Self::Pid | Self::Tid | Self::Uid | Self::Gid | Self::Cpu => 32,
            Self::Cgroup | Self::CommHead | Self::CommTail | Self::Label => 64,
        }
    }

    /// Its name in text forms of policies and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Tid => "tid",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Cpu => "cpu",
            Self::Cgroup => "cgroup",
            Self::CommHead => "comm.head",
            Self::CommTail => "comm.tail",
            Self::Label => "label",
        }
    }
}

/// The facts of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// [`Fact::Pid`].
    pub pid: u32,
    /// [`Fact::Tid`].
    pub tid: u32,
    /// [`Fact::Uid`].
    pub uid: u32,
    /// [`Fact::Gid`].
    pub gid: u32,
    /// [`Fact::Cpu`].
    pub cpu: u32,
    /// [`Fact::Cgroup`].
    pub cgroup: u64,
    /// The command name; behind its end all bytes are 0.
    pub comm: [u8; COMM_SIZE],
    /// [`Fact::Label`].
    pub label: u64,
}

impl Facts {
    /// A command name as the kernel keeps it: its first 15 bytes, and zeros behind them.
    #[must_use]
    pub fn comm(name: &[u8]) -> [u8; COMM_SIZE] {
        let mut comm = [0; COMM_SIZE];
        let name = name.iter().take_while(|byte| **byte != 0).take(COMM_SIZE - 1);
        for (slot, byte) in comm.iter_mut().zip(name) {
            *slot = *byte;
        }
        comm
    }

    /// The facts as numbers, on a machine of that byte order, by [`Fact::index`].
    #[must_use]
    pub fn values(&self, endian: Endian) -> [u64; Fact::COUNT] {
        let [head, tail] = comm_words(&self.comm, endian);
        Fact::ALL.map(|fact| match fact {
            Fact::Pid => self.pid.into(),
            Fact::Tid => self.tid.into(),
            Fact::Uid => self.uid.into(),
            Fact::Gid => self.gid.into(),
            Fact::Cpu => self.cpu.into(),
            Fact::Cgroup => self.cgroup,
            Fact::CommHead => head,
            Fact::CommTail => tail,
            Fact::Label => self.label,
        })
    }

    /// The facts that are these numbers; of the short ones the low bits count, and a number that
    /// is missing is 0.
    #[must_use]
    pub fn of_values(values: &[u64], endian: Endian) -> Self {
        let value = |fact: Fact| values.get(usize::from(fact.index())).copied().unwrap_or_default();
        let low = |fact| (value(fact) & 0xffff_ffff) as u32;
        let bytes = |fact| match endian {
            Endian::Little => value(fact).to_le_bytes(),
            Endian::Big => value(fact).to_be_bytes(),
        };
        let mut comm = [0; COMM_SIZE];
        let text = [bytes(Fact::CommHead), bytes(Fact::CommTail)];
        comm.copy_from_slice(text.as_flattened());
        Self {
            pid: low(Fact::Pid),
            tid: low(Fact::Tid),
            uid: low(Fact::Uid),
            gid: low(Fact::Gid),
            cpu: low(Fact::Cpu),
            cgroup: value(Fact::Cgroup),
            comm,
            label: value(Fact::Label),
        }
    }

    /// A call and its facts, as they lie in the memory of a machine of that byte order.
    #[must_use]
    pub fn behind(&self, call: &SeccompData, endian: Endian) -> [u8; CALL_SIZE as usize] {
        let mut bytes = [0; CALL_SIZE as usize];
        for (slot, byte) in bytes.iter_mut().zip(call.to_bytes(endian)) {
            *slot = byte;
        }
        for (fact, value) in Fact::ALL.into_iter().zip(self.values(endian)) {
            let size = usize::from(fact.width() / 8);
            let of_value = match endian {
                Endian::Little => value.to_le_bytes(),
                Endian::Big => value.to_be_bytes(),
            };
            let skipped = match endian {
                Endian::Little => 0,
                Endian::Big => of_value.len() - size,
            };
            let at = (SECCOMP_DATA_SIZE + fact.offset()) as usize;
            let slots = bytes.iter_mut().skip(at).take(size);
            for (slot, byte) in slots.zip(of_value.into_iter().skip(skipped)) {
                *slot = byte;
            }
        }
        bytes
    }
}

/// The two halves of a command name as numbers, on a machine of that byte order.
#[must_use]
pub fn comm_words(comm: &[u8; COMM_SIZE], endian: Endian) -> [u64; 2] {
    let (halves, _) = comm.as_chunks();
    let number = |at: usize| {
        let bytes = halves.get(at).copied().unwrap_or_default();
        match endian {
            Endian::Little => u64::from_le_bytes(bytes),
            Endian::Big => u64::from_be_bytes(bytes),
        }
    };
    [number(0), number(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            pid: 0x0102_0304,
            tid: 5,
            uid: 1000,
            gid: 1001,
            cpu: 3,
            cgroup: 0x1122_3344_5566_7788,
            comm: Facts::comm(b"a-name-that-is-too-long"),
            label: 1 << 63 | 1,
        }
    }

    #[test]
    fn facts_are_aligned_and_do_not_overlap() {
        let mut end = 0;
        for (index, fact) in (0..).zip(Fact::ALL) {
            assert_eq!(fact.index(), index);
            let size = u32::from(fact.width()) / 8;
            assert!(fact.offset() >= end && fact.offset().is_multiple_of(size));
            end = fact.offset() + size;
        }
        assert_eq!((end, FACTS_WORDS), (FACTS_SIZE, FACTS_SIZE as usize / 4));
    }

    #[test]
    fn values_and_bytes_are_the_same_numbers() {
        let facts = facts();
        assert_eq!(&facts.comm, b"a-name-that-is-\0");
        for endian in [Endian::Little, Endian::Big] {
            let values = facts.values(endian);
            assert_eq!(Facts::of_values(&values, endian), facts);
            let call = SeccompData { nr: 7, arch: 9, ..SeccompData::default() };
            let bytes = facts.behind(&call, endian);
            assert_eq!(bytes[..64], call.to_bytes(endian));
            assert_eq!(bytes[96..112], facts.comm);
            for (fact, value) in Fact::ALL.into_iter().zip(values) {
                let at = (64 + fact.offset()) as usize;
                let of_value = &bytes[at..at + usize::from(fact.width() / 8)];
                let read = of_value
                    .iter()
                    .rev()
                    .fold((0, 0), |(little, big), byte| (little << 8 | u64::from(*byte), big));
                let big = of_value.iter().fold(0, |all: u64, byte| all << 8 | u64::from(*byte));
                let number = if endian == Endian::Little { read.0 } else { big };
                assert_eq!(number, value, "{fact:?} {endian:?}");
            }
        }
    }
}
