//! What is remembered of sets of constants while predicates are read: a rule's is read for
//! each of its calls.

use std::collections::HashMap;
use std::rc::Rc;

use filterc_abi::{Dependent, Set};

/// What is remembered from test to test.
#[derive(Default)]
pub(crate) struct Memory<'a> {
    /// The set, if a constant is foreign to it, by ABI.
    pub(crate) stray: HashMap<(&'a str, &'static str, usize), Option<&'static Set>>,
    /// By call and argument.
    pub(crate) dependents: HashMap<(&'static str, &'static str), Rc<[&'static Dependent]>>,
}
