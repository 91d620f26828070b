#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;

use super::*;

/// A crate's folder with two ABIs and the curated files of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let texts = [
            ("tables/MANIFEST", "# rows\nkernel\t7.3\ngroups\t9\nforms\t3\n"),
            (
                "tables/syscalls/a.tsv",
                "0\tread\tsys_read\tread/1\tok\t9.9\n1\tgone\tsys_gone\t-\tni\t-\n2\tipc\tsys_ipc\tipc/1\tok\t-\n",
            ),
            (
                "tables/syscalls/b.tsv",
                "0\tread\tsys_read\tread/1\tok\t-\n1\tipc\tsys_ipc\tipc/1\tok\t-\n2\thalf\tsys_half\t-\tni\t-\n3\tmux\tsys_mux\t-\tni\t-\n",
            ),
            (
                "curated/groups.tsv",
                "# a comment\nall\tAll of them\t@io half\tx\nall\t-\tipc\tx\nio\tReading\tread\tx\nobsolete\tGone\t!unimplemented\tx\n",
            ),
            (
                "curated/multiplexers.tsv",
                "ipc\t*\t0xffff\tx\nipc\tb\t0xffffffff\tx\nmux\t*\t0xff\tx\n",
            ),
            ("curated/subcalls.tsv", "ipc\thalf\t7\tx\nmux\thalf\t1\tx\n"),
            ("curated/aliases.tsv", "zread\tread\tsomebody\tx\nlire\tread\tsomebody\tx\n"),
            ("curated/families.tsv", "f\tReading\tread\tipc\tx\n"),
            ("curated/memory.tsv", "ipc\t*\tptr\tkey\tthere\tx\n"),
            (
                "curated/since.tsv",
                "*\tb\t4.0\tx\nread\t*\t2.4.18\tx\nread\ta\t3.2\tx\nipc\tb\t5.1\tx\n",
            ),
        ];
        for (name, text) in texts {
            folder.put(name, text);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn table(&self, name: &str) -> String {
        fs::read_to_string(self.path().join("tables").join(name)).unwrap()
    }

    fn fails(&self) -> String {
        write(self.path()).unwrap_err().to_string()
    }
}

#[test]
fn tables_of_names() {
    let folder = Folder::new();
    write(folder.path()).unwrap();
    assert_eq!(
        folder.table("groups.tsv"),
        "all\tAll of them\thalf ipc read\nio\tReading\tread\nobsolete\tGone\tgone half mux\n"
    );
    // b's mask is its own, and its mux leads nowhere.
    let carried = "a\thalf\tipc\t0xffff\t7\nb\thalf\tipc\t0xffffffff\t7\n";
    assert_eq!(folder.table("subcalls.tsv"), carried);
    assert_eq!(folder.table("aliases.tsv"), "lire\tread\tsomebody\nzread\tread\tsomebody\n");
    assert_eq!(folder.table("families.tsv"), "f\tReading\tread\tipc\n");
    assert_eq!(folder.table("memory.tsv"), "ipc\t*\tptr\tkey\tthere\n");
    let manifest = "# rows\nkernel\t7.3\ngroups\t3\nforms\t3\naliases\t2\nfamilies\t1\nmemory\t1\nsubcalls\t2\n";
    assert_eq!(folder.table("MANIFEST"), manifest);
    // What is written twice is written the same.
    write(folder.path()).unwrap();
    assert_eq!(folder.table("MANIFEST"), manifest);
}

#[test]
fn versions() {
    let folder = Folder::new();
    write(folder.path()).unwrap();
    let versions = |table: &str| {
        let text = folder.table(table);
        text.lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(versions("syscalls/a.tsv"), ["3.2", "-", "-"]);
    // Nothing on b is older than b.
    assert_eq!(versions("syscalls/b.tsv"), ["4.0", "5.1", "4.0", "4.0"]);
}

#[test]
fn faults_name_their_line() {
    let folder = Folder::new();
    folder.put("curated/groups.tsv", "g\tG\tread\tx\ng\t-\tnothing\tx\n");
    assert!(folder.fails().ends_with("groups.tsv:2: nothing: no ABI has that call"));
    folder.put("curated/groups.tsv", "g\tG\t@h\tx\nh\tH\t@g\tx\n");
    assert!(folder.fails().ends_with("groups.tsv:2: @g: no such group, or in a circle"));
    folder.put("curated/groups.tsv", "g\tG\t@h\tx\n");
    assert!(folder.fails().ends_with("groups.tsv:1: @h: no such group, or in a circle"));
    let folder = Folder::new();
    folder.put("curated/multiplexers.tsv", "");
    assert!(folder.fails().ends_with("multiplexers.tsv has no mask for ipc of a"));
    let folder = Folder::new();
    folder.put("curated/since.tsv", "read\t*\tnew\tx\n");
    assert!(folder.fails().ends_with("since.tsv:1: no version"));
    folder.put("curated/since.tsv", "read\ta,b\t1.0\tx\nread\tb\t1.2\tx\n");
    assert!(folder.fails().ends_with("since.tsv:2: a second row for b"));
}
