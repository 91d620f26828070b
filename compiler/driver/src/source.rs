//! Reading policies: the text itself and everything that it includes.
//!
//! This is the only part of the compiler that touches files. An `include` is looked for
//! beside the including file, then in the `-I` folders in order. A file that includes
//! itself, directly or not, is refused; one that is included twice counts twice, and the
//! checker then refuses what it defines twice.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use filterc_grammar::ast::{Statement, StatementKind, Str};
use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_grammar::parser;
use filterc_grammar::source::{FileId, MAX_SOURCE_LEN, SourceFile, SourceMap, Span};

/// Includes within includes: more is a mistake.
pub const MAX_INCLUDE_DEPTH: usize = 64;

/// Files of one compilation: more is a mistake, such as doubling at every level.
pub const MAX_FILES: usize = 1024;

/// Codes of this stage.
pub const CODES: &[&str] = &[NOT_FOUND.0, CYCLE.0, TOO_MANY.0, UNREADABLE.0];

/// An included file exists nowhere.
const NOT_FOUND: Code = Code("F0150");
/// A file includes itself.
const CYCLE: Code = Code("F0151");
/// Includes are nested too deeply, or there are too many files.
const TOO_MANY: Code = Code("F0152");
/// A file is there, but cannot be read as a policy.
const UNREADABLE: Code = Code("F0153");

/// A policy's text, its name, and the folder in which its includes are looked for first.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    path: Option<PathBuf>,
}

impl Source {
    /// A text from elsewhere than a file; its includes are looked for in the `-I` folders only.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), path: None }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is longer than [`MAX_SOURCE_LEN`], or is not UTF-8 (named with
    /// the offset of the first bad byte).
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = read_text(path)?;
        Ok(Self { name: path.display().to_string(), text, path: Some(path.to_path_buf()) })
    }

    /// Reads the rest of a stream, such as standard input.
    ///
    /// # Errors
    /// As for [`Source::read`].
    pub fn read_stream(name: impl Into<String>, stream: impl io::Read) -> io::Result<Self> {
        Ok(Self::text(name, decode(read_limited(stream)?)?))
    }

    /// The same file with another text: what it includes is found as before.
    #[must_use]
    pub fn edited(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self.clone() }
    }

    /// The name that diagnostics show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn contents(&self) -> &str {
        &self.text
    }
}

/// A policy with its includes in place.
#[derive(Clone, Debug, Default)]
pub struct Expanded {
    /// All files read.
    pub sources: SourceMap,
    /// The statements of all files, in reading order, without `include`.
    pub statements: Vec<Statement>,
    /// What was wrong: syntax errors, and includes that failed.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a policy and, in place of every `include`, the file that it names.
#[must_use]
pub fn expand(source: &Source, include_paths: &[PathBuf]) -> Expanded {
    let mut expansion = Expansion { include_paths, result: Expanded::default(), open: Vec::new() };
    let file =
        SourceFile { name: source.name.clone(), text: source.text.clone(), included_from: None };
    expansion.file(file, source.path.as_deref());
    expansion.result
}

struct Expansion<'a> {
    include_paths: &'a [PathBuf],
    result: Expanded,
    /// Files being expanded, outermost first: their canonical paths.
    open: Vec<PathBuf>,
}

impl Expansion<'_> {
    fn file(&mut self, file: SourceFile, path: Option<&Path>) {
        // Where the path cannot be made canonical, the nesting limit still ends a cycle.
        let canonical = path.map(|p| fs::canonicalize(p).unwrap_or_else(|_| p.to_path_buf()));
        let id: FileId = self.result.sources.add(file);
        let text = self.result.sources.get(id).map_or("", |file| &file.text);
        let parsed = parser::parse(id, text);
        self.result.diagnostics.extend(parsed.diagnostics);
        let is_include =
            |statement: &Statement| matches!(statement.kind, StatementKind::Include(_));
        if self.result.statements.is_empty() && !parsed.file.statements.iter().any(is_include) {
            self.result.statements = parsed.file.statements;
            return;
        }
        self.open.push(canonical.unwrap_or_default());
        self.result.statements.reserve(parsed.file.statements.len());
        for statement in parsed.file.statements {
            if let StatementKind::Include(name) = &statement.kind {
                self.include(name, statement.span, path.and_then(Path::parent));
            } else {
                self.result.statements.push(statement);
            }
        }
        self.open.pop();
    }

    fn include(&mut self, name: &Str, statement: Span, beside: Option<&Path>) {
        if self.open.len() >= MAX_INCLUDE_DEPTH || self.result.sources.iter().count() >= MAX_FILES {
            let message = "too many includes";
            let label = format!("the limits are {MAX_INCLUDE_DEPTH} levels and {MAX_FILES} files");
            self.fail(Diagnostic::error(TOO_MANY, name.span, message, label));
            return;
        }
        let Some(path) = self.find(&name.text, beside) else {
            let tried = beside.into_iter().chain(self.include_paths.iter().map(PathBuf::as_path));
            let tried: Vec<_> = tried.map(|p| format!("`{}`", display_folder(p))).collect();
            let message = format!("no file `{}` to include", name.text);
            let help = if tried.is_empty() {
                "this text is not a file, so only folders named with -I are searched".to_owned()
            } else {
                format!("searched in {}; -I DIR adds a folder", tried.join(", "))
            };
            let error = Diagnostic::error(NOT_FOUND, name.span, message, "not found");
            self.fail(error.with_help(help));
            return;
        };
        let canonical = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if self.open.contains(&canonical) {
            let message = format!("`{}` includes itself", name.text);
            let label = "this file is already being read";
            self.fail(Diagnostic::error(CYCLE, name.span, message, label));
            return;
        }
        match read_text(&path) {
            Ok(text) => {
                let name = path.display().to_string();
                let file = SourceFile { name, text, included_from: Some(statement) };
                self.file(file, Some(&path));
            }
            Err(error) => {
                let message = format!("cannot include `{}`: {error}", path.display());
                self.fail(Diagnostic::error(UNREADABLE, name.span, message, "included here"));
            }
        }
    }

    fn fail(&mut self, diagnostic: Diagnostic) {
        self.result.diagnostics.push(diagnostic);
    }

    fn find(&self, name: &str, beside: Option<&Path>) -> Option<PathBuf> {
        let folders = beside.into_iter().chain(self.include_paths.iter().map(PathBuf::as_path));
        // An absolute path is the same from every folder, and needs none.
        let absolute = Some(Path::new(name)).filter(|path| path.is_absolute());
        let candidates = folders.map(|folder| folder.join(name));
        candidates.chain(absolute.map(Path::to_path_buf)).find(|path| path.is_file())
    }
}

