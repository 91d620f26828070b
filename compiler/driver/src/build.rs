//! For build scripts: compile a policy into `OUT_DIR`.
//!
//! ```no_run
//! // In the `main` of build.rs:
//! filterc::build::compile_policy("policy.flt");
//! ```
//!
//! The crate then includes `policy.bpf` (bytes) or `policy.rs` (a constant array), and
//! needs `filterc-loader` alone at run time:
//!
//! ```text
//! static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf"));
//! include!(concat!(env!("OUT_DIR"), "/policy.rs")); // const POLICY: [Insn; N]
//! ```
//!
//! A policy with parameters that the build knows no values for becomes a constant that no
//! loader takes before they are filled in:
//!
//! ```text
//! let filter = POLICY.patch(&[("log_fd", log.as_raw_fd().into())])?; // const POLICY: Unpatched
//! filterc_loader::install(&filter, &Flags::default())?;
//! ```

use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io, process};

use filterc_abi::{self as abi, Abi, Endian};

use crate::Diagnostics;
use crate::compiled::Compiled;
use crate::emit::{self, Format};
use crate::options::Options;
use crate::output::write_atomically;
use crate::pipeline::compile;
use crate::source::Source;

/// Why a build script could not embed a policy.
#[derive(Debug)]
pub enum BuildError {
    /// The policy is at fault.
    Policy(Box<Diagnostics>),
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// The function was not called from a build script: cargo's variable is missing.
    NotABuildScript(&'static str),
    /// No tables for the target that cargo builds for.
    UnsupportedTarget(String),
    /// The policy's `arch` has ABIs of the other byte order only: no program of it is one for
    /// the target.
    OtherByteOrder(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(diagnostics) => write!(f, "{diagnostics}"),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotABuildScript(name) => {
                write!(f, "the environment has no {name}: call this from a build script")
            }
            Self::UnsupportedTarget(target) => {
                write!(f, "filterc has no system-call tables for the target `{target}`")
            }
            Self::OtherByteOrder(target) => write!(
                f,
                "the policy has no program for the target `{target}`: all its ABIs are of the \
                 other byte order"
            ),
        }
    }
}

impl std::error::Error for BuildError {}

/// What [`embed`] made.
#[derive(Debug)]
pub struct Embedded {
    /// The compiled policy.
    pub compiled: Compiled,
    /// The raw program, `OUT_DIR/STEM.bpf`; not written where parameters have no value, since it
    /// would decide by chance.
    pub bytes: PathBuf,
    /// Rust text with a `const STEM: [filterc_loader::Insn; N]`, `OUT_DIR/STEM.rs`; where
    /// parameters have no value, with a `const STEM: filterc_loader::Unpatched`.
    pub rust: PathBuf,
}

/// Compiles a policy into `OUT_DIR/STEM.bpf` and `OUT_DIR/STEM.rs`, tells cargo every file
/// that it read, passes warnings on, and ends the build script with the rendered
/// diagnostics if the policy is at fault. Without `arch`, a policy is for cargo's target; where
/// its ABIs have both byte orders, the program is the one for the target's.
pub fn compile_policy(path: impl AsRef<Path>) -> Embedded {
    match embed(path.as_ref(), Options::default()) {
        Ok(embedded) => embedded,
        Err(error) => {
            eprint_error(&error);
            process::exit(1);
        }
    }
}

/// Cargo shows a failed build script's standard error as it is.
fn eprint_error(error: &BuildError) {
    use io::Write as _;
    // If standard error is closed there is nobody left to tell; the exit status still is 1.
    let _ = writeln!(io::stderr(), "{error}");
}

/// The same with options and an error; `default_abi` is replaced by cargo's target.
///
/// # Errors
/// See [`BuildError`]; nothing is written then.
pub fn embed(path: &Path, mut options: Options) -> Result<Embedded, BuildError> {
    let variable = |name| env::var_os(name).ok_or(BuildError::NotABuildScript(name));
    let folder = PathBuf::from(variable("OUT_DIR")?);
    let target = Target::read()?;
    options.default_abi = target.abi();
    tell_cargo(&format!("rerun-if-changed={}", path.display()));
    let source = Source::read(path).map_err(|error| BuildError::Io(path.to_owned(), error))?;
    let result = compile(&source, &options);
    // Read or not to the end: when an include changes, cargo must come back.
    let sources = match &result {
        Ok(compiled) => compiled.sources(),
        Err(diagnostics) => &diagnostics.sources,
    };
    for (_, included) in sources.iter().skip(1) {
        tell_cargo(&format!("rerun-if-changed={}", included.name));
    }
    let compiled = result.map_err(|diagnostics| match options.default_abi {
        Some(_) => BuildError::Policy(Box::new(diagnostics)),
        None => BuildError::UnsupportedTarget(target.arch.clone()),
    })?;
    let program = compiled
        .programs()
        .find(|program| program.endian() == target.endian)
        .ok_or_else(|| BuildError::OtherByteOrder(target.arch.clone()))?;
    if let Some(abi) = target.abi().filter(|abi| compiled.policy().abi(abi).is_none()) {
        tell_cargo(&format!(
            "warning={}: the policy does not cover {}, the target: there every call is foreign",
            path.display(),
            abi.name
        ));
    }
    for warning in compiled.warnings() {
        tell_cargo(&format!("warning={}: {}", warning.code, warning.message));
    }
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let path = |extension| folder.join(format!("{stem}.{extension}"));
    let write = |path: PathBuf, format| {
        let contents = emit::emit(&compiled, program, format, &stem).unwrap_or_default();
        write_atomically(&path, &contents).map_err(|error| BuildError::Io(path.clone(), error))?;
        Ok(path)
    };
    let bytes = if program.is_unpatched() {
        // One of an earlier build must not be taken for this one's.
        let _ = fs::remove_file(path("bpf"));
        path("bpf")
    } else {
        write(path("bpf"), Format::Bpf)?
    };
    let rust = write(path("rs"), Format::Rust)?;
    Ok(Embedded { compiled, bytes, rust })
}

/// What cargo builds for.
struct Target {
    arch: String,
    endian: Endian,
    pointer_width: u8,
}

impl Target {
    fn read() -> Result<Self, BuildError> {
        const ARCH: &str = "CARGO_CFG_TARGET_ARCH";
        let read = |name| env::var(name).ok();
        let arch = read(ARCH).ok_or(BuildError::NotABuildScript(ARCH))?;
        let big = read("CARGO_CFG_TARGET_ENDIAN").is_some_and(|endian| endian == "big");
        let endian = if big { Endian::Big } else { Endian::Little };
        let width = read("CARGO_CFG_TARGET_POINTER_WIDTH").and_then(|width| width.parse().ok());
        let pointer_width = width.unwrap_or(64);
        Ok(Self { arch, endian, pointer_width })
    }

    fn abi(&self) -> Option<&'static Abi> {
        abi::of_target(&self.arch, self.endian, self.pointer_width)
    }
}

/// Instructions to cargo go to standard output.
fn tell_cargo(instruction: &str) {
    use io::Write as _;
    // Cargo reads this pipe to its end; if it is gone, so is the build.
    let _ = writeln!(io::stdout(), "cargo::{instruction}");
}
