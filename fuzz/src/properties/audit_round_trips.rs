//! Audit records come back from both forms as they were, whatever is in them; and of any bytes,
//! damaged or not, a reader makes records or says what is none of one.

use arbitrary::{Result, Unstructured};
use filterc_abi::SeccompData;
use filterc_audit::binary::{self, Item};
use filterc_audit::{
    Answer, Argument, Call, Event, Exit, Gaps, Record, Stored, Task, columns, json, sql, strace,
    table,
};

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let count = u.int_in_range(1..=4)?;
    let records: Vec<Record> = (0..count).map(|_| record(u)).collect::<Result<_>>()?;
    let (mut frames, mut lines) = (binary::header(0).to_vec(), Vec::new());
    for record in &records {
        binary::encode(record, &mut frames).expect("a short record fits");
        json::write(record, &mut lines);
        // The other forms take all of them.
        let (mut statement, row) = (Vec::new(), columns::row(record));
        sql::insert(record, &mut statement);
        assert_eq!(row.len(), columns::COLUMNS.len());
        for text in [strace::line(record), table::line(record)] {
            assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
        }
    }
    assert_eq!(items(&frames), records.iter().cloned().map(Item::Record).collect::<Vec<_>>());
    assert_eq!(items(&lines), records.iter().cloned().map(Item::Record).collect::<Vec<_>>());
    // One place is damaged: each record but one is there, and no other.
    let mut damaged = frames.clone();
    let at = u.int_in_range(binary::HEADER_SIZE..=frames.len() - 1)?;
    if let Some(byte) = damaged.get_mut(at) {
        *byte ^= u.int_in_range(1..=255)?;
    }
    let found: Vec<Record> = items(&damaged).into_iter().filter_map(made).collect();
    assert_eq!(found.len() + 1, records.len());
    assert!(found.iter().all(|record| records.contains(record)));
    // All bytes are accounted for, also of a stream that is none.
    let rest = u.bytes(u.len())?;
    let mut gaps = Gaps::default();
    for item in items(rest) {
        match item {
            Item::Record(record) => gaps.see(&record, |_| {}),
            Item::Damage(damage) => assert!(damage.length <= rest.len() as u64),
        }
    }
    Ok(())
}

fn made(item: Item) -> Option<Record> {
    if let Item::Record(record) = item { Some(record) } else { None }
}

/// What a reader makes of a stream; one of a later version is refused.
fn items(bytes: &[u8]) -> Vec<Item> {
    let mut stored = Stored::new(bytes, false);
    let mut items = Vec::new();
    while let Ok(Some(item)) = stored.next_item() {
        items.push(item);
    }
    items
}

fn record(u: &mut Unstructured<'_>) -> Result<Record> {
    let task = Task {
        pid: u.arbitrary()?,
        tid: u.arbitrary()?,
        ppid: u.arbitrary()?,
        uid: u.arbitrary()?,
        comm: bytes(u)?,
        exe: bytes(u)?,
    };
    let event = match u.int_in_range(0..=8)? {
        0..=2 => Event::Call(Box::new(call(u)?)),
        3 => Event::Create { child: u.arbitrary()?, thread: u.arbitrary()? },
        4 => Event::Exec,
        5 => Event::Exit(match u.arbitrary()? {
            true => Exit::Status(u.arbitrary()?),
            false => Exit::Signal(u.arbitrary()?, u.arbitrary()?),
        }),
        6 => Event::Signal(u.arbitrary()?),
        7 => Event::Lost(u.arbitrary()?),
        _ => Event::Sequence { name: u.arbitrary()?, text: u.arbitrary()? },
    };
    Ok(Record { time: u.arbitrary()?, seq: u.arbitrary()?, task, event })
}

fn call(u: &mut Unstructured<'_>) -> Result<Call> {
    let x86_64 = u.arbitrary()?;
    let data = SeccompData {
        nr: if u.arbitrary()? { u.int_in_range(0..=470)? } else { u.arbitrary()? },
        arch: if x86_64 { 0xc000_003e } else { u.arbitrary()? },
        instruction_pointer: u.arbitrary()?,
        args: u.arbitrary()?,
    };
    let mut read = Vec::new();
    for _ in 0..u.int_in_range(0..=2)? {
        read.push(Argument { index: u.arbitrary()?, bytes: bytes(u)?, cut: u.arbitrary()? });
    }
    let answer = Answer { action: u.arbitrary()?, rule: u.arbitrary()?, line: u.arbitrary()? };
    let (ret, duration, uninstrumented) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    Ok(Call { data, read, answer, ret, duration, uninstrumented })
}

/// Also those that begin a frame.
fn bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = if u.ratio(1, 4)? { binary::MARKER.to_vec() } else { Vec::new() };
    let length = u.int_in_range(0..=20)?;
    bytes.extend_from_slice(u.bytes(length)?);
    Ok(bytes)
}
