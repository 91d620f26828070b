//! What a `test` statement holds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use filterc_grammar::ast::{ActionKind, By, Call, Claim, ClaimKind, StatementKind};
use filterc_grammar::parser::{parse, parse_test};
use filterc_grammar::print;
use filterc_grammar::source::FileId;

fn claims(inside: &str) -> (Vec<Claim>, Vec<String>) {
    let text = format!("allow read\ntest \"t\" {{\n{inside}\n}}\nallow write\n");
    let parsed = parse(FileId(0), &text);
    assert_eq!(parsed.file.statements.len(), 3, "the statements around stay: {inside}");
    let StatementKind::Test(_, body) = &parsed.file.statements[1].kind else {
        panic!("no test: {inside}")
    };
    let (claims, again) = parse_test(FileId(0), &text, *body);
    assert_eq!(parsed.diagnostics, again, "both readings tell the same: {inside}");
    let text = |it: &filterc_grammar::diagnostic::Diagnostic| {
        let at = it
            .primary
            .as_ref()
            .map(|label| &text[label.span.start as usize..label.span.end as usize]);
        format!("{} {} `{}`", it.code.0, it.message, at.unwrap_or_default())
    };
    (claims, again.iter().map(text).collect())
}

fn good(inside: &str) -> Vec<ClaimKind> {
    let (claims, errors) = claims(inside);
    assert_eq!(errors, [] as [&str; 0], "{inside}");
    claims.into_iter().map(|claim| claim.kind).collect()
}

#[test]
fn all_kinds_of_claims() {
    let kinds = good(
        "openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) => allow\n\
         openat(AT_FDCWD, _, O_RDWR) on x86_64, i386 => errno(EACCES) by line 17\n\
         syscall(999) => errno(ENOSYS) by unknown # a comment\n\
         all openat, @io if flags & (O_CREAT|O_WRONLY) => not allow\n\
         all any if nr > 600 && on == 1 => kill by default\n\
         all unknown on x86_64 => errno(ENOSYS) all foreign => kill_process by foreign\n\
         same as \"docker-default.flt\" on x86_64 except clone3, @since(6.6), syscall(4)\n\
         same as 'a.flt'\n\
         all(1) => allow",
    );
    assert_eq!(kinds.len(), 10);
    let ClaimKind::Call(_, on, expected) = &kinds[1] else { panic!("{:?}", kinds[1]) };
    assert_eq!(on.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), ["x86_64", "i386"]);
    assert_eq!(expected.by, Some(By::Line(17)));
    assert!(matches!(expected.action.kind, ActionKind::Errno(_)) && !expected.negated);
    let ClaimKind::All(calls, Some(predicate), on, expected) = &kinds[3] else {
        panic!("{:?}", kinds[3])
    };
    assert_eq!((calls.len(), on.len(), expected.negated), (2, 0, true));
    assert_eq!(print::predicate(predicate), "flags & (O_CREAT | O_WRONLY)");
    assert!(
        matches!(&kinds[4], ClaimKind::All(_, Some(_), on, _) if on.is_empty()),
        "a field `on`"
    );
    assert!(matches!(&kinds[5], ClaimKind::Unknown(on, _) if on.len() == 1));
    assert!(matches!(kinds[6], ClaimKind::Foreign(_)));
    let ClaimKind::Same(file, on, except) = &kinds[7] else { panic!("{:?}", kinds[7]) };
    assert_eq!((file.text.as_str(), on.len(), except.len()), ("docker-default.flt", 1, 3));
    assert!(matches!(except[2], Call::Number(..)));
    assert!(matches!(&kinds[8], ClaimKind::Same(_, on, except) if on.len() + except.len() == 0));
    assert!(matches!(kinds[9], ClaimKind::Call(..)), "a call that has the name of a word");
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    let bad = |inside: &str| claims(inside).1;
    assert_eq!(bad("openat(1) =>"), ["F0107 expected an action, but nothing follows `=>`"]);
    assert!(bad("openat(1)")[0].starts_with("F0107"), "{:?}", bad("openat(1)"));
    assert!(bad("=> allow")[0].starts_with("F0106"), "{:?}", bad("=> allow"));
    for inside in [
        "openat(1) => nosuch",
        "openat(1) => errno",
        "openat(1) => allow by",
        "openat(1) => allow by line x",
        "openat(1 => allow)",
        "all openat if => allow",
        "all => allow",
        "same as",
        "same as x",
        "same as \"x\" on",
        "same as \"x\" except",
        "openat => allow",
        "allow allow",
    ] {
        let errors = bad(inside);
        assert!(!errors.is_empty() && errors.len() <= 2, "{inside}: {errors:?}");
    }
}

#[test]
fn claims_behind_a_fault_are_read() {
    let (claims, errors) =
        claims("openat(1) => nosuch\nread(1) => allow\nwrite(1) => allow by x\nclose(1) => log");
    let good = claims.iter().filter(|claim| claim.kind != ClaimKind::Error).count();
    assert_eq!((good, errors.len()), (2, 2), "{errors:?}");
}
