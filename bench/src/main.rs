//! Measures podline beside its peers.
fn main() {}
