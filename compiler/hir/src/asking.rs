//! The questions of a policy, as they are found: each once.

use hashbrown::HashMap;

use crate::limits::MAX_QUESTIONS;
use crate::questions::{Asked, Question};

/// The questions of a policy so far.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    list: Vec<Question>,
    known: HashMap<Asked, u16>,
}

impl Asking {
    /// All questions, in the order of their fields.
    pub(crate) fn into_list(self) -> Vec<Question> {
        self.list
    }

    /// The position of a question; `None` if there are too many.
    pub(crate) fn position(&mut self, asked: Asked, text: &str) -> Option<u16> {
        if let Some(known) = self.known.get(&asked) {
            return Some(*known);
        }
        let position = u16::try_from(self.list.len()).ok();
        let position = position.filter(|at| usize::from(*at) < MAX_QUESTIONS)?;
        self.known.insert(asked.clone(), position);
        self.list.push(Question { asked, text: text.to_owned() });
        Some(position)
    }
}
