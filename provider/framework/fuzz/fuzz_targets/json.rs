#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code)] // each target has its own check
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    checks::json(input);
});
