//! The sink: what is lost is told, whatever fails.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use common::{openat, task};
use filterc_audit::binary::Item;
use filterc_audit::ring::CAPACITY;
use filterc_audit::{Event, Form, Gaps, OnLoss, Record, Ring, Sink as _, Stored};

fn record(seq: u64) -> Record {
    let event = Event::Call(Box::new(openat(b"/etc/passwd", Some(-13))));
    Record { time: seq, seq, task: task(), event }
}

/// All records, and what is missing; nothing may be missing that nobody tells of.
fn read(bytes: &[u8]) -> (u64, Gaps) {
    let mut stored = Stored::new(bytes, false);
    let (mut gaps, mut calls) = (Gaps::default(), 0);
    while let Some(item) = stored.next_item().unwrap() {
        match item {
            Item::Record(record) => {
                calls += u64::from(matches!(record.event, Event::Call(_)));
                gaps.see(&record, |_| {});
            }
            Item::Damage(damage) => panic!("{damage:?}"),
        }
    }
    (calls, gaps)
}

/// A stream that can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that reads nothing before it is told to.
struct Gate(mpsc::Receiver<()>, Shared);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Without a sender, it is open.
        let _ = self.0.recv();
        self.1.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn all_is_written_in_order() {
    for form in [Form::Binary, Form::Json] {
        let out = Shared::default();
        let mut ring = Ring::stream(out.clone(), form, CAPACITY, OnLoss::Stop).unwrap();
        for seq in 0..20_000 {
            assert!(ring.take(&record(seq)));
        }
        let summary = ring.finish();
        assert_eq!((summary.written, summary.lost(), summary.error), (20_000, 0, None));
        let (calls, gaps) = read(&out.0.lock().unwrap());
        assert!(gaps.is_whole() && calls == 20_000);
    }
}

#[test]
fn a_slow_reader_loses_records_and_each_is_told() {
    for form in [Form::Binary, Form::Json] {
        let (open, gate) = mpsc::channel();
        let out = Shared::default();
        // The header.
        open.send(()).unwrap();
        let gate = Gate(gate, out.clone());
        let mut ring = Ring::stream(gate, form, 4096, OnLoss::Kill).unwrap();
        let taken = (0..1000).filter(|seq| ring.take(&record(*seq))).count() as u64;
        assert!(taken > 10 && taken < 1000);
        assert!(ring.on_loss().kills());
        drop(open);
        let summary = ring.finish();
        assert_eq!((summary.written, summary.told, summary.untold), (taken, 1000 - taken, 0));
        let (calls, gaps) = read(&out.0.lock().unwrap());
        assert_eq!((calls, gaps.lost, gaps.missing, gaps.back), (taken, 1000 - taken, 0, 0));
    }
}

#[test]
fn a_slow_reader_is_waited_for_if_asked() {
    let (open, gate) = mpsc::channel();
    let out = Shared::default();
    let gate = Gate(gate, out.clone());
    let opener = std::thread::spawn(move || {
        // Until nobody waits any more.
        while open.send(()).is_ok() {
            std::thread::yield_now();
        }
    });
    let mut ring = Ring::stream(gate, Form::Binary, 1024, OnLoss::Stop).unwrap();
    assert!((0..1000).all(|seq| ring.take(&record(seq))));
    assert_eq!(ring.finish().lost(), 0);
    opener.join().unwrap();
    assert_eq!(read(&out.0.lock().unwrap()).0, 1000);
}

#[test]
fn one_that_no_ring_can_hold() {
    let out = Shared::default();
    let mut ring = Ring::stream(out.clone(), Form::Binary, 1024, OnLoss::Stop).unwrap();
    let event = Event::Call(Box::new(openat(&[b'x'; 2000], None)));
    assert!(ring.take(&record(0)));
    assert!(!ring.take(&Record { event, ..record(1) }));
    assert!(ring.take(&record(2)));
    let summary = ring.finish();
    assert_eq!((summary.written, summary.told), (2, 1));
    let (calls, gaps) = read(&out.0.lock().unwrap());
    assert_eq!((calls, gaps.lost, gaps.missing), (2, 1, 0));
}

