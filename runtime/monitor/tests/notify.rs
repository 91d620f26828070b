//! Live commands under the supervisor of notifications.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod live;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use filterc_abi::Action;
use live::{OPEN, available, place, prepare, refuse, run};

#[test]
fn becomes_the_command() {
    live::become_command();
}

/// All but one folder may be opened.
fn all_but(folder: &str) -> String {
    let pattern = format!("{folder}/secret/*");
    let rules = refuse("EPERM", &["open", "openat", "openat2"], "filename", &pattern);
    format!("default allow\n{rules}{}", refuse("EPERM", &["creat"], "pathname", &pattern))
}

#[test]
fn files_are_opened_by_what_they_are_not_by_how_they_are_spelled() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    fs::create_dir(base.join("secret")).unwrap();
    fs::create_dir(base.join("open")).unwrap();
    fs::write(base.join("secret/f"), "secret\n").unwrap();
    fs::write(base.join("open/f"), "open\n").unwrap();
    symlink("../secret/f", base.join("open/link")).unwrap();
    symlink("secret", base.join("folder")).unwrap();
    let script = "
        for path in secret/f ./secret/../secret//f open/link folder/f /proc/self/cwd/secret/f \
            /proc/self/root/$PWD/secret/f open/f secret/../open/f /dev/fd/../cwd/open/f; do
            cat $path 2>&1
        done
        exec 5<open/f; cat /dev/fd/5; cat /dev/stdin < open/f
        (cd secret; cat f 2>&1)
        echo made > open/new; cat open/new
        echo made > secret/new || echo refused
        (umask 027; : > open/masked; stat -c %a open/masked)
        cat missing 2>&1; cat secret/missing/x 2>&1; cat open/f/ 2>&1";
    let policy = all_but(base.to_str().unwrap());
    let result = run(&policy, OPEN, &["/bin/sh", "-c", script], &base);
    let refused = |path: &str| format!("cat: {path}: Operation not permitted");
    let own = base.to_str().unwrap();
    let mut expected = vec![
        refused("secret/f"),
        refused("./secret/../secret//f"),
        refused("open/link"),
        refused("folder/f"),
        refused("/proc/self/cwd/secret/f"),
        refused(&format!("/proc/self/root/{own}/secret/f")),
    ];
    expected.extend(["open"; 5].map(str::to_owned));
    expected.push(refused("f"));
    expected.extend(["made", "refused", "640"].map(str::to_owned));
    expected.push("cat: missing: No such file or directory".into());
    expected.push(refused("secret/missing/x"));
    expected.push("cat: open/f/: Not a directory".into());
    let lines: Vec<&str> = result.output.lines().collect();
    assert_eq!(lines, expected, "{}", result.output);
    assert!(!base.join("secret/new").exists());
    assert!(result.actions().contains(&Action::Errno(1).to_ret()));
}

#[test]
fn entries_are_made_removed_and_renamed_as_the_kernel_would() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    fs::create_dir(base.join("keep")).unwrap();
    fs::write(base.join("keep/f"), "x").unwrap();
    let calls = [
        "unlink",
        "unlinkat",
        "rmdir",
        "mkdir",
        "mkdirat",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "chmod",
        "fchmodat",
        "chown",
        "lchown",
        "fchownat",
        "truncate",
    ];
    let keep = format!("{}/keep/*", base.display());
    let rules: String = [
        (&["unlink", "rmdir", "mkdir", "unlinkat", "mkdirat"][..], "pathname"),
        (&["rename", "renameat", "renameat2", "link", "linkat"], "oldname"),
        (&["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"], "newname"),
        (&["chmod", "fchmodat", "chown", "lchown", "fchownat"], "filename"),
        (&["truncate"], "path"),
    ]
    .map(|(calls, name)| refuse("EACCES", calls, name, &keep))
    .concat();
    let script = r#"
import os
def do(what):
    try:
        print(what() or "done")
    except OSError as error:
        print(error.strerror)
