//! Scratch.
#![allow(clippy::all, clippy::pedantic, missing_docs)]
use filterc::{Options, Source, analyse};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let p =
        |f: &str| analyse(&Source::read(f.as_ref()).unwrap(), &Options::default()).policy.unwrap();
    let (l, r) = (p(&a[1]), p(&a[2]));
    let d = filterc_relate::differences(
        filterc_check::Side::Policy(&l),
        filterc_check::Side::Policy(&r),
        filterc_abi::Endian::Little,
        &filterc_check::Budget::default(),
    )
    .unwrap();
    for c in d {
        println!("{:?} {:x}->{:x} {:?}", c.calls, c.left, c.right, c.condition);
    }
}
