//! The `lowcode` binary.
fn main() {}