/// A folder as a person would name it.
fn display_folder(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

fn read_text(path: &Path) -> io::Result<String> {
    decode(read_limited(fs::File::open(path)?)?)
}

/// Reads no more than one byte beyond the limit, so that an endless file ends.
fn read_limited(stream: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAX_SOURCE_LEN as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SOURCE_LEN {
        let message = format!("longer than {MAX_SOURCE_LEN} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn decode(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let message = format!("not UTF-8 text: byte {offset}, on line {line}, is not valid");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn codes(expanded: &Expanded) -> Vec<&'static str> {
        expanded.diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect()
    }

    #[test]
    fn includes_are_found_beside_the_file_then_in_the_search_path() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let main = write(root, "a/main.flt", "include \"one.flt\"\ninclude \"two.flt\"\n");
        write(root, "a/one.flt", "allow read\n");
        write(root, "path/one.flt", "allow write\n");
        write(root, "path/two.flt", "allow close\nallow fork\n");
        let expanded = expand(&Source::read(&main).unwrap(), &[root.join("path")]);
        assert_eq!(codes(&expanded), [] as [&str; 0]);
        let texts: Vec<_> =
            expanded.statements.iter().map(|s| expanded.sources.text(s.span)).collect();
        assert_eq!(texts, ["allow read", "allow close", "allow fork"]);
        assert_eq!(expanded.sources.iter().count(), 3);
    }

    #[test]
    fn a_circle_through_other_files_is_refused_and_the_chain_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let main = write(folder.path(), "main.flt", "include \"a.flt\"\n");
        write(folder.path(), "a.flt", "include \"b.flt\"\n");
        write(folder.path(), "b.flt", "include \"sub/../a.flt\"\n");
        fs::create_dir(folder.path().join("sub")).unwrap();
        let expanded = expand(&Source::read(&main).unwrap(), &[]);
        assert_eq!(codes(&expanded), ["F0151"]);
        let text = crate::render::text(
            &expanded.sources,
            &expanded.diagnostics,
            crate::render::Style::Plain,
        );
        let from: Vec<_> = text.lines().filter(|line| line.contains("included from")).collect();
        assert_eq!(from.len(), 2, "{text}");
        assert!(from[0].contains("a.flt:1:1") && from[1].contains("main.flt:1:1"), "{text}");
    }

    #[test]
    fn nesting_is_limited_f0152() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..100 {
            let next = i + 1;
            write(folder.path(), &format!("{i}.flt"), &format!("include \"{next}.flt\"\n"));
        }
        let main = folder.path().join("0.flt");
        let expanded = expand(&Source::read(&main).unwrap(), &[]);
        assert_eq!(codes(&expanded), ["F0152"]);
        assert_eq!(expanded.sources.iter().count(), MAX_INCLUDE_DEPTH);
    }

    #[test]
    fn the_number_of_files_is_limited_f0152() {
        let folder = tempfile::tempdir().unwrap();
        // Every level includes the next one twice.
        for i in 0..30 {
            let next = i + 1;
            let text = format!("include \"{next}.flt\"\ninclude \"{next}.flt\"\n");
            write(folder.path(), &format!("{i}.flt"), &text);
        }
        write(folder.path(), "30.flt", "allow read\n");
        let expanded = expand(&Source::read(&folder.path().join("0.flt")).unwrap(), &[]);
        assert_eq!(expanded.sources.iter().count(), MAX_FILES);
        assert!(codes(&expanded).iter().all(|code| *code == "F0152"));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binary.flt");
        fs::write(&path, b"allow read\nallow \xff").unwrap();
        let error = Source::read(&path).unwrap_err().to_string();
        assert_eq!(error, "not UTF-8 text: byte 17, on line 2, is not valid");
        assert!(Source::read(folder.path()).is_err(), "a folder is no policy");
        assert!(Source::read_stream("<stdin>", io::repeat(b' ')).is_err(), "an endless stream");
    }
}
