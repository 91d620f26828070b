//! Definitions in small sources of our own.

use super::*;

fn read(source: &str) -> Vec<Definition> {
    by_macro("arch/x/kernel/sys.c", &Code::read(source), &[]).unwrap()
}

fn shown(definition: &Definition) -> String {
    let args = definition
        .params
        .iter()
        .map(|p| format!("{} {}{}", p.ctype, p.name, if p.halves { " (halves)" } else { "" }));
    format!("{}({})", definition.symbol, args.collect::<Vec<_>>().join(", "))
}

#[test]
fn macros_of_both_kinds() {
    let found = read(
        "/* SYSCALL_DEFINE1(comment, int, x) */\nSYSCALL_DEFINE0(none)\n{\n}\n\
         SYSCALL_DEFINE3(fetch, int, dfd,\n\tconst char __user * const __user *, paths,\n\
         \tumode_t, mode)\n{\n\treturn f(dfd);\n}\n\
         COMPAT_SYSCALL_DEFINE4(seek64, unsigned int, fd, compat_arg_u64_dual(pos), int, how)\n{}\n",
    );
    let shown: Vec<String> = found.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "sys_none()",
            "sys_fetch(int dfd, const char *const * paths, umode_t mode)",
            "compat_sys_seek64(unsigned int fd, u64 pos (halves), int how)",
        ]
    );
}

#[test]
fn the_count_in_the_name_must_fit() {
    let code = Code::read("SYSCALL_DEFINE2(one, int, x)\n");
    let error = by_macro("fs/x.c", &code, &[]).unwrap_err();
    assert_eq!(error.to_string(), "fs/x.c: one: 1 arguments in SYSCALL_DEFINE2");
}

#[test]
fn variants_keep_their_condition() {
    let found = read(
        "#ifdef CONFIG_BACK\nSYSCALL_DEFINE2(split, int, a, long, b)\n#elif defined(CONFIG_X)\n\
         SYSCALL_DEFINE2(split, long, b, int, a)\n#else\nSYSCALL_DEFINE1(split, int, a)\n#endif\n{}\n",
    );
    let under = |symbol: &str| -> Vec<usize> {
        let known = |name: &str| Some(name == symbol);
        let held = found.iter().filter(|d| d.condition.holds(&known) == Some(true));
        held.map(|d| d.params.len() * 10 + usize::from(d.params[0].name == "b")).collect()
    };
    assert_eq!(
        (under("CONFIG_BACK"), under("CONFIG_X"), under("")),
        (vec![20], vec![21], vec![10])
    );
}

#[test]
fn macros_of_a_file_stand_for_others() {
    let found = read(
        "#ifdef CONFIG_P32\n#define P_SYSCALL_DEFINE1\tSYSCALL_DEFINE1\n#else\n\
         #define P_SYSCALL_DEFINE1\tCOMPAT_SYSCALL_DEFINE1\n#endif\nP_SYSCALL_DEFINE1(cut, u32, x)\n{}\n",
    );
    let of = |defined: bool| -> Vec<&str> {
        let held = found.iter().filter(|d| d.condition.holds(&|_| Some(defined)) == Some(true));
        held.map(|d| d.symbol.as_str()).collect()
    };
    assert_eq!((of(true), of(false)), (vec!["sys_cut"], vec!["compat_sys_cut"]));
}

#[test]
fn plain_functions_lose_their_registers() {
    let params =
        plain_params("int fd, char __user *buf, unsigned a2, struct pt_regs *regs").unwrap();
    let shown: Vec<String> = params.iter().map(|p| format!("{}|{}", p.ctype, p.name)).collect();
    assert_eq!(shown, ["int|fd", "char *|buf", "unsigned|a2"]);
    assert!(plain_params("void").unwrap().is_empty());
    assert!(plain_params("int").is_err());
}
