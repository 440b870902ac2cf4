//! Lines and options as pip takes them.

use super::*;

fn lines_of(text: &str) -> Vec<(usize, String)> {
    read(text).into_iter().map(|line| (line.number, line.text)).collect()
}

fn told(text: &str) -> String {
    let line = RequirementLine { number: 1, text: text.to_owned() };
    match line.said() {
        Ok(said) => format!("{said:?}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn lines_are_joined_and_lose_their_comments() {
    let text = "\u{feff}# first\n\nflask>=1 \\\n  ,<3  # why\r\n  # \\\na#b\tdocopt\n\
                https://h.example/x.zip#egg=x\t# tab\n";
    let expected = [(3, "flask>=1   ,<3"), (6, "a#b\tdocopt"), (7, "https://h.example/x.zip#egg=x")];
    assert_eq!(lines_of(text), expected.map(|(number, text)| (number, text.to_owned())));
}

#[test]
fn a_backslash_joins_until_a_comment_or_the_end() {
    // What `pip._internal.req.req_file.preprocess` makes of the same texts.
    for (text, expected) in [
        (
            "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb",
            &[(1, "a==1     --hash=sha256:00     --hash=sha256:11"), (4, "b")][..],
        ),
        ("a==1 \\\n# why\nb", &[(1, "a==1"), (3, "b")]),
        ("a==1\\\r\n,<2\r\n", &[(1, "a==1,<2")]),
        ("a \\\n\nb", &[(1, "a"), (3, "b")]),
        ("a \\", &[(1, "a")]),
        ("# a \\\nb", &[(2, "b")]),
        ("a # b \\\nc", &[(1, "a")]),
        ("\\\n\\\nb", &[(1, "b")]),
        ("a\\\\\nb", &[(1, "ab")]),
    ] {
        let expected: Vec<(usize, String)> =
            expected.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
        assert_eq!(lines_of(text), expected, "{text:?}");
    }
}

#[test]
fn options_are_told_from_requirements() {
    assert_eq!(told("-r more.txt"), "Requirements(\"more.txt\")");
    assert_eq!(told("-rmore.txt"), "Requirements(\"more.txt\")");
    assert_eq!(told("--constraint = c.txt"), "Constraints(\"c.txt\")");
    assert_eq!(told("-r \"my files/more.txt\""), "Requirements(\"my files/more.txt\")");
    assert_eq!(told("-c 'my limits.txt'"), "Constraints(\"my limits.txt\")");
    assert_eq!(told("-r my files/more.txt"), "Requirements(\"my files/more.txt\")");
    assert_eq!(told("-c https://h.example/limits.txt"), "Constraints(\"https://h.example/limits.txt\")");
    assert_eq!(told("--editable=file:///app"), "Editable(\"file:///app\")");
    for line in ["-i https://h.example/simple", "-ihttps://h.example/simple", "-f ./wheels", "--pre"] {
        assert!(told(line).starts_with("Option("), "{line}");
    }
    assert_eq!(told("--extra-index-url https://h.example/simple"), "Option(\"--extra-index-url\")");
    assert_eq!(told("--index https://h.example/simple"), "Option(\"--index-url\")");
    let hashed = "docopt==0.6.2 --hash=sha256:00 --hash sha512:11";
    assert_eq!(told(hashed), "Wanted { text: \"docopt==0.6.2\", hashes: [\"sha256:00\", \"sha512:11\"] }");
    assert_eq!(told("a--b"), "Wanted { text: \"a--b\", hashes: [] }");
}

#[test]
fn what_is_not_supported_is_an_error() {
    for (line, part) in [
        ("-", "- is not an option"),
        ("-x", "-x is not an option"),
        ("-é", "-é is not an option"),
        ("--target=/tmp", "--target is not an option"),
        ("-r", "--requirement needs a value"),
        ("--constraint=", "--constraint needs a value"),
        ("-e ./one --config-settings x=y", "--config-settings after --editable is not supported"),
        ("a==1 --config-settings=x=y", "--config-settings of a==1 is not supported"),
        ("a --global-option build", "--global-option of a is not supported"),
        ("a --hash=md5:00", "must be like sha256:00"),
        ("a --hash", "must be like sha256:00"),
        ("a --hash=sha256:zz", "must be like sha256:00"),
    ] {
        let told = told(line);
        assert!(told.starts_with("error: ") && told.contains(part), "{line}: {told}");
    }
}

#[test]
fn variables_are_put_in_as_pip_does() {
    let value = |name: &str| match name {
        "APP_1" => Some("/app".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    assert_eq!(
        expanded("-e file://${APP_1}/one ${OTHER} ${EMPTY} ${low} $X ${", value),
        "-e file:///app/one ${OTHER} ${EMPTY} ${low} $X ${"
    );
}

#[test]
fn a_file_is_text_in_the_encoding_that_it_has() {
    let wide = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    let little: Vec<u8> = wide("\u{feff}a==1\r\n").into_iter().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = wide("\u{feff}a==1\r\n").into_iter().flat_map(u16::to_be_bytes).collect();
    for bytes in [&little[..], &big, b"\xEF\xBB\xBFa==1\n", b"# -*- coding: latin-1 -*-\na==1  # \xE9\n"] {
        assert_eq!(read(&decoded(bytes).expect("text")).last().expect("a line").text, "a==1", "{bytes:?}");
    }
    assert_eq!(decoded(b"a==1  # \xE9\n"), None);
    assert_eq!(decoded(b"\xFF\xFEa"), None);
}

#[test]
fn a_line_that_names_one_version_is_a_pin() {
    let told = |text: &str| pin(text).map(|(name, version)| format!("{name} {version}"));
    assert_eq!(told("Demo[x]==1.0 ; python_version < '3' --hash=sha256:00").as_deref(), Some("demo 1.0"));
    for text in
        ["demo", "demo>=1", "demo==1.*", "demo==1,<2", "https://h.example/x", "demo @ https://h.example/x"]
    {
        assert_eq!(told(text), None, "{text}");
    }
}
