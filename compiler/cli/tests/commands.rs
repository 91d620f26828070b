//! The tool as a user calls it: results, exit statuses, and that nothing is written on failure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use filterc_testkit::corpus::{folder, root};

fn filterc(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_filterc"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn status(output: &Output) -> i32 {
    let code = output.status.code();
    code.unwrap_or_else(|| panic!("{:?} {}", output.status, stderr(output)))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn policy(name: &str) -> String {
    folder("policies").join(name).display().to_string()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A fresh folder for a test's own files.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn compiles_to_a_file_to_standard_output_and_from_standard_input() {
    let out = scratch("compile").join("docker.bpf");
    let docker = policy("docker-default.flt");
    let output = filterc(&[&docker, "-o", path(&out)]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let bytes = fs::read(&out).unwrap();
    assert!(!bytes.is_empty() && bytes.len().is_multiple_of(8));
    assert_eq!(filterc(&[&docker]).stdout, bytes, "standard output is the default");
    assert_eq!(filterc(&[&docker, "-o", "-"]).stdout, bytes);
    let text = fs::read(&docker).unwrap();
    assert_eq!(with_input(&["-"], &text).stdout, bytes);
}

#[test]
fn every_form_is_written_and_text_forms_agree() {
    let docker = policy("docker-default.flt");
    for form in ["bpf", "asm", "c", "rust", "json", "hir", "ir", "dot", "hex"] {
        let output = filterc(&[&docker, "--emit", form]);
        assert_eq!(status(&output), 0, "{form}: {}", stderr(&output));
        assert!(!output.stdout.is_empty(), "{form}");
    }
    let bytes = filterc(&[&docker]).stdout;
    let asm = filterc(&[&docker, "--emit", "asm"]).stdout;
    assert_eq!(with_input(&["asm", "-"], &asm).stdout, bytes, "asm assembles again");
    let hex = stdout(&filterc(&[&docker, "--emit", "hex"])).replace('\n', "");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, digits);
    let json: serde_json::Value =
        serde_json::from_slice(&filterc(&[&docker, "--emit", "json"]).stdout).unwrap();
    assert_eq!(json["instructions"].as_array().unwrap().len() * 8, bytes.len());
}

#[test]
fn each_byte_order_has_its_file() {
    let folder = scratch("orders");
    let file = folder.join("both.flt");
    fs::write(&file, "arch i386, s390x, x86_64, ppc\ndefault errno(EPERM)\nallow read, write\n")
        .unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    // One file cannot hold two programs, and standard output cannot either.
    for output in [&["-o", &at("one.bpf")] as &[&str], &["-o", "-"], &[], &["--emit", "json"]] {
        let output = filterc(&[&[path(&file)], output].concat());
        assert_eq!((status(&output), output.stdout.len()), (2, 0));
        let said = stderr(&output);
        assert!(said.contains("%a") && said.contains("i386, x86_64; s390x, ppc"), "{said}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is written");
    let output = filterc(&[path(&file), "-o", &at("both-%a.bpf")]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let (little, big) = (at("both-i386+x86_64.bpf"), at("both-s390x+ppc.bpf"));
    for (program, endian) in [(&little, "little"), (&big, "big")] {
        assert_eq!(status(&filterc(&["verify", program, "--endian", endian])), 0);
    }
    assert_eq!(status(&filterc(&["verify", &big, "--endian", "little"])), 1);
    let shown = stdout(&filterc(&["disasm", &big, "--arch", "s390x"]));
    assert!(shown.contains("AUDIT_ARCH_S390X") && shown.contains("AUDIT_ARCH_PPC"), "{shown}");
    // Each is what the policy for these ABIs alone gives.
    let alone = |abis: &str| filterc(&[path(&file), "--arch", abis]).stdout;
    assert_eq!(fs::read(&little).unwrap(), alone("i386,x86_64"));
    assert_eq!(fs::read(&big).unwrap(), alone("s390x,ppc"));
    // Other forms name the constant after the file; the typed policy is one for both.
    assert_eq!(status(&filterc(&[path(&file), "--emit", "c", "-o", &at("%a.h")])), 0);
    assert!(fs::read_to_string(at("s390x+ppc.h")).unwrap().contains("S390X_PPC[] = {"));
    let hir = stdout(&filterc(&[path(&file), "--emit", "hir"]));
    assert!(hir.contains("abi s390x") && hir.contains("abi i386"), "{hir}");
    // A policy for one byte order may use the pattern too.
    assert_eq!(status(&filterc(&[&policy("small.flt"), "-o", &at("small-%a.bpf")])), 0);
    assert!(folder.join("small-x86_64.bpf").exists());
    assert_eq!(status(&filterc(&[&policy("small.flt"), "-o", &at("100%.bpf")])), 2);
    assert_eq!(status(&filterc(&[&policy("small.flt"), "-o", &at("100%%.bpf")])), 0);
    assert!(folder.join("100%.bpf").exists());
    // A call is decided by the program of its ABI's byte order.
    let eval = |abi: &str| filterc(&["eval", path(&file), "write(1)", "--arch", abi]);
    for abi in ["s390x", "x86_64", "i386", "ppc"] {
        let output = eval(abi);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains(abi), "{}", stdout(&output));
    }
}

#[test]
fn a_c_header_compiles_to_the_same_program() {
    let folder = scratch("header");
    let header =
        filterc(&[&policy("small.flt"), "--emit", "c", "-o", path(&folder.join("small.h"))]);
    assert_eq!(status(&header), 0);
    let main = "#include \"small.h\"\n#include <stdio.h>\n\
                int main(void) { fwrite(SMALL, sizeof SMALL, 1, stdout); return 0; }\n";
    fs::write(folder.join("main.c"), main).unwrap();
    let cc = Command::new("cc").args(["main.c", "-o", "main"]).current_dir(&folder).output();
    let Ok(cc) = cc else {
        println!("skipped: no C compiler");
        return;
    };
    assert!(cc.status.success(), "{}", stderr(&cc));
    let printed = Command::new(folder.join("main")).output().unwrap().stdout;
    assert_eq!(printed, filterc(&[&policy("small.flt")]).stdout);
}

#[test]
fn nothing_is_written_on_failure() {
    let folder = scratch("failure");
    let (bad, out) = (folder.join("bad.flt"), folder.join("bad.bpf"));
    fs::write(&bad, "arch x86_64\nallow opennat\n").unwrap();
    fs::write(&out, "old").unwrap();
    let output = filterc(&[path(&bad), "-o", path(&out)]);
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains("opennat"), "{}", stderr(&output));
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no temporary file is left");
    let output = filterc(&[&policy("small.flt"), "-o", "/no/such/folder/x.bpf"]);
    assert_eq!(status(&output), 2);
    let output = filterc(&["/no/such/policy.flt"]);
    assert_eq!((status(&output), output.stdout.len()), (2, 0));
}

#[test]
fn diagnostics_as_json_and_in_colour() {
    let folder = scratch("messages");
    let bad = folder.join("bad.flt");
    fs::write(&bad, "arch x86_64\nallow opennat\nallow fooo\n").unwrap();
    let output = filterc(&["check", path(&bad), "--message-format", "json"]);
    assert_eq!(status(&output), 1);
    let lines = stderr(&output);
    let codes: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(codes.len(), 2, "all errors of a run: {lines}");
    assert_eq!(codes[0]["spans"][0]["start_line"], 2);
    assert_eq!(codes[1]["spans"][0]["start_line"], 3);
    let coloured = filterc(&["check", path(&bad), "--color", "always"]);
    assert!(stderr(&coloured).contains("\x1b["));
    let plain = filterc(&["check", path(&bad)]);
    assert!(!stderr(&plain).contains("\x1b["), "no terminal, no colours");
}

#[test]
fn options_of_the_policy() {
    let folder = scratch("options");
    fs::create_dir(folder.join("lib")).unwrap();
    fs::write(folder.join("lib/base.flt"), "allow close\n").unwrap();
    let main = folder.join("main.flt");
    fs::write(&main, "const LIMIT = 3\ninclude \"base.flt\"\nallow read if fd < LIMIT\n").unwrap();
    let lib = folder.join("lib");
    assert_eq!(status(&filterc(&["check", path(&main)])), 1, "the include is not found");
    let eval = |extra: &[&str], call: &str| {
        let args = [&["eval", path(&main), call, "-I", path(&lib), "--arch", "x86_64"], extra];
        status(&filterc(&args.concat()))
    };
    assert_eq!(eval(&[], "read(2)"), 0);
    assert_eq!(eval(&[], "read(5)"), 1);
    assert_eq!(eval(&["-D", "LIMIT=6"], "read(5)"), 0, "-D replaces a const");
    assert_eq!(eval(&["-O0"], "close(1)"), 0);
    assert_eq!(eval(&["-D", "LIMIT"], "read(5)"), 2);
    let check =
        |abi: &str| status(&filterc(&["check", path(&main), "-I", path(&lib), "--arch", abi]));
    assert_eq!(check("x32"), 0);
    assert_eq!(check("arc"), 2, "an ABI without tables");
    for level in ["-O0", "-O1", "-O2"] {
        assert_eq!(status(&filterc(&[&policy("docker-default.flt"), level])), 0);
    }
    assert_eq!(status(&filterc(&[&policy("docker-default.flt"), "-O3"])), 2);
}

#[test]
fn warnings_pass_unless_denied() {
    let folder = scratch("warnings");
    let file = folder.join("warn.flt");
    fs::write(&file, "arch x86_64\nconst UNUSED = 1\nallow read\n").unwrap();
    let output = filterc(&["check", path(&file)]);
    assert_eq!(status(&output), 0);
    assert!(stderr(&output).contains("warning"), "{}", stderr(&output));
    assert_eq!(status(&filterc(&["check", "--deny-warnings", path(&file)])), 1);
}

#[test]
fn formats_in_place_and_checks() {
    let folder = scratch("fmt");
    let file = folder.join("a.flt");
    fs::write(&file, "allow   read,write # both\n\n\n\ndefault  allow").unwrap();
    let check = filterc(&["fmt", "--check", path(&file)]);
    assert_eq!((status(&check), stdout(&check).trim()), (1, path(&file)));
    assert_eq!(status(&filterc(&["fmt", path(&file)])), 0);
    let formatted = fs::read_to_string(&file).unwrap();
    assert!(formatted.contains("allow read, write") && formatted.contains("# both"), "{formatted}");
    assert_eq!(status(&filterc(&["fmt", "--check", path(&file)])), 0);
    assert_eq!(with_input(&["fmt", "-"], b"allow   read").stdout, b"allow read\n");
    assert_eq!(status(&with_input(&["fmt", "-"], b"allow (")), 1);
    let corpus = filterc(&["fmt", "--check", &policy("web-worker.flt"), &policy("ls.flt")]);
    assert_eq!(status(&corpus), 0, "{}", stdout(&corpus));
}

#[test]
fn programs_are_disassembled_assembled_and_verified() {
    let folder = scratch("programs");
    let file = folder.join("small.bpf");
    filterc(&[&policy("small.flt"), "-o", path(&file)]);
    assert_eq!(status(&filterc(&["verify", path(&file)])), 0);
    let bytes = fs::read(&file).unwrap();
    for plain in [&["disasm", path(&file)] as &[&str], &["disasm", "--plain", path(&file)]] {
        let text = filterc(plain).stdout;
        assert_eq!(with_input(&["asm", "-"], &text).stdout, bytes);
    }
    fs::write(&file, &bytes[..bytes.len() - 8]).unwrap();
    assert_eq!(status(&filterc(&["verify", path(&file)])), 1, "it no longer ends in a return");
    fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
    for command in ["verify", "disasm"] {
        assert_eq!(status(&filterc(&[command, path(&file)])), 1, "half an instruction");
    }
    let asm = with_input(&["asm", "-"], b"ld [4]\nfrobnicate\n");
    assert_eq!(status(&asm), 1);
    assert!(stderr(&asm).contains(":2:"), "{}", stderr(&asm));
}

#[test]
fn evaluates_calls() {
    let worker = policy("web-worker.flt");
    let output = filterc(&["eval", &worker, "openat(AT_FDCWD, 0, O_RDWR)"]);
    assert_eq!(status(&output), 1, "refused");
    assert!(stdout(&output).contains("errno(EACCES) by rule"), "{}", stdout(&output));
    let output =
        filterc(&["eval", &worker, "--json", "read(0, _, 5)", "socket(AF_INET, SOCK_STREAM)"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 2);
    assert_eq!(status(&filterc(&["eval", &worker, "nosuchcall()"])), 1);
    assert_eq!(status(&filterc(&["eval", &worker, "openat("])), 1);
}

#[test]
fn runs_commands_under_a_policy() {
    let folder = scratch("run");
    let file = folder.join("run.flt");
    fs::write(&file, "default allow\nunknown allow\nerrno(ENOTEMPTY) mkdir, mkdirat\n").unwrap();
    let made = folder.join("made");
    let output = filterc(&["run", path(&file), "--", "mkdir", path(&made)]);
    if stderr(&output).contains("F08") {
        println!("skipped: {}", stderr(&output));
        return;
    }
    assert_eq!(status(&output), 1, "mkdir's own status: {}", stderr(&output));
    assert!(stderr(&output).contains("not empty") && !made.exists(), "{}", stderr(&output));
    let output = filterc(&["run", path(&file), "--", "sh", "-c", "exit 42"]);
    assert_eq!(status(&output), 42);
    let output = filterc(&["run", path(&file), "--", "no-such-command"]);
    assert_eq!(status(&output), 2);
    // The policy governs the exec itself.
    fs::write(&file, "default errno(EPERM)\nallow exit_group\n").unwrap();
    let output = filterc(&["run", path(&file), "--", "true"]);
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains("execve"), "{}", stderr(&output));
    // The historical profile still runs today's program.
    let output = filterc(&["run", &policy("ls.flt"), "--", "/bin/ls", "/"]);
    assert!(output.status.success() && stdout(&output).contains("etc"), "{output:?}");
}

#[test]
fn explains_completes_and_documents() {
    assert!(stdout(&filterc(&["explain", "f0150"])).starts_with("# F0150: "));
    assert!(stdout(&filterc(&["explain"])).lines().count() > 20);
    assert_eq!(status(&filterc(&["explain", "F9999"])), 2);
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&filterc(&["completions", shell])).contains("filterc"));
    }
    assert!(stdout(&filterc(&["man"])).contains(".TH"));
    assert!(stdout(&filterc(&["man", "eval"])).contains(".TH"));
    assert_eq!(status(&filterc(&["man", "nothing"])), 2);
    assert_eq!(status(&filterc(&[])), 2);
    assert_eq!(status(&filterc(&["--no-such-flag"])), 2);
    assert_eq!(status(&filterc(&["--version"])), 0);
}

