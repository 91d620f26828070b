//! Records for tests: one of each kind, with all that is unpleasant.

#![allow(dead_code, reason = "each test uses some of it")]

use filterc_abi::SeccompData;
use filterc_audit::{Answer, Argument, Call, Event, Exit, Record, Task};

pub(crate) fn task() -> Task {
    let (comm, exe) = (b"nginx".to_vec(), b"/usr/sbin/nginx".to_vec());
    Task { pid: 4711, tid: 4712, ppid: 1, uid: 33, comm, exe }
}

pub(crate) fn openat(path: &[u8], ret: Option<i64>) -> Call {
    let args = [0xffff_ff9c, 0x7ffd_0000_1000, 0o2_000_000, 0, 0, 0];
    Call {
        data: SeccompData { nr: 257, arch: 0xc000_003e, instruction_pointer: 0x7f00_1234, args },
        read: vec![Argument { index: 1, bytes: path.to_vec(), cut: false }],
        answer: Answer { action: 0x0005_000d, rule: Some(3), line: 12 },
        ret,
        duration: 1_234,
        uninstrumented: false,
    }
}

pub(crate) fn call(nr: i32, args: [u64; 6], ret: Option<i64>) -> Call {
    Call {
        data: SeccompData { nr, arch: 0xc000_003e, instruction_pointer: 0, args },
        read: Vec::new(),
        answer: Answer { action: 0x7fff_0000, rule: None, line: 0 },
        ret,
        duration: 0,
        uninstrumented: false,
    }
}

pub(crate) fn events() -> Vec<Event> {
    let boxed = |call| Event::Call(Box::new(call));
    let connect = Call {
        read: vec![Argument {
            index: 1,
            bytes: [&[2, 0, 0x01, 0xbb, 127, 0, 0, 1][..], &[0; 8]].concat(),
            cut: false,
        }],
        ..call(42, [3, 0x7ffd_0000, 16, 0, 0, 0], Some(0))
    };
    let execve = Call {
        read: vec![
            Argument { index: 0, bytes: b"/bin/sh".to_vec(), cut: false },
            Argument { index: 1, bytes: b"sh\0-c\0echo \"x\"".to_vec(), cut: true },
        ],
        ..call(59, [0x1000, 0x2000, 0x3000, 0, 0, 0], None)
    };
    let unknown = Call { uninstrumented: true, ..call(-1, [u64::MAX; 6], Some(i64::MIN)) };
    let foreign = Call {
        data: SeccompData { nr: 5, arch: 1, instruction_pointer: u64::MAX, args: [1 << 63; 6] },
        ..call(0, [0; 6], Some(i64::MAX))
    };
    vec![
        boxed(openat(b"/etc/passwd", Some(-13))),
        boxed(openat(b"/tmp/\xff\xfe \"it's\"\n\x001;", Some(7))),
        boxed(openat(b"", None)),
        boxed(connect),
        boxed(execve),
        boxed(call(9, [0, 4096, 3, 0x22, u64::MAX, 0], Some(0x7f12_3456_7000))),
        boxed(unknown),
        boxed(foreign),
        Event::Create { child: 4713, thread: true },
        Event::Create { child: u32::MAX, thread: false },
        Event::Exec,
        Event::Signal(17),
        Event::Signal(255),
        Event::Exit(Exit::Status(3)),
        Event::Exit(Exit::Signal(11, true)),
        Event::Exit(Exit::Signal(9, false)),
        Event::Lost(1),
        Event::Lost(5),
        Event::Sequence { name: "intrusion".to_owned(), text: "it's \"bad\"\n\0".to_owned() },
    ]
}

/// One record of each, with the numbers that they should have.
pub(crate) fn records() -> Vec<Record> {
    let mut seq = 0;
    let record = |event: Event| {
        let record = Record { time: 1_795_550_000_000_000_123 + seq, seq, task: task(), event };
        seq += if let Event::Lost(count) = record.event { count } else { 1 };
        record
    };
    let mut records: Vec<Record> = events().into_iter().map(record).collect();
    if let Some(last) = records.last_mut() {
        last.task.comm = b"\xe2\x28\xa1'; DROP TABLE".to_vec();
        last.task.exe = Vec::new();
    }
    records
}
