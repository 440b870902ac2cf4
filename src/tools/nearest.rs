//! Keys that nobody knows, and what they were probably meant to be.

/// The known key that an unknown one was probably meant to be.
pub fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &'a str| path.rsplit('.').next().unwrap_or_default();
    let own = key.rsplit('.').next().unwrap_or_default();
    let score = |path: &'a str| {
        let same_name = strsim::jaro_winkler(own, last(path)) * 0.99;
        strsim::jaro_winkler(key, path).max(same_name)
    };
    let scored = known.map(|path| (score(path), path)).filter(|(score, _)| *score > 0.75);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, path)| path)
}
