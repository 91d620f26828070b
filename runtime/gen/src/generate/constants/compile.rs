//! The value and type of C constant expressions on a target, by compiling them: no code of
//! the target runs.
//!
//! Each expression becomes a few bytes in an object file: a mark, its number, its type, and
//! its value byte by byte, least significant first, so that the target's byte order and
//! object format do not matter. What the compiler complains about is left out, by the line
//! of its message, and the rest is compiled again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// The C type of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    /// `int`
    Int,
    /// `unsigned int`
    UInt,
    /// `long`
    Long,
    /// `unsigned long`
    ULong,
    /// `long long`
    LongLong,
    /// `unsigned long long`
    ULongLong,
}

impl Type {
    fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Int,
            2 => Self::UInt,
            3 => Self::Long,
            4 => Self::ULong,
            5 => Self::LongLong,
            6 => Self::ULongLong,
            _ => return None,
        })
    }

    /// Whether its values have a sign.
    pub(crate) const fn is_signed(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::LongLong)
    }

    /// Its width on an ABI whose word has so many bits.
    pub(crate) const fn width(self, word: u8) -> u8 {
        match self {
            Self::Int | Self::UInt => 32,
            Self::Long | Self::ULong => word,
            Self::LongLong | Self::ULongLong => 64,
        }
    }
}

/// A constant as the compiler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Its type.
    pub(crate) ty: Type,
    /// Its value, negative for negative ones.
    pub(crate) value: i128,
}

/// A command that compiles one file for a target.
pub(crate) struct Toolchain {
    /// The compiler's name, or path.
    pub(crate) program: PathBuf,
    /// Its arguments, without the file's name and what to do with it.
    pub(crate) args: Vec<String>,
}

impl Toolchain {
    fn command(&self, source: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(["-x", "c"]).arg(source);
        command.env("LC_ALL", "C");
        command
    }

    /// What the preprocessor makes of a file, with definitions; the inner error is the
    /// compiler's messages.
    pub(crate) fn preprocess(&self, source: &Path) -> Result<Result<String, String>, Error> {
        let mut command = self.command(source);
        let output = run(command.args(["-E", "-dD"]))?;
        Ok(if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        })
    }

    /// Compiles a file; the inner error is the compiler's messages.
    pub(crate) fn compile(
        &self,
        source: &Path,
        object: &Path,
    ) -> Result<Result<Vec<u8>, String>, Error> {
        let mut command = self.command(source);
        let output = run(command.args(["-c", "-o"]).arg(object))?;
        if !output.status.success() {
            return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let bytes = std::fs::read(object).map_err(|error| Error::io(object, &error))?;
        Ok(Ok(bytes))
    }
}

fn run(command: &mut Command) -> Result<std::process::Output, Error> {
    command.output().map_err(|error| {
        Error::Failed(format!("{}: {error}", command.get_program().to_string_lossy()))
    })
}

/// Marks a record in an object file.
const MARK: [u8; 6] = [0xf1, b'C', 0x93, b'k', 0xe6, 0x0d];

/// Record: the mark, number (2 bytes), type, value (8 bytes), end.
const RECORD: usize = MARK.len() + 2 + 1 + 8 + 1;

const END: u8 = 0xa9;

/// What comes between the headers and the expressions. `+` promotes as C does, so that
/// what is no integer matches no type.
fn record_macros() -> String {
    let mark: Vec<String> = MARK.iter().map(u8::to_string).collect();
    let byte = |n: u8| format!("(unsigned char)((unsigned long long)(x) >> {})", 8 * n);
    let bytes: Vec<String> = (0..8).map(byte).collect();
    format!(
        "#define filterc_type(x) _Generic(+(x), int: 1, unsigned int: 2, long: 3, \
         unsigned long: 4, long long: 5, unsigned long long: 6)\n\
         #define filterc_record(n, x) __attribute__((used)) static const unsigned char \
         filterc_##n[] = {{ {mark}, (n) & 255, (n) >> 8, filterc_type(x), {bytes}, {END} }};\n",
        mark = mark.join(", "),
        bytes = bytes.join(", "),
    )
}

/// Compiles expressions after some lines of C, and returns for each its value, or `None`
/// where it is no integer constant. An error in the lines themselves is an inner error:
/// the compiler's messages.
pub(crate) fn evaluate(
    toolchain: &Toolchain,
    before: &str,
    expressions: &[&str],
    scratch: &Path,
) -> Result<Result<Vec<Option<Value>>, String>, Error> {
    let source = scratch.with_extension("c");
    let object = scratch.with_extension("o");
    let macros = record_macros();
    let first = before.lines().count() + macros.lines().count() + 1;
    let mut left_out = BTreeSet::new();
    loop {
        let mut text = format!("{before}{macros}");
        for (number, expression) in expressions.iter().enumerate() {
            let _ = if left_out.contains(&number) {
                writeln!(text)
            } else {
                writeln!(text, "filterc_record({number}, {expression})")
            };
        }
        std::fs::write(&source, text).map_err(|error| Error::io(&source, &error))?;
        let messages = match toolchain.compile(&source, &object)? {
            Ok(bytes) => return Ok(Ok(records(&bytes, expressions.len()))),
            Err(messages) => messages,
        };
        let at_fault: BTreeSet<usize> = lines_at_fault(&messages, &source)
            .filter_map(|line| line.checked_sub(first))
            .filter(|number| *number < expressions.len())
            .collect();
        if at_fault.is_subset(&left_out) {
            return Ok(Err(messages));
        }
        left_out.extend(at_fault);
    }
}

