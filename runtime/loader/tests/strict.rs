//! Untrusted computations, live: the worked example, and what it does not show. Without the test
//! harness, whose threads a child could not have.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests say what they expect; the example's main is not called"
)]

#[path = "../examples/strict.rs"]
mod example;

use std::fs::File;
use std::io::{Read as _, Write as _};

use filterc_cbpf::{Verified, assemble, verify};
use filterc_loader::ptrace::Ended;
use filterc_loader::strict::{Confined, Confinement, Ends};

const SIGKILL: i32 = 9;
const SIGSYS: i32 = 31;

fn main() {
    let cases: [(&str, fn()); 7] = [
        ("the_example_computes", the_example_computes),
        ("the_example_cannot_open", the_example_cannot_open),
        ("no_other_descriptor_is_left", no_other_descriptor_is_left),
        ("memory_is_what_was_reserved", memory_is_what_was_reserved),
        ("a_panic_is_a_status", a_panic_is_a_status),
        ("a_filter_confines_too", a_filter_confines_too),
        ("one_that_runs_for_ever_is_killed", one_that_runs_for_ever_is_killed),
    ];
    for (name, case) in cases {
        case();
        println!("test {name} ... ok");
    }
}

fn the_example_computes() {
    assert_eq!(example::compute("2 3 + 4 *").unwrap(), (Some(20), Ended::Exited(0)));
    assert_eq!(example::compute("2 +").unwrap(), (None, Ended::Exited(2)));
    let long = format!("{} {}", "1 ".repeat(200_000), "+ ".repeat(199_999));
    assert_eq!(example::compute(&long).unwrap(), (Some(200_000), Ended::Exited(0)));
}

fn the_example_cannot_open() {
    let (result, ended) = example::compute("2 3 open +").unwrap();
    assert_eq!((result, ended), (None, Ended::Signal(SIGKILL, false)));
}

/// Runs a function that gets nothing and writes little.
fn run(confinement: Confinement<'_>, work: fn(&mut Ends) -> u8) -> (Vec<u8>, Ended) {
    let mut child = Confined::start(confinement, 1 << 20, work).unwrap();
    child.finish();
    let mut written = Vec::new();
    child.read_to_end(&mut written).unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(child.wait().unwrap(), ended, "it can be asked again");
    (written, ended)
}

/// A descriptor's file, which nothing confined can close or duplicate.
fn readable(fd: i32) -> bool {
    use std::os::fd::FromRawFd as _;
    // `read` of nothing: EBADF where there is no such descriptor.
    #[expect(unsafe_code, reason = "a descriptor by its number")]
    // SAFETY: it is not closed.
    let file = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    (&*file).read(&mut []).is_ok()
}

fn no_other_descriptor_is_left() {
    let _open = File::open("/dev/null").unwrap();
    let (_, ended) = run(Confinement::Kernel, |_| u8::from((2..1000).any(readable)));
    assert_eq!(ended, Ended::Exited(0));
}

fn memory_is_what_was_reserved() {
    let take = |_: &mut Ends| {
        let parts: Vec<Vec<u8>> = (0..8).map(|part| vec![part; 64 << 10]).collect();
        std::hint::black_box(parts.iter().flatten().copied().max().unwrap_or(0))
    };
    assert_eq!(run(Confinement::Kernel, take).1, Ended::Exited(7));
    let take_more = |_: &mut Ends| std::hint::black_box(vec![1_u8; 64 << 20])[0];
    assert_eq!(run(Confinement::Kernel, take_more).1, Ended::Signal(SIGKILL, false));
}

fn a_panic_is_a_status() {
    let (_, ended) =
        run(Confinement::Kernel, |_| std::hint::black_box(&[0_u8; 0]).first().copied().unwrap());
    assert_eq!(ended, Ended::Exited(101));
}

fn filter(text: &str) -> Verified {
    verify(&assemble(text).unwrap()).unwrap()
}

fn a_filter_confines_too() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the filter is in numbers of x86-64");
        return;
    }
    // read, write, exit, rt_sigreturn; else kill_process.
    let filter = filter(
        "ld [0]\njeq #0, good\njeq #1, good\njeq #60, good\njeq #15, good\nret #0x80000000\n\
         good: ret #0x7fff0000\n",
    );
    let confinement = Confinement::Filter(&filter);
    let (written, ended) = run(confinement, |ends| ends.write_all(b"done").map_or(1, |()| 0));
    assert_eq!((written.as_slice(), ended), (b"done".as_slice(), Ended::Exited(0)));
    let open = |_: &mut Ends| u8::from(File::open("/etc/passwd").is_ok());
    let (_, ended) = run(confinement, open);
    assert!(matches!(ended, Ended::Signal(SIGSYS, _)), "{ended:?}");
}

fn one_that_runs_for_ever_is_killed() {
    let child = Confined::start(Confinement::Kernel, 0, |_| {
        loop {
            std::hint::spin_loop();
        }
    });
    drop(child.unwrap());
}
