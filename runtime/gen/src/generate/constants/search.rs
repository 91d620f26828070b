//! Goes through the headers of every ABI and evaluates what the sets want.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::compile::{Toolchain, evaluate};
use super::discover::{Names, words};
use super::facts::Finding;
use super::headers::{Headers, TargetHeaders, write};
use super::targets::{Compiler, TARGETS, Target, probe};
use crate::error::Error;
use crate::generate::sets::{Known, Sets};

/// What searching gave.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What was found.
    pub(crate) found: Vec<Finding>,
    /// The headers that do not compile: header, position of the ABI, first message.
    pub(crate) broken: Vec<(String, usize, String)>,
}

/// A target that is ready to compile for.
struct Ready {
    abi: usize,
    toolchain: Toolchain,
    headers: TargetHeaders,
    scratch: PathBuf,
}

/// Searches all headers on all ABIs.
pub(crate) fn search(
    linux: &Path,
    libc_dev: &Path,
    sets: &Sets,
    scratch: &Path,
) -> Result<Outcome, Error> {
    let headers = Headers::prepare(linux, libc_dev, scratch)?;
    let targets = TARGETS.iter().enumerate();
    let ready: Vec<Ready> = targets
        .map(|(at, target)| prepare(at, target, &headers, scratch))
        .collect::<Result<_, _>>()?;
    let mut known = BTreeMap::new();
    let mut jobs: Vec<(&Ready, Vec<&str>)> = Vec::new();
    for target in &ready {
        let wanted = target.headers.headers.iter().filter(|(path, text)| {
            let own = path.starts_with("asm/") || path.starts_with("internal/asm/");
            own || *known.entry(path.as_str()).or_insert_with(|| may_want(sets, path, text))
        });
        let (single, many): (Vec<&str>, Vec<&str>) =
            wanted.map(|(path, _)| path.as_str()).partition(|path| is_alone(path));
        jobs.extend(single.into_iter().map(|path| (target, vec![path])));
        jobs.extend(many.chunks(BATCH).map(|paths| (target, paths.to_vec())));
    }
    let outcomes = in_parallel(&jobs, |number, (target, headers)| {
        let scratch = target.scratch.join(number.to_string());
        let mut outcome = Outcome::default();
        search_some(target, headers, sets, &scratch, &mut outcome)?;
        Ok(outcome)
    })?;
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.found.extend(outcome.found);
        all.broken.extend(outcome.broken);
    }
    Ok(all)
}

/// How many headers are compiled at once.
const BATCH: usize = 12;

/// Headers of an architecture, and those that are no real ones, meet no others.
fn is_alone(header: &str) -> bool {
    ["asm/", "internal/", "libc/"].iter().any(|start| header.starts_with(start))
}

/// Runs a function on all jobs, on all processors; the results are in the jobs' order.
fn in_parallel<J: Sync, R: Send>(
    jobs: &[J],
    run: impl Fn(usize, &J) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, R>> = Mutex::default();
    let work = || -> Result<(), Error> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(number) else { return Ok(()) };
            let result = run(number, job)?;
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|handle| {
            let stopped = |_| Error::Failed("a worker stopped".to_owned());
            handle.join().map_err(stopped)?
        })
    })?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_values().collect())
}

/// Finds a target's compiler and folders, and makes sure of its data model.
fn prepare(at: usize, target: &Target, headers: &Headers, scratch: &Path) -> Result<Ready, Error> {
    let headers = headers.of_target(target)?;
    let scratch = scratch.join("unit").join(target.abi);
    let mut toolchain = Toolchain { program: program(target.compiler)?, args: Vec::new() };
    let args = &mut toolchain.args;
    args.extend(["-std=gnu11", "-O0", "-w", "-nostdinc"].map(str::to_owned));
    match target.compiler {
        Compiler::Clang(triple) => {
            args.extend([format!("--target={triple}"), "-ferror-limit=0".to_owned()]);
            args.push("-fno-caret-diagnostics".to_owned());
        }
        Compiler::Gcc(_) => {
            let quiet =
                ["-fmax-errors=0", "-ftrack-macro-expansion=0", "-fno-diagnostics-show-caret"];
            args.extend(quiet.map(str::to_owned));
        }
    }
    for folder in &headers.folders {
        args.extend(["-isystem".to_owned(), folder.display().to_string()]);
    }
    let empty = scratch.join("empty.c");
    write(&empty, "")?;
    if !target.betrays.is_empty() {
        toolchain.args.extend(undefine(&toolchain, target, &empty)?);
    }
    toolchain.args.extend(target.args.iter().map(|arg| (*arg).to_owned()));
    let abi = filterc_abi::abis().get(at).filter(|abi| abi.name == target.abi);
    let abi = abi.ok_or_else(|| Error::Failed(format!("{}: no such ABI", target.abi)))?;
    let source = scratch.join("probe.c");
    write(&source, &probe(target, abi))?;
    if let Err(messages) = toolchain.compile(&source, &scratch.join("probe.o"))? {
        return Err(Error::Failed(format!("{}: not its data model:\n{messages}", target.abi)));
    }
    Ok(Ready { abi: at, toolchain, headers, scratch })
}

