//! Sizes, times, addresses and shell words as people read and copy them.

/// `1234567` is `1.2 MB`.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal place is shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", units.get(unit).copied().unwrap_or_default())
}

/// `900000` is `900,000`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.4 s`, `12 s`, `3 min 20 s`: how long something took.
pub fn seconds(took: f64) -> String {
    if took < 10.0 {
        return format!("{took:.1} s");
    }
    let whole = std::time::Duration::try_from_secs_f64(took).unwrap_or_default().as_secs();
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// `about 4 min`: a guess at how long something takes.
pub fn about(seconds: u64) -> String {
    match seconds {
        0..10 => "a few seconds".to_owned(),
        10..90 => format!("about {} s", seconds.next_multiple_of(10)),
        90..5400 => format!("about {} min", (seconds + 30) / 60),
        _ => format!("about {} h", (seconds + 1800) / 3600),
    }
}

/// The address if a click on it can do no harm: the web or mail, nothing else.
pub fn safe_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text.trim()).ok()?;
    matches!(url.scheme(), "http" | "https" | "mailto").then(|| url.into())
}

/// Where a page may lead: a URL that is safe, or a place of ours, relative to the server's root.
pub fn link(text: &str) -> Option<String> {
    if text.contains(':') { safe_url(text) } else { Some(text.to_owned()) }
}

/// A word for a POSIX shell, quoted where it must be.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// At most `limit` characters of the first line.
pub fn brief(text: &str, limit: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim_end();
    let cut = line.len() < text.trim().len() || line.chars().count() > limit;
    let mut brief: String = line.chars().take(limit).collect();
    if cut {
        brief.push('…');
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_readable() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(11_234), "11.2 kB");
        assert_eq!(size(999_999), "1.0 MB");
        assert_eq!(size(2 << 30), "2.1 GB");
        assert_eq!(count(7), "7");
        assert_eq!(count(912_345), "912,345");
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(seconds(0.44), "0.4 s");
        assert_eq!(seconds(12.6), "12 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(seconds(7322.0), "2 h 2 min");
        assert_eq!(seconds(f64::INFINITY), "0 s");
    }

    #[test]
    fn guesses_are_not_more_exact_than_they_are() {
        let told = [0, 11, 60, 89, 90, 240, 5399, 5400, 20_000].map(about);
        let expected = [
            "a few seconds",
            "about 20 s",
            "about 60 s",
            "about 90 s",
            "about 2 min",
            "about 4 min",
            "about 90 min",
            "about 2 h",
            "about 6 h",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn only_harmless_addresses_are_links() {
        assert_eq!(safe_url(" https://example.org/a ").as_deref(), Some("https://example.org/a"));
        assert_eq!(safe_url("mailto:a@example.org").as_deref(), Some("mailto:a@example.org"));
        for bad in
            ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//host/x", "x", "java\nscript:x"]
        {
            assert_eq!(safe_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(shell("demo==1.0+local"), "demo==1.0+local");
        assert_eq!(shell("demo==1!2.0"), "'demo==1!2.0'");
        assert_eq!(shell("it's; rm"), "'it'\\''s; rm'");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(brief("MIT", 10), "MIT");
        assert_eq!(brief("The MIT License\n\nPermission", 40), "The MIT License…");
    }
}
