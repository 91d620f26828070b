//! Predicates over answers that are found when they are asked for.
//!
//! A question without an answer makes the whole predicate have none: what it would have come to
//! does not matter then.

use filterc_abi::SeccompData;
use filterc_hir::algebra::{Numbers, Words};
use filterc_hir::eval::truth;
use filterc_hir::expr::Predicate;
use filterc_hir::questions::{Asked, Question};
use filterc_hir::types::{Field, Place};
use rustix::io::Errno;

/// A call, and who answers what is asked about it.
pub(crate) struct Asking<'c, A> {
    pub(crate) data: &'c SeccompData,
    pub(crate) questions: &'c [Question],
    pub(crate) params: &'c [u64],
    answer: A,
    /// The first question that could not be answered.
    failed: Option<Errno>,
}

impl<'c, A: FnMut(&Asked) -> Result<bool, Errno>> Asking<'c, A> {
    /// Nothing has been asked yet.
    pub(crate) const fn new(
        data: &'c SeccompData,
        questions: &'c [Question],
        params: &'c [u64],
        answer: A,
    ) -> Self {
        Self { data, questions, params, answer, failed: None }
    }

    /// Whether a predicate holds.
    ///
    /// # Errors
    /// Why a question about it was not answered.
    pub(crate) fn holds(&mut self, predicate: &Predicate) -> Result<bool, Errno> {
        let holds = truth(self, predicate);
        self.failed.take().map_or(Ok(holds), Err)
    }
}

impl<A> Numbers for Asking<'_, A> {}

impl<A: FnMut(&Asked) -> Result<bool, Errno>> Words for Asking<'_, A> {
    fn word(&mut self, place: Place, mask: u64) -> u64 {
        let Place::Answer(question) = place else {
            return Field::raw(place, self.data, self.params) & mask;
        };
        if self.failed.is_some() {
            return 0;
        }
        let question = self.questions.get(usize::from(question)).ok_or(Errno::INVAL);
        match question.and_then(|question| (self.answer)(&question.asked)) {
            Ok(yes) => u64::from(yes) & mask,
            Err(errno) => {
                self.failed = Some(errno);
                0
            }
        }
    }
}
