//! Texts and patterns that whole paths are compared with: absolute, and without parts that no
//! such path has.

/// Why no path is these bytes.
pub(crate) fn fault_of_exact(text: &[u8]) -> Option<&'static str> {
    let Some(rest) = text.strip_prefix(b"/") else {
        return Some("it does not begin with `/`");
    };
    if rest.is_empty() { None } else { rest.split(|byte| *byte == b'/').find_map(fault_of_part) }
}

/// Why no path matches this pattern, as far as can be told from parts without wildcards.
pub(crate) fn fault_of_glob(pattern: &[u8]) -> Option<&'static str> {
    let is_wild = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    match pattern.first() {
        Some(b'/') => {}
        Some(first) if is_wild(first) => return None,
        Some(_) | None => return Some("it does not begin with `/`"),
    }
    // A class may hold a `/`, and what is behind a `\` is as it stands.
    if pattern.len() == 1 || pattern.iter().any(|byte| matches!(byte, b'[' | b'\\')) {
        return None;
    }
    let parts = pattern.split(|byte| *byte == b'/').skip(1);
    parts.filter(|part| !part.iter().any(is_wild)).find_map(fault_of_part)
}

fn fault_of_part(part: &[u8]) -> Option<&'static str> {
    match part {
        b"" => Some("a part of it is empty"),
        b"." | b".." => Some("`.` and `..` are no names of entries"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_have_no_empty_parts() {
        for good in ["/", "/etc/passwd", "/a b/..c", "/.hidden"] {
            assert_eq!(fault_of_exact(good.as_bytes()), None, "{good}");
        }
        for bad in ["", "etc", "/etc/", "//", "/a//b", "/a/../b", "/."] {
            assert!(fault_of_exact(bad.as_bytes()).is_some(), "{bad}");
        }
        for good in ["/", "/*", "*", "/etc/*", "/etc/?/x", "[/]x", "/a[/]/[/]", "/*/.x", "/\\./"] {
            assert_eq!(fault_of_glob(good.as_bytes()), None, "{good}");
        }
        for bad in ["", "etc/*", "/etc/*/", "/a//*", "/../*", "/*/./x"] {
            assert!(fault_of_glob(bad.as_bytes()).is_some(), "{bad}");
        }
    }
}
