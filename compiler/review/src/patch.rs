//! One change of a text as a unified patch.

use std::fmt::Write as _;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// What turns `old` into `new`, as `patch` takes it: one hunk, from the first line that differs to
/// the last; nothing if none does.
#[must_use]
pub fn unified(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (before, after): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let room = before.len().min(after.len()) - same;
    let pairs = before.iter().rev().zip(after.iter().rev());
    let behind = pairs.take(room).take_while(|(a, b)| a == b).count();
    let first = same.saturating_sub(CONTEXT);
    let context = CONTEXT.min(behind);
    let part = |lines: &[&str]| (lines.len() - behind + context).saturating_sub(first);
    let (old_len, new_len) = (part(&before), part(&after));
    // An empty range is told by the line in front of it.
    let start = |len: usize| if len == 0 { first } else { first + 1 };
    let mut text = format!("--- {name}\n+++ {name}\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "@@ -{},{old_len} +{},{new_len} @@", start(old_len), start(new_len));
    let mut lines = |mark: char, lines: &[&str], from: usize, to: usize| {
        for line in lines.iter().skip(from).take(to.saturating_sub(from)) {
            text.push(mark);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    lines(' ', &before, first, same);
    lines('-', &before, same, before.len() - behind);
    lines('+', &after, same, after.len() - behind);
    lines(' ', &before, before.len() - behind, before.len() - behind + context);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What `patch` makes of it; `None` if there is no such tool.
    fn patched(old: &str, patch: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), old).unwrap();
        let mut command = Command::new("patch");
        let command = command.current_dir(folder.path()).args(["-s", "-p0", "--fuzz=0", "a"]);
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        child.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{patch}");
        Some(std::fs::read_to_string(folder.path().join("a")).unwrap())
    }

    #[test]
    fn a_line_more_in_the_middle() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let new = "1\n2\n3\n4\nnew\n5\n6\n7\n8\n";
        let expected = "--- a\n+++ a\n@@ -2,6 +2,7 @@\n 2\n 3\n 4\n+new\n 5\n 6\n 7\n";
        assert_eq!(unified("a", old, new), expected);
        assert_eq!(unified("a", old, old), "");
    }

    #[test]
    fn the_tool_makes_the_same_of_it() {
        let texts =
            ["1\n2\n3\n", "1\n3\n", "0\n1\n2\n3\n", "1\n2\n3\n4", "1\n2\n3", "2\n", "1\n1\n1\n"];
        for old in texts {
            for new in texts.into_iter().filter(|new| *new != old) {
                let patch = unified("a", old, new);
                match patched(old, &patch) {
                    None => return println!("skipped: there is no `patch`"),
                    Some(text) => assert_eq!(text, new, "{patch}"),
                }
            }
        }
    }
}
