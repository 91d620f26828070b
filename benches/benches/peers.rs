//! The neutral workloads in our compiler and in others, measured in the same run: a table for
//! `benches/README.md`.
//!
//! Lengths, instructions executed and paths are counted, so they are exact. Times are the least
//! of many. Compile times are of what each tool starts from: text for us (the proof, which no
//! other makes, left out), calls of its interface for the others. Install times are of the
//! system call in a thread of a process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops where it cannot go on"
)]

use std::fmt::Write as _;
use std::hint::{black_box, spin_loop};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use filterc::{Compiled, Options, Source, compile};
use filterc_abi::Endian;
use filterc_cbpf::{Verified, converted_len, decode, encode, verify};
use filterc_loader::{Flags, install};
use filterc_testkit::libseccomp::{Level, Libseccomp};
use filterc_testkit::neutral::{self, Workload};
use filterc_testkit::peers::{Flat, seccompiler};
use filterc_testkit::{corpus, measure};

/// In the environment of a child: the program that it installs, in hexadecimal.
const INSTALL: &str = "FILTERC_BENCH_INSTALL";

/// How often a compilation and an installation are timed.
const COMPILATIONS: u32 = 200;
const INSTALLATIONS: u32 = 30;

/// What a tool makes of a policy, and the least time that it took.
type Made = Result<(Verified, Duration), String>;

fn least<T>(mut run: impl FnMut() -> T) -> Duration {
    let time = |_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    };
    (0..COMPILATIONS).map(time).min().unwrap()
}

fn ours(source: &Source) -> (Compiled, Duration) {
    let options = Options { prove: false, ..corpus::options() };
    let once = || compile(black_box(source), &options);
    let compiled = once().unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    (compiled, least(once))
}

fn of_libseccomp(flat: &Flat, libseccomp: &Result<Libseccomp, String>, level: Level) -> Made {
    let libseccomp = libseccomp.as_ref().map_err(String::clone)?;
    let lines = flat.libseccomp()?;
    let times = libseccomp.times(&lines, level, COMPILATIONS);
    Ok((libseccomp.compile(&lines, level), *times.first().ok_or("no time")?))
}

fn of_seccompiler(flat: &Flat) -> Made {
    let rules = seccompiler::Rules::of(flat)?;
    let program = seccompiler::verified(&rules.compile()?)?;
    Ok((program, least(|| rules.compile())))
}

/// What a child does: installs the program, once, in a thread that does nothing more, since
/// the filter may forbid it to end.
fn child(hex: &str) -> ! {
    static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let bytes: Vec<u8> = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
    let program = verify(&decode(&bytes, Endian::HOST).unwrap()).unwrap();
    std::thread::spawn(move || {
        let start = Instant::now();
        let installed = install(&program, &Flags::default()).is_ok();
        let time = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        NANOSECONDS.store(if installed { time } else { u64::MAX }, Ordering::Release);
        loop {
            spin_loop();
        }
    });
    loop {
        match NANOSECONDS.load(Ordering::Acquire) {
            0 => spin_loop(),
            time => {
                println!("{time}");
                std::process::exit(0);
            }
        }
    }
}

/// The least time to install a program; `None` where the kernel does not do it.
fn install_time(program: &Verified) -> Option<Duration> {
    let mut hex = String::new();
    for byte in encode(program.insns(), Endian::HOST) {
        let _ = write!(hex, "{byte:02x}");
    }
    let itself = std::env::current_exe().unwrap();
    let once = |_| {
        let output = Command::new(&itself).env(INSTALL, &hex).output().unwrap();
        let time: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
        (time != u64::MAX).then(|| Duration::from_nanos(time))
    };
    (0..INSTALLATIONS).map(once).min().flatten()
}

fn microseconds(time: Duration) -> String {
    let microseconds = time.as_secs_f64() * 1e6;
    if microseconds < 100.0 { format!("{microseconds:.1}") } else { format!("{microseconds:.0}") }
}

fn main() {
    if let Ok(hex) = std::env::var(INSTALL) {
        child(&hex);
    }
    let libseccomp = Libseccomp::build();
    println!(
        "| workload | compiler | insns | converted | executed | worst | compile µs | install µs |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for name in neutral::NAMES {
        let text = Workload::load(name).policy("x86_64", "kill_process");
        let (compiled, time) = ours(&Source::text(name, text));
        let flat = Flat::of(compiled.policy());
        let with =
            |make: &dyn Fn(&Flat) -> Made| flat.as_ref().map_err(String::clone).and_then(make);
        let made = [
            ("filterc", Ok((compiled.program().verified().clone(), time))),
            ("libseccomp, list", with(&|flat| of_libseccomp(flat, &libseccomp, Level::List))),
            ("libseccomp, tree", with(&|flat| of_libseccomp(flat, &libseccomp, Level::Tree))),
            ("seccompiler", with(&of_seccompiler)),
        ];
        for (compiler, made) in made {
            match made {
                Ok((program, time)) => {
                    let install = install_time(&program).map_or("-".to_owned(), microseconds);
                    println!(
                        "| {name} | {compiler} | {} | {} | {:.2} | {} | {} | {install} |",
                        program.insns().len(),
                        converted_len(&program),
                        measure::executed(&program),
                        measure::longest_path(&program),
                        microseconds(time),
                    );
                }
                Err(reason) => println!("| {name} | {compiler} | skipped: {reason} | | | | | |"),
            }
        }
    }
}