/// `-U` for each predefined macro that tells the compiler's own architecture.
fn undefine(toolchain: &Toolchain, target: &Target, empty: &Path) -> Result<Vec<String>, Error> {
    let text = toolchain.preprocess(empty)?.map_err(Error::Failed)?;
    let defined = text.lines().filter_map(|line| line.strip_prefix("#define "));
    let names = defined.filter_map(|line| line.split([' ', '(']).next());
    let tells = |name: &&str| target.betrays.iter().any(|part| name.contains(part));
    Ok(names.filter(tells).map(|name| format!("-U{name}")).collect())
}

/// The name of an installed compiler.
fn program(compiler: Compiler) -> Result<PathBuf, Error> {
    let names = match compiler {
        Compiler::Clang(_) => vec!["clang-16".to_owned(), "clang".to_owned()],
        Compiler::Gcc(triple) => vec![format!("{triple}-gcc-12"), format!("{triple}-gcc")],
    };
    let runs = |name: &&String| {
        let output = Command::new(name).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = names.iter().find(runs).map(PathBuf::from);
    found.ok_or_else(|| Error::Failed(format!("no compiler: {}", names.join(", "))))
}

/// A word of a header that may turn out to be a constant.
struct Word<'a> {
    name: &'a str,
    header: &'a str,
    is_request: bool,
}

impl Known for Word<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn is_from(&self, header: &dyn Fn(&str) -> bool) -> bool {
        header(self.header)
    }

    fn is_request(&self) -> bool {
        self.is_request
    }
}

/// Whether it is worth compiling a header: some word in it may be wanted.
fn may_want(sets: &Sets, header: &str, text: &str) -> bool {
    let words: BTreeSet<&str> = words(text).collect();
    words.into_iter().any(|name| {
        // What makes a request is called so in the end.
        let is_request = name.contains("IO");
        sets.wants(&Word { name, header, is_request })
    })
}

/// Searches headers together, and where that fails or two of them give one name, in halves.
fn search_some(
    target: &Ready,
    headers: &[&str],
    sets: &Sets,
    scratch: &Path,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    match search_together(target, headers, sets, scratch)? {
        Ok(found) => outcome.found.extend(found),
        Err(message) => match headers {
            [] => {}
            [header] => outcome.broken.push(((*header).to_owned(), target.abi, message)),
            _ => {
                let (first, second) = headers.split_at(headers.len() / 2);
                search_some(target, first, sets, scratch, outcome)?;
                search_some(target, second, sets, scratch, outcome)?;
            }
        },
    }
    for extension in ["c", "o"] {
        // What is left over is in the way of nobody.
        let _ = std::fs::remove_file(scratch.with_extension(extension));
    }
    Ok(())
}

/// Compiles some headers in one file and evaluates what is wanted of them; the inner error
/// is why that cannot be.
fn search_together(
    target: &Ready,
    headers: &[&str],
    sets: &Sets,
    scratch: &Path,
) -> Result<Result<Vec<Finding>, String>, Error> {
    let lines = TargetHeaders::lines(headers);
    let source = scratch.with_extension("c");
    write(&source, &lines)?;
    let first = |messages: String| {
        messages.lines().find(|line| line.contains("error:")).unwrap_or("?").to_owned()
    };
    let text = match target.toolchain.preprocess(&source)? {
        Ok(text) => text,
        Err(messages) => return Ok(Err(first(messages))),
    };
    let names = Names::read(&text);
    let mut findings = wanted(target, headers, names.candidates(), &names, sets);
    if headers.len() > 1 && !wanted(target, headers, names.lost(), &names, sets).is_empty() {
        return Ok(Err("a name is defined twice".to_owned()));
    }
    if findings.is_empty() {
        return Ok(Ok(findings));
    }
    let expressions: Vec<&str> = findings.iter().map(|found| found.name.as_str()).collect();
    match evaluate(&target.toolchain, &lines, &expressions, scratch)? {
        Ok(values) => {
            for (found, value) in findings.iter_mut().zip(values) {
                found.value = value;
            }
            Ok(Ok(findings))
        }
        Err(messages) => Ok(Err(first(messages))),
    }
}

/// Of some names with the paths of their files, those that the headers themselves give and
/// sets want.
fn wanted<'n>(
    target: &Ready,
    headers: &[&str],
    some: impl Iterator<Item = (&'n str, &'n str)>,
    names: &Names,
    sets: &Sets,
) -> Vec<Finding> {
    let finding = |(name, path): (&str, &str)| {
        let origin = target.headers.relative(path)?;
        let stands_for = |header: &&&str| {
            **header == origin
                // What an `asm` header gives can come from `asm-generic`.
                || header.starts_with("asm/") && origin.starts_with("asm-generic/")
        };
        let unit = headers.iter().find(stands_for)?;
        Some(Finding {
            abi: target.abi,
            unit: (*unit).to_owned(),
            name: name.to_owned(),
            origin: origin.to_owned(),
            is_request: names.is_request(name),
            value: None,
        })
    };
    some.filter_map(finding).filter(|found| sets.wants(found)).collect()
}
