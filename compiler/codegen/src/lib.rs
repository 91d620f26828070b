//! filterc-codegen
