//! What predicates are about: a call, the facts of it, answers to questions, and the policy's
//! parameters, which a rule's author does not know either. What is said of a rule is so for all their values.

use filterc_abi::{Endian, SeccompData};
use filterc_hir::eval::holds_with;
use filterc_hir::expr::Predicate;
use filterc_hir::limits::MAX_PARAMS;
use filterc_hir::types::BESIDE;

use crate::Params;
use crate::layout::{INPUTS, call_of, params_of};

/// Words of 64 bits: six arguments, the instruction pointer, the parameters, the facts, and the
/// answers.
pub(crate) const REGISTERS: usize = FIRST_PARAM + BESIDE;

/// The instruction pointer, the first parameter, and the first fact.
pub(crate) const IP: usize = 6;
pub(crate) const FIRST_PARAM: usize = 7;
pub(crate) const FIRST_FACT: usize = FIRST_PARAM + MAX_PARAMS;

/// A call, and values of parameters.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) call: SeccompData,
    /// Parameters and facts: hardly any policy has them, so calls come without; then all are 0.
    params: Option<Box<Params>>,
}

impl Input {
    /// A call, all parameters 0.
    pub(crate) const fn new(call: SeccompData) -> Self {
        Self { call, params: None }
    }

    /// The calls with a number and token: one, all registers 0.
    pub(crate) fn of(nr: i32, arch: u32) -> Self {
        Self::new(SeccompData { nr, arch, ..SeccompData::default() })
    }

    /// What has these words.
    pub(crate) fn of_words(words: &[u32; INPUTS], endian: Endian) -> Self {
        let params = params_of(words, endian);
        let is_zero = params == [0; BESIDE];
        Self { call: call_of(words, endian), params: (!is_zero).then(|| Box::new(params)) }
    }

    /// The parameters and the facts.
    pub(crate) fn params(&self) -> &Params {
        self.params.as_deref().unwrap_or(&[0; BESIDE])
    }

    pub(crate) fn holds(&self, predicate: &Predicate) -> bool {
        holds_with(predicate, self.params(), &self.call)
    }

    /// One of the words.
    pub(crate) fn word(&self, register: usize) -> u64 {
        let word = match register.checked_sub(FIRST_PARAM) {
            Some(param) => self.params().get(param),
            None if register == IP => Some(&self.call.instruction_pointer),
            None => self.call.args.get(register),
        };
        word.copied().unwrap_or_default()
    }

    /// Gives one of the words another value.
    pub(crate) fn set(&mut self, register: usize, value: u64) {
        let word = match register.checked_sub(FIRST_PARAM) {
            Some(param) => self.params.get_or_insert_with(|| Box::new([0; BESIDE])).get_mut(param),
            None if register == IP => Some(&mut self.call.instruction_pointer),
            None => self.call.args.get_mut(register),
        };
        if let Some(word) = word {
            *word = value;
        }
    }
}
