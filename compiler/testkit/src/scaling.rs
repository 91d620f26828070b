//! Policies of any size: what compile time is measured on.

use std::fmt::Write as _;

use filterc::Source;

use crate::rng::Rng;

/// So many calls, each allowed under any of so many conditions, of which there are so many
/// different lists.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many calls.
    pub calls: usize,
    /// Of each.
    pub conditions: usize,
    /// How many different lists of conditions.
    pub lists: usize,
}

impl Shape {
    /// Of all calls.
    #[must_use]
    pub const fn all_conditions(self) -> usize {
        self.calls * self.conditions
    }

    /// The policy.
    #[must_use]
    pub fn source(self) -> Source {
        let mut rng = Rng::new(1);
        let lists: Vec<String> = (0..self.lists).map(|_| self.list(&mut rng)).collect();
        let mut text = "arch x86_64\nkernel 6.18\ndefault errno(EPERM)\n".to_owned();
        for (nr, list) in (0..self.calls).zip(lists.iter().cycle()) {
            let _ = writeln!(text, "allow syscall({nr}) if {list}");
        }
        Source::text("scaling.flt", text)
    }

    fn list(self, rng: &mut Rng) -> String {
        let condition = |index: usize| {
            let value = rng.next() & 0xffff_ffff;
            match index % 4 {
                0 => format!("args[{}] == {value:#x}", index % 6),
                1 => format!("(args[{}] & {value:#x}) == 0", index % 6),
                2 => format!("args[{}] < {value:#x} && args[5] == {index}", index % 5),
                _ => format!("args[{}] in {{ {value}, {} }}", index % 6, value / 2),
            }
        };
        (0..self.conditions).map(condition).collect::<Vec<_>>().join(" || ")
    }
}
