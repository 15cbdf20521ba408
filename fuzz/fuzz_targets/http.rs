#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| podline_fuzz_targets::http(data));
