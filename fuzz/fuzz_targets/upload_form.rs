//! The fields of an upload form against the metadata in its file: one text says both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::index::upload::Form;
use wheelwright::packaging::metadata::Metadata;

fuzz_target!(|text: &str| {
    let mut form = Form::default();
    let mut file = "Metadata-Version: 2.1\nName: a\nVersion: 1\n".to_owned();
    for (number, line) in text.lines().enumerate() {
        let (field, header) = match number % 3 {
            0 => ("requires_dist", "Requires-Dist"),
            1 => ("requires_python", "Requires-Python"),
            _ => ("provides_extra", "Provides-Extra"),
        };
        form.push(field, line.to_owned());
        file.push_str(&format!("{header}: {line}\n"));
    }
    form.push("name", text.chars().take(40).collect());
    if let Ok(metadata) = Metadata::parse(file.as_bytes()) {
        let _ = metadata.validate_upload();
        let _ = form.agrees_with(&metadata);
    }
});
