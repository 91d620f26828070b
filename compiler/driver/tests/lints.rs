//! Lints about rules: what is told, and about which policies nothing is.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::Path;

use filterc::{Compiled, OptLevel, Options, Source, compile, lints};
use filterc_abi::x86_64;
use filterc_check::rules::Answer;

fn options() -> Options {
    Options { default_abi: Some(x86_64()), ..Options::default() }
}

fn compiled(text: &str, options: &Options) -> Compiled {
    compile(&Source::text("test.flt", text), options).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// The codes of this stage, and the text under each.
fn told<'t>(text: &'t str, options: &Options) -> Vec<(&'static str, &'t str)> {
    let warnings = compiled(text, options).warnings().to_vec();
    let own = warnings.iter().filter(|warning| lints::CODES.contains(&warning.code.0));
    own.map(|warning| {
        let span = warning.primary.as_ref().unwrap().span;
        (warning.code.0, &text[span.start as usize..span.end as usize])
    })
    .collect()
}

fn codes(text: &str) -> Vec<&'static str> {
    told(text, &options()).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn shadowing_looks_at_every_call() {
    assert_eq!(codes("allow read, write errno(1) read, write if fd == 1"), ["F0301"]);
    assert!(codes("allow read, write errno(1) read, close").is_empty());
    assert_eq!(codes("allow any errno(1) read, close"), ["F0301"]);
    assert!(codes("allow any errno(1) read, syscall(9999)").is_empty());
    assert_eq!(codes("allow any log any if nr == 3"), ["F0301"]);
    assert!(codes("allow any if nr > 3 log any").is_empty());
    assert_eq!(codes("arch i386 allow socket allow socket"), ["F0301"]);
    assert_eq!(codes("arch x86_64, i386 allow open, read allow open"), ["F0301"]);
    // On aarch64 there is no open, and nothing of the rule.
    assert_eq!(codes("arch x86_64, aarch64 allow open, read allow open"), ["F0301"]);
}

#[test]
fn shadowing_sees_what_predicates_leave() {
    assert_eq!(codes("allow read if fd < 5 log read if fd >= 5 trap read if fd == 3"), ["F0301"]);
    assert!(
        codes("allow read if fd < 5 log read if fd > 5 trap read if fd in { 3, 5 }").is_empty()
    );
    assert_eq!(codes("allow openat if flags & 3 log openat if flags & 2"), ["F0301"]);
    assert!(codes("allow openat if flags & 2 log openat if flags & 3").is_empty());
    // What the number decides is known.
    assert_eq!(codes("allow any if nr < 3 || nr >= 3 trap read"), ["F0321", "F0301"]);
    assert!(codes("arch x86_64, i386 allow any if arch == AUDIT_ARCH_I386 trap read").is_empty());
    // One of the ABIs is enough.
    assert!(
        codes(
            "arch x86_64, i386 allow pread64 if pos < 0 || arch == AUDIT_ARCH_X86_64
        trap pread64"
        )
        .is_empty()
    );
    // Pairs of registers are one value, and the upper half of a narrow one is not looked at.
    let pairs = "arch i386 allow pread64 if pos < 9 trap pread64 if args[4] & 0xffffffff == 0
        && args[3] & 0xffffffff == 1";
    assert_eq!(codes(pairs), ["F0301"]);
    assert!(codes("allow read if fd == 3 trap read if args[0] & 3 == 3").is_empty());
    assert_eq!(codes("allow read if fd == 3 trap read if args[0] == 0x700000003"), ["F0301"]);
}

#[test]
fn the_rules_that_shadow_are_shown() {
    let by = |text: &str| {
        let compiled = compiled(text, &options());
        let warning = &compiled.warnings()[0];
        let labels = warning.secondary.iter();
        labels.map(|label| label.span.start as usize).collect::<Vec<_>>()
    };
    let text = "allow read if fd < 5 log write allow read if fd >= 5 trap read if fd in { 3, 7 }";
    assert_eq!(by(text), [0, text.find("allow read if fd >=").unwrap()]);
    // One that does it alone is all there is to say.
    let text = "allow read if fd < 5 allow read if fd < 9 trap read if fd in { 3, 7 }";
    assert_eq!(by(text), [text.find("allow read if fd < 9").unwrap()]);
    let text = "allow read allow write allow close allow lseek allow dup allow pipe
        trap read, write, close, lseek, dup, pipe";
    assert_eq!(by(text).len(), 4);
}

