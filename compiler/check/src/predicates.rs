//! Questions about predicates alone.

use filterc_abi::{Endian, SeccompData};
use filterc_hir::eval;
use filterc_hir::expr::Predicate;

use crate::circuit::{Answer, Circuit};
use crate::formula::Formula;
use crate::gates::{FALSE, Gates, OverBudget, Result, TRUE};
use crate::input::Input;
use crate::layout::words_with;
use crate::meter::Meter;
use crate::mtbdd::Mtbdd;
use crate::space::Space;
use crate::{Budget, Spent, Unknown, Why};

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
    let meter = Meter::new(budget.steps);
    let unknown = |why| {
        let (steps, conflicts) = (meter.spent(), meter.all_conflicts());
        let spent = Spent { steps, conflicts, ..Spent::default() };
        Unknown { budget: *budget, spent, at: None, why }
    };
    let found = by_diagrams(predicates, endian, budget, &meter)
        .or_else(|OverBudget| by_circuit(predicates, endian, budget, &meter))
        .map_err(|OverBudget| unknown(Why::Budget))?;
    let holds = |input: &Input| predicates.iter().all(|p| input.holds(p));
    if found.as_ref().is_none_or(holds) {
        Ok(found.map(|input| input.call))
    } else {
        Err(unknown(Why::Spurious))
    }
}

/// A call, if there is one.
type Found = Result<Option<Input>>;

fn by_diagrams(predicates: &[&Predicate], endian: Endian, budget: &Budget, meter: &Meter) -> Found {
    let space = Space::new(None, endian, predicates.iter().copied());
    let mut mtbdd = Mtbdd::new(budget.nodes, meter.clone());
    let mut all = TRUE;
    for predicate in predicates {
        let one = space.predicate(&mut mtbdd, predicate)?;
        all = mtbdd.choose(all, one, FALSE)?;
    }
    Ok(space.witness(&mtbdd, all))
}

fn by_circuit(predicates: &[&Predicate], endian: Endian, budget: &Budget, meter: &Meter) -> Found {
    let circuit = Circuit::new(budget.gates, meter.clone());
    let mut formula = Formula::new(circuit, endian, None);
    let mut all = TRUE;
    for predicate in predicates {
        let one = eval::truth(&mut formula, predicate);
        formula.finish()?;
        all = formula.gates().and(all, one)?;
    }
    Ok(match formula.into_gates().ask(all).answer(budget.conflicts)? {
        Answer::Never => None,
        Answer::Here(bits) => Some(Input::of_words(&words_with(bits), endian)),
    })
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
