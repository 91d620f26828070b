//! Audit records: ours, in either form.

use filterc_audit::binary::Item;
use filterc_audit::{Event, Gap, Gaps, Stored};

use super::record::{Bad, Became, Reading, Record, Who};
use crate::seen::Seen;

/// Reads records in the binary form. The line of one is its position, from 1; so is that of a
/// damaged part.
pub(super) fn read(bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let (mut stored, mut gaps) = (Stored::new(bytes, false), Gaps::default());
    for position in 1.. {
        let item = match stored.next_item() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => {
                reading.fault(position, Bad::Malformed(error.to_string()));
                break;
            }
        };
        match item {
            Item::Damage(damage) => {
                let text =
                    format!("{} bytes at byte {}: {}", damage.length, damage.at, damage.reason);
                reading.fault(position, Bad::Malformed(text));
            }
            Item::Record(made) => {
                // What was selected on purpose is not missing.
                if !stored.is_selection() {
                    see(&made, &mut gaps, &mut reading);
                }
                match record(&made, &mut reading) {
                    Some(record) => reading.records.push(Record { line: position, ..record }),
                    None => reading.passed_over += 1,
                }
            }
        }
    }
    reading
}

/// Counts what is missing before a record, and no other says is lost.
pub(super) fn see(made: &filterc_audit::Record, gaps: &mut Gaps, reading: &mut Reading) {
    gaps.see(made, |gap| match gap {
        Gap::Missing { count, .. } => reading.lost = reading.lost.saturating_add(count),
        Gap::Lost { .. } | Gap::Back { .. } => {}
    });
}

/// One record; `None` if it is of no call.
pub(super) fn record(made: &filterc_audit::Record, reading: &mut Reading) -> Option<Record> {
    let call = match &made.event {
        Event::Call(call) => call,
        Event::Lost(count) => {
            reading.lost = reading.lost.saturating_add(*count);
            return None;
        }
        Event::Create { .. }
        | Event::Exec
        | Event::Exit(_)
        | Event::Signal(_)
        | Event::Sequence { .. } => return None,
    };
    let text =
        |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    let task = &made.task;
    let who = Who {
        pid: Some(task.tid).filter(|tid| *tid > 0),
        comm: text(&task.comm),
        exe: text(&task.exe),
    };
    let (seen, became) = (Seen::whole(&call.data), Became::Value(call.answer.action));
    Some(Record { line: 0, seen, became, count: 1, who })
}