#[test]
fn evaluates_numbers_and_strings() {
    let worker = policy("web-worker.flt");
    let eval = |call: &str| filterc(&["eval", &worker, "--arch", "x86_64", call]);
    for (call, reason) in [
        ("syscall(100000)", "as unknown"),
        ("syscall(-1)", "as unknown"),
        ("syscall(0x40000001)(1)", "as foreign"),
        ("syscall(0)(5)", "allow by rule"),
        ("openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY | O_CLOEXEC)", "allow by rule"),
    ] {
        let output = eval(call);
        assert!(stdout(&output).contains(reason), "{call}: {}{}", stdout(&output), stderr(&output));
    }
    assert_eq!(status(&eval("openat(\"cwd\", 0, 0)")), 1);
}

#[test]
fn imports_profiles() {
    let scratch = scratch("import");
    let profile = |name: &str| format!("{}/{name}.json", folder("import/oci").display());
    let policy = scratch.join("web.flt");
    let web = profile("web");
    let output =
        filterc(&["import", "oci", &web, "--arch", "SCMP_ARCH_X86_64", "-o", path(&policy)]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let note =
        "note: syscalls: 1 name skipped, which is no call on x86_64, i386, x32: no_such_call";
    let notes = stderr(&output);
    let notes: Vec<&str> = notes.lines().collect();
    assert!(notes.len() == 2 && notes[0] == note, "{notes:?}");
    assert!(notes[1].starts_with("note: runtimes differ: "), "{notes:?}");
    let text = fs::read_to_string(&policy).unwrap();
    assert_eq!(
        text,
        fs::read_to_string(profile("expected/web.x86_64").replace(".json", ".flt")).unwrap()
    );
    assert_eq!(status(&filterc(&["-o", path(&scratch.join("web.bpf")), path(&policy)])), 0);
    let import = |more: &[&str]| {
        let arguments = ["import", "oci", &web, "--arch", "x86_64", "--message-format", "json"];
        filterc(&[&arguments, more].concat())
    };
    assert!(stdout(&import(&[])).contains("errno(ENOSYS) clone3"));
    assert!(stdout(&import(&["--cap", "docker,CAP_SYS_ADMIN"])).contains("pivot_root"));
    assert!(!stdout(&import(&["--kernel", "4.7"])).contains("ptrace"));
    assert!(stdout(&import(&["--raw"])).contains("args[0]"));
    assert!(stdout(&import(&["--host-only"])).contains("\narch x86_64\n"));
    assert!(stderr(&import(&[])).starts_with("{\"message\":\"syscalls"));
    for usage in [&["--cap", "SYS_ADMIN"], &["--kernel", "six"], &["--kernel", "99.1"]] {
        assert_eq!(status(&import(usage)), 2, "{usage:?}");
    }
    assert_eq!(status(&filterc(&["import", "oci", &web, "--arch", "SCMP_ARCH_PDP11"])), 2);
    assert_eq!(status(&filterc(&["import", "oci", path(&scratch.join("none.json"))])), 2);
    let wrong = with_input(&["import", "oci", "-"], b"{ \"defaultAction\": 1 }");
    assert_eq!(status(&wrong), 1);
    assert!(stderr(&wrong).contains("F0702"), "{}", stderr(&wrong));
}

#[test]
fn programs_come_with_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let (bpf, fcert) = (folder.path().join("a.bpf"), folder.path().join("a.fcert"));
    let small = policy("small.flt");
    let args = [small.as_str(), "-o", path(&bpf), "--certificate", path(&fcert)];
    assert_eq!(status(&filterc(&args)), 0);
    let (program, certificate) = (fs::read(&bpf).unwrap(), fs::read(&fcert).unwrap());
    let accepted = filterc_certify::check(&certificate, &program).unwrap();
    assert!(accepted.leaves > 20);
    // Arguments that are compared with each other, and extended BPF.
    let (bpf, fcert) = (folder.path().join("b.bpf"), folder.path().join("b.fcert"));
    let web = policy("web-worker.flt");
    let args = [&web, "-o", path(&bpf), "--certificate", path(&fcert), "--target", "syscall"];
    assert_eq!(status(&filterc(&args)), 0);
    let (program, certificate) = (fs::read(&bpf).unwrap(), fs::read(&fcert).unwrap());
    assert!(filterc_certify::check(&certificate, &program).unwrap().leaves > 20);
    // Where there is none, nothing is written, and it is said.
    let (text, fcert) = (folder.path().join("c.s"), folder.path().join("c.fcert"));
    let args = [&small, "-o", path(&text), "--emit", "asm", "--target", "raw_tracepoint"];
    let output = filterc(&[&args[..], &["--certificate", path(&fcert)]].concat());
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("the proof stands without one"));
    assert!(!text.exists() && !fcert.exists());
}

