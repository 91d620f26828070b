//! filterc-benches
