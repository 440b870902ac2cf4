//! The links that `update-alternatives` would make: the one thing of maintainer scripts that
//! compilers and linkers miss (`libblas.so.3`). The scripts are read, never run.

use crate::error::Result;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

/// Bytes of a script that are looked at.
const LONGEST: u64 = 256 << 10;

/// `(link, path)`, both below `/usr`, with that taken off.
pub(super) type AlternativeLink = (String, String);

/// The links that a `postinst` asks for, as far as they stand there in plain words.
pub(super) fn of(postinst: &Path) -> Vec<AlternativeLink> {
    let plain = postinst.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() <= LONGEST);
    if !plain {
        return Vec::new();
    }
    let Ok(text) = std::fs::read(postinst) else { return Vec::new() };
    in_script(&String::from_utf8_lossy(&text))
}

fn in_script(text: &str) -> Vec<AlternativeLink> {
    let text = text.replace("\\\n", " ");
    let mut links = Vec::new();
    for line in text.lines().filter(|line| line.contains("update-alternatives")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if !matches!(*word, "--install" | "--slave") {
                continue;
            }
            let (link, path) = (words.get(at + 1), words.get(at + 3));
            let below = |path: Option<&&str>| Some(below_usr(path?)?.to_owned());
            if let (Some(link), Some(path)) = (below(link), below(path)) {
                links.push((link, path));
            }
        }
    }
    links
}

/// A plain path below `/usr`, without it.
fn below_usr(path: &str) -> Option<&str> {
    let path = path.trim_matches(['"', '\'']);
    let rest =
        path.strip_prefix("/usr/").or_else(|| path.strip_prefix('/').filter(|p| p.starts_with("lib")))?;
    let normal = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_)));
    (normal && !rest.contains(['$', '`', '*'])).then_some(rest)
}

/// Makes those whose place is free; the first one for a place counts.
pub(super) fn link(links: &[AlternativeLink], usr: &Path) -> Result<()> {
    for (link, path) in links {
        let at = usr.join(link);
        let is_real = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        // Only where the packages' own folders lead: no link is followed.
        let parents_real = at.ancestors().skip(1).take_while(|above| above.starts_with(usr)).all(is_real);
        if parents_real && at.symlink_metadata().is_err() && usr.join(path).symlink_metadata().is_ok() {
            symlink(Path::new("/usr").join(path), &at)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_alternatives_are_found_and_others_are_left_alone() {
        let script = "set -e\nupdate-alternatives --install /usr/lib/x/libblas.so.3 libblas.so.3 \\\n  \
                      /usr/lib/x/blas/libblas.so.3 10 --slave /usr/share/a a /usr/share/b\n\
                      update-alternatives --install $LINK x $TARGET 10\n\
                      update-alternatives --install /usr/../etc/passwd x /usr/lib/y 10\n\
                      echo --install /usr/bin/a b /usr/bin/c\n";
        let links = in_script(script);
        let expected = [("lib/x/libblas.so.3", "lib/x/blas/libblas.so.3"), ("share/a", "share/b")];
        assert_eq!(links, expected.map(|(link, path)| (link.to_owned(), path.to_owned())));
    }
}
