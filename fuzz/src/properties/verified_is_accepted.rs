//! `verify` gives the running kernel's own verdict. Where the kernel cannot be asked, the
//! property says so once and checks nothing.

use std::sync::Once;

use arbitrary::{Result, Unstructured};
use filterc_cbpf::{Program, verify};
use filterc_loader::probe::{self, Verdict};

use crate::generate::program;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    // One child judges many programs.
    let mut programs: Vec<Program> = Vec::new();
    while u.len() > 128 {
        programs.push(match u.int_in_range(0..=3)? {
            0 => program::any(u)?,
            1 => program::legal(u)?,
            _ => program::near_legal(u)?,
        });
    }
    match probe::accepts(&programs) {
        Ok(verdicts) => {
            assert_eq!(verdicts.len(), programs.len());
            for (program, verdict) in programs.iter().zip(verdicts) {
                let ours = verify(program);
                let agree = ours.is_ok() == (verdict == Verdict::Accepted);
                assert!(agree, "kernel: {verdict:?}, verify: {ours:?}\n{program:x?}");
            }
        }
        Err(reason) => {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| report(&format!("skipped: {reason}")));
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "a skipped test says so")]
fn report(line: &str) {
    println!("{line}");
}