#[test]
fn a_reader_that_goes_away() {
    for (form, on_loss) in [(Form::Json, OnLoss::Continue), (Form::Binary, OnLoss::Stop)] {
        let (reader, writer) = io::pipe().unwrap();
        let mut ring = Ring::stream(writer, form, 8192, on_loss).unwrap();
        drop(reader);
        let taken = (0..1000).filter(|seq| ring.take(&record(*seq))).count();
        assert!(taken < 1000);
        let summary = ring.finish();
        assert_eq!((summary.written, summary.told, summary.untold), (0, 0, 1000));
        assert!(summary.error.is_some());
    }
}

#[test]
fn a_pipe_that_is_read() {
    let (mut reader, writer) = io::pipe().unwrap();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut ring = Ring::stream(writer, Form::Json, 8192, OnLoss::Stop).unwrap();
    assert!((0..5000).all(|seq| ring.take(&record(seq))));
    assert_eq!(ring.finish().lost(), 0);
    let (calls, gaps) = read(&reading.join().unwrap().unwrap());
    assert!(calls == 5000 && gaps.is_whole());
}

#[test]
fn a_device_without_room() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let mut ring = Ring::file(full, None, Form::Json, 8192, OnLoss::Continue).unwrap();
    for seq in 0..100 {
        ring.take(&record(seq));
    }
    let summary = ring.finish();
    assert_eq!((summary.written, summary.told, summary.untold), (0, 0, 100));
    assert!(summary.error.unwrap().contains("space"));
}

const IN_NAMESPACE: &str = "FILTERC_AUDIT_TEST_DISK";

/// On a disk of 128 KiB: in a mount namespace of its own, which another run of this test is in.
#[test]
fn a_full_disk_says_that_it_is_full() {
    if let Some(folder) = std::env::var_os(IN_NAMESPACE) {
        return on_a_small_disk(folder.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=128k tmpfs \"$0\" && exec \"$@\"";
    let me = std::env::current_exe().unwrap();
    let name = "a_full_disk_says_that_it_is_full";
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(folder.path())
        .arg(me)
        .args(["--exact", name, "--nocapture"])
        .env(IN_NAMESPACE, folder.path())
        .output();
    match output {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout);
            if stderr.contains("unshare") || stderr.contains("mount:") {
                println!("skipped: no mount namespace: {stderr}");
                return;
            }
            assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
        }
        Err(error) => println!("skipped: no `unshare`: {error}"),
    }
}

fn on_a_small_disk(folder: &std::path::Path) {
    for (form, name) in [(Form::Json, "a.jsonl"), (Form::Binary, "a.bin")] {
        let (path, other) = (folder.join(name), folder.join("other"));
        fs::write(&other, [1; 40_000]).unwrap();
        let file = File::create(&path).unwrap();
        let mut ring = Ring::file(file, Some(&path), form, 1 << 16, OnLoss::Continue).unwrap();
        let mut seq = 0;
        // Until the disk is full, and said so.
        while ring.take(&record(seq)) || seq < 2000 {
            seq += 1;
            if seq % 64 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        seq += 1;
        let told = loop {
            let (_, gaps) = read_whole(&path);
            if gaps.lost > 0 {
                break gaps;
            }
            std::thread::yield_now();
        };
        // There is no room, and yet it stands there.
        assert!(told.missing == 0 && told.back == 0, "{told:?}");
        // With room again, all goes on.
        fs::remove_file(&other).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        for last in seq..seq + 20 {
            ring.take(&record(last));
        }
        seq += 20;
        let summary = ring.finish();
        let (calls, gaps) = read_whole(&path);
        assert_eq!((summary.written, summary.told, summary.untold), (calls, gaps.lost, 0));
        assert_eq!((gaps.missing, gaps.back, calls + gaps.lost), (0, 0, seq), "{name}");
        fs::remove_file(&path).unwrap();
    }
}

fn read_whole(path: &std::path::Path) -> (u64, Gaps) {
    read(&fs::read(path).unwrap())
}