#[test]
fn predicates_that_never_hold() {
    let told = |text| told(text, &options());
    assert_eq!(told("allow read if fd == 3 && fd == 4"), [("F0320", "fd == 4")]);
    assert_eq!(told("allow openat if (flags & 1) == 0 && flags & 1"), [("F0320", "flags & 1")]);
    assert_eq!(told("allow read if count < 5 && count > 9"), [("F0320", "count > 9")]);
    assert_eq!(told("allow read if false"), [("F0320", "false")]);
    assert_eq!(told("let x = fd == 3 && fd == 4 allow read if x"), [("F0320", "x")]);
    // Only what excludes each other is shown.
    let text = "allow lseek if fd == 1 && whence > 2 && offset > 0 && whence == 2";
    assert_eq!(told(text), [("F0320", "whence == 2")]);
    let warning = &compiled(text, &options()).warnings()[0].clone();
    assert_eq!(warning.secondary.len(), 1);
    // For one of the calls it does.
    assert!(codes("allow read, lseek if nr == 8 && fd == 3").is_empty());
    // Told already.
    assert!(codes("allow read if nr == 5").is_empty());
    // Without the rule the number would be unknown.
    assert_eq!(codes("allow syscall(9999) if args[0] == 1 && args[0] == 2"), ["F0320"]);
}

#[test]
fn predicates_that_always_hold() {
    assert_eq!(codes("allow read if fd < 10 || fd > 5"), ["F0321"]);
    assert_eq!(codes("allow read, write if fd != 3 || args[0] == 3 || fd == 3"), ["F0321"]);
    assert_eq!(codes("allow dup2 if oldfd == newfd || oldfd < newfd || newfd < oldfd"), ["F0321"]);
    assert!(codes("allow read if true").is_empty());
    assert!(codes("allow read, write if fd < 10 || nr == 0").is_empty());
    assert!(codes("allow read if arch == AUDIT_ARCH_X86_64").is_empty());
}

#[test]
fn rules_that_change_nothing() {
    assert_eq!(codes("default errno(EPERM) allow read errno(EPERM) write"), ["F0322"]);
    assert!(codes("default errno(EPERM) allow read errno(EACCES) write").is_empty());
    assert_eq!(codes("log read if fd == 1 log read if fd < 5 log read if fd == 8"), ["F0322"]);
    assert!(codes("log read if fd == 1 allow read if fd < 5").is_empty());
    // What stands between decides otherwise.
    assert!(codes("log read if fd == 1 trap read if fd == 1 || fd == 2 log read").is_empty());
    // Of two that say the same, one goes: the rule that is never asked.
    assert_eq!(told("trap read trap read", &options()), [("F0301", "trap read")]);
    // Each alone could go, but not both.
    let text = "default trap trap read if fd == 1 trap read if fd < 3 allow read if fd in { 1, 7 }";
    assert_eq!(told(text, &options()), [("F0322", "trap read if fd < 3")]);
    // A number that only this rule names would become unknown.
    assert!(codes("default trap trap syscall(9999)").is_empty());
    assert_eq!(codes("default trap unknown default trap syscall(9999)"), ["F0322"]);
    assert_eq!(
        codes("default trap trap syscall(9999) allow syscall(9999) if args[0] == 1"),
        ["F0301"]
    );
    // On one of the ABIs it makes a difference.
    let text = "arch x86_64, i386 default log trap open if arch == AUDIT_ARCH_I386";
    assert!(codes(text).is_empty());
    assert_eq!(codes("arch x86_64, i386 default log log open if flags == 1"), ["F0322"]);
    // The checker asks for this rule.
    let text =
        "arch i386 default errno(ENOSYS) allow socket if family == 1 errno(ENOSYS) socketcall";
    assert!(codes(text).is_empty());
}

#[test]
fn calls_that_are_not_cached() {
    let three =
        "allow dup2 if oldfd < newfd allow dup2 if oldfd == newfd allow dup2 if oldfd > newfd";
    assert_eq!(told(three, &options()), [("F0323", "allow dup2 if oldfd < newfd")]);
    // The kernel has no cache there.
    assert!(codes(&format!("arch mips {three}")).is_empty());
    // The optimizer sees through this one; without it, it is told.
    let two = "allow read if fd < 8 allow read if fd > 3";
    assert!(codes(two).is_empty());
    let plain = Options { opt_level: OptLevel::O0, ..options() };
    assert_eq!(told(two, &plain), [("F0323", "allow read if fd < 8")]);
    // Some of these calls are not allowed.
    assert!(codes("allow dup2 if oldfd < newfd allow dup2 if oldfd > newfd").is_empty());
    let denied = Options { deny_warnings: true, ..options() };
    assert!(compile(&Source::text("test.flt", three), &denied).is_err());
}

