//! filterc-loader
