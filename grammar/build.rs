//! Makes the parser's tables out of `src/grammar.lalrpop`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/grammar.lalrpop");
    // Paths in the generated code are relative to `src`: OUT_DIR/grammar.rs.
    lalrpop::Configuration::new().use_cargo_dir_conventions().process()
}
