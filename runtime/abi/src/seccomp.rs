//! What the kernel hands to a seccomp filter, and what it understands in return.
//!
//! Source: `include/uapi/linux/seccomp.h` and `kernel/seccomp.c`, Linux 6.18.

use std::fmt;

/// Byte order of the words of [`SeccompData`] and of an encoded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endian {
    /// Least significant byte first (x86, arm, riscv, …).
    Little,
    /// Most significant byte first (s390x, ppc64, …).
    Big,
}

impl Endian {
    /// The byte order of the machine that runs this code.
    pub const HOST: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

/// Size of `struct seccomp_data`, in bytes.
pub const SECCOMP_DATA_SIZE: u32 = 64;

/// Number of 32-bit words in `struct seccomp_data`.
pub const SECCOMP_DATA_WORDS: usize = 16;

/// Byte offsets of the members of `struct seccomp_data`.
pub mod offset {
    /// `int nr`.
    pub const NR: u32 = 0;
    /// `__u32 arch`.
    pub const ARCH: u32 = 4;
    /// `__u64 instruction_pointer`.
    pub const INSTRUCTION_POINTER: u32 = 8;
    /// `__u64 args[6]`; argument `i` stands at `ARGS + 8 * i`.
    pub const ARGS: u32 = 16;
}

/// `struct seccomp_data`: one system call, as a filter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeccompData {
    /// The system-call number, x32 bit included; −1 where a tracer skipped the call.
    pub nr: i32,
    /// `AUDIT_ARCH_*` token of the calling convention in use.
    pub arch: u32,
    /// User-space address of the instruction after the one that entered the kernel.
    pub instruction_pointer: u64,
    /// The six argument registers, raw: the kernel may use fewer bits of each.
    pub args: [u64; 6],
}

impl SeccompData {
    /// The sixteen 32-bit words that `LD W ABS` reads, word `i` from byte offset `4 * i`.
    #[must_use]
    pub fn words(&self, endian: Endian) -> [u32; SECCOMP_DATA_WORDS] {
        let halves = |value: u64| {
            let (low, high) = ((value & 0xffff_ffff) as u32, (value >> 32) as u32);
            match endian {
                Endian::Little => [low, high],
                Endian::Big => [high, low],
            }
        };
        let mut pairs = [[0; 2]; SECCOMP_DATA_WORDS / 2];
        let [numbers, pointer, args @ ..] = &mut pairs;
        *numbers = [self.nr.cast_unsigned(), self.arch];
        *pointer = halves(self.instruction_pointer);
        *args = self.args.map(halves);
        let mut words = [0; SECCOMP_DATA_WORDS];
        words.copy_from_slice(pairs.as_flattened());
        words
    }

    /// The call whose words, read by a filter, are these.
    #[must_use]
    pub fn of_words(words: &[u32; SECCOMP_DATA_WORDS], endian: Endian) -> Self {
        let [nr, arch, ip0, ip1, args @ ..] = *words;
        let whole = |first: u32, second: u32| {
            let (low, high) = match endian {
                Endian::Little => (first, second),
                Endian::Big => (second, first),
            };
            u64::from(low) | u64::from(high) << 32
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l] = args;
        Self {
            nr: nr.cast_signed(),
            arch,
            instruction_pointer: whole(ip0, ip1),
            args: [(a, b), (c, d), (e, f), (g, h), (i, j), (k, l)].map(|(x, y)| whole(x, y)),
        }
    }

    /// The structure as it lies in the memory of a machine of that byte order.
    #[must_use]
    pub fn to_bytes(&self, endian: Endian) -> [u8; SECCOMP_DATA_SIZE as usize] {
        let word = |value: u32| match endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        let long = |value: u64| match endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        let mut bytes = [0; SECCOMP_DATA_SIZE as usize];
        let members = word(self.nr.cast_unsigned())
            .into_iter()
            .chain(word(self.arch))
            .chain(long(self.instruction_pointer))
            .chain(self.args.into_iter().flat_map(long));
        for (slot, byte) in bytes.iter_mut().zip(members) {
            *slot = byte;
        }
        bytes
    }
}

