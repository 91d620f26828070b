//! Facts that a function asks for, and how a program gets them from the kernel.
//!
//! `decide` finds the facts of a call behind its `struct seccomp_data`. Whoever calls it puts
//! those there that it reads, and no others: each costs a call of a helper.

use filterc_abi::Fact;
use filterc_abi::seccomp::SECCOMP_DATA_SIZE;
use filterc_ebpf::code;

use super::insns::CALL;
use super::object::Object;

/// The facts that a function reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked([bool; Fact::COUNT]);

impl Asked {
    /// Those of a function of a policy, whose R1 is the address of the call from its first
    /// instruction to its last.
    pub(super) fn of(decide: &Object) -> Self {
        let mut asked = Self::default();
        let loads = decide.insns.iter().filter(|insn| {
            let is_load = insn.opcode & code::CLASS == code::LDX;
            is_load && insn.src == CALL
        });
        for at in loads.filter_map(|insn| u32::try_from(insn.offset).ok()) {
            let Some(at) = at.checked_sub(SECCOMP_DATA_SIZE) else { continue };
            let holds = |fact: &Fact| {
                let end = fact.offset() + u32::from(fact.width()) / 8;
                (fact.offset()..end).contains(&at)
            };
            for (fact, slot) in Fact::ALL.iter().zip(&mut asked.0) {
                *slot |= holds(fact);
            }
        }
        asked
    }

    /// Whether one of them is read.
    pub(super) fn has(self, fact: Fact) -> bool {
        self.0.get(usize::from(fact.index())).copied().unwrap_or_default()
    }

    /// Whether any is.
    pub(super) fn any(self) -> bool {
        self.0.contains(&true)
    }

    /// What puts those facts that are of the task where they belong, from a place in the stack on.
    /// R0 to R5 are lost.
    pub(super) fn text(self, facts: i32) -> String {
        let at = |fact: Fact| {
            let offset = i32::try_from(fact.offset()).unwrap_or(i32::MAX);
            format!("r10 - {}", -(facts + offset))
        };
        let mut text = String::new();
        if self.has(Fact::Pid) || self.has(Fact::Tid) {
            text += &halves("bpf_get_current_pid_tgid", &at(Fact::Tid), &at(Fact::Pid));
        }
        if self.has(Fact::Uid) || self.has(Fact::Gid) {
            text += &halves("bpf_get_current_uid_gid", &at(Fact::Uid), &at(Fact::Gid));
        }
        if self.has(Fact::Cpu) {
            text += &format!("call bpf_get_smp_processor_id\n*(u32 *)({}) = r0\n", at(Fact::Cpu));
        }
        if self.has(Fact::Cgroup) {
            let at = at(Fact::Cgroup);
            text += &format!("call bpf_get_current_cgroup_id\n*(u64 *)({at}) = r0\n");
        }
        if self.has(Fact::CommHead) || self.has(Fact::CommTail) {
            let offset = i32::try_from(Fact::CommHead.offset()).unwrap_or(i32::MAX);
            let place = facts + offset;
            text += &format!("r1 = r10\nr1 += {place}\nr2 = 16\ncall bpf_get_current_comm\n");
        }
        // Where no object is shown, none has labels.
        if self.has(Fact::Label) {
            text += &format!("r0 = 0\n*(u64 *)({}) = r0\n", at(Fact::Label));
        }
        text
    }
}

/// Two numbers of 32 bits that a helper returns at once.
fn halves(helper: &str, low: &str, high: &str) -> String {
    format!("call {helper}\n*(u32 *)({low}) = r0\nr0 >>= 32\n*(u32 *)({high}) = r0\n")
}
