//! Audit records of a command that watches tasks: where they go, and what is said of them at the
//! end.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use filterc_audit::{Form, OnLoss, Ring, Summary, ring};

use crate::console::{Console, Failure};

/// Where records go.
#[derive(Args, Clone, Debug)]
pub(crate) struct SinkArgs {
    /// Write a record of each decided call there, for `filterc audit`: JSON Lines if the name ends in
    /// `.jsonl`, `.json` or `.ndjson`, or is `-` (standard output), else the binary form
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
}

impl SinkArgs {
    /// Whether records are asked for.
    pub(crate) const fn is_asked(&self) -> bool {
        self.audit.is_some()
    }

    /// Whether they go to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.audit.as_deref() == Some(Path::new("-"))
    }

    /// The same, for a process that may be in another folder.
    pub(crate) fn absolute(&self) -> Self {
        let absolute = |path: &PathBuf| match path.as_os_str() == "-" {
            true => path.clone(),
            false => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
        };
        Self { audit: self.audit.as_ref().map(absolute) }
    }

    /// The sink, if one was asked for.
    pub(crate) fn open(&self, on_loss: OnLoss) -> Result<Option<Ring>, Failure> {
        let Some(path) = &self.audit else { return Ok(None) };
        let failed = |error: io::Error| Failure::io(path, &error);
        let sink = if path == Path::new("-") {
            Ring::stream(io::stdout(), Form::Json, ring::CAPACITY, on_loss)
        } else {
            let file = File::create(path).map_err(failed)?;
            Ring::file(file, Some(path), Form::of_path(path), ring::CAPACITY, on_loss)
        };
        sink.map(Some).map_err(failed)
    }
}

/// Says what is missing of the records; nothing if all were written.
pub(crate) fn report(summary: &Summary, console: &Console) -> Result<(), Failure> {
    if let Some(error) = &summary.error {
        console.note(&format!("audit records: {error}"));
    }
    if summary.lost() > 0 {
        console.note(&format!("[F0956] {} audit records are lost", summary.lost()));
    }
    if summary.untold > 0 {
        let text =
            format!("{} lost audit records could not even be counted in the file", summary.untold);
        return Err(Failure::Environment(text));
    }
    Ok(())
}
