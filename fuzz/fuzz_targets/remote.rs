//! METADATA by ranges: ends in a few steps, whatever the bytes, and agrees with the strict reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::archive::remote::{RemoteRead, Step};
use wheelwright::packaging::{filename::WheelFilename, wheel};

fn follow(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut plan, mut step) = RemoteRead::start(bytes.len() as u64);
    for _ in 0..5 {
        match step {
            Step::Done(metadata) => return Some(metadata),
            Step::Need(range) => {
                let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
                step = plan.feed(bytes.get(range).expect("within the file")).ok()?;
            }
        }
    }
    panic!("more than four steps")
}

fuzz_target!(|bytes: &[u8]| {
    let found = follow(bytes);
    let filename = WheelFilename::parse("demo-1.0-py3-none-any.whl").expect("a wheel's name");
    if let Ok(contents) = wheel::read(bytes, &filename) {
        assert_eq!(found, Some(contents.metadata_bytes));
    }
});
