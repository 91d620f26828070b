//! The eBPF verifier never panics, and a program that it accepts has no fault in the interpreter
//! but for lack of fuel.

use arbitrary::{Result, Unstructured};
use filterc_abi::Endian;
use filterc_ebpf::interp::FaultKind;
use filterc_ebpf::{Fixed, Host, Target, interpret, verify};

use crate::generate::ebpf;

/// More steps than an accepted program without loops can have.
const FUEL: u64 = 100_000;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let program = match u.int_in_range(0..=3)? {
        0 => ebpf::any(u)?,
        1 => ebpf::near_legal(u)?,
        _ => ebpf::sensible(u)?,
    };
    let maps = ebpf::MAPS.map(|(_, spec)| spec);
    let target = Target { maps: &maps, ..Target::SYSCALL };
    let Ok(verified) = verify(&program, &target) else { return Ok(()) };
    let mut host = Host::new(Fixed::default(), Endian::HOST);
    for spec in maps {
        assert!(host.add_map(spec).is_ok());
    }
    for _ in 0..4 {
        let mut context = [0; 64];
        u.fill_buffer(&mut context)?;
        match interpret(verified.program(), &mut host, &mut context, FUEL) {
            Ok(_) => {}
            Err(fault) => assert_eq!(fault.kind, FaultKind::OutOfFuel, "{program:x?}"),
        }
    }
    Ok(())
}