#[test]
fn equiv_answers_by_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let bpf = folder.path().join("small.bpf");
    let (small, docker) = (policy("small.flt"), policy("docker-default.flt"));
    assert_eq!(status(&filterc(&[&small, "-o", path(&bpf), "--no-prove"])), 0);
    let same = filterc(&["equiv", &small, path(&bpf)]);
    assert_eq!(status(&same), 0);
    assert!(stdout(&same).starts_with("equal: "));
    let differ = filterc(&["equiv", path(&bpf), &docker, "--json"]);
    assert_eq!(status(&differ), 1);
    let json: serde_json::Value = serde_json::from_slice(&differ.stdout).unwrap();
    assert_eq!(json["equal"], false);
    assert!(json["call"].as_str().unwrap().ends_with("on x86_64"));
    assert!(json["left_why"].as_str().unwrap().contains("by the instructions 0"));
    let shown = stdout(&filterc(&["equiv", &small, &docker]));
    assert!(shown.contains("by the default") && shown.contains("docker-default.flt:"), "{shown}");
    // Status 1 says that they differ, and nothing else: what cannot be compared is an error.
    let wrong = |name: &str, contents: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, contents).unwrap();
        let output = filterc(&["equiv", &small, path(&file)]);
        assert!(stdout(&output).is_empty() && !output.stderr.is_empty(), "{name}");
        status(&output)
    };
    assert_eq!(wrong("broken.flt", b"arch x86_64\nallow raed\n"), 2);
    assert_eq!(wrong("short.bpf", &[6, 0, 0]), 2);
    // Nothing is returned at the end.
    assert_eq!(wrong("refused.bpf", &[0x20, 0, 0, 0, 0, 0, 0, 0]), 2);
    assert_eq!(wrong("neither", &[0xff, 0xfe]), 2);
    assert_eq!(status(&filterc(&["equiv", &small, "/nowhere.bpf"])), 2);
    assert_eq!(status(&filterc(&["equiv", "-", "-"])), 2);
}

