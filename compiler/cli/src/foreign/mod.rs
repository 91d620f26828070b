//! Policies in the forms of other tools: which form a text is, how it is read, and what it is in
//! the policy language.

mod detect;
mod format;
mod includes;
mod reading;

use std::path::{Path, PathBuf};

use filterc::Diagnostics;
use filterc_grammar::source::{SourceFile, SourceMap};
use filterc_import::{
    Imported, Target, bionic, ftrace2011, kafel, kubernetes, lxc, minijail, oci, seccompiler,
    systemd,
};

pub(crate) use crate::foreign::detect::detect;
pub(crate) use crate::foreign::format::Format;
pub(crate) use crate::foreign::reading::{Reading, caps, host, kernel, listing};

use crate::console::Failure;
use crate::foreign::includes::Files;
use crate::input;

/// A text and its name.
pub(crate) struct Text {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Text {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let source = input::source(path)?;
        let (name, text) = (source.name().to_owned(), source.contents().to_owned());
        Ok(Self { path: path.to_path_buf(), name, text })
    }

    /// How a policy names where it is from.
    fn source(&self) -> String {
        let name = self.path.file_name().filter(|_| self.path != Path::new("-"));
        name.map_or_else(|| "standard input".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

/// Makes a policy of a foreign one, which may be in several texts.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn import(
    format: Format,
    texts: &[Text],
    reading: &Reading,
) -> Result<Imported, Diagnostics> {
    let mut sources = SourceMap::default();
    let mut files = Vec::new();
    for text in texts {
        let file =
            SourceFile { name: text.name.clone(), text: text.text.clone(), included_from: None };
        files.push((sources.add(file), text));
    }
    let mut includes = Files::new(sources, &reading.include);
    let Some(&(file, text)) = files.first() else {
        return Err(Diagnostics { sources: includes.sources, list: Vec::new() });
    };
    let source = if texts.len() > 1 {
        texts.iter().map(Text::source).collect::<Vec<_>>().join(", ")
    } else {
        text.source()
    };
    let target = Target { abi: reading.abi, width: reading.width, source };
    let contents = text.text.as_str();
    let imported = match format {
        // Neither is foreign: there is nothing to import.
        Format::Flt | Format::Bpf => Err(Vec::new()),
        Format::Oci => oci::import(file, contents, &of_oci(reading, &target)),
        Format::Kubernetes => {
            let (oci, profile) = (of_oci(reading, &target), reading.profile.clone());
            kubernetes::import(file, contents, &kubernetes::Options { oci, profile })
        }
        Format::Minijail => {
            let options = minijail::Options {
                target,
                dialect: reading.dialect,
                kill_process: reading.kill_process,
                constants: reading.constants.clone(),
            };
            minijail::import(file, contents, &options, &mut includes)
        }
        Format::Kafel => kafel::import(file, contents, &target, &mut includes),
        Format::Seccompiler => {
            let options = seccompiler::Options { target, filter: reading.filter.clone() };
            seccompiler::import(file, contents, &options)
        }
        Format::Systemd => {
            let options = systemd::Options { target, sets: reading.sets.clone() };
            systemd::import(file, contents, &options)
        }
        Format::Lxc => lxc::import(file, contents, &target),
        Format::Bionic => {
            let role = |text: &Text| bionic::Role::of_name(&text.source());
            let lists: Vec<bionic::List<'_>> = files
                .iter()
                .map(|&(file, text)| bionic::List {
                    file,
                    text: &text.text,
                    // One list alone is what is allowed.
                    role: if texts.len() == 1 { bionic::Role::Base } else { role(text) },
                })
                .collect();
            let options = bionic::Options { target, secondary: reading.secondary };
            bionic::import(&lists, &options)
        }
        Format::Ftrace2011 => {
            let (join, form) = (ftrace2011::Join::All, ftrace2011::Form::Policy);
            let options = ftrace2011::Options { abi: reading.abi, join, form };
            ftrace2011::import(file, contents, &options)
        }
    };
    imported.map_err(|list| Diagnostics { sources: includes.sources, list })
}

fn of_oci(reading: &Reading, target: &Target) -> oci::Options {
    oci::Options {
        host: target.abi,
        covering: reading.covering,
        caps: reading.caps.clone(),
        kernel: reading.kernel,
        width: target.width,
        enosys: reading.enosys,
        source: target.source.clone(),
    }
}
