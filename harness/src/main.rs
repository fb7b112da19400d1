//! slotbench.
fn main() {}
