//! Installing a filter, and asking what the kernel knows.

use std::os::fd::OwnedFd;

use filterc_abi::{Action, Endian};
use filterc_cbpf::{Insn, Verified, decode, verify};

use crate::error::LoadError;
use crate::flag_table::TABLE;
use crate::flags::Flags;
use crate::sys::{self, RawProgram};

/// A filter that is in force.
#[derive(Debug)]
pub struct Installed {
    /// The descriptor for user notifications, where [`Flags::new_listener`] asked for it. It
    /// is close-on-exec, and while nobody answers on it, `notify` calls hang; when it is
    /// closed they fail with ENOSYS.
    pub listener: Option<OwnedFd>,
}

/// Makes it impossible for this thread, and all that it starts, to gain privileges by
/// `execve` (set-user-ID and the like). Cannot be undone.
///
/// # Errors
/// [`LoadError::NoNewPrivs`] where the kernel refuses.
pub fn set_no_new_privs() -> Result<(), LoadError> {
    sys::set_no_new_privs().map_err(|errno| LoadError::NoNewPrivs { errno })
}

/// Puts the calling thread (with [`Flags::tsync`], all threads) under a filter, on top of
/// those in force, for good: neither `execve` nor anything else removes it.
///
/// Sets no_new_privs first, unless [`Flags::keep_privileges`]; that stays set when the filter
/// is refused. After the filter is in force, this function makes no further system call
/// and neither takes nor frees memory.
///
/// # Errors
/// The cause. Then no thread is under the filter.
pub fn install(filter: &Verified, flags: &Flags) -> Result<Installed, LoadError> {
    let bits = flags.bits()?;
    let length = filter.insns().len();
    let program = RawProgram::new(filter.insns())
        .ok_or(LoadError::Decode(filterc_cbpf::DecodeError::TooLong { length }))?;
    if !flags.keep_privileges {
        set_no_new_privs()?;
    }
    match sys::set_mode_filter(&program, bits) {
        Ok(0) if !flags.new_listener => Ok(Installed { listener: None }),
        Ok(result) if flags.new_listener => {
            let fd = i32::try_from(result);
            let fd = fd.map_err(|_| LoadError::Unexpected { errno: 0 })?;
            Ok(Installed { listener: Some(sys::own(fd)) })
        }
        // A success by the sign, and no filter: TSYNC names the thread in its way.
        Ok(tid) => Err(LoadError::ThreadDiverged { tid: i32::try_from(tid).ok() }),
        Err(libc::EINVAL) => Err(unsupported_flag(bits).unwrap_or(LoadError::Refused)),
        Err(errno) => Err(LoadError::from_errno(errno)),
    }
}

/// [`install`] for a program that comes as bytes, in the byte order of this machine.
///
/// # Errors
/// Where the bytes are no program, or not one that the kernel would accept, nothing has
/// been asked of the kernel; then as [`install`].
pub fn install_bytes(bytes: &[u8], flags: &Flags) -> Result<Installed, LoadError> {
    install_program(&decode(bytes, Endian::HOST)?, flags)
}

/// [`install`] for a program that comes as instructions.
///
/// # Errors
/// Where the program is not one that the kernel would accept, nothing has been asked of
/// the kernel; then as [`install`].
pub fn install_program(program: &[Insn], flags: &Flags) -> Result<Installed, LoadError> {
    install(&verify(program)?, flags)
}

/// Whether the running kernel knows the action (Linux 4.14 and later can tell).
///
/// # Errors
/// [`LoadError::NoSeccomp`] and the like where the kernel cannot tell.
pub fn action_available(action: Action) -> Result<bool, LoadError> {
    let action = action.to_ret() & filterc_abi::seccomp::ret::ACTION_FULL;
    match sys::get_action_avail(action).map_err(LoadError::from_errno) {
        Ok(()) => Ok(true),
        Err(LoadError::ActionUnsupported) => Ok(false),
        // Kernels that have no such question have no such operation.
        Err(LoadError::Refused) => Err(LoadError::NoSeccomp),
        Err(error) => Err(error),
    }
}

/// Whether the running kernel knows a flag, by the name of its field in [`Flags`].
#[must_use]
pub fn flag_available(name: &str) -> bool {
    let known = TABLE.iter().find(|(flag, ..)| *flag == name);
    known.is_some_and(|(_, bit, _)| unsupported_flag(*bit).is_none())
}

/// The first of the flags that the kernel does not know, found as seccomp(2) describes: with
/// a filter at the address 0, known flags give EFAULT and unknown ones EINVAL.
fn unsupported_flag(bits: libc::c_ulong) -> Option<LoadError> {
    let unsupported = TABLE.iter().find(|(_, bit, _)| {
        // This one is refused alone, by kernels that know it too.
        let with = match *bit {
            libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV => libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            _ => 0,
        };
        bits & bit != 0 && sys::probe_flags(bit | with) == libc::EINVAL
    });
    unsupported.map(|(flag, ..)| LoadError::FlagUnsupported { flag })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_apart_by_probing() {
        if sys::probe_flags(0) != libc::EFAULT {
            println!("skipped: seccomp(2) does not answer probes here");
            return;
        }
        // No kernel has the top bit of its 32; and what it has is not blamed.
        assert_eq!(sys::probe_flags(1 << 31), libc::EINVAL);
        let known = TABLE.iter().filter(|(_, bit, _)| unsupported_flag(*bit).is_none());
        assert!(known.count() >= 2, "tsync and log are older than the probe");
    }
}
