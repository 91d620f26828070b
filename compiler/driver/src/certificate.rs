//! Certificates of what was proved, for `filterc-certify`.

use filterc_certify::sha256;
use filterc_check::{self as check, NoCertificate, Stated};
use filterc_grammar::source::SourceMap;

use crate::compiled::{Compiled, CompiledProgram};
use crate::module::{CompiledModule, ModuleProgram};

/// A certificate of what [`prove`](crate::prove::prove) proves, accepted by the checker that a user has
/// (`filterc-certify`).
///
/// The digest of the source is that of the policy's file, or, where it includes others, that
/// of the digests of all files, in the order in which they were read.
///
/// # Errors
/// Why there is none; the proof does not depend on it.
pub fn certificate(
    compiled: &Compiled,
    program: &CompiledProgram,
) -> Result<Vec<u8>, NoCertificate> {
    let source = digest(compiled.sources());
    let policy = Stated::Policy(compiled.policy());
    let filter = Stated::Cbpf(program.bytes(), &program.table.sites);
    let made = check::certificate_of(policy, filter, program.endian(), source)?;
    accepted(made, program.bytes())
}

/// A certificate that a program of extended BPF is what the policy says: a program that is asked
/// for a decision, and does nothing else.
///
/// # Errors
/// Why there is none; those that watch tasks have none.
pub fn certificate_of_module(
    compiled: &CompiledModule,
    program: &ModuleProgram,
) -> Result<Vec<u8>, NoCertificate> {
    let [unit] = program.module().units.as_slice() else {
        return Err(NoCertificate::Unknown("programs at tracepoints do more than to decide"));
    };
    let bytes = filterc_ebpf::encode(&unit.insns, program.endian());
    let (policy, other) = (Stated::Policy(compiled.policy()), Stated::Ebpf(&bytes));
    let source = digest(compiled.sources());
    accepted(check::certificate_of(policy, other, program.endian(), source)?, &bytes)
}

/// What the source is called by.
fn digest(sources: &SourceMap) -> [u8; 32] {
    let digests: Vec<[u8; 32]> =
        sources.iter().map(|(_, file)| sha256::of(file.text.as_bytes())).collect();
    match digests.as_slice() {
        [one] => *one,
        all => sha256::of(&all.concat()),
    }
}

/// A certificate that the checker accepts.
fn accepted(made: Vec<u8>, program: &[u8]) -> Result<Vec<u8>, NoCertificate> {
    match filterc_certify::check(&made, program) {
        Ok(_) => Ok(made),
        Err(_) => Err(NoCertificate::Fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Source, compile};

    #[test]
    fn certificates_name_their_source() {
        let text = "arch x86_64\nallow read\n";
        let source = Source::text("test.flt", text);
        let compiled = compile(&source, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
        let made = certificate(&compiled, compiled.program()).unwrap();
        let read = filterc_certify::Certificate::read(&made).unwrap();
        assert_eq!(read.source, sha256::of(text.as_bytes()));
    }
}
