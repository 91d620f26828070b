//! What a call costs that stops at a supervisor, measured in one run:
//! `cargo run --release -p filterc-benches --example trapped_calls -- target/release/filterc`.
//!
//! The program starts itself, told to make the same call many times, in several ways: alone; with
//! the least that a tracer can do, which waits and lets it go on; under `filterc run --via ptrace`;
//! and, where it is there, under `strace` that is told of the same call. All tell nanoseconds a call,
//! the least of five runs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

use std::io;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use filterc_cbpf::{assemble, verify};
use filterc_loader::beside::{Side, run_on, split};
use filterc_loader::ptrace::{Change, Until, listen, resume, seize, wait};
use filterc_loader::{Flags, install};

const CALLS: u32 = 20_000;
const RUNS: u32 = 5;
/// The processor that the caller is on. A supervisor is free to be there too.
const CPU: usize = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["calls"] => call(),
        ["bare"] => bare(),
        [filterc] if Path::new(filterc).exists() => table(filterc),
        _ => Err(io::Error::other("usage: trapped_calls PATH-OF-FILTERC")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the calls, and says what one of them cost.
fn call() -> io::Result<()> {
    // Where there is one processor, everything is on it anyway.
    let _only = run_on(CPU);
    let since = Instant::now();
    for _ in 0..CALLS {
        std::hint::black_box(parent_id());
    }
    println!("{}", since.elapsed().as_nanos() / u128::from(CALLS));
    Ok(())
}

/// Makes the calls under the least that a tracer can do.
fn bare() -> io::Result<()> {
    match split()? {
        Side::Watched(watched) => {
            watched.wait().map_err(io::Error::other)?;
            let getppid = filterc_abi::host().and_then(|abi| abi.syscall("getppid"));
            let nr = getppid.map_or(0, |call| call.nr);
            let text = format!(
                "ld [0]\njeq #{nr}, stop, go\nstop: ret #0x7ff00000\ngo: ret #0x7fff0000\n"
            );
            let program =
                assemble(&text).map_err(|error| io::Error::other(format!("{error:?}")))?;
            let program = verify(&program).map_err(io::Error::other)?;
            install(&program, &Flags::default()).map_err(io::Error::other)?;
            call()
        }
        Side::Watcher(watcher) => {
            let _only = run_on(CPU);
            seize(watcher.pid())?;
            watcher.ready()?;
            while let Some((tid, change)) = wait()? {
                match change {
                    Change::Gone(_) => {}
                    Change::GroupStop(_) => listen(tid)?,
                    Change::Signal(signal) => resume(tid, Until::Traced, signal)?,
                    Change::Syscall
                    | Change::Seccomp
                    | Change::Created { .. }
                    | Change::Exec
                    | Change::Exit
                    | Change::Trap => resume(tid, Until::Traced, 0)?,
                }
            }
            Ok(())
        }
    }
}

fn table(filterc: &str) -> io::Result<()> {
    let own = std::env::current_exe()?.display().to_string();
    let folder = std::env::temp_dir().join(format!("filterc-trapped-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let policy = |name: &str, rule: &str| -> io::Result<String> {
        let path = folder.join(name);
        std::fs::write(&path, format!("arch {}\ndefault allow\n{rule}\n", std::env::consts::ARCH))?;
        Ok(path.display().to_string())
    };
    let registers = policy("registers.flt", "errno(EPERM) mkdir")?;
    let task = policy("task.flt", "errno(EPERM) getppid if tid == 1")?;
    let refused = policy("refused.flt", "errno(EPERM) getppid if tid != 1")?;
    let run = [filterc, "run", "--via", "ptrace"];
    let rows: [(&str, Vec<&str>); 7] = [
        ("alone", vec![]),
        ("bare RET_TRACE: wait and go on", vec![&own, "bare"]),
        ("filterc, a call that stops nowhere", [&run[..], &[&registers, "--"]].concat()),
        ("filterc, allowed by who calls", [&run[..], &[&task, "--"]].concat()),
        ("filterc, refused by who calls", [&run[..], &[&refused, "--"]].concat()),
        ("filterc --no-seccomp", [&run[..], &["--no-seccomp", &registers, "--"]].concat()),
        (
            "strace -f -e trace=getppid",
            vec!["strace", "-f", "-o", "/dev/null", "-e", "trace=getppid"],
        ),
    ];
    let seccomp = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=getppid"];
    let last = ("strace -f --seccomp-bpf, the same", seccomp.to_vec());
    for (name, head) in rows.iter().chain([&last]) {
        let words = match head[..] {
            [_, "bare"] => head.clone(),
            _ => [&head[..], &[own.as_str(), "calls"]].concat(),
        };
        match least(&words) {
            Ok(nanoseconds) => println!("{nanoseconds:>8} ns  {name}"),
            Err(error) => println!(" skipped     {name}: {error}"),
        }
    }
    std::fs::remove_dir_all(folder)
}

/// The least of several runs.
fn least(words: &[&str]) -> io::Result<u64> {
    let [program, arguments @ ..] = words else { return Err(io::Error::other("no command")) };
    let mut least = u64::MAX;
    for _ in 0..RUNS {
        let output = Command::new(program).args(arguments).stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let one = text.trim().parse().map_err(|_| io::Error::other("it says nothing"))?;
        least = least.min(one);
    }
    Ok(least)
}
