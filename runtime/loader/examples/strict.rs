//! An untrusted computation over two pipes: `strict "2 3 + 4 *"`.
//!
//! The text is a program for a stack machine, of which nothing is known: it may be wrong, run for
//! ever, or be made to break its interpreter. So the interpreter runs in a child that may do nothing
//! but read, write and end. The word `open` stands for what a broken interpreter might be made to
//! do: it opens a file, and dies of it.
#![allow(clippy::print_stdout, reason = "the result of the example")]

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use filterc_loader::ptrace::Ended;
use filterc_loader::strict::{Confined, Confinement, Ends};

/// Memory that the computation may use.
const HEAP: usize = 4 << 20;

/// What the child ends with when the program makes no sense.
const SENSELESS: u8 = 2;

fn main() -> ExitCode {
    let Some(program) = std::env::args().nth(1) else {
        println!("usage: strict PROGRAM, such as \"2 3 + 4 *\"");
        return ExitCode::from(2);
    };
    match compute(&program) {
        Ok((result, ended)) => {
            println!("{result:?}, and {ended:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The result of a program, if it has one, and how the child ended.
pub(crate) fn compute(program: &str) -> io::Result<(Option<i64>, Ended)> {
    let mut child = Confined::start(Confinement::Kernel, HEAP, interpret)?;
    // A child that is dead already reads nothing; how it ended says why.
    let _broken = child.write_all(program.as_bytes());
    child.finish();
    let mut result = [0; 8];
    let result = child.read_exact(&mut result).ok().map(|()| i64::from_le_bytes(result));
    Ok((result, child.wait()?))
}

/// The untrusted part: runs in the child, and has nothing but its two pipes.
fn interpret(ends: &mut Ends) -> u8 {
    let mut text = String::with_capacity(1 << 16);
    if ends.read_to_string(&mut text).is_err() {
        return SENSELESS;
    }
    let mut stack: Vec<i64> = Vec::new();
    for word in text.split_ascii_whitespace() {
        if word == "open" {
            let _never = std::fs::File::open("/etc/passwd");
        } else if let Ok(number) = word.parse() {
            stack.push(number);
        } else {
            let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else { return SENSELESS };
            stack.push(match word {
                "+" => left.wrapping_add(right),
                "-" => left.wrapping_sub(right),
                "*" => left.wrapping_mul(right),
                _ => return SENSELESS,
            });
        }
    }
    match stack.pop() {
        Some(result) if ends.write_all(&result.to_le_bytes()).is_ok() => 0,
        Some(_) | None => SENSELESS,
    }
}
