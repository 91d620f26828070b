//! The commands that documents show do what the documents say: every `console` block of the
//! README and of the language reference is run, and its output compared.

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
use std::process::Command;

use filterc_testkit::corpus::{root, text};

/// One command and what is shown under it.
struct Example {
    command: String,
    output: String,
}

fn examples(document: &Path) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text(document).lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => (),
            _ => match line.strip_prefix("$ ") {
                Some(command) => {
                    examples.push(Example { command: command.into(), output: String::new() });
                }
                None => {
                    let example = examples.last_mut().unwrap();
                    example.output.push_str(line);
                    example.output.push('\n');
                }
            },
        }
    }
    examples
}

#[test]
fn console_blocks_are_true() {
    let mut count = 0;
    for document in ["README.md", "grammar/README.md"] {
        for example in examples(&root().join(document)) {
            count += 1;
            // The shell splits words and joins the two streams, as a terminal does.
            let bin = Path::new(env!("CARGO_BIN_EXE_filterc")).parent().unwrap();
            let path = std::env::var("PATH").unwrap_or_default();
            let output = Command::new("sh")
                .args(["-c", &format!("({}) 2>&1", example.command)])
                .env("PATH", format!("{}:{path}", bin.display()))
                .env("NO_COLOR", "1")
                .current_dir(root())
                .output()
                .unwrap();
            let actual = String::from_utf8(output.stdout).unwrap();
            let trimmed: Vec<_> = actual.trim_end().lines().map(str::trim_end).collect();
            let expected: Vec<_> = example.output.trim_end().lines().map(str::trim_end).collect();
            assert_eq!(trimmed, expected, "{document}: $ {}\n{actual}", example.command);
        }
    }
    assert!(count >= 2, "the README shows commands");
}

/// `.ci/run` runs these blocks word for word; here they are known to be there.
#[test]
fn the_set_up_is_two_commands() {
    let readme = text(&root().join("README.md"));
    let block = readme.split("```console-ci\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<_> = block.lines().collect();
    assert_eq!(
        commands,
        [
            "$ cargo run --release -- corpus/policies/docker-default.flt -o docker.bpf",
            "$ cargo test --workspace",
        ]
    );
}