os.umask(0o022)
for where in ["free", "keep"]:
    do(lambda: os.mkdir("free", 0o777))
    do(lambda: os.mkdir(where + "/../" + where + "/d", 0o777))
    do(lambda: oct(os.stat(where + "/d").st_mode))
    do(lambda: os.mkdir(where + "/d/.."))
    do(lambda: os.symlink("f", where + "/s"))
    do(lambda: os.link("keep/f" if where == "keep" else "g", where + "/l"))
    do(lambda: os.chmod(where + "/l", 0o600))
    do(lambda: os.lchown(where + "/s", 0, 0))
    do(lambda: os.truncate(where + "/l", 1))
    do(lambda: os.rename(where + "/l", where + "/m"))
    do(lambda: os.unlink(where + "/m"))
    do(lambda: os.unlink(where + "/d"))
    do(lambda: os.unlink(where + "/none"))
    do(lambda: os.rmdir(where + "/."))
    do(lambda: os.rmdir(where + "/d/"))
    do(lambda: os.rmdir("/"))
"#;
    fs::write(base.join("g"), "abc").unwrap();
    let policy = format!("default allow\n{rules}");
    let result = run(&policy, &calls, &["python3", "-c", script], &base);
    // What happens where nobody is asked.
    let (_guard, other) = place();
    fs::create_dir(other.join("keep")).unwrap();
    fs::write(other.join("keep/f"), "x").unwrap();
    fs::write(other.join("g"), "abc").unwrap();
    let alone = run("default allow", &[], &["python3", "-c", script], &other);
    let free: Vec<&str> = alone.output.lines().take(16).collect();
    let lines: Vec<&str> = result.output.lines().collect();
    let refused = "Permission denied";
    let missing = "No such file or directory";
    let keep = [
        "File exists",
        refused,
        missing,
        refused,
        refused,
        refused,
        refused,
        refused,
        refused,
        refused,
        refused,
        refused,
        refused,
        "Invalid argument",
        refused,
        "Device or resource busy",
    ];
    assert_eq!(lines, [free, keep.to_vec()].concat(), "{}", result.output);
    assert!(base.join("keep/f").exists() && fs::read_dir(base.join("keep")).unwrap().count() == 1);
}

#[test]
fn memory_that_is_not_there_is_the_callers_fault() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    let script = r#"
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    ctypes.set_errno(0)
    result = libc.syscall(*args)
    print(result if result < 0 else "ok", ctypes.get_errno())
for address in [0, 1, 2**47 - 4096, 2**64 - 1]:
    call(257, -100, ctypes.c_void_p(address), 0, 0)
call(257, -100, b"x" * 4096, 0, 0)
call(257, -100, b"/" * 4095, 0, 0)
call(257, -100, b"/" + b"x" * 256, 0, 0)
call(257, -100, b"x" * (1 << 26), 0, 0)
call(257, -100, b"", 0, 0)
call(257, 99, b"x", 0, 0)
call(437, -100, b"/", ctypes.c_void_p(0), 24)
call(437, -100, b"/", (ctypes.c_ulong * 3)(), 23)
call(437, -100, b"/", (ctypes.c_ulong * 3)(), ctypes.c_ulong(2**40))
call(437, -100, b"/", (ctypes.c_ulong * 4)(0, 0, 0, 1), 32)
call(437, -100, b"/", (ctypes.c_ulong * 4)(0, 0, 0, 0), 32)
call(437, -100, b"/", (ctypes.c_ulong * 3)(0, 0o777, 0), 24)
"#;
    let policy = all_but("/nowhere");
    let result = run(&policy, &["openat", "openat2"], &["python3", "-c", script], &base);
    let (fault, long, none) = ("-1 14", "-1 36", "-1 2");
    let expected = [
        fault, fault, fault, fault, long, "ok 0", long, long, none, "-1 9", fault, "-1 22", "-1 7",
        "-1 7", "ok 0", "-1 22",
    ];
    assert_eq!(result.output.lines().collect::<Vec<_>>(), expected, "{}", result.output);
}