#[test]
fn parts_that_change_nothing() {
    let told = |text| told(text, &options());
    assert_eq!(told("allow read if fd == 1 || fd == 2 || fd == 1"), [("F0324", "fd == 1")]);
    assert_eq!(told("allow read if fd < 5 && fd != 9"), [("F0324", "fd != 9")]);
    let text = "allow read if !(fd == 1 || (fd < 5 && (fd < 3 || fd < 4)))";
    assert_eq!(told(text), [("F0324", "fd == 1"), ("F0324", "fd < 5"), ("F0324", "fd < 3")]);
    let text = "allow fcntl if cmd == 1 || (cmd == 2 && (arg == 1 || cmd == 3))";
    assert_eq!(told(text), [("F0324", "cmd == 3")]);
    assert!(told("allow fcntl if cmd == 1 || (cmd == 2 && arg == 1)").is_empty());
    // On one of the ABIs it makes a difference.
    let text = "arch x86_64, i386 allow pread64 if pos < 9 && args[3] < 9 && args[4] < 9";
    assert!(told(text).is_empty());
    let i386 = text.replace("x86_64, ", "");
    assert_eq!(codes(&i386), [""; 0]);
    // Inside a `let` nothing is looked at, nor where `nr` is asked for.
    assert!(told("let x = fd == 1 || fd == 1 allow read if x").is_empty());
    assert!(told("allow read, write if fd == 1 && nr == 0 || fd == 1").is_empty());
}

#[test]
fn included_files_are_not_judged() {
    let folder = tempfile::tempdir().unwrap();
    let library =
        "errno(EPERM) ptrace allow read if fd == 1 || fd == 1 allow close if fd < 1 && fd > 2
        allow write";
    fs::write(folder.path().join("lib.flt"), library).unwrap();
    let policy = folder.path().join("policy.flt");
    let text = "default errno(EPERM) trap write include \"lib.flt\" log read if fd == 1 \
                allow rt_sigreturn, exit_group";
    fs::write(&policy, text).unwrap();
    let warnings = |path: &Path| {
        let compiled = compile(&Source::read(path).unwrap(), &options()).unwrap();
        compiled.warnings().iter().map(|warning| warning.code.0).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&policy), ["F0301"]);
    assert_eq!(warnings(&folder.path().join("lib.flt")), ["F0324", "F0320"]);
}

#[test]
fn too_large_is_not_judged() {
    // What compares every register with others has no small diagram.
    let conditions: Vec<String> = (0..40)
        .map(|i| {
            let (left, right) = (i % 6, (i * 7 + 1) % 6);
            format!("(args[{left}] < args[{right}] || args[{}] >= {})", i % 5, i * 977 + 3)
        })
        .collect();
    let text = format!(
        "allow read if {} trap read if {} log read if {}",
        conditions.join(" && "),
        conditions.join(" || "),
        conditions.join(" && "),
    );
    let facts = lints::facts(compiled(&text, &options()).policy()).rules;
    // The last one is shadowed by the first, and that is not told.
    assert_eq!(facts[2].decides, Answer::Open);
    assert!(codes(&text).is_empty());
}

#[test]
fn pages_show_policies_that_produce_their_code() {
    for code in lints::CODES {
        let page = filterc::explain::page(code).unwrap();
        let (_, example) = page.split_once("```flt\n").unwrap_or_else(|| panic!("{code}"));
        let example = example.split_once("```").unwrap().0;
        assert!(codes(example).contains(code), "{code}");
    }
    assert!(lints::CODES.is_sorted());
}

#[test]
fn many_rules_take_little_time() {
    let analysed = |text: String| {
        let analysis = filterc::analyse(&Source::text("test.flt", text), &options());
        assert!(analysis.policy.is_some());
        analysis.diagnostics
    };
    let rules = |rule: &dyn Fn(usize) -> String| (0..20_000).map(rule).collect::<String>();
    // All of them decide something, all are superfluous, all are shadowed but one, all never
    // hold, and each has many parts.
    analysed(rules(&|i| format!("allow any if args[0] == {i}\n")));
    analysed("default allow\n".to_owned() + &rules(&|i| format!("allow read if args[0] == {i}\n")));
    analysed(rules(&|i| format!("allow any if args[0] > 1 || args[1] == {i}\n")));
    analysed("allow any\n".to_owned() + &rules(&|i| format!("log read if args[0] == {i}\n")));
    analysed(rules(&|i| format!("log read if args[0] == {i} && args[0] == {}\n", i + 1)));
    let parts: String = (0..30).map(|i| format!(" || args[0] == {i}")).collect();
    analysed(rules(&|i| format!("log read if args[1] == {i}{parts}\n")));
}

/// What is said of a rule is so whatever the parameters' values are.
#[test]
fn parameters_may_have_any_value() {
    let codes = |text: &str| codes(&format!("arch x86_64 param p: fd param q: fd {text}"));
    let told = codes("errno(1) write if fd == p || fd == q allow write if fd == q");
    assert_eq!(told, ["F0301"]);
    assert!(codes("errno(1) write if fd == p allow write if fd == q").is_empty());
    assert!(codes("errno(1) write if fd == p allow write if fd == 3 || fd == q").is_empty());
    let told = codes("errno(1) write if fd == p || fd != q allow write if fd == q && fd == p");
    assert_eq!(told, ["F0301"]);
    assert_eq!(codes("allow write if fd == p || fd != p allow read if fd == q"), ["F0321"]);
    assert_eq!(codes("allow write if fd == p && fd != p allow read if fd == q"), ["F0320"]);
}
