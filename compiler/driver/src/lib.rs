//! filterc
