//! Another compiler: Debian's libseccomp, through a helper of ours in C
//! (`compiler/testkit/helpers/libseccomp.c`), which is built when it is first needed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use filterc_abi::Endian;
use filterc_cbpf::{Verified, decode, verify};
use tempfile::TempDir;

use crate::corpus;

/// How libseccomp numbers ABIs: by the token, but x32, which shares it, by a class of its own.
pub mod abi {
    /// x86_64.
    pub const X86_64: u32 = 0xc000_003e;
    /// i386.
    pub const X86: u32 = 0x4000_0003;
    /// x32.
    pub const X32: u32 = 0x4000_003e;
}

/// How it arranges a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A list, by priority and number.
    List,
    /// A binary tree over the numbers.
    Tree,
}

impl Level {
    const fn number(self) -> &'static str {
        match self {
            Self::List => "1",
            Self::Tree => "2",
        }
    }
}

/// The helper, built.
#[derive(Debug)]
pub struct Libseccomp {
    folder: TempDir,
}

impl Libseccomp {
    /// Builds the helper.
    ///
    /// # Errors
    /// What this machine lacks: another processor than the workloads are for, no C compiler, or no
    /// library.
    pub fn build() -> Result<Self, String> {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Err("libseccomp numbers calls as the host does, which is not x86_64".to_owned());
        }
        let folder =
            tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let source = corpus::root().join("compiler/testkit/helpers/libseccomp.c");
        let compiler = Command::new("cc")
            .args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O2", "-Wall", "-Wextra", "-Werror"])
            .arg("-o")
            .arg(folder.path().join("helper"))
            .arg(source)
            .arg("-lseccomp")
            .output();
        let Output { status, stderr, .. } = compiler.map_err(|error| format!("cc: {error}"))?;
        let errors = String::from_utf8_lossy(&stderr);
        let missing = errors.contains("seccomp.h: No such file") || errors.contains("-lseccomp");
        if missing {
            return Err("libseccomp with its header (libseccomp-dev) is not installed".to_owned());
        }
        assert!(status.success(), "the helper does not compile:\n{errors}");
        Ok(Self { folder })
    }

    /// The program for a policy in the helper's form.
    #[must_use]
    pub fn compile(&self, lines: &str, level: Level) -> Verified {
        let bytes = self.run(lines, &[level.number()]);
        let insns = decode(&bytes, Endian::HOST).expect("libseccomp exports instructions");
        verify(&insns).expect("libseccomp's programs are accepted")
    }

    /// How long libseccomp takes for a policy, from no context to exported bytes; sorted.
    #[must_use]
    pub fn times(&self, lines: &str, level: Level, times: u32) -> Vec<Duration> {
        let text = self.run(lines, &[level.number(), &format!("{times:x}")]);
        let mut times: Vec<_> = numbers(text).into_iter().map(Duration::from_nanos).collect();
        times.sort_unstable();
        times
    }

    /// The numbers of x86_64 that this libseccomp has names for: no others can be translated for
    /// another ABI.
    #[must_use]
    pub fn names(&self) -> BTreeSet<u32> {
        let numbers = numbers(self.run("", &["names"])).into_iter();
        numbers.filter_map(|number| u32::try_from(number).ok()).collect()
    }

    fn run(&self, lines: &str, arguments: &[&str]) -> Vec<u8> {
        let mut child = Command::new(self.folder.path().join("helper"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the helper runs");
        // It reads everything before it writes anything.
        let mut input = child.stdin.take().expect("a pipe");
        // A helper that has read enough, or fails, closes it; its status says which.
        let _ = input.write_all(lines.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("the helper ends");
        assert!(output.status.success(), "the helper failed: {arguments:?}");
        output.stdout
    }
}

fn numbers(text: Vec<u8>) -> Vec<u64> {
    let text = String::from_utf8(text).expect("the helper writes numbers");
    let numbers: Result<Vec<u64>, _> = text.lines().map(str::parse).collect();
    numbers.unwrap_or_else(|error| panic!("{error}: {text}"))
}
