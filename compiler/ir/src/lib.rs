//! filterc-ir