/// Action parts of a filter's return value (`SECCOMP_RET_*`), bits 31…16.
pub mod ret {
    /// Kill the whole process with SIGSYS.
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    /// Kill the calling thread with SIGSYS.
    pub const KILL_THREAD: u32 = 0x0000_0000;
    /// Send SIGSYS; data becomes `si_errno`.
    pub const TRAP: u32 = 0x0003_0000;
    /// Return `-data` to the caller.
    pub const ERRNO: u32 = 0x0005_0000;
    /// Ask the user-notification listener.
    pub const USER_NOTIF: u32 = 0x7fc0_0000;
    /// Stop for a tracer; data is its event message.
    pub const TRACE: u32 = 0x7ff0_0000;
    /// Allow, and log.
    pub const LOG: u32 = 0x7ffc_0000;
    /// Allow.
    pub const ALLOW: u32 = 0x7fff_0000;
    /// Mask of the action part (`SECCOMP_RET_ACTION_FULL`).
    pub const ACTION_FULL: u32 = 0xffff_0000;
    /// Mask of the data part (`SECCOMP_RET_DATA`).
    pub const DATA: u32 = 0x0000_ffff;
}

/// Largest errno that the kernel passes on; a larger one is cut to it (`MAX_ERRNO`).
pub const MAX_ERRNO: u16 = 4095;

/// What a filter decides about one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Let the call through.
    Allow,
    /// Let the call through and write an audit record.
    Log,
    /// Hand the call to the user-notification listener; ENOSYS without one.
    Notify,
    /// Stop for the tracer with this event message; ENOSYS without one.
    Trace(u16),
    /// Send SIGSYS with this `si_errno`.
    Trap(u16),
    /// Fail with this errno, 0…4095; 0 is a faked success.
    Errno(u16),
    /// Kill the calling thread.
    KillThread,
    /// Kill the process.
    KillProcess,
}

impl Action {
    /// The filter's 32-bit return value for this action.
    #[must_use]
    pub const fn to_ret(self) -> u32 {
        match self {
            Self::Allow => ret::ALLOW,
            Self::Log => ret::LOG,
            Self::Notify => ret::USER_NOTIF,
            Self::Trace(data) => ret::TRACE | data as u32,
            Self::Trap(data) => ret::TRAP | data as u32,
            Self::Errno(data) => ret::ERRNO | data as u32,
            Self::KillThread => ret::KILL_THREAD,
            Self::KillProcess => ret::KILL_PROCESS,
        }
    }

    /// What the kernel makes of a return value: an unknown action kills the process,
    /// data is dropped where the action has none, and an errno is cut to [`MAX_ERRNO`].
    #[must_use]
    pub const fn from_ret(value: u32) -> Self {
        let data = (value & ret::DATA) as u16;
        match value & ret::ACTION_FULL {
            ret::ALLOW => Self::Allow,
            ret::LOG => Self::Log,
            ret::USER_NOTIF => Self::Notify,
            ret::TRACE => Self::Trace(data),
            ret::TRAP => Self::Trap(data),
            ret::ERRNO => Self::Errno(if data > MAX_ERRNO { MAX_ERRNO } else { data }),
            ret::KILL_THREAD => Self::KillThread,
            _ => Self::KillProcess,
        }
    }
}

impl fmt::Display for Action {
    /// The action as policy text, with numbers for data: `allow`, `errno(1)`, `trace(7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Log => f.write_str("log"),
            Self::Notify => f.write_str("notify"),
            Self::Trace(0) => f.write_str("trace"),
            Self::Trace(data) => write!(f, "trace({data})"),
            Self::Trap(0) => f.write_str("trap"),
            Self::Trap(data) => write!(f, "trap({data})"),
            Self::Errno(errno) => write!(f, "errno({errno})"),
            Self::KillThread => f.write_str("kill_thread"),
            Self::KillProcess => f.write_str("kill_process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_bytes() {
        let args = std::array::from_fn(|i| 0x0102_0304_0506_0708 << i);
        let call = SeccompData {
            nr: -2,
            arch: 0xc000_003e,
            instruction_pointer: 0x7fff_1234_5678_9abc,
            args,
        };
        for endian in [Endian::Little, Endian::Big] {
            let bytes = call.to_bytes(endian);
            let word = |bytes: &[u8; 4]| match endian {
                Endian::Little => u32::from_le_bytes(*bytes),
                Endian::Big => u32::from_be_bytes(*bytes),
            };
            let words: Vec<u32> = bytes.as_chunks().0.iter().map(word).collect();
            assert_eq!(call.words(endian).as_slice(), words);
            assert_eq!(SeccompData::of_words(&call.words(endian), endian), call);
        }
    }
}
