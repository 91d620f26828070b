//! A tracing instance of the running kernel: a buffer and filters of its own, which nobody else
//! sees, and which is removed with the value.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use filterc_hir::event::kernel::Kallsyms;

/// A private tracing instance.
#[derive(Debug)]
pub struct Instance {
    folder: PathBuf,
    enabled: Vec<PathBuf>,
}

/// What the kernel said to a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted.
    Accepted,
    /// Rejected.
    Rejected {
        /// The error of `write`.
        errno: i32,
        /// The message of the log.
        message: String,
        /// The column of the log's caret.
        position: usize,
    },
}

impl Instance {
    /// Creates an instance; the error says why there can be none.
    ///
    /// # Errors
    /// No tracefs, or no permission.
    pub fn create(purpose: &str) -> Result<Self, String> {
        let root = Path::new("/sys/kernel/tracing");
        let instances = root.join("instances");
        if !root.join("events/syscalls").is_dir() {
            return Err("tracefs has no syscall events here, or is not mounted".to_owned());
        }
        let folder = instances.join(format!("filterc-{purpose}-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder, enabled: Vec::new() })
    }

    /// The text of one of its files.
    ///
    /// # Errors
    /// What reading says.
    pub fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(file))
    }

    /// Writes to one of its files, in one call.
    ///
    /// # Errors
    /// What opening and writing say.
    pub fn write(&self, file: &str, text: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).truncate(true).open(self.folder.join(file))?;
        file.write_all(text)
    }

    /// What its buffer holds, as text, which is taken out of it. (To empty it by other means
    /// takes the kernel many milliseconds.)
    ///
    /// # Errors
    /// What opening and reading say.
    pub fn take(&self) -> io::Result<Vec<u8>> {
        const O_NONBLOCK: i32 = 0o4000;
        let path = self.folder.join("trace_pipe");
        let mut pipe = File::options().read(true).custom_flags(O_NONBLOCK).open(path)?;
        let mut text = Vec::new();
        match pipe.read_to_end(&mut text) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(_) | Err(_) => Ok(text),
        }
    }

    /// Lets an event be recorded.
    ///
    /// # Errors
    /// What writing says.
    pub fn enable(&mut self, event: &str) -> io::Result<()> {
        let file = format!("events/syscalls/{event}/enable");
        self.write(&file, b"1")?;
        self.enabled.push(file.into());
        Ok(())
    }

    /// Gives the event a filter, and says what the kernel answered.
    ///
    /// # Errors
    /// What the files say that are no filter.
    pub fn filter(&self, event: &str, text: &[u8]) -> io::Result<Answer> {
        let path = self.folder.join(format!("events/syscalls/{event}/filter"));
        let mut file = File::options().write(true).open(path)?;
        let Err(error) = file.write_all(text) else { return Ok(Answer::Accepted) };
        let errno = error.raw_os_error().unwrap_or_default();
        let (message, position) = self.last_error()?;
        Ok(Answer::Rejected { errno, message, position })
    }

    /// The last message of the log, and its column.
    fn last_error(&self) -> io::Result<(String, usize)> {
        const HEAD: &[u8] = b"event filter parse error: error: ";
        let log = self.read("error_log")?;
        let head = log.windows(HEAD.len()).rposition(|part| part == HEAD);
        let message = head.and_then(|head| log.get(head + HEAD.len()..)).unwrap_or_default();
        let message = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let caret = log.rsplit(|byte| *byte == b'\n').find(|line| !line.is_empty());
        // `  Command: ` is as long as what stands before the first column.
        let position = caret.map_or(0, |line| line.len().saturating_sub(12));
        Ok((String::from_utf8_lossy(message).into_owned(), position))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        for file in &self.enabled {
            let _tidy = fs::write(self.folder.join(file), b"0");
        }
        // Its files are not removed one by one: the kernel does all of it.
        if let Err(error) = fs::remove_dir(&self.folder) {
            eprint_left(&self.folder, &error);
        }
    }
}

#[allow(clippy::print_stderr, reason = "what is left behind must be seen")]
fn eprint_left(folder: &Path, error: &io::Error) {
    eprintln!("{}: not removed: {error}", folder.display());
}

/// The functions of the running kernel; the error says why they are not known.
///
/// # Errors
/// The file is not there, or hides the addresses.
pub fn kallsyms() -> Result<Kallsyms, String> {
    let text = fs::read_to_string("/proc/kallsyms").map_err(|error| error.to_string())?;
    Kallsyms::parse(&text).ok_or_else(|| "the kernel's addresses are hidden".to_owned())
}
