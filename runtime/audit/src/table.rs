//! Records as lines of a table for people: one line each, of columns of a fixed width, so that none
//! need be known before the first is written.

use filterc_abi::Action;

use crate::record::{Event, Record};
use crate::strace;
use crate::words::{self, Known};

/// The first line.
pub const HEAD: &str = "\
       SEQ  TIME                            PID  COMM             LINE  ACTION            WHAT\n";

/// The line of a record, its end included.
#[must_use]
pub fn line(record: &Record) -> String {
    let comm: String = words::quoted(&record.task.comm).trim_matches('"').to_owned();
    let (mut action, mut policy_line) = (String::new(), String::new());
    if let Event::Call(call) = &record.event {
        let known = Known::of(&call.data);
        action = words::action(Action::from_ret(call.answer.action), known.abi);
        if call.answer.line > 0 {
            policy_line = call.answer.line.to_string();
        }
    }
    let what = strace::line(record);
    // The thread has a column of its own.
    let id = format!("{} ", record.task.tid);
    let what = what.strip_prefix(&id).unwrap_or(&what);
    let (seq, time, tid) = (record.seq, time(record.time), record.task.tid);
    format!("{seq:>10}  {time}  {tid:>7}  {comm:15}  {policy_line:>4}  {action:16}  {what}")
}

/// Nanoseconds since the epoch as a date and a time of day, of Greenwich.
#[must_use]
pub fn time(nanos: u64) -> String {
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a day since the epoch. Years are counted from March, so that the day that
/// is there every four years is their last.
const fn date(days: u64) -> (u64, u64, u64) {
    // From the first of March of the year 0; 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (1_795_550_000, "2026-11-24T19:53:20"),
        ] {
            assert_eq!(time(seconds * 1_000_000_000), format!("{text}.000000000Z"));
        }
    }
}
