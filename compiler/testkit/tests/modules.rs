//! Modules of a crate use each other in one direction only. The compiler does not mind circles;
//! whoever reads does.
//!
//! Paths that begin with `crate`, `super` or `self` are followed, and those of a module to its
//! own children; the root of a crate, which names all of them, is left out, and so are tests.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use filterc_testkit::corpus::root;

/// A module by its path below the crate; the root is empty.
type Module = Vec<String>;

/// Source files below a folder, with their modules.
fn modules(src: &Path, folder: &Path, found: &mut BTreeMap<Module, PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            modules(src, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(src).unwrap().with_extension("");
            let parts = below.iter().map(|part| part.to_str().unwrap().to_owned());
            let mut module: Module = parts.collect();
            if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
                module.pop();
            }
            if !module.last().is_some_and(|last| last.ends_with("tests")) {
                found.insert(module, path);
            }
        }
    }
}

/// The text without comments and without the tests that end it.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let parts: Vec<&str> = text.split("#[cfg(test)]").collect();
    let is_module = |part: &&str| {
        part.lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("#["))
            .is_some_and(|line| line.starts_with("mod ") || line.starts_with("pub(crate) mod "))
    };
    let end = parts.iter().skip(1).position(is_module).map_or(parts.len(), |i| i + 1);
    parts[..end].concat()
}

/// The paths of a `use` tree.
fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let names = |text: &str| -> Vec<String> {
        text.split("::").map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect()
    };
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        paths.push([before, &names(path)].concat());
        return;
    };
    let before = [before, &names(head)].concat();
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut begin) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = inner[begin..at].trim();
                if !item.is_empty() {
                    expand(&before, item, paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths of a text, those of `use` among them.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    for start in ["crate", "super", "self"] {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            if code[..at].chars().next_back().is_some_and(is_name) {
                continue;
            }
            let rest = &code[at..];
            if code[..at].trim_end().ends_with("use") {
                expand(&[], rest.split(';').next().unwrap(), &mut paths);
            } else {
                let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
                expand(&[], &rest[..end], &mut paths);
            }
        }
    }
    paths
}

/// The modules that a module uses.
fn used(module: &Module, path: &Path, all: &BTreeMap<Module, PathBuf>) -> BTreeSet<Module> {
    let code = code(&std::fs::read_to_string(path).unwrap());
    let mut used = BTreeSet::new();
    for path in paths(&code) {
        let mut target = if path[0] == "crate" { Vec::new() } else { module.clone() };
        let mut names = path.iter().skip(usize::from(path[0] != "super")).peekable();
        while names.next_if(|name| *name == "super").is_some() {
            target.pop();
        }
        for name in names {
            target.push(name.clone());
            if !all.contains_key(&target) {
                target.pop();
                break;
            }
        }
        used.insert(target);
    }
    let is_child = |other: &&Module| other.len() == module.len() + 1 && other.starts_with(module);
    for child in all.keys().filter(is_child) {
        let name = format!("{}::", child.last().unwrap());
        let mut places = code.match_indices(&name).map(|(at, _)| code[..at].chars().next_back());
        if places.any(|before| before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':'))
        {
            used.insert(child.clone());
        }
    }
    used.remove(module);
    used.remove(&Vec::new());
    used
}

/// What is left when modules that use nothing that is left are taken away, again and again, and
/// so those that nothing that is left uses: circles, and what stands between them.
fn circles(src: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut all = BTreeMap::new();
    modules(src, src, &mut all);
    let not_root = all.iter().filter(|(module, _)| !module.is_empty());
    let mut left: BTreeMap<Module, BTreeSet<Module>> =
        not_root.map(|(module, path)| (module.clone(), used(module, path, &all))).collect();
    loop {
        let before = left.len();
        left.retain(|_, uses| !uses.is_empty());
        let users: BTreeSet<Module> = left.values().flatten().cloned().collect();
        left.retain(|module, _| users.contains(module));
        let still: BTreeSet<Module> = left.keys().cloned().collect();
        left.values_mut().for_each(|uses| uses.retain(|module| still.contains(module)));
        if left.len() == before {
            return left;
        }
    }
}

#[test]
fn modules_use_each_other_in_one_direction() {
    let mut crates = 0;
    for above in ["", "compiler", "runtime"].map(|above| root().join(above)) {
        for entry in std::fs::read_dir(above).unwrap() {
            let folder = entry.unwrap().path();
            if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
                crates += 1;
                let circles = circles(&folder.join("src"));
                assert!(circles.is_empty(), "{}: {circles:#?}", folder.display());
            }
        }
    }
    assert!(crates > 10, "{crates}");
}

#[test]
fn circles_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\nmod c;\n");
    write("a.rs", "use crate::{b::{self, B}, x};\n");
    write("b/mod.rs", "mod d;\npub use d::D;\nfn f() { crate::c::g(); }\n");
    write("b/d.rs", "// use super::super::a;\nuse std::fmt;\n");
    write("c.rs", "#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n");
    assert!(circles(folder.path()).is_empty(), "{:?}", circles(folder.path()));
    for (name, text) in [("c.rs", "use crate::a;"), ("b/d.rs", "use super::B;")] {
        let before = std::fs::read_to_string(folder.path().join(name)).unwrap();
        write(name, text);
        assert!(circles(folder.path()).len() >= 2, "{name}");
        write(name, &before);
    }
}
