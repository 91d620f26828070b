//! Questions about predicates alone.

use filterc_abi::{Endian, SeccompData};
use filterc_hir::eval;
use filterc_hir::expr::Predicate;

use crate::circuit::{Answer, Circuit};
use crate::formula::Formula;
use crate::gates::{FALSE, Gates, Node, Result, TRUE};
use crate::layout::{INPUTS, Order, Ties, WordIndex, call_of, params_of};
use crate::meter::Meter;
use crate::mtbdd::{Mtbdd, Ordered};
use crate::spec::{each_test, tie};
use crate::{Budget, Unknown};

/// A call for which all the predicates hold, for some values of parameters; `None` if there is
/// none. `nr` and `arch` are words like others here.
///
/// # Errors
/// It was not found out within the budget.
pub fn satisfiable(
    predicates: &[&Predicate],
    endian: Endian,
    budget: &Budget,
) -> std::result::Result<Option<SeccompData>, Unknown> {
    let found = by_diagrams(predicates, endian, budget)
        .or_else(|_| by_circuit(predicates, endian, budget))
        .map_err(|_| Unknown { budget: *budget, at: None, spurious: false })?;
    let Some(bits) = found else { return Ok(None) };
    let mut words = [0; INPUTS];
    for (word, bit) in bits {
        if let Some(slot) = words.get_mut(usize::from(word)) {
            *slot |= 1 << (bit & 31);
        }
    }
    let (call, params) = (call_of(&words, endian), params_of(&words));
    if predicates.iter().all(|predicate| eval::holds_with(predicate, &params, &call)) {
        Ok(Some(call))
    } else {
        Err(Unknown { budget: *budget, at: None, spurious: true })
    }
}

/// Bits that are set.
type Set = Vec<(WordIndex, u8)>;

fn by_diagrams(predicates: &[&Predicate], endian: Endian, budget: &Budget) -> Result<Option<Set>> {
    let mut ties = Ties::none();
    for predicate in predicates {
        each_test(predicate, &mut |test| tie(test, endian, &mut ties));
    }
    let mut mtbdd = Mtbdd::new(budget.nodes, Meter::new(budget.steps));
    let gates = Ordered { mtbdd: &mut mtbdd, order: Order::new(&ties, endian) };
    let mut formula = Formula::new(gates, endian, None);
    let all = conjunction(predicates, &mut formula)?;
    let Ordered { mtbdd, order } = formula.into_gates();
    let path = mtbdd.difference(all, FALSE);
    Ok(path.map(|path| {
        let set = path.into_iter().filter(|(_, state)| *state);
        set.filter_map(|(level, _)| order.bit(level)).collect()
    }))
}

fn by_circuit(predicates: &[&Predicate], endian: Endian, budget: &Budget) -> Result<Option<Set>> {
    let mut formula =
        Formula::new(Circuit::new(budget.gates, Meter::new(budget.steps)), endian, None);
    let all = conjunction(predicates, &mut formula)?;
    Ok(match formula.into_gates().ask(all).answer(budget.conflicts)? {
        Answer::Never => None,
        Answer::Here(bits) => Some(bits),
    })
}

fn conjunction<G: Gates>(predicates: &[&Predicate], formula: &mut Formula<G>) -> Result<Node> {
    let mut all = TRUE;
    for predicate in predicates {
        let one = eval::truth(formula, predicate);
        formula.finish()?;
        all = formula.gates().and(all, one)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use filterc_hir::expr::{CmpOp, Test};
    use filterc_hir::types::{Field, Kind, Place, Type};

    use super::*;

    #[test]
    fn predicates_under_others() {
        let ty = Type::new(32, true, Kind::Integer).unwrap();
        let field = |i| Field::new("x", Place::Arg(i), ty).unwrap();
        let compare =
            |i, op, value| Predicate::Test(Test::compare(field(i), None, op, value).unwrap());
        let ask = |predicates: &[&Predicate]| {
            let budget = Budget::default();
            let answers = [Endian::Little, Endian::Big]
                .map(|endian| satisfiable(predicates, endian, &budget).unwrap());
            // The solver says the same.
            let few = Budget { nodes: 40, ..budget };
            let solved = satisfiable(predicates, Endian::Little, &few);
            assert_eq!(solved.unwrap().is_some(), answers[0].is_some());
            assert_eq!(answers[0].is_some(), answers[1].is_some());
            answers[0]
        };
        let (low, high) = (compare(0, CmpOp::Lt, -5), compare(0, CmpOp::Gt, 7));
        let value = ask(&[&low]).unwrap().args[0] & 0xffff_ffff;
        assert!((0x8000_0000..0xffff_fffb).contains(&value));
        assert_eq!(ask(&[&low, &high]), None);
        let either = Predicate::Or(vec![low, high]);
        assert!(ask(&[&either, &compare(0, CmpOp::Ge, 0)]).unwrap().args[0] & 0xffff_ffff > 7);
        let equal = Predicate::Test(Test::compare_field(field(0), CmpOp::Eq, field(1)).unwrap());
        assert_eq!(ask(&[&equal, &compare(0, CmpOp::Eq, 1), &compare(1, CmpOp::Eq, 2)]), None);
        assert!(ask(&[&equal, &compare(0, CmpOp::Eq, 1)]).is_some());
    }
}
