//! The page about a policy: what is on it, and that nothing on it is anything but text.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says what it skipped"
)]

mod tool;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tool::{filterc, folder};

/// A name that is dangerous where it is taken for something else than text.
const NAME: &str = "<script>alert('1')&amp;\".flt";

const POLICY: &str = "arch x86_64
default errno(EPERM)  # <img src=x onerror=alert(1)>
allow read, write, exit, exit_group, rt_sigreturn, restart_syscall
allow dup if fildes < 3
allow dup if fildes == 1  # </pre><script>alert(2)</script>
kill_process ptrace
";

const BASE: &str = "arch x86_64
default errno(EPERM)
allow read, write, exit, exit_group, rt_sigreturn, restart_syscall, dup, getpid
";

fn page(name: &str) -> (String, PathBuf) {
    let folder = folder(name);
    let (policy, base) = (folder.join(NAME.replace('/', "")), folder.join("base.flt"));
    fs::write(&policy, POLICY).unwrap();
    fs::write(&base, BASE).unwrap();
    let out = folder.join("page.html");
    let args = [&policy, &base, &out].map(|path| path.to_str().unwrap().to_owned());
    let output = filterc(&["report", &args[0], "--base", &args[1], "-o", &args[2]]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    (fs::read_to_string(&out).unwrap(), out)
}

/// Elements that are open at the end, after a walk over all tags.
fn open(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.split([' ', '\n']).next().unwrap().to_owned();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
            None if ["!DOCTYPE", "meta", "br"].contains(&name.as_str()) || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    open
}

#[test]
fn a_page_says_what_a_policy_does() {
    let (page, _) = page("report-content");
    for text in [
        "<dt>ABIs</dt><dd>x86_64</dd>",
        "proved to decide what the policy says, for every call",
        "<td class=\"through\">allow</td><td><code>dup</code></td><td>fildes is at most 2<br>\
         <code>fildes &lt;= 2</code></td>",
        "<dt>Calls that no row decides</dt><dd>errno(EPERM)</dd>",
        "<h2>What is told apart on little-endian machines</h2>",
        "<rect class=\"fg-box fg-calls\"",
        "<td class=\"refused\">kill_process</td><td><code>ptrace</code></td><td>always</td>",
        "F0301",
        "now refused\n  errno(EPERM) -&gt; kill_process\n    ptrace on x86_64",
        "  allow -&gt; errno(EPERM)\n    getpid on x86_64",
        "bitmap",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(open(&page).is_empty());
}

#[test]
fn what_others_wrote_is_text() {
    let (page, _) = page("report-escaped");
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&amp;amp;&quot;.flt"), "{page}");
    for danger in ["<script", "<img", "http:", "https:", "javascript:", " src=\"", " href="] {
        assert!(!page.contains(danger), "{danger}\n{page}");
    }
}

/// A policy of a container runtime is read as anywhere else; programs are none.
#[test]
fn policies_of_other_forms_have_pages() {
    let folder = folder("report-forms");
    let (policy, program) = (folder.join("p.json"), folder.join("p.bpf"));
    let text = "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \
                \"syscalls\": [{ \"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\" }] }";
    fs::write(&policy, text).unwrap();
    let output = filterc(&["report", policy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.contains("<td><code>read</code></td>"), "{page}");
    fs::write(&program, 0x7fff_0000_0000_0006_u64.to_le_bytes()).unwrap();
    let output = filterc(&["report", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("filterc lift"), "{output:?}");
}

#[test]
fn a_policy_that_is_wrong_has_no_page() {
    let folder = folder("report-wrong");
    let (policy, out) = (folder.join("wrong.flt"), folder.join("page.html"));
    fs::write(&policy, "arch x86_64\nallow no_such_call\n").unwrap();
    let output = filterc(&["report", policy.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!out.exists());
}

/// A browser reads the page as it was meant: the title is the name, and it has all rows.
#[test]
fn a_browser_shows_it() {
    let (page, path) = page("report-browser");
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    let data = format!("--user-data-dir={}", folder("report-browser/profile").display());
    let address = format!("file://{}", path.display());
    let output = match browser.args([&data, &address]).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => output,
        other => {
            println!("skipped: no chromium runs here: {:?}", other.map(|it| it.status));
            return;
        }
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(!shown.contains("<script"), "{shown}");
    let rows = |text: &str| text.matches("<tr>").count();
    assert_eq!(rows(&shown), rows(&page));
    assert!(shown.contains("<title>") && shown.contains("&lt;script&gt;"), "{shown}");
}
