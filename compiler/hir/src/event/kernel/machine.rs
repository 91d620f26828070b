//! What of a machine its kernel's answers depend on.

/// What of the machine decides whether a text is accepted, and what it means.
pub struct Machine<'m> {
    /// How many processors the kernel can have: the largest number, plus one.
    pub nr_cpu_ids: u32,
    /// Its functions.
    pub symbols: &'m dyn Symbols,
}

impl Machine<'static> {
    /// A machine of which nothing is known: it may have as many processors as any, and no function
    /// is known.
    pub const ANY: Self = Self { nr_cpu_ids: 8192, symbols: &NoSymbols };
}

/// The functions of a kernel, as `/proc/kallsyms` has them.
pub trait Symbols {
    /// The address of a symbol.
    fn address(&self, name: &[u8]) -> Option<u64>;

    /// The first address of the function that has this one, and the first behind it.
    fn range(&self, address: u64) -> Option<(u64, u64)>;
}

/// A kernel whose functions are not known.
#[derive(Clone, Copy, Debug)]
pub struct NoSymbols;

impl Symbols for NoSymbols {
    fn address(&self, _: &[u8]) -> Option<u64> {
        None
    }

    fn range(&self, _: u64) -> Option<(u64, u64)> {
        None
    }
}
