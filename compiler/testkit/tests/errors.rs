//! Every file under `corpus/errors`: what the compiler says about it, as a person sees it.
//! Dropping a file in is all it takes; its name begins with the code that it is about.

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

use std::path::Path;

use filterc::{Source, Target, compile, compile_module, render};
use filterc_ebpf::{MapKind, MapSpec};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, SourceFile, SourceMap};
use filterc_import::{
    Imported, NoIncludes, bionic, ftrace2011, kafel, kubernetes, lxc, minijail, oci, seccompiler,
    systemd,
};
use filterc_testkit::corpus;

/// The diagnostics of one file, with paths as seen from the corpus folder.
fn rendered(path: &Path) -> (String, Vec<&'static str>) {
    let source = Source::read(path).unwrap();
    let mut options = corpus::options();
    options.include_paths = vec![corpus::folder("errors").join("include")];
    // The first line says which programs a policy is for, if not filters.
    options.target = match source.contents().lines().next() {
        Some("# for tracepoints") => Target::TracepointBtf,
        Some("# for objects") => Target::Lsm,
        Some("# for monitors") => Target::Monitor,
        Some(_) | None => Target::Seccomp,
    };
    let (sources, list) = match options.target {
        Target::Seccomp | Target::Monitor => match compile(&source, &options) {
            Ok(compiled) => (compiled.sources().clone(), compiled.warnings().to_vec()),
            Err(diagnostics) => (diagnostics.sources, diagnostics.list),
        },
        _ => match compile_module(&source, &options) {
            Ok(compiled) => (compiled.sources().clone(), compiled.warnings().to_vec()),
            Err(diagnostics) => (diagnostics.sources, diagnostics.list),
        },
    };
    let text = render::text(&sources, &list, render::Style::Plain);
    let folder = format!("{}/", corpus::root().display());
    (text.replace(&folder, ""), list.iter().map(|diagnostic| diagnostic.code.0).collect())
}

#[test]
fn policies_with_errors() {
    insta::glob!("../../../corpus/errors", "*.flt", |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (text, codes) = rendered(path);
        assert!(codes.contains(&&name[..5]), "{name} does not show its code, but {codes:?}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/errors/expected" }, {
            insta::assert_snapshot!(text);
        });
    });
}

/// What an importer says about a file of the corpus that is at fault.
fn refused<T>(path: &Path, import: impl Fn(FileId, &str) -> Result<T, Vec<Diagnostic>>) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut sources = SourceMap::default();
    let text = corpus::text(path);
    let file = SourceFile {
        name: format!("corpus/errors/{name}"),
        text: text.clone(),
        included_from: None,
    };
    let id = sources.add(file);
    let Err(list) = import(id, &text) else { panic!("{name} has no fault") };
    let codes: Vec<&str> = list.iter().map(|diagnostic| diagnostic.code.0).collect();
    assert!(codes.contains(&&name[..5]), "{name} does not show its code, but {codes:?}");
    render::text(&sources, &list, render::Style::Plain)
}

#[test]
fn profiles_with_errors() {
    insta::glob!("../../../corpus/errors", "*.json", |path| {
        let options = oci::Options::new(filterc_abi::x86_64());
        let text = refused(path, |id, text| oci::import(id, text, &options));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/errors/expected" }, {
            insta::assert_snapshot!(text);
        });
    });
}

#[test]
fn rule_sets_with_errors() {
    insta::glob!("../../../corpus/errors", "*.rules", |path| {
        let options = ftrace2011::Options {
            abi: filterc_abi::x86_64(),
            join: ftrace2011::Join::All,
            form: ftrace2011::Form::Policy,
        };
        let text = refused(path, |id, text| ftrace2011::import(id, text, &options));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/errors/expected" }, {
            insta::assert_snapshot!(text);
        });
    });
}

