//! The links that `update-alternatives` would make: the one thing of maintainer scripts that
//! compilers and linkers miss (`libblas.so.3`). The scripts are read, never run.

use super::script::{self, ScriptVariables};
use crate::error::Result;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

/// Bytes of a script that are looked at.
const LONGEST: u64 = 256 << 10;

/// `(link, path)`, both below `/usr`, with that taken off.
pub(super) type AlternativeLink = (String, String);

/// The links that a `postinst` asks for, as far as they can be read without running it.
pub(super) fn of(postinst: &Path) -> Vec<AlternativeLink> {
    let plain = postinst.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() <= LONGEST);
    if !plain {
        return Vec::new();
    }
    let Ok(text) = std::fs::read(postinst) else { return Vec::new() };
    in_script(&String::from_utf8_lossy(&text))
}

fn in_script(text: &str) -> Vec<AlternativeLink> {
    let mut variables = ScriptVariables::default();
    let mut links = Vec::new();
    for statement in script::statements(&text.replace("\\\n", " ")) {
        if variables.learn(statement) || !statement.contains("update-alternatives") {
            continue;
        }
        for words in variables.expanded(statement) {
            links.extend(asked_for(&words));
        }
    }
    links
}

/// What one call of `update-alternatives` links.
fn asked_for(words: &[String]) -> Vec<AlternativeLink> {
    let mut links = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !matches!(word.as_str(), "--install" | "--slave") {
            continue;
        }
        let below = |path: Option<&String>| Some(below_usr(path?)?.to_owned());
        if let (Some(link), Some(path)) = (below(words.get(at + 1)), below(words.get(at + 3))) {
            links.push((link, path));
        }
    }
    links
}

/// A plain path below `/usr`, without it.
fn below_usr(path: &str) -> Option<&str> {
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

    fn links(all: &[(&str, &str)]) -> Vec<AlternativeLink> {
        all.iter().map(|(link, path)| ((*link).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn plain_alternatives_are_found_and_others_are_left_alone() {
        let script = "set -e\nupdate-alternatives --install /usr/lib/x/libblas.so.3 libblas.so.3 \\\n  \
                      /usr/lib/x/blas/libblas.so.3 10 --slave /usr/share/a a /usr/share/b\n\
                      update-alternatives --install $LINK x $TARGET 10\n\
                      update-alternatives --install /usr/../etc/passwd x /usr/lib/y 10\n\
                      echo --install /usr/bin/a b /usr/bin/c\n";
        let expected = [("lib/x/libblas.so.3", "lib/x/blas/libblas.so.3"), ("share/a", "share/b")];
        assert_eq!(in_script(script), links(&expected));
    }

    #[test]
    fn names_in_variables_are_read() {
        // As Debian's automake has it.
        let script = "ver=1.16\nprio=34\nupdate-alternatives --install /usr/bin/automake automake \\\n\
                      \t/usr/bin/automake-$ver $prio \\\n\t--slave /usr/bin/aclocal aclocal /usr/bin/aclocal-${ver}\n";
        let expected = [("bin/automake", "bin/automake-1.16"), ("bin/aclocal", "bin/aclocal-1.16")];
        assert_eq!(in_script(script), links(&expected));
        let nothing = "ver=$(cat /etc/x)\nupdate-alternatives --install /usr/bin/a a /usr/bin/a-$ver 1\n";
        assert_eq!(in_script(nothing), []);
    }

    #[test]
    fn a_loop_over_names_is_read_once_for_each() {
        // As Debian's OpenJDK has it.
        let script = "basedir=/usr/lib/jvm/java-17\npriority=1711\ntools='jar javac'\n\
                      if [ x = y ]; then\n  for i in $tools; do\n    slave=\"--slave /usr/share/man/$i.1 $i.1 \\\n\
                      $basedir/man/$i.1\"\n    update-alternatives --install /usr/bin/$i $i \"$basedir/bin/$i\" \\\n\
                      $priority $slave\n  done\nfi\n";
        let expected = [
            ("bin/jar", "lib/jvm/java-17/bin/jar"),
            ("share/man/jar.1", "lib/jvm/java-17/man/jar.1"),
            ("bin/javac", "lib/jvm/java-17/bin/javac"),
            ("share/man/javac.1", "lib/jvm/java-17/man/javac.1"),
        ];
        assert_eq!(in_script(script), links(&expected));
    }

    #[test]
    fn a_script_cannot_swell() {
        let mut script = "a=/usr/bin/x\n".to_owned();
        for _ in 0..60 {
            script.push_str("a=$a$a\n");
        }
        script.push_str(&"update-alternatives --install $a $a $a 1\n".repeat(10_000));
        assert!(in_script(&script).len() < 1000);
        let many = format!("all='{}'\nfor i in $all; do\n", "x ".repeat(50_000));
        let many = many + &"update-alternatives --install /usr/bin/$i i /usr/lib/$i 1\n".repeat(1000);
        assert!(in_script(&many).len() < 200_000);
    }
}
