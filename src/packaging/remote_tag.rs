//! Tags as `git ls-remote --tags` prints them.

use std::collections::BTreeMap;

/// A tag, and the commit that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTag {
    /// Without `refs/tags/`.
    pub name: String,
    pub commit: String,
}

/// What `git ls-remote --tags` prints, by name. Of an annotated tag the commit counts, which its peeled line (`^{}`)
/// has. Names that cannot be asked for are left out.
pub fn read_tags(listed: &str) -> Vec<RemoteTag> {
    let mut tags: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for line in listed.lines() {
        let Some((object, name)) = line.split_once('\t') else { continue };
        let Some(name) = name.strip_prefix("refs/tags/") else { continue };
        let (name, is_peeled) = name.strip_suffix("^{}").map_or((name, false), |name| (name, true));
        let is_hash = matches!(object.len(), 40 | 64) && object.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || !is_reference(name) {
            continue;
        }
        let known = tags.entry(name).or_insert((object, is_peeled));
        if is_peeled || !known.1 {
            *known = (object, is_peeled);
        }
    }
    let tag = |(name, (commit, _)): (&str, (&str, bool))| RemoteTag {
        name: name.to_owned(),
        commit: commit.to_ascii_lowercase(),
    };
    tags.into_iter().map(tag).collect()
}

/// What git allows as a name (`git check-ref-format`) and we can hand it without it being an option.
pub fn is_reference(text: &str) -> bool {
    let odd = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    !text.is_empty()
        && text.len() <= 255
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_peeled_line_replaces_the_hash_of_the_tag_itself() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let listed = format!(
            "{a}\trefs/tags/v1.0\n{b}\trefs/tags/v1.0^{{}}\n{c}\trefs/tags/light\n{c}\trefs/heads/main\nnonsense\n\
             {c}\trefs/tags/a..b\nxyz\trefs/tags/short\n{c}\trefs/tags/pkg@2.0\n"
        );
        let tags = read_tags(&listed);
        let found: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), &tag.commit)).collect();
        assert_eq!(found, [("light", &c), ("pkg@2.0", &c), ("v1.0", &b)]);
    }

    proptest! {
        #[test]
        fn whatever_is_listed_gives_each_tag_once_with_a_commit(text in "([0-9a-f]{40}|[a-z\t]{0,9})\t?(refs/tags/)?[a-z.^{}\\-]{0,12}\n?.{0,40}") {
            let listed = text.repeat(2);
            let tags = read_tags(&listed);
            let mut names: Vec<_> = tags.iter().map(|tag| &tag.name).collect();
            names.dedup();
            prop_assert_eq!(names.len(), tags.len());
            for tag in &tags {
                prop_assert!(is_reference(&tag.name) && matches!(tag.commit.len(), 40 | 64), "{:?}", tag);
            }
        }

        #[test]
        fn the_order_of_the_lines_does_not_matter(names in proptest::collection::btree_set("[a-z]{1,4}", 1..6)) {
            let [tag, commit] = ["a", "b"].map(|digit| digit.repeat(40));
            let mut lines: Vec<String> = Vec::new();
            for name in &names {
                lines.push(format!("{tag}\trefs/tags/{name}"));
                lines.push(format!("{commit}\trefs/tags/{name}^{{}}"));
            }
            let forward = read_tags(&lines.join("\n"));
            lines.reverse();
            prop_assert_eq!(&forward, &read_tags(&lines.join("\n")));
            prop_assert!(forward.iter().all(|one| one.commit == commit));
        }
    }
}
