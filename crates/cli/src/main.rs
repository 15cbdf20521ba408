//! The program `podline`.
fn main() {}
