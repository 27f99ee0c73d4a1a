//! The `cutproof` command.
fn main() {}
