//! Lists the pages of `codes/`, so that `filterc explain` has every page that is there.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let missing = |name| io::Error::other(format!("cargo did not set {name}"));
    let var = |name| env::var_os(name).map(PathBuf::from).ok_or_else(|| missing(name));
    let folder = var("CARGO_MANIFEST_DIR")?.join("codes");
    let mut pages = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    pages.sort();
    let rows = pages.iter().map(|code| {
        let path = folder.join(format!("{code}.md"));
        format!("    ({code:?}, include_str!({:?})),\n", path.display().to_string())
    });
    let table = format!("&[\n{}]\n", rows.collect::<String>());
    fs::write(var("OUT_DIR")?.join("pages.rs"), table)?;
    println!("cargo::rerun-if-changed=codes");
    Ok(())
}
