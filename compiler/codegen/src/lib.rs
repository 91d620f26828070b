//! From the decision DAG to instructions.
//!
//! [`cbpf`] emits classic BPF, [`ebpf`] the kernel's own machine. The result is a function of the
//! DAG alone; nothing here judges it (that is the business of those who decode and verify the
//! bytes).

pub mod cbpf;
pub mod ebpf;
