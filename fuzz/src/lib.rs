//! filterc-fuzz