/// A policy of another form, by the end of its name.
fn foreign(end: &str, file: FileId, text: &str) -> Result<Imported, Vec<Diagnostic>> {
    let target = filterc_import::Target::new(filterc_abi::x86_64());
    match end {
        "minijail" => {
            minijail::import(file, text, &minijail::Options::new(target), &mut NoIncludes)
        }
        "kafel" => kafel::import(file, text, &target, &mut NoIncludes),
        "threads" => {
            seccompiler::import(file, text, &seccompiler::Options { target, filter: None })
        }
        "unit" => systemd::import(file, text, &systemd::Options { target, sets: None }),
        "lxc" => lxc::import(file, text, &target),
        "bionic" => {
            let list = bionic::List { file, text, role: bionic::Role::Base };
            bionic::import(&[list], &bionic::Options { target, secondary: false })
        }
        "yaml" => {
            let oci = oci::Options::new(target.abi);
            kubernetes::import(file, text, &kubernetes::Options { oci, profile: None })
        }
        other => panic!("{other}"),
    }
}

#[test]
fn foreign_policies_with_errors() {
    insta::glob!(
        "../../../corpus/errors",
        "*.{minijail,kafel,threads,unit,lxc,bionic,yaml}",
        |path| {
            let end = path.extension().unwrap().to_string_lossy().into_owned();
            let text = refused(path, |id, text| foreign(&end, id, text));
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
                snapshot_path => "../../../corpus/errors/expected" }, {
                insta::assert_snapshot!(text);
            });
        }
    );
}

#[test]
fn profiles_of_calls_with_errors() {
    insta::glob!("../../../corpus/errors", "*.profile", |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = filterc::Profile::read(&format!("corpus/errors/{name}"), &corpus::text(path));
        let found = found.map_or_else(|errors| errors, |(_, warnings)| warnings);
        let codes: Vec<&str> = found.list.iter().map(|diagnostic| diagnostic.code.0).collect();
        assert!(codes.contains(&&name[..5]), "{name} does not show its code, but {codes:?}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/errors/expected" }, {
            insta::assert_snapshot!(found.to_string());
        });
    });
}

/// What is wrong with a program of classic BPF.
fn classic(text: &str) -> Option<(&'static str, String)> {
    match filterc_cbpf::assemble(text) {
        Ok(program) => {
            filterc_cbpf::verify(&program).err().map(|error| (error.code(), error.to_string()))
        }
        Err(error) => Some((error.code(), error.to_string())),
    }
}

/// What is wrong with a program of eBPF that has a map of each kind and returns 0 or 1.
fn extended(text: &str) -> Option<(&'static str, String)> {
    let map = |kind, (key_size, value_size, max_entries)| MapSpec {
        kind,
        key_size,
        value_size,
        max_entries,
    };
    let maps = [
        map(MapKind::Hash, (4, 16, 8)),
        map(MapKind::Array, (4, 16, 4)),
        map(MapKind::Ringbuf, (0, 0, 4096)),
        map(MapKind::TaskStorage, (4, 8, 0)),
    ];
    let target =
        filterc_ebpf::Target { maps: &maps, returns: (0, 1), ..filterc_ebpf::Target::SYSCALL };
    match filterc_ebpf::assemble(text) {
        Ok(program) => filterc_ebpf::verify(&program, &target)
            .err()
            .map(|error| (error.code(), error.to_string())),
        Err(error) => Some((error.code(), error.to_string())),
    }
}

#[test]
fn programs_with_errors() {
    insta::glob!("../../../corpus/errors", "*.asm", |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = corpus::text(path);
        let is_extended = name.contains("-ebpf-");
        let found = if is_extended { extended(&text) } else { classic(&text) };
        let (code, text) = found.unwrap_or_else(|| panic!("{name} is a valid program"));
        assert_eq!(code, &name[..5], "{name}: {text}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false,
            snapshot_path => "../../../corpus/errors/expected" }, {
            insta::assert_snapshot!(text);
        });
    });
}
