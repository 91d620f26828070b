//! Which argument has which set: always, or while another argument has some value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Members, lines, words};

/// Reads `curated/bindings.tsv`: set, arguments, evidence. Returns the set of each
/// argument (`call.argument`).
pub(crate) fn bindings(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for (number, columns) in lines(text) {
        let &[set, args, evidence] = &columns[..] else {
            return Err(format!("bindings.tsv:{number}: {} columns, not 3", columns.len()));
        };
        if evidence.is_empty() {
            return Err(format!("bindings.tsv:{number}: no evidence"));
        }
        for arg in words(args) {
            let well_formed = arg.split_once('.').is_some_and(|(call, arg)| {
                !call.is_empty() && !arg.is_empty() && !arg.contains('.')
            });
            if !well_formed || found.insert(arg.to_owned(), set.to_owned()).is_some() {
                return Err(format!("bindings.tsv:{number}: {arg}: no argument, or there before"));
            }
        }
    }
    Ok(found)
}

/// The bindings whose set does not exist, a line each.
pub(crate) fn unknown_sets(
    bindings: &BTreeMap<String, String>,
    sets: &BTreeMap<String, Members>,
) -> String {
    let unknown = bindings.iter().filter(|(_, set)| !sets.contains_key(*set));
    unknown.map(|(arg, set)| format!("bindings.tsv: {arg}: no set {set}\n")).collect()
}

/// Turns `curated/dependents.tsv` (calls, argument, selecting argument, constants, set,
/// evidence) into the lines of the table: one for each call, sorted. Sets and constants
/// must exist, and no constant may select twice.
pub(crate) fn dependents(
    text: &str,
    sets: &BTreeMap<String, Members>,
    is_constant: &dyn Fn(&str) -> bool,
) -> Result<String, String> {
    let mut faults = String::new();
    let mut rows = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (number, columns) in lines(text) {
        let &[calls, arg, on, constants, set, evidence] = &columns[..] else {
            return Err(format!("dependents.tsv:{number}: {} columns, not 6", columns.len()));
        };
        let mut fault = |what: String| {
            let _ = writeln!(faults, "dependents.tsv:{number}: {what}");
        };
        if evidence.is_empty() {
            fault("no evidence".to_owned());
        }
        if !sets.contains_key(set) {
            fault(format!("no set {set}"));
        }
        let mut sorted: Vec<&str> = words(constants).collect();
        sorted.sort_unstable();
        if sorted.is_empty() {
            fault("no constant".to_owned());
        }
        for constant in sorted.iter().filter(|constant| !is_constant(constant)) {
            fault(format!("no constant {constant}"));
        }
        for call in words(calls) {
            for constant in &sorted {
                if !seen.insert((call, arg, on, *constant)) {
                    fault(format!("{call}.{arg}: {constant} selects twice"));
                }
            }
            rows.insert(format!("{call}\t{arg}\t{on}\t{}\t{set}\n", sorted.join(" ")));
        }
    }
    if faults.is_empty() { Ok(rows.into_iter().collect()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> BTreeMap<String, Members> {
        BTreeMap::from([("one".to_owned(), Members::default())])
    }

    #[test]
    fn an_argument_has_one_set() {
        let found = bindings("# x\none\tcall.a other.b\twhy\n").unwrap();
        assert_eq!(found["other.b"], "one");
        assert_eq!(unknown_sets(&found, &sets()), "");
        for bad in
            ["one\tcall.a call.a\twhy\n", "one\tcall\twhy\n", "one\tcall.a\n", "one\ta.b\t\n"]
        {
            assert!(bindings(bad).is_err(), "{bad}");
        }
        let unknown = bindings("none\tcall.a\twhy\n").unwrap();
        assert_eq!(unknown_sets(&unknown, &sets()), "bindings.tsv: call.a: no set none\n");
    }

    #[test]
    fn dependents_name_what_there_is() {
        let known = |name: &str| name.starts_with('A');
        let rows = dependents("f g\targ\tcmd\tA2 A1\tone\twhy\n", &sets(), &known).unwrap();
        assert_eq!(rows, "f\targ\tcmd\tA1 A2\tone\ng\targ\tcmd\tA1 A2\tone\n");
        for bad in [
            "f\targ\tcmd\tB\tone\twhy\n",
            "f\targ\tcmd\tA\tnone\twhy\n",
            "f\targ\tcmd\tA A\tone\twhy\n",
            "f\targ\tcmd\tA\tone\twhy\nf\targ\tcmd\tA\tone\twhy\n",
            "f\targ\tcmd\t-\tone\twhy\n",
            "f\targ\tcmd\tA\tone\n",
        ] {
            assert!(dependents(bad, &sets(), &known).is_err(), "{bad}");
        }
    }
}
