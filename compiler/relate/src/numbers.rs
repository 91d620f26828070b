//! The numbers of an ABI: those that calls have, and what is between them.

use filterc_abi::{Abi, Syscall};

/// Numbers next to each other.
#[derive(Clone, Copy, Debug)]
pub enum Numbers {
    /// That of a call.
    Call(&'static Syscall),
    /// Those from the first to the last, which no call has.
    Unknown(u32, u32),
}

/// The numbers of a range that are an ABI's, in order.
#[must_use]
pub fn numbers(abi: &'static Abi, range: (u32, u32)) -> Vec<Numbers> {
    let mut found = Vec::new();
    for (first, last) in admitted(abi, range) {
        let mut next = Some(first);
        let inside = |call: &&Syscall| first <= call.nr && call.nr <= last;
        for call in abi.syscalls().iter().filter(inside) {
            if let Some(from) = next.filter(|from| *from < call.nr) {
                found.push(Numbers::Unknown(from, call.nr - 1));
            }
            found.push(Numbers::Call(call));
            next = call.nr.checked_add(1);
        }
        if let Some(from) = next.filter(|from| *from <= last) {
            found.push(Numbers::Unknown(from, last));
        }
    }
    found
}

/// The parts of a range that are an ABI's: another one may have the same token.
fn admitted(abi: &'static Abi, (first, last): (u32, u32)) -> Vec<(u32, u32)> {
    let Some(mark) = abi.mark else { return vec![(first, last)] };
    let mut ranges = Vec::new();
    let mut next = Some(first);
    while let Some(from) = next.filter(|from| *from <= last) {
        let block = (from | (mark.bit - 1)).min(last);
        // −1 is never marked.
        let end = if block == u32::MAX && from != block { block - 1 } else { block };
        if abi.admits(from) {
            ranges.push((from, end));
        }
        next = end.checked_add(1);
    }
    ranges
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

    use filterc_abi::abis;

    use super::*;

    #[test]
    fn each_number_of_a_token_is_of_one_abi() {
        for abi in abis() {
            let shares = |other: &&Abi| other.audit_arch == abi.audit_arch;
            let ranges = [(0, u32::MAX), (7, 0x4000_0005), (0x8000_0000, 0xc000_0001)];
            for (first, last) in ranges {
                let mut all: Vec<(u32, u32)> = Vec::new();
                for other in abis().iter().filter(shares) {
                    all.extend(numbers(other, (first, last)).iter().map(|part| match part {
                        Numbers::Call(call) => {
                            assert!(other.admits(call.nr));
                            (call.nr, call.nr)
                        }
                        Numbers::Unknown(first, last) => {
                            assert!(other.admits(*first) && other.admits(*last));
                            (*first, *last)
                        }
                    }));
                }
                all.sort_unstable();
                assert_eq!((all[0].0, all.last().unwrap().1), (first, last), "{}", abi.name);
                assert!(all.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{}", abi.name);
            }
        }
    }
}