#[test]
fn parameters_are_given_or_left_to_the_loader() {
    let folder = scratch("params");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let text = "arch x86_64\nparam log_fd: fd\nallow write if fd == log_fd\n";
    let policy = file("worker.flt", text);
    let constant = file("constant.flt", &text.replace("param log_fd: fd", "const log_fd = 7"));
    let out = folder.join("worker.bpf");
    // A bare program has no place for the table, and decides by chance.
    for form in ["bpf", "hex", "asm"] {
        let output = filterc(&[&policy, "--emit", form, "-o", path(&out)]);
        assert_eq!(status(&output), 1, "{form}");
        assert!(stderr(&output).contains("error[F0816]") && !out.exists(), "{}", stderr(&output));
    }
    for (given, code) in [("log_fdd=1", "F0817"), ("log_fd=0x100000000", "F0818")] {
        let output = filterc(&[&policy, "--param", given, "-o", path(&out)]);
        assert_eq!(status(&output), 1, "{given}");
        assert!(stderr(&output).contains(code) && !out.exists(), "{}", stderr(&output));
    }
    assert_eq!(status(&filterc(&[&policy, "--param", "log_fd"])), 2);
    let output = filterc(&[&policy, "--param", "log_fd=7", "-o", path(&out)]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert_eq!(status(&filterc(&["equiv", path(&out), &constant])), 0);
    // With the table beside it, a loader can do the same.
    let (open, table) = (folder.join("open.bpf"), folder.join("open.json"));
    let output = filterc(&[&policy, "-o", path(&open), "--patch-table", path(&table)]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let table: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(table).unwrap()).unwrap();
    let mut bytes = fs::read(open).unwrap();
    assert_eq!(table["params"][0]["type"], "fd");
    for site in table["sites"].as_array().unwrap() {
        let number = |name: &str| site[name].as_u64().unwrap();
        let k = (7_u64 >> number("shift")) & number("mask");
        let at = number("offset") as usize;
        bytes[at..at + 4].copy_from_slice(&(k as u32).to_le_bytes());
    }
    assert_eq!(bytes, fs::read(out).unwrap());
    for (form, shown) in
        [("rust", "Unpatched"), ("c", "_patch("), ("json", "\"sites\""), ("table", "sites")]
    {
        let output = filterc(&[&policy, "--emit", form]);
        assert!(
            status(&output) == 0 && stdout(&output).contains(shown),
            "{form}: {}",
            stdout(&output)
        );
        let output = filterc(&[&policy, "--emit", form, "--param", "log_fd=7"]);
        assert!(form == "table" || !stdout(&output).contains(shown), "{form}: {}", stdout(&output));
    }
}

#[test]
fn parameters_have_values_where_calls_are_decided() {
    let folder = scratch("params-used");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let policy = file("a.flt", "arch x86_64\nparam p: fd\nallow write if fd == p\n");
    let turned =
        file("b.flt", "arch x86_64\nparam p: fd\nerrno(1) write if fd != p\nallow write\n");
    let output = filterc(&["eval", &policy, "write(3, 0, 0)"]);
    assert!(status(&output) == 1 && stderr(&output).contains("F0816"), "{}", stderr(&output));
    let output = filterc(&["eval", &policy, "--param", "p=3", "write(p, 0, 0)"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let output = filterc(&["run", &policy, "--", "true"]);
    assert!(status(&output) == 1 && stderr(&output).contains("F0816"), "{}", stderr(&output));
    // For all values, and for one.
    let equiv = |args: &[&str]| {
        let output = filterc(&[&["equiv"], args].concat());
        (status(&output), stdout(&output) + &stderr(&output))
    };
    assert_eq!(equiv(&[&policy, &policy]).0, 0);
    let (code, said) = equiv(&[&policy, &turned]);
    assert!(code == 1 && said.contains(", with p = 0x"), "{said}");
    let other = file(
        "c.flt",
        "arch x86_64\nparam q: uid\nparam p: fd\nallow write if fd == p\nallow setuid if uid == q\n",
    );
    let (code, said) = equiv(&[&policy, &other]);
    assert!(code == 1 && said.contains("setuid("), "{said}");
    let (code, said) = equiv(&["--json", &policy, &other]);
    assert!(code == 1 && said.contains("\"params\":{\"p\":"), "{said}");
    let seven = file("d.flt", "arch x86_64\nallow write if fd == 7\n");
    assert_eq!(equiv(&[&policy, &seven]).0, 1);
    assert_eq!(equiv(&[&policy, &seven, "--param", "p=7"]).0, 0);
    assert_eq!(equiv(&[&policy, &seven, "--param", "p=8"]).0, 1);
    assert_eq!(equiv(&[&policy, &seven, "--param", "z=8"]).0, 2);
    let wider = file("e.flt", "arch x86_64\nparam p: u64\nallow write if args[0] == p\n");
    let (code, said) = equiv(&[&policy, &wider]);
    assert!(code == 2 && said.contains("other values"), "{said}");
}

/// The function of the C header puts in the same constants.
#[test]
fn a_c_header_patches_the_same_program() {
    let folder = scratch("params-c");
    let text = "arch x86_64\nparam a: s32\nparam b: u64\nparam c: loff_t\nallow close if fd == a\n\
                allow dup if args[0] == b\nallow lseek if offset < c\n";
    let (policy, header) = (folder.join("p.flt"), folder.join("p.h"));
    fs::write(&policy, text).unwrap();
    let output = filterc(&[path(&policy), "--emit", "c", "-o", path(&header)]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let main = "#include <stdio.h>\n#include <string.h>\n#include \"p.h\"\n\
                int main(void) {\n    struct sock_filter f[sizeof P / sizeof *P];\n\
                memcpy(f, P, sizeof f);\n    if (P_patch(f, -2147483648LL - 1, 0, 0) != 1) return 1;\n\
                if (P_patch(f, -5, 0x8000000000000001ULL, -3)) return 2;\n\
                return fwrite(f, sizeof f, 1, stdout) == 1 ? 0 : 3;\n}\n";
    fs::write(folder.join("main.c"), main).unwrap();
    let compiled = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"])
        .current_dir(&folder)
        .output();
    let Ok(compiled) = compiled else {
        println!("skipped: no C compiler");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let patched = Command::new(folder.join("main")).output().unwrap();
    assert_eq!(patched.status.code(), Some(0));
    let given = ["--param", "a=-5", "--param", "b=0x8000000000000001", "--param", "c=-3"];
    let expected = filterc(&[&[path(&policy)], &given[..]].concat());
    assert_eq!(status(&expected), 0, "{}", stderr(&expected));
    // The C compiler wrote it in this machine's byte order, as filterc for x86_64.
    if cfg!(target_endian = "little") {
        assert_eq!(patched.stdout, expected.stdout);
    }
}

#[test]
fn event_filters_are_set_and_cleared() {
    let name = format!("filterc-cli-{}", std::process::id());
    let folder = Path::new("/sys/kernel/tracing/instances").join(&name);
    let file = folder.join("events/syscalls/sys_enter_kcmp/filter");
    let event = "sys_enter_kcmp";
    let output = filterc(&["event", event, "pid1.u8 == 5", "--set", "--create", &name]);
    if status(&output) == 2 {
        return println!("skipped: {}", stderr(&output));
    }
    // The kernel gives the text to the first read alone, and `fs::read` begins with a small one.
    let read = || {
        let mut text = [0; 4096];
        let length = fs::File::open(&file).unwrap().read(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let set = read();
    // What the kernel would reject is not written: the old filter would be gone.
    let place = ["--instance", name.as_str()];
    let refused = filterc(&[&["event", event, "pid1 == -1", "--set"], &place[..]].concat());
    let kept = read();
    // A description that is not the kernel's makes it refuse: the old filter is put back.
    let format = scratch("event-format").join("format");
    let text = "name: sys_enter_kcmp\n\tfield:int nosuch;\toffset:16;\tsize:8;\tsigned:0;\n";
    fs::write(&format, text).unwrap();
    let lying = ["--set", "--format", path(&format)];
    let lying = filterc(&[&["event", event, "nosuch == 1"], &lying[..], &place[..]].concat());
    let restored = read();
    let cleared = filterc(&[&["event", event, "--clear"], &place[..]].concat());
    let none = read();
    fs::remove_dir(&folder).unwrap();
    assert_eq!(set, "pid1 & 0x1 && pid1 & 0x4 && !(pid1 & 0xfa)\n");
    assert_eq!((status(&refused), &kept), (1, &set));
    assert_eq!((status(&lying), restored), (2, set));
    assert!(stderr(&lying).contains("Field not found"), "{}", stderr(&lying));
    assert!(stderr(&refused).contains("EINVAL, \"Illegal integer value\" at position 9"));
    assert_eq!((status(&cleared), none.as_str()), (0, "none\n"));
    let missing = filterc(&["event", event, "--clear", "--instance", "filterc-nosuch"]);
    assert_eq!(status(&missing), 2);
    let nowhere = filterc(&["event", event, "--clear"]);
    assert_eq!(status(&nowhere), 2);
}

#[test]
fn imports_rule_sets_of_2011() {
    let rules = b"sys_read: fd == 0\nsys_exit: 1\nsys_read: count < 10 || count > 20\n";
    let import = |more: &[&str]| {
        let output = with_input(&[&["import", "ftrace-2011", "-"], more].concat(), rules);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    let policy = import(&["--arch", "x86_64"]);
    assert!(policy.contains("allow read if fd == 0 && (count < 10 || count > 20)\n"), "{policy}");
    let compiled = with_input(&["check", "-"], policy.as_bytes());
    assert_eq!(status(&compiled), 0, "{}", stderr(&compiled));
    let events = import(&["--arch", "x86_64", "--to", "events", "--join", "any"]);
    assert!(events.contains("event syscalls:sys_enter_exit\n"), "{events}");
    assert!(events.contains("read if fd == 0 || (count < 10 || count > 20)\n"), "{events}");
}
