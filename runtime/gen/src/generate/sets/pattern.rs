//! The patterns of the curated sets: which names are meant.

/// One of the alternatives in a column of the curated sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// A name; `*` stands for any characters, none included.
    Name(String),
    /// `=_IOC`: every macro that is made as an ioctl request.
    Request,
    /// `@set`: what the same column of that set has.
    Set(String),
}

impl Pattern {
    /// Reads a column: alternatives with spaces between, or `-` for none.
    pub(crate) fn column(text: &str) -> Vec<Self> {
        text.split(' ').filter(|word| !word.is_empty() && *word != "-").map(Self::one).collect()
    }

    fn one(word: &str) -> Self {
        match word.strip_prefix('@') {
            Some(set) => Self::Set(set.to_owned()),
            None if word == "=_IOC" => Self::Request,
            None => Self::Name(word.to_owned()),
        }
    }

    /// Whether a name is meant, or a macro that is a request. A reference to a set is no
    /// name: who resolves sets has replaced it.
    pub(crate) fn matches(&self, name: &str, is_request: bool) -> bool {
        match self {
            Self::Name(pattern) => glob(pattern, name),
            Self::Request => is_request,
            Self::Set(_) => false,
        }
    }
}

/// Whether a text is of the form of a pattern with `*` in it.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    if rest.is_empty() {
        return true;
    }
    text.char_indices().any(|(at, _)| text.get(at..).is_some_and(|text| glob(rest, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("A", "A", true),
            ("A", "AB", false),
            ("A*", "A", true),
            ("A*", "ABC", true),
            ("*C", "ABC", true),
            ("*C", "ABCD", false),
            ("A*C*E", "ABCDE", true),
            ("A*C*E", "AE", false),
            ("*", "", true),
            ("A*A", "A", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn columns_are_alternatives() {
        let column = Pattern::column("O_* @other =_IOC");
        assert_eq!(
            column,
            [Pattern::Name("O_*".into()), Pattern::Set("other".into()), Pattern::Request]
        );
        assert!(Pattern::column("-").is_empty());
        assert!(Pattern::Request.matches("X", true) && !Pattern::Request.matches("X", false));
    }
}
