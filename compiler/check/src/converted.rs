//! The classic machine's operations and tests as those of the eBPF machine, which the kernel
//! converts programs to.

use filterc_cbpf::machine as cbpf;
use filterc_ebpf::machine::{Alu, Test};

/// The same operation of the machine that the kernel converts programs to.
pub(crate) const fn alu_of(alu: cbpf::Alu) -> Alu {
    match alu {
        cbpf::Alu::Add => Alu::Add,
        cbpf::Alu::Sub => Alu::Sub,
        cbpf::Alu::Mul => Alu::Mul,
        cbpf::Alu::Div => Alu::Div,
        cbpf::Alu::Or => Alu::Or,
        cbpf::Alu::And => Alu::And,
        cbpf::Alu::Lsh => Alu::Lsh,
        cbpf::Alu::Rsh => Alu::Rsh,
        cbpf::Alu::Xor => Alu::Xor,
    }
}

/// The same test.
pub(crate) const fn test_of(test: cbpf::Test) -> Test {
    match test {
        cbpf::Test::Eq => Test::Eq,
        cbpf::Test::Gt => Test::Gt,
        cbpf::Test::Ge => Test::Ge,
        cbpf::Test::Set => Test::Set,
    }
}

#[cfg(test)]
mod tests {
    use filterc_ebpf::machine::Width;

    use super::*;

    #[test]
    fn operations_and_tests_are_the_same_on_numbers() {
        let numbers = [0, 1, 2, 3, 5, 31, 32, 33, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        let operations = [
            cbpf::Alu::Add,
            cbpf::Alu::Sub,
            cbpf::Alu::Mul,
            cbpf::Alu::Div,
            cbpf::Alu::Or,
            cbpf::Alu::And,
            cbpf::Alu::Lsh,
            cbpf::Alu::Rsh,
            cbpf::Alu::Xor,
        ];
        let tests = [cbpf::Test::Eq, cbpf::Test::Gt, cbpf::Test::Ge, cbpf::Test::Set];
        for (a, b) in numbers.iter().flat_map(|a| numbers.map(|b| (*a, b))) {
            for alu in operations {
                let same = alu_of(alu).apply(Width::W32, a.into(), b.into());
                assert_eq!(u64::from(alu.apply(a, b)), same, "{alu:?} {a} {b}");
            }
            for test in tests {
                let same = test_of(test).holds(Width::W32, a.into(), b.into());
                assert_eq!(test.holds(a, b), same, "{test:?} {a} {b}");
            }
        }
    }
}
