//! Replays the inputs that fuzzing found worth keeping (`fuzz/corpus/TARGET/`).

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

#[test]
fn frame_reader() {
    replay("frame_reader", podline_fuzz_targets::frame_reader);
}

#[test]
fn header_decoder() {
    replay("header_decoder", podline_fuzz_targets::header_decoder);
}

#[test]
fn websocket() {
    replay("websocket", podline_fuzz_targets::websocket);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in folder.read_dir().unwrap() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "there is a corpus");
}
