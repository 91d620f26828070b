//! Names of policies in other languages.

/// A name that C and Rust take as an identifier, in upper case: `docker-default` becomes
/// `DOCKER_DEFAULT`.
pub(crate) fn identifier(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        text.insert_str(0, "POLICY_");
    }
    text
}

/// A file name in a form that cannot end a comment of C or Rust.
pub(crate) fn comment(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || c == '*' { '?' } else { c }).collect()
}
