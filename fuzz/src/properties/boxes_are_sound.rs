//! What the checker of certificates says of a box of calls is what the machines and the reference
//! semantics say to each call of it; and of a single call it always knows what to say. What a
//! policy is compiled to has a certificate, unless that would be too large.
//!
//! The checker has decoders and semantics of its own: this holds them against ours.

use arbitrary::{Result, Unstructured};
use filterc::{Source, compile};
use filterc_abi::Endian;
use filterc_cbpf::{encode, interpret, verify};
use filterc_certify::cbpf::Program;
use filterc_certify::policy::Policy as Resolved;
use filterc_certify::{check, ebpf};
use filterc_check::{NoCertificate, certificate, resolved};
use filterc_hir::eval::eval;
use filterc_testkit::rng::Rng;
use filterc_testkit::translated::{Style, translated};
use filterc_testkit::{boundary, boxes, corpus};

use crate::generate::{policy, program};

/// Boxes that are looked at.
const BOXES: usize = 30;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let mut rng = Rng::new(u.arbitrary()?);
    if u.ratio(3, 4)? { programs(u, &mut rng) } else { policies(u, &mut rng) }
}

fn programs(u: &mut Unstructured<'_>, rng: &mut Rng) -> Result<()> {
    let Ok(verified) = verify(&program::legal(u)?) else { return Ok(()) };
    let endian = if u.arbitrary()? { Endian::Little } else { Endian::Big };
    let read = Program::read(&encode(verified.insns(), endian), endian == Endian::Big, &[]);
    let Ok(machine) = read else { panic!("{read:?}: {:x?}", verified.insns()) };
    for _ in 0..BOXES {
        boxes::sound(rng, endian, &|calls| machine.run(calls), &|call| {
            interpret(&verified, call, endian)
        });
    }
    let style = if u.arbitrary()? { Style::Words } else { Style::Halves(endian) };
    let bytes = filterc_ebpf::encode(&translated(&verified, style), endian);
    let read = ebpf::Program::read(&bytes, endian == Endian::Big);
    let Ok(machine) = read else { panic!("{read:?}: {:x?}", verified.insns()) };
    for _ in 0..BOXES {
        boxes::sound(rng, endian, &|calls| machine.run(calls), &|call| {
            interpret(&verified, call, endian)
        });
    }
    Ok(())
}

fn policies(u: &mut Unstructured<'_>, rng: &mut Rng) -> Result<()> {
    let text = policy::policy(u)?;
    let Ok(compiled) = compile(&Source::text("fuzz.flt", text.as_str()), &corpus::options()) else {
        return Ok(());
    };
    for part in compiled.programs() {
        let endian = part.endian();
        let policy = compiled.policy().of_order(endian);
        let read = Resolved::read(&resolved(&policy, endian));
        let Ok(checked) = read else { panic!("{read:?}: {text}") };
        for _ in 0..BOXES {
            boxes::sound(rng, endian, &|calls| checked.run(calls), &|call| {
                eval(&policy, call).to_ret()
            });
        }
        match certificate(&policy, part.bytes(), endian, [0; 32]) {
            Ok(made) => assert!(check(&made, part.bytes()).is_ok(), "{text}"),
            Err(why) => assert_eq!(why, NoCertificate::TooLarge, "{text}"),
        }
        for call in boundary::calls(&policy, 20) {
            let found = checked.run(&boxes::point(&call, endian)).ok();
            assert_eq!(found, Some(eval(&policy, &call).to_ret()), "{call:x?}: {text}");
        }
    }
    Ok(())
}
