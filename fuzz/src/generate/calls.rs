//! Calls whose words are likely to matter.

use filterc_abi::SeccompData;
use filterc_testkit::rng::Rng;

/// Calls without end, of which each word is one of some values, one bit, or anything.
pub fn calls(values: Vec<u32>, seed: u64) -> impl Iterator<Item = SeccompData> {
    let mut rng = Rng::new(seed);
    let mut word = move || match rng.below(4) {
        0 => u32::try_from(rng.next() >> 32).unwrap_or_default(),
        1 => 1 << rng.below(32),
        _ => rng.pick(&values).copied().unwrap_or_default(),
    };
    std::iter::repeat_with(move || {
        let (nr, arch) = (word().cast_signed(), word());
        let mut long = || u64::from(word()) << 32 | u64::from(word());
        let instruction_pointer = long();
        SeccompData { nr, arch, instruction_pointer, args: std::array::from_fn(|_| long()) }
    })
}
