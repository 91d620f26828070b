//! What records are written to: what is there ends with a whole record, whatever fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are kept back on the disk, so that a full one has room to say that it is full.
const RESERVE: usize = 1 << 14;

/// A file, or a stream.
pub(crate) enum Target {
    /// What was written can be taken back.
    File {
        file: File,
        /// Bytes up to the end of the last whole record.
        length: u64,
        folder: Option<PathBuf>,
        /// A file without a name, for its room alone.
        reserve: Option<File>,
    },
    Stream(Box<dyn Write + Send>),
}

impl Target {
    /// A file, written from where it stands. Only a regular one can be taken back from.
    pub(crate) fn file(mut file: File, path: Option<&Path>) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Ok(Self::Stream(Box::new(file)));
        }
        let length = file.stream_position()?;
        let folder = path.map(|path| match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        });
        let reserve = folder.as_deref().and_then(|folder| reserve(folder).ok());
        Ok(Self::File { file, length, folder, reserve })
    }

    /// Writes bytes; how many of them were, if not all.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let output: &mut dyn Write = match self {
            Self::File { file, .. } => file,
            Self::Stream(stream) => stream.as_mut(),
        };
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match output.write(rest) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        match output.flush() {
            Ok(()) => Ok(()),
            Err(error) => Err((written, error)),
        }
    }

    /// So many of the bytes that were written are whole records: the rest goes. `false` if it
    /// stays, because it went to a stream.
    pub(crate) fn keep(&mut self, whole: usize) -> bool {
        match self {
            Self::File { file, length, .. } => {
                *length += whole as u64;
                file.set_len(*length).is_ok() && file.seek(SeekFrom::Start(*length)).is_ok()
            }
            Self::Stream(_) => false,
        }
    }

    /// All of the bytes that were written are whole records.
    pub(crate) fn all(&mut self, written: usize) {
        if let Self::File { length, .. } = self {
            *length += written as u64;
        }
    }

    /// Gives up what was kept back on the disk.
    pub(crate) fn release(&mut self) {
        if let Self::File { reserve, .. } = self {
            *reserve = None;
        }
    }

    /// Keeps room back again.
    pub(crate) fn hold(&mut self) {
        if let Self::File { reserve: kept @ None, folder: Some(folder), .. } = self {
            *kept = reserve(folder).ok();
        }
    }
}

/// A file in a folder that nobody sees, with room.
fn reserve(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".filterc-audit-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    // Of something: a file system may keep no room for bytes of 0.
    file.write_all(&[0xa5; RESERVE])?;
    Ok(file)
}