#[test]
fn killed_commands_learn_nothing() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    fs::write(base.join("f"), "x\n").unwrap();
    let policy =
        format!("default allow\nkill_process openat if filename == \"{}/f\"", base.display());
    let script = "cat g; cat f; echo $?";
    let result = run(&policy, OPEN, &["/bin/sh", "-c", script], &base);
    assert_eq!(result.output, "137\n", "{}", result.output);
}

#[test]
fn what_blocks_keeps_nobody_else_waiting() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    // Sixteen readers of FIFOs that nobody writes, and one that somebody does; the others are killed.
    let script = "
        mkfifo a b
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat a & done
        (cat b; echo read) & reader=$!
        sleep 0.3; echo written > b; wait $reader; kill $(jobs -p); wait; echo end";
    let result = run(&all_but("/nowhere"), OPEN, &["/bin/bash", "-c", script], &base);
    assert_eq!(result.output, "written\nread\nend\n", "{}", result.output);
}

#[test]
fn sockets_are_connected_and_bound_on_the_address_that_was_judged() {
    if !available() {
        return;
    }
    let (_guard, base) = place();
    let script = r#"
import os, socket
def do(what):
    try:
        what()
        print("done")
    except OSError as error:
        print(error.strerror)
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
port = listener.getsockname()[1]
do(lambda: socket.create_connection(("127.0.0.1", port)))
do(lambda: socket.create_connection(("127.0.0.2", port)))
do(lambda: socket.create_connection(("127.0.0.1", 1)))
server = socket.socket(socket.AF_UNIX); os.mkdir("d"); os.umask(0o077)
do(lambda: server.bind("d/../d/s")); server.listen()
print(oct(os.stat("d/s").st_mode & 0o777))
do(lambda: server.bind("d/s"))
do(lambda: socket.socket(socket.AF_UNIX).connect(os.getcwd() + "/d/s"))
do(lambda: socket.socket(socket.AF_UNIX).connect("none"))
do(lambda: socket.socket(socket.AF_UNIX).connect("\0none"))
"#;
    let policy = "default allow\nerrno(ENETDOWN) connect if addr.ip == \"127.0.0.2\"\n\
                  errno(EPERM) bind if addr.port == 7";
    let result = run(policy, &["connect", "bind"], &["python3", "-c", script], &base);
    let expected = [
        "done",
        "Network is down",
        "Connection refused",
        "done",
        "0o700",
        "Address already in use",
        "done",
        "No such file or directory",
        "Connection refused",
    ];
    assert_eq!(result.output.lines().collect::<Vec<_>>(), expected, "{}", result.output);
}

#[test]
fn others_are_served_with_their_own_rights() {
    if !available() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: not root");
        return;
    }
    let (_guard, base) = place();
    fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(base.join("mine"), "x").unwrap();
    fs::set_permissions(base.join("mine"), fs::Permissions::from_mode(0o600)).unwrap();
    let script =
        "cat mine 2>&1; : > new; stat -c %u new; cat /etc/shadow 2>&1; cat /proc/1/mem 2>&1";
    let exe = std::env::current_exe().unwrap();
    let reachable = std::process::Command::new("setpriv")
        .args(["--reuid", "12345", "--clear-groups", "test", "-x"])
        .arg(&exe)
        .status();
    if !reachable.is_ok_and(|status| status.success()) {
        println!("skipped: the test program is out of reach for other users");
        return;
    }
    let command = ["/bin/sh", "-c", script];
    let result = prepare(OPEN, &command, &base, Some(12345)).run(&all_but("/nowhere"), |_| {});
    let lines: Vec<&str> = result.output.lines().collect();
    let refused = |path: &str| format!("cat: {path}: Permission denied");
    assert_eq!(
        lines,
        [refused("mine"), "12345".into(), refused("/etc/shadow"), refused("/proc/1/mem")],
        "{}",
        result.output
    );
}
