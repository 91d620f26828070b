//! The kernel's eBPF machine.

pub mod event;
