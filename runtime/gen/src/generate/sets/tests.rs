//! Curated sets on fixtures, and the curated files as they are.

use super::*;

struct Name(&'static str, &'static str, bool);

impl Known for Name {
    fn name(&self) -> &str {
        self.0
    }

    fn is_from(&self, header: &dyn Fn(&str) -> bool) -> bool {
        header(self.1)
    }

    fn is_request(&self) -> bool {
        self.2
    }
}

const NAMES: [Name; 7] = [
    Name("O_RD", "asm/fcntl.h", false),
    Name("O_WR", "asm/fcntl.h", false),
    Name("O_CREAT", "asm/fcntl.h", false),
    Name("O_MASK", "asm/fcntl.h", false),
    Name("O_OTHER", "linux/other.h", false),
    Name("X_GET", "linux/other.h", true),
    Name("X_SIZE", "linux/other.h", false),
];

fn resolve(text: &str) -> Result<BTreeMap<String, Members>, String> {
    let sets = Sets::parse(text)?;
    let known: Vec<&dyn Known> = NAMES.iter().map(|name| -> &dyn Known { name }).collect();
    sets.resolve(&known)
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn members_are_what_the_patterns_mean() {
    let sets = resolve(
        "# a comment\n\
         open\tmixed\tO_MASK\tO_RD O_WR\tO_*\tO_MASK\t*fcntl.h\twhy\n\
         less\tflags\t-\t-\t@open\tO_WR\t-\twhy\n\
         get\tenum\t-\t=_IOC\t-\t-\t-\twhy\n\
         get\t+\t-\tX_SIZE\t-\t-\tlinux/*\twhy\n\
         zero\tflags\t-\t-\t-\t-\t-\twhy\n",
    )
    .unwrap();
    let open = &sets["open"];
    assert_eq!((open.kind.as_str(), open.mask.as_str()), ("mixed", "O_MASK"));
    assert_eq!((joined(&open.values), joined(&open.flags)), ("O_RD O_WR".into(), "O_CREAT".into()));
    assert_eq!(joined(&sets["less"].flags), "O_CREAT");
    assert_eq!(joined(&sets["get"].values), "X_GET X_SIZE");
    assert!(sets["zero"].flags.is_empty() && sets["zero"].values.is_empty());
}

#[test]
fn wanted_is_what_could_become_a_member() {
    let text = "open\tmixed\tO_MASK\tO_RD\tO_C*\t-\t*fcntl.h\twhy\n";
    let wanted = |text: &str| {
        let sets = Sets::parse(text).unwrap();
        NAMES.iter().filter(|name| sets.wants(*name)).map(|name| name.0).collect::<Vec<_>>()
    };
    assert_eq!(wanted(text), ["O_RD", "O_CREAT", "O_MASK"]);
    assert_eq!(wanted("get\tenum\t-\t=_IOC\t-\t-\t-\twhy\n"), ["X_GET"]);
}

#[test]
fn what_matches_nothing_is_a_fault() {
    for (text, fault) in [
        ("s\tenum\t-\tNO_SUCH\t-\t-\t-\twhy\n", "NO_SUCH"),
        ("s\tenum\t-\tO_RD\t-\tNO_SUCH\t-\twhy\n", "excludes"),
        ("s\tenum\t-\tO_RD\t-\t-\tlinux/*\twhy\n", "O_RD"),
        ("s\tenum\t-\t@t\t-\t-\t-\twhy\n", "@t"),
        ("s\tenum\t-\t@s\t-\t-\t-\twhy\n", "@s"),
    ] {
        let faults = resolve(text).unwrap_err();
        assert!(faults.contains(fault), "{text}: {faults}");
    }
}

#[test]
fn lines_are_sets() {
    for bad in [
        "s\tenum\t-\tO_RD\t-\t-\t-\n",
        "s\tenum\t-\tO_RD\t-\t-\t-\t\n",
        "s\tenum\t-\t-\tO_RD\t-\t-\twhy\n",
        "s\tflags\t-\tO_RD\t-\t-\t-\twhy\n",
        "s\tflags\tO_MASK\t-\tO_RD\t-\t-\twhy\n",
        "s\tother\t-\tO_RD\t-\t-\t-\twhy\n",
        "s\t+\t-\tO_RD\t-\t-\t-\twhy\n",
        "s\tenum\t-\tO_RD\t-\t-\t-\twhy\ns\tenum\t-\tO_WR\t-\t-\t-\twhy\n",
    ] {
        assert!(Sets::parse(bad).is_err(), "{bad}");
    }
}

const SETS: &str = include_str!("../../../../abi/curated/sets.tsv");
const BINDINGS: &str = include_str!("../../../../abi/curated/bindings.tsv");
const DEPENDENTS: &str = include_str!("../../../../abi/curated/dependents.tsv");

#[test]
fn the_curated_sets_are_the_tables() {
    let sets = Sets::parse(SETS).unwrap();
    let tables: Vec<&str> = filterc_abi::sets().iter().map(|set| set.name).collect();
    assert_eq!(sets.sets.keys().collect::<Vec<_>>(), tables);
    for set in filterc_abi::sets() {
        let curated = &sets.sets[set.name];
        assert_eq!(curated.mask, set.mask.unwrap_or("-"), "{}", set.name);
    }
}

#[test]
fn every_binding_is_of_a_set_and_an_argument() {
    let bound = bindings::bindings(BINDINGS).unwrap();
    for (place, set) in &bound {
        assert!(filterc_abi::set(set).is_some(), "{place}: {set}");
        let (call, arg) = place.split_once('.').unwrap();
        let has = |abi: &'static filterc_abi::Abi| {
            abi.syscall(call).is_some_and(|call| call.arg(arg).is_some())
        };
        assert!(filterc_abi::abis().iter().any(has), "{place}");
    }
    assert!(bound.len() > 300);
    // Every set is of an argument, part of another set, or says why it is not.
    let text = [SETS, DEPENDENTS].concat();
    for set in filterc_abi::sets() {
        let is_bound = bound.values().any(|name| name == set.name);
        let is_part = text.contains(&format!("@{}", set.name));
        let depends = DEPENDENTS.contains(&format!("\t{}\t", set.name));
        // The last is selected by a part of `quotactl.cmd`, which no name stands for.
        let of_no_argument = [
            "audit_arch",
            "errno",
            "seccomp_masks",
            "seccomp_notify",
            "seccomp_ret",
            "unbound",
            "quota_format",
        ];
        assert!(
            is_bound || is_part || depends || of_no_argument.contains(&set.name),
            "{}",
            set.name
        );
    }
}

#[test]
fn every_dependent_set_is_of_arguments_that_there_are() {
    let members: BTreeMap<String, Members> =
        filterc_abi::sets().iter().map(|set| (set.name.to_owned(), Members::default())).collect();
    let known = |name: &str| filterc_abi::abis().iter().any(|abi| abi.constant(name).is_some());
    let rows = bindings::dependents(DEPENDENTS, &members, &known).unwrap();
    assert!(rows.lines().count() >= 60);
    let bound = bindings::bindings(BINDINGS).unwrap();
    for row in rows.lines() {
        let [call, arg, on, constants, _] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let has = |abi: &'static filterc_abi::Abi| {
            let call = abi.syscall(call);
            call.is_some_and(|call| call.arg(arg).is_some() && call.arg(on).is_some())
        };
        assert!(filterc_abi::abis().iter().any(has), "{row}");
        // What selects is drawn from the selecting argument's own set.
        let set = bound.get(&format!("{call}.{on}")).and_then(|set| filterc_abi::set(set)).unwrap();
        for constant in constants.split(' ') {
            // The level of vsock is the family.
            assert!(set.contains(constant) || constant == "AF_VSOCK", "{row}: {constant}");
        }
    }
}
