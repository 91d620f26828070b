//! Members of the kernel's structures that programs read.
//!
//! Curated by hand. Offsets are those of Linux 6.18 on x86_64; structures differ between kernels
//! and machines, so that whoever loads a program puts in those of the kernel at hand, by name.
//! Sources: `include/linux/sched.h`, `arch/*/include/asm/thread_info.h`, `include/linux/fs.h`,
//! `include/linux/path.h` and `include/linux/dcache.h`; a test asks the running kernel.

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// An address.
    Pointer,
    /// A number of so many bytes.
    Number(u32),
    /// A structure of that name.
    Structure(&'static str),
}

/// A member of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Its byte offset.
    pub offset: u32,
    /// What it holds.
    pub shape: Shape,
}

/// The way from a structure to what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The structure.
    pub structure: &'static str,
    /// Members, each one of the structure that the one before holds.
    pub members: &'static [Member],
}

impl Path {
    /// The byte offset of the last member.
    #[must_use]
    pub fn offset(&self) -> u32 {
        self.members.iter().map(|member| member.offset).sum()
    }

    /// Bytes of the last member, on a machine with addresses of 8 bytes.
    #[must_use]
    pub fn size(&self) -> u32 {
        match self.members.last().map(|member| member.shape) {
            Some(Shape::Number(bytes)) => bytes,
            Some(Shape::Pointer) => 8,
            Some(Shape::Structure(_)) | None => 0,
        }
    }
}

const fn member(name: &'static str, offset: u32, shape: Shape) -> Member {
    Member { name, offset, shape }
}

const fn registers(members: &'static [Member]) -> Path {
    Path { structure: "pt_regs", members }
}

const THREAD_INFO: Member = member("thread_info", 0, Shape::Structure("thread_info"));

/// What the kernel remembers of a call in progress (x86, since 5.11 as a number of 32 bits in the
/// structure of the task).
pub const THREAD_STATUS: Path = Path {
    structure: "task_struct",
    members: &[THREAD_INFO, member("status", 16, Shape::Number(4))],
};
/// The number of the call in progress (arm, since 5.16).
pub const THREAD_ABI_SYSCALL: Path = Path {
    structure: "task_struct",
    members: &[THREAD_INFO, member("abi_syscall", 64, Shape::Number(4))],
};
/// The entry of an open file.
pub const FILE_DENTRY: Path = Path {
    structure: "file",
    members: &[member("f_path", 64, Shape::Structure("path")), member("dentry", 8, Shape::Pointer)],
};
/// The entry of a path.
pub const PATH_DENTRY: Path =
    Path { structure: "path", members: &[member("dentry", 8, Shape::Pointer)] };
/// The entry of the folder of an entry.
pub const DENTRY_PARENT: Path =
    Path { structure: "dentry", members: &[member("d_parent", 24, Shape::Pointer)] };
/// The object of an entry.
pub const DENTRY_INODE: Path =
    Path { structure: "dentry", members: &[member("d_inode", 48, Shape::Pointer)] };
/// The file system of an object.
pub const INODE_SUPER: Path =
    Path { structure: "inode", members: &[member("i_sb", 40, Shape::Pointer)] };
/// The number of an object in its file system.
pub const INODE_NUMBER: Path =
    Path { structure: "inode", members: &[member("i_ino", 64, Shape::Number(8))] };
/// The device of a file system.
pub const SUPER_DEVICE: Path =
    Path { structure: "super_block", members: &[member("s_dev", 16, Shape::Number(4))] };

/// Members of the registers at the start of a call that show which machine's they are.
/// That of aarch64.
pub const AARCH64_MARK: Path = registers(&[member("orig_x0", 272, Shape::Number(8))]);
/// That of i386.
pub const I386_MARK: Path = registers(&[member("ds", 28, Shape::Number(2))]);
/// That of loongarch64.
pub const LOONGARCH64_MARK: Path = registers(&[member("csr_era", 264, Shape::Number(8))]);
/// That of ppc.
pub const PPC_MARK: Path = registers(&[member("mq", 156, Shape::Number(4))]);
/// That of ppc64 in both byte orders.
pub const PPC64_MARK: Path = registers(&[member("softe", 312, Shape::Number(8))]);
/// That of riscv32.
pub const RISCV32_MARK: Path = registers(&[member("orig_a0", 140, Shape::Number(4))]);
/// That of riscv64.
pub const RISCV64_MARK: Path = registers(&[member("orig_a0", 280, Shape::Number(8))]);
/// That of s390x.
pub const S390X_MARK: Path = registers(&[member("orig_gpr2", 152, Shape::Number(8))]);
/// That of x86_64.
pub const X86_64_MARK: Path = registers(&[member("r15", 0, Shape::Number(8))]);

/// All of them.
pub const PATHS: &[Path] = &[
    AARCH64_MARK,
    I386_MARK,
    LOONGARCH64_MARK,
    PPC_MARK,
    PPC64_MARK,
    RISCV32_MARK,
    RISCV64_MARK,
    S390X_MARK,
    X86_64_MARK,
    THREAD_STATUS,
    THREAD_ABI_SYSCALL,
    FILE_DENTRY,
    PATH_DENTRY,
    DENTRY_PARENT,
    DENTRY_INODE,
    INODE_SUPER,
    INODE_NUMBER,
    SUPER_DEVICE,
];