/// The lines of `source` that have an error, from `PATH:LINE:COLUMN: error: …`.
fn lines_at_fault<'m>(messages: &'m str, source: &Path) -> impl Iterator<Item = usize> + 'm {
    let prefix = format!("{}:", source.display());
    messages.lines().filter(|line| line.contains("error:")).filter_map(move |line| {
        let (number, _) = line.strip_prefix(&prefix)?.split_once(':')?;
        number.parse().ok()
    })
}

/// Finds the records in an object file.
fn records(bytes: &[u8], count: usize) -> Vec<Option<Value>> {
    let mut values = vec![None; count];
    for window in bytes.windows(RECORD).filter(|window| window.starts_with(&MARK)) {
        let Some((number, value)) = record(window) else { continue };
        if let Some(slot) = values.get_mut(number) {
            *slot = Some(value);
        }
    }
    values
}

fn record(window: &[u8]) -> Option<(usize, Value)> {
    let &[low, high, ty, ref value @ .., END] = window.strip_prefix(&MARK)? else { return None };
    let bits = u64::from_le_bytes(value.try_into().ok()?);
    let ty = Type::of_number(ty)?;
    let value = if ty.is_signed() { i128::from(bits.cast_signed()) } else { i128::from(bits) };
    Some((usize::from(u16::from_le_bytes([low, high])), Value { ty, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Option<Toolchain> {
        // gcc names the line of an error in a macro's text as clang does only if told to.
        let compilers = [("gcc", "-ftrack-macro-expansion=0"), ("clang", "-ferror-limit=0")];
        let (program, arg) = compilers.into_iter().find(|(name, _)| {
            Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success())
        })?;
        Some(Toolchain { program: program.into(), args: vec!["-w".to_owned(), arg.to_owned()] })
    }

    #[test]
    fn the_hosts_compiler_evaluates() {
        let Some(toolchain) = host() else {
            println!("skipped: no C compiler");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("unit");
        let before = "#define BAD nothing\n#define STR \"x\"\nenum { E = -7, F = 0x80000000 };\n";
        let expressions = [
            "1",
            "-1",
            "0x80000000",
            "1LL << 40",
            "BAD",
            "STR",
            "(short)-2",
            "E",
            "F",
            "~0UL",
            "1.5",
        ];
        let values = evaluate(&toolchain, before, &expressions, &scratch).unwrap().unwrap();
        let plain: Vec<Option<i128>> = values.iter().map(|v| v.map(|v| v.value)).collect();
        let long = (1_i128 << std::ffi::c_long::BITS) - 1;
        assert_eq!(
            plain,
            [
                Some(1),
                Some(-1),
                Some(1 << 31),
                Some(1 << 40),
                None,
                None,
                Some(-2),
                Some(-7),
                Some(1 << 31),
                Some(long),
                None
            ]
        );
        let types: Vec<Type> = values.iter().flatten().map(|v| v.ty).collect();
        assert_eq!(types[..4], [Type::Int, Type::Int, Type::UInt, Type::LongLong]);
        assert_eq!((types[4], types[7]), (Type::Int, Type::ULong));
        // What is wrong before the expressions cannot be left out.
        assert!(evaluate(&toolchain, "int x = ;\n", &["1"], &scratch).unwrap().is_err());
    }

    #[test]
    fn records_are_found_anywhere() {
        let mut object = vec![0, MARK[0], MARK[1]];
        object.extend(MARK);
        object.extend([1, 0, 1, 0x9c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, END, 0]);
        let value = Value { ty: Type::Int, value: -100 };
        assert_eq!(records(&object, 2), [None, Some(value)]);
        assert_eq!(records(&object, 1), [None]);
        object.pop();
        object.pop();
        assert_eq!(records(&object, 2), [None, None]);
    }

    #[test]
    fn messages_name_lines() {
        let text = "/t/u.c:12:3: error: x\n/t/u.c:13:3: note: y\nh.h:1:1: error: z\n";
        assert_eq!(lines_at_fault(text, Path::new("/t/u.c")).collect::<Vec<_>>(), [12]);
        assert_eq!(Type::ULong.width(32), 32);
    }
}
