//! The instruction that enters the kernel, at an address that is known beforehand, so that
//! what a filter sees as `instruction_pointer` can be computed exactly.
#![expect(unsafe_code, reason = "system calls by hand, with registers of the caller's choice")]

/// The registers of a system call: its number and six arguments.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Regs {
    pub(crate) nr: u64,
    pub(crate) args: [u64; 6],
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

/// Whether the addresses are known here, and `int 0x80` exists.
pub(crate) const AVAILABLE: bool = cfg!(target_arch = "x86_64");

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Regs;

    /// Enters by `syscall` if `go` is not 0; else returns the address after that instruction.
    ///
    /// # Safety
    /// `regs` is readable. With `go`, whatever the system call does is the caller's affair.
    #[unsafe(naked)]
    unsafe extern "C" fn syscall64(regs: *const Regs, go: u32) -> i64 {
        // All registers used are the callee's to use; the kernel keeps the others.
        std::arch::naked_asm!(
            "lea rax, [rip + 2f]",
            "test esi, esi",
            "jz 2f",
            "mov rax, [rdi]",
            "mov rsi, [rdi + 16]",
            "mov rdx, [rdi + 24]",
            "mov r10, [rdi + 32]",
            "mov r8, [rdi + 40]",
            "mov r9, [rdi + 48]",
            "mov rdi, [rdi + 8]",
            "syscall",
            "2:",
            "ret",
        )
    }

    /// The same by `int 0x80`, the entry of the i386 ABI, with registers in their full width.
    ///
    /// # Safety
    /// As for `syscall64`.
    #[unsafe(naked)]
    unsafe extern "C" fn int80(regs: *const Regs, go: u32) -> i64 {
        // rbx and rbp are the caller's: kept on the stack.
        std::arch::naked_asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 2f]",
            "test esi, esi",
            "jz 2f",
            "mov rax, [rdi]",
            "mov rbx, [rdi + 8]",
            "mov rcx, [rdi + 16]",
            "mov rdx, [rdi + 24]",
            "mov rsi, [rdi + 32]",
            "mov rbp, [rdi + 48]",
            "mov rdi, [rdi + 40]",
            "int 0x80",
            "2:",
            "pop rbp",
            "pop rbx",
            "ret",
        )
    }

    /// Makes a system call through `syscall`; the result is the raw register.
    ///
    /// # Safety
    /// Whatever the system call does is the caller's affair.
    pub(crate) unsafe fn enter_native(regs: &Regs) -> i64 {
        // SAFETY: a reference is readable; the rest is the caller's promise.
        unsafe { syscall64(regs, 1) }
    }

    /// Makes a system call through `int 0x80`; the result is the raw register.
    ///
    /// # Safety
    /// Whatever the system call does is the caller's affair.
    pub(crate) unsafe fn enter_int80(regs: &Regs) -> i64 {
        // SAFETY: a reference is readable; the rest is the caller's promise.
        unsafe { int80(regs, 1) }
    }

    /// What a filter sees as `instruction_pointer` in calls by [`enter_native`].
    pub(crate) fn native_instruction_pointer() -> u64 {
        // SAFETY: with `go` 0, nothing is read and the kernel is not entered.
        unsafe { syscall64(std::ptr::null(), 0) }.cast_unsigned()
    }

    /// What a filter sees as `instruction_pointer` in calls by [`enter_int80`].
    pub(crate) fn int80_instruction_pointer() -> u64 {
        // SAFETY: with `go` 0, nothing is read and the kernel is not entered.
        unsafe { int80(std::ptr::null(), 0) }.cast_unsigned()
    }

    /// Ends the process without a system call.
    pub(crate) fn fault() -> ! {
        // SAFETY: an illegal instruction, whose signal has its default disposition in children.
        unsafe { std::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use elsewhere::*;

/// The C library's way in, at an address that is not known.
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::Regs;

    /// Makes a system call; the result is as the raw register would be.
    ///
    /// # Safety
    /// Whatever the system call does is the caller's affair.
    pub(crate) unsafe fn enter_native(regs: &Regs) -> i64 {
        let [a, b, c, d, e, f] = regs.args.map(|arg| arg as libc::c_long);
        // SAFETY: the caller's promise.
        let result = unsafe { libc::syscall(regs.nr as libc::c_long, a, b, c, d, e, f) };
        if result == -1 { -i64::from(crate::sys::errno()) } else { i64::from(result) }
    }

    /// There is no such entry.
    ///
    /// # Safety
    /// Nothing is done.
    pub(crate) unsafe fn enter_int80(_regs: &Regs) -> i64 {
        -i64::from(libc::ENOSYS)
    }

    /// Not known.
    pub(crate) fn native_instruction_pointer() -> u64 {
        0
    }

    /// Not known.
    pub(crate) fn int80_instruction_pointer() -> u64 {
        0
    }

    /// Ends the process.
    pub(crate) fn fault() -> ! {
        std::process::abort()
    }
}
