//! How predicates are written, and what can be left out of them.

/// How a predicate is written, with a name for each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written<T> {
    /// As one: it is not looked into.
    Whole,
    /// As the opposite of something.
    Not(Box<Self>),
    /// As conditions, all of which must hold.
    All(Vec<(T, Self)>),
    /// As alternatives, one of which must hold.
    Any(Vec<(T, Self)>),
}

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superfluous<T> {
    /// Which.
    pub part: T,
    /// Whether it is one of several alternatives (`||`), not of conditions (`&&`).
    pub is_alternative: bool,
    /// Whether it comes out the same by itself, wherever it is asked.
    pub is_constant: bool,
    /// If not, another part that alone makes it superfluous.
    pub because_of: Option<T>,
}

impl<T: Copy> Written<T> {
    /// The same with its parts numbered, whose names are added to a list.
    pub(crate) fn numbered(&self, names: &mut Vec<T>) -> Written<usize> {
        let mut all = |parts: &[(T, Self)]| {
            let number = |(name, part): &(T, Self)| {
                names.push(*name);
                (names.len() - 1, part.numbered(names))
            };
            parts.iter().map(number).collect()
        };
        match self {
            Self::Whole => Written::Whole,
            Self::Any(parts) => Written::Any(all(parts)),
            Self::All(parts) => Written::All(all(parts)),
            Self::Not(inner) => Written::Not(Box::new(inner.numbered(names))),
        }
    }
}
