//! filterc-testkit
