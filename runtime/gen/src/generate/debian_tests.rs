//! Reading what apt prints; and the real archive, where it can be reached.

use super::*;

#[test]
fn the_highest_version_is_the_newest() {
    let names = "linux-source-6.12\nlinux-source-7.3\nlinux-source-7.10\nlinux-source-x\n";
    assert_eq!(newest(names).as_deref(), Some("linux-source-7.10"));
    assert_eq!(newest("linux-source\n"), None);
}

#[test]
fn the_mirror_is_debians_own() {
    let listed = "||http://elsewhere/\nDebian|Debian-Security|http://mirror/security/\n\
                  Debian|Debian|http://mirror/debian/\nDebian|Debian|http://other/\n";
    assert_eq!(mirror(listed).as_deref(), Some("http://mirror/debian/"));
    assert_eq!(mirror("Other|Other|http://x/\n"), None);
}

#[test]
fn records_have_version_and_hash() {
    let sum = "ab".repeat(32);
    let text = format!(
        "Package: p\nVersion: 2-1\nDescription: x\n Version: y\nSHA256: {sum}\n\n\
         Package: p\nVersion: 1-1\nSHA256: {sum}\n\nPackage: q\nVersion: 3\nSHA256: short\n"
    );
    let found = packages(&text);
    let versions: Vec<&str> = found.iter().map(|package| package.version.as_str()).collect();
    assert_eq!(versions, ["2-1", "1-1"]);
    assert_eq!(found[0].sha256, sum);
}

#[test]
fn a_missing_program_is_told() {
    let error = output(&mut Command::new("no-such-program-here")).unwrap_err().to_string();
    assert!(error.starts_with("no-such-program-here: "), "{error}");
    let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
    assert!(error.to_string().ends_with("why"), "{error}");
}

#[test]
fn the_archive_has_a_kernel() {
    let skip = |why: &str| println!("skipped: {why}");
    let Ok(mirror) = system_mirror() else { return skip("no apt that knows Debian") };
    let wanted = Wanted {
        mirror: Some(mirror),
        suites: vec!["trixie".to_owned(), "trixie-backports".to_owned()],
        keyring: PathBuf::from("/usr/share/keyrings/debian-archive-keyring.gpg"),
        old: "linux-source-6.12".to_owned(),
    };
    if !wanted.keyring.exists() {
        return skip("no keys of the archive");
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = match Root::create(scratch.path(), &wanted) {
        Ok(root) => root,
        Err(error) => return skip(&format!("the archive cannot be reached: {error}")),
    };
    let name = newest(&root.apt_cache(&["pkgnames", "linux-source-"]).unwrap()).unwrap();
    let source = root.package(&name, None).unwrap();
    assert_eq!(root.package("linux-libc-dev", Some(&source.version)).unwrap().sha256.len(), 64);
    assert!(root.package(&wanted.old, None).is_ok());
    let error = root.package("linux-libc-dev", Some("0-0")).unwrap_err().to_string();
    assert_eq!(error, "the archive has no linux-libc-dev of 0-0");
}
