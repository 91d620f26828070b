//! How fast: benches only, under `benches/`. They compare and measure; nothing asserts a time.
