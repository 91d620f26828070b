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

/// What searching one header on one ABI gave.
enum Outcome {
    Found(Vec<Finding>),
    /// The header does not compile there: the compiler's first message.
    Broken { header: String, abi: usize, message: String },
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
) -> Result<Vec<Finding>, Error> {
    let headers = Headers::prepare(linux, libc_dev, scratch)?;
    let targets = TARGETS.iter().enumerate();
    let ready: Vec<Ready> =
        targets.map(|(at, target)| prepare(at, target, &headers, scratch)).collect::<Result<_, _>>()?;
    let mut jobs: Vec<(&Ready, &str)> = Vec::new();
    let mut known = BTreeMap::new();
    for target in &ready {
        if std::env::var("ONLY").is_ok_and(|o| !o.split(',').any(|o| o == TARGETS[target.abi].abi)) { continue; }
        let wanted = target.headers.headers.iter().filter(|(path, text)| {
            let own = path.starts_with("asm/") || path.starts_with("internal/asm/");
            own || *known.entry(path.as_str()).or_insert_with(|| may_want(sets, path, text))
        });
        jobs.extend(wanted.map(|(path, _)| (target, path.as_str())));
    }
    let outcomes = in_parallel(&jobs, |number, (target, header)| {
        search_one(target, header, sets, number)
    })?;
    let mut findings = Vec::new();
    let mut broken: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Found(found) => findings.extend(found),
            Outcome::Broken { header, abi, message } => {
                broken.entry(header).or_default().push((abi, message));
            }
        }
    }
    for (header, faults) in &broken {
        eprintln!("broken {header} on {}: {}", faults.len(), faults[0].1);
    }
    Ok(findings)
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
fn prepare(
    at: usize,
    target: &Target,
    headers: &Headers,
    scratch: &Path,
) -> Result<Ready, Error> {
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
            let quiet = ["-fmax-errors=0", "-ftrack-macro-expansion=0", "-fno-diagnostics-show-caret"];
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
        let is_request = name.starts_with("_IO");
        sets.wants(&Word { name, header, is_request })
    })
}

fn search_one(target: &Ready, header: &str, sets: &Sets, number: usize) -> Result<Outcome, Error> {
    let scratch = target.scratch.join(number.to_string());
    let lines = TargetHeaders::lines(header);
    let source = scratch.with_extension("c");
    write(&source, &lines)?;
    let broken = |messages: String| {
        let first = messages.lines().find(|line| line.contains("error:")).unwrap_or("?");
        Outcome::Broken { header: header.to_owned(), abi: target.abi, message: first.to_owned() }
    };
    let text = match target.toolchain.preprocess(&source)? {
        Ok(text) => text,
        Err(messages) => return Ok(broken(messages)),
    };
    let names = Names::read(&text);
    let mut findings: Vec<Finding> = names
        .candidates()
        .filter_map(|(name, path)| {
            let origin = target.headers.relative(path)?;
            let own = origin == header
                || header.starts_with("asm/") && origin.starts_with("asm-generic/")
                || header.starts_with("internal/") && origin.starts_with("internal/");
            own.then(|| Finding {
                abi: target.abi,
                unit: header.to_owned(),
                name: name.to_owned(),
                origin: origin.to_owned(),
                is_request: names.is_request(name),
                value: None,
            })
        })
        .filter(|found| sets.wants(found))
        .collect();
    if !findings.is_empty() {
        let expressions: Vec<&str> = findings.iter().map(|found| found.name.as_str()).collect();
        match evaluate(&target.toolchain, &lines, &expressions, &scratch)? {
            Ok(values) => {
                for (found, value) in findings.iter_mut().zip(values) {
                    found.value = value;
                }
            }
            Err(messages) => return Ok(broken(messages)),
        }
    }
    for extension in ["c", "o"] {
        // What is left over is in the way of nobody.
        let _ = std::fs::remove_file(scratch.with_extension(extension));
    }
    Ok(Outcome::Found(findings))
}
