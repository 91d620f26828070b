//! filterc
fn main() {}
