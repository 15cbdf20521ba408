//! The test target that the end-to-end suite and the benches run in pods.
fn main() {}
