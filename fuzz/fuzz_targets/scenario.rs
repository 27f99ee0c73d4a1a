#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cutproof_fuzz::scenario::scenario(bytes);
});
