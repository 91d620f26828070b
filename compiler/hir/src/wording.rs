//! Names and numbers as messages say them.

use std::fmt::Display;

/// `` `a`, `b` and `c` ``, at most eight of them.
pub(crate) fn list(names: &[impl Display]) -> String {
    at_most(8, names)
}

/// The same where a few are enough.
pub(crate) fn few(names: &[impl Display]) -> String {
    at_most(3, names)
}

fn at_most(most: usize, names: &[impl Display]) -> String {
    // "1 more" would be no shorter than the name itself.
    let most = if names.len() == most + 1 { names.len() } else { most };
    let mut shown: Vec<String> = names.iter().take(most).map(|n| format!("`{n}`")).collect();
    if names.len() > most {
        shown.push(format!("{} more", names.len() - most));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Small numbers in decimal, larger ones in hexadecimal too.
pub(crate) fn number(value: i128) -> String {
    if value > 255 { format!("{value} ({value:#x})") } else { value.to_string() }
}
