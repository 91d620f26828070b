//! The running kernel as event filters are about it: its functions, and its processors.

use std::cell::OnceCell;
use std::fs;

use filterc_hir::event::kernel::{Kallsyms, Machine, Symbols};

use crate::tracefs;

/// The running kernel's functions, read when the first of them is asked for.
#[derive(Debug, Default)]
pub(crate) struct RunningKernel {
    symbols: OnceCell<Option<Kallsyms>>,
}

impl RunningKernel {
    fn symbols(&self) -> Option<&Kallsyms> {
        let read = || Kallsyms::parse(&fs::read_to_string("/proc/kallsyms").ok()?);
        self.symbols.get_or_init(read).as_ref()
    }

    /// The machine that it is the kernel of; `cpus` wins over what it says of processors.
    pub(crate) fn machine(&self, cpus: Option<u32>) -> Machine<'_> {
        let cpus = cpus.or_else(tracefs::nr_cpu_ids);
        Machine { nr_cpu_ids: cpus.unwrap_or(Machine::ANY.nr_cpu_ids), symbols: self }
    }
}

impl Symbols for RunningKernel {
    fn address(&self, name: &[u8]) -> Option<u64> {
        self.symbols()?.address(name)
    }

    fn range(&self, address: u64) -> Option<(u64, u64)> {
        self.symbols()?.range(address)
    }
}
