//! Replays the inputs that fuzzing found worth keeping (`fuzz/corpus/TARGET/`).
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

#[test]
fn http() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/http");
    let mut inputs = 0;
    for entry in folder.read_dir().unwrap() {
        podline_fuzz_targets::http(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "there is a corpus");
}
