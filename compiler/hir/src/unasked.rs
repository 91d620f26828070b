//! What is said of questions that cannot be asked of a monitor.

use crate::error::Unasked;
use crate::limits::{MAX_QUESTIONS, MAX_STEPS};
use crate::wording::list;

/// One line, without a full stop.
pub(crate) fn message(unasked: &Unasked) -> String {
    match unasked {
        Unasked::Path { field, call, .. } => format!("`{field}` of `{call}` is no path"),
        Unasked::Pattern { .. } => "nothing is ever like this".to_owned(),
        Unasked::Raced => "memory is looked at, and the call goes on".to_owned(),
        Unasked::TooMany => "too many questions".to_owned(),
        Unasked::Text { field } => format!("`{field}` is a text"),
        Unasked::Number { field } => format!("`{field}` is compared with constants only"),
        Unasked::RangeOfMany { field } => format!("`{field}` is of many tasks"),
        Unasked::Address { call } => format!("`{call}` is given no socket address"),
        Unasked::Words { call } => format!("`{call}` is given no words of a command"),
        Unasked::Descriptor { name, call } => format!("`{name}` of `{call}` is no descriptor"),
        Unasked::Network { .. } => "no address, and no network".to_owned(),
        Unasked::Label { .. } => "the monitor does not know these labels".to_owned(),
        Unasked::RacyNumber => "`racy` names calls".to_owned(),
        Unasked::TooLate => "a sequence is not answered so".to_owned(),
        Unasked::Signal { name } => format!("there is no signal `{name}`"),
        Unasked::Steps => "the sequence has too many steps".to_owned(),
    }
}

/// What is said at the place.
pub(crate) fn label(unasked: &Unasked, about: &str) -> String {
    match unasked {
        Unasked::Path { paths, .. } if paths.is_empty() => {
            format!("the call looks up no path{about}")
        }
        Unasked::Path { paths, .. } => format!("its paths are {}{about}", list(paths)),
        Unasked::Pattern { why } | Unasked::Network { why } | Unasked::Label { why } => {
            (*why).to_owned()
        }
        Unasked::Raced => format!(
            "another thread can change it before the kernel looks{about}: the monitor cannot make \
             this call itself"
        ),
        Unasked::TooMany => format!("a policy has at most {MAX_QUESTIONS}"),
        Unasked::Text { .. } => "only texts and patterns can be asked for".to_owned(),
        Unasked::Number { .. } => "no mask, no field and no parameter".to_owned(),
        Unasked::RangeOfMany { .. } => {
            "one of them may be above the first bound, and another below the last".to_owned()
        }
        Unasked::Address { .. } | Unasked::Words { .. } | Unasked::Descriptor { .. } => {
            format!("there is nothing to look at{about}")
        }
        Unasked::RacyNumber => "a number is of no call whose memory could be looked at".to_owned(),
        Unasked::TooLate => "when it has happened, its last event has: nothing can be refused, and no thread is killed alone"
                .to_owned(),
        Unasked::Signal { .. } => "not on every ABI of the policy".to_owned(),
        Unasked::Steps => format!("a sequence has at most {MAX_STEPS}"),
    }
}

/// What to do about it.
pub(crate) fn help(unasked: &Unasked) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match unasked {
        Unasked::Path { field, .. } => {
            vec![format!("`{field}.ustring == \"text\"` asks for the bytes that stand there")]
        }
        Unasked::Pattern { why } if why.contains("command name") => Vec::new(),
        Unasked::Pattern { .. } => one(
            "paths are compared as the kernel finds them: absolute, without `.`, `..` and links",
        ),
        Unasked::Raced => one(
            "refuse such calls by what is in registers, or say `racy CALL` if a race does no harm",
        ),
        Unasked::TooMany => one("one pattern for many texts is one question"),
        Unasked::Text { field } => {
            vec![format!(
                "write `{field} == \"text\"`, `!=`, `~ \"pattern*\"`, or `in {{ \"a\", \"b\" }}`"
            )]
        }
        Unasked::Number { .. } => one("`==`, `!=`, an order, or `in { 1, 5..9 }`, with constants"),
        Unasked::RangeOfMany { .. } => one("name the numbers, or one bound"),
        Unasked::Address { .. } => {
            one("`connect`, `bind` and `sendto` are; what is sent otherwise is out of sight")
        }
        Unasked::Words { .. } => one("`execve` and `execveat` are"),
        Unasked::Descriptor { .. } => Vec::new(),
        Unasked::Network { .. } => {
            one("write `addr.ip == \"::1\"`, or `addr.ip in { \"10.0.0.0/8\", \"127.0.0.1\" }`")
        }
        Unasked::Label { .. } => {
            one("the target `lsm` knows an object's labels, whatever the call")
        }
        Unasked::RacyNumber => one("write `racy execve, @exec`"),
        Unasked::TooLate => one("`log(\"text\")`, `log` and `kill_process` can be done then"),
        Unasked::Signal { .. } => one("such as `SIGSEGV`"),
        Unasked::Steps => one("several sequences can be under way at once"),
    }
}
