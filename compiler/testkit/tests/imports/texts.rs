//! The policies that our own files become, as texts: `expected` beside them. `FILTERC_BLESS=1` writes
//! them anew.

use std::path::Path;
use std::{env, fs};

use filterc_abi::Abi;
use filterc_grammar::source::FileId;
use filterc_grammar::{parser, print};
use filterc_import::{
    Imported, Target, bionic, kafel, kubernetes, lxc, minijail, oci, seccompiler, systemd,
};
use filterc_testkit::corpus;

use super::{Beside, host, own};

fn target(abi: &'static Abi, path: &Path) -> Target {
    let source = path.file_name().unwrap().to_string_lossy().into_owned();
    Target { source, ..Target::new(abi) }
}

/// All imports: form, name, what it becomes.
fn all(abi: &'static Abi) -> Vec<(&'static str, String, Imported)> {
    let mut found = Vec::new();
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    for path in own("minijail", "policy") {
        let options = minijail::Options::new(target(abi, &path));
        let text = corpus::text(&path);
        let policy = minijail::import(FileId(0), &text, &options, &mut Beside::new(&path)).unwrap();
        found.push(("minijail", stem(&path), policy));
    }
    for path in own("kafel", "kafel") {
        let (text, target) = (corpus::text(&path), target(abi, &path));
        let policy = kafel::import(FileId(0), &text, &target, &mut Beside::new(&path)).unwrap();
        found.push(("kafel", stem(&path), policy));
    }
    for path in own("seccompiler", "json") {
        for filter in ["main", "idle"] {
            let filter_option = Some(filter.to_owned());
            let options =
                seccompiler::Options { target: target(abi, &path), filter: filter_option };
            let policy = seccompiler::import(FileId(0), &corpus::text(&path), &options).unwrap();
            found.push(("seccompiler", format!("{}-{filter}", stem(&path)), policy));
        }
    }
    for path in own("systemd", "service").into_iter().chain(own("systemd", "conf")) {
        let options = systemd::Options { target: target(abi, &path), sets: None };
        let policy = systemd::import(FileId(0), &corpus::text(&path), &options).unwrap();
        found.push(("systemd", stem(&path), policy));
    }
    for path in own("lxc", "conf") {
        let policy = lxc::import(FileId(0), &corpus::text(&path), &target(abi, &path)).unwrap();
        found.push(("lxc", stem(&path), policy));
    }
    for path in own("kubernetes", "yaml") {
        let mut oci = oci::Options::new(abi);
        oci.source = target(abi, &path).source;
        oci.enosys = oci::Enosys::ByNumber;
        let options = kubernetes::Options { oci, profile: Some("web".to_owned()) };
        let policy = kubernetes::import(FileId(0), &corpus::text(&path), &options).unwrap();
        found.push(("kubernetes", stem(&path), policy));
    }
    let texts: Vec<_> = own("bionic", "TXT")
        .iter()
        .map(|path| (bionic::Role::of_name(&target(abi, path).source), corpus::text(path)))
        .collect();
    let lists: Vec<bionic::List<'_>> = texts
        .iter()
        .map(|(role, text)| bionic::List { file: FileId(0), text, role: *role })
        .collect();
    let options = bionic::Options { target: Target::new(abi), secondary: true };
    found.push(("bionic", "lists".to_owned(), bionic::import(&lists, &options).unwrap()));
    found
}

#[test]
fn files_become_these_policies() {
    let mut wrong = Vec::new();
    for (format, name, imported) in all(host("x86_64")) {
        let text = imported.document.to_text();
        assert_eq!(print::format(&text).as_ref(), Ok(&text), "{name} is formatted");
        let parsed = parser::parse(FileId(0), &text);
        assert!(parsed.diagnostics.is_empty(), "{name}: {:?}", parsed.diagnostics);
        assert_eq!(print::file(&parsed.file), print::file(&imported.document.file()), "{name}");
        let folder = corpus::folder(&format!("import/{format}/expected"));
        let expected = folder.join(format!("{name}.flt"));
        if env::var_os("FILTERC_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&expected, &text).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&text) {
            wrong.push(format!("{}:\n{text}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected (FILTERC_BLESS=1):\n{}", wrong.join("\n"));
}
