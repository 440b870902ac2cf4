//! What scripts rely on, word for word: the JSON of every API and command, and every `--help`.
//!
//! A snapshot that changes is a change for users: look at it, then accept it with `cargo insta accept`
//! or `INSTA_UPDATE=always`, and write it into CHANGELOG.md.

mod api;
mod commands;

/// Compares with the snapshot of this name; what differs from run to run is redacted.
fn check(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("unchanged/snapshots");
    for (pattern, instead) in [
        (r"http://127\.0\.0\.1:\d+", "http://SERVER"),
        (r"127\.0\.0\.1:\d+", "SERVER"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?", "[time]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"\b1[789]\d{14}\b", "[microseconds]"),
        (r#""last-commit-timestamp": \d+"#, r#""last-commit-timestamp": [seconds]"#),
        (r#""free": \d+"#, r#""free": [bytes]"#),
        (r#""id": (\d+|"[0-9a-f]{32}")"#, r#""id": [id]"#),
        // A time as devpi writes it: a list of six numbers.
        (r"\[\s+(?:\d+,\s+){5}\d+\s+\]", "[time]"),
        // Whoever came first: root, or the server, which builds ahead.
        (r#""asked_by": (null|"root")"#, r#""asked_by": [asker]"#),
        (r#""request": "[0-9a-f]{32}",\s+"#, ""),
        (r"/\+builds/\d+", "/+builds/[id]"),
        (r"([Bb])uild \d+", "${1}uild [id]"),
        (r#""(ran|waited)": \d+\.\d+"#, r#""$1": [seconds]"#),
        (r#""request_id": "[0-9a-f]{32}""#, r#""request_id": [id]"#),
        // Guesses, and how the machine of the test is.
        (r#""outlook": \{[^}]*\},\s+"#, ""),
        (r"answers in \d+ ms", "answers in [time]"),
        (r#""this one is [^"]*""#, r#""this one is [server]""#),
        (r#""[^"]* GB free[^"]*",\s+"part": "disk",\s+"state": "\w+""#, r#"[disk]"#),
        (r#""slow-requests": \[[^\]]*\]"#, r#""slow-requests": [requests]"#),
        // Of the disk.
        (r#""(all|free)": \d+"#, r#""$1": [bytes]"#),
        // Of the whole process, in which other stories run too.
        (r#"("(?:counter|gauge)",\s+)\d+"#, "$1[count]"),
        (r"ww[a-z]*_[A-Za-z0-9_-]{20,}", "[secret]"),
        (r"(/[A-Za-z0-9._-]+)*/\.tmp[A-Za-z0-9]+", "[folder]"),
    ] {
        settings.add_filter(pattern, instead);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A file's name for what was asked: `/alice/dev` becomes `alice.dev`.
fn named(asked: &str) -> String {
    let plain = asked.trim_matches('/').replace(|c: char| !c.is_ascii_alphanumeric() && c != '+', ".");
    if plain.is_empty() { "root".into() } else { plain }
}
