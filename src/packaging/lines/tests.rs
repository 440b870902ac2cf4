//! What lines of requirements files ask for.

use super::*;

fn one(text: &str) -> Asks {
    let mut lines = read(text).unwrap();
    assert_eq!(lines.len(), 1, "{text}");
    lines.remove(0).asks
}

fn project(text: &str) -> Hashed {
    let Asks::Project(hashed) = one(text) else { panic!("{text}: no project") };
    hashed
}

fn at(text: &str) -> DirectUrl {
    let Asks::Place(place) = one(text) else { panic!("{text}: no place") };
    place
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[test]
fn lines_are_joined_numbered_and_rid_of_comments_as_pip_does() {
    let text = "# head\n\nsix==1.16 # via x\n  demo==1.0 \\\n    --hash=sha256:aa \\\n    # via six\nurl @ https://h/a.zip#egg=url\n#end\nlast==1\\\n";
    let lines: Vec<_> = read(text).unwrap().into_iter().map(|line| (line.number, line.text)).collect();
    assert_eq!(lines[0], (3, "six==1.16".to_owned()));
    assert_eq!(lines[1].0, 4);
    assert_eq!(lines[1].1.split_whitespace().collect::<Vec<_>>(), ["demo==1.0", "--hash=sha256:aa"]);
    assert_eq!(lines[2], (7, "url @ https://h/a.zip#egg=url".to_owned()));
    assert_eq!(lines[3], (9, "last==1".to_owned()));
}

#[test]
fn a_pin_is_one_exact_version() {
    for (text, pin) in [
        ("demo==1.0", Some("1.0")),
        ("Demo[x,y] == 1.0.0 ; python_version > '3'", Some("1.0.0")),
        ("demo===1.0+local", Some("1.0+local")),
        ("demo==1.*", None),
        ("demo>=1.0", None),
        ("demo==1.0,!=1.1", None),
        ("demo", None),
    ] {
        assert_eq!(project(text).pin().map(|v| v.to_string()).as_deref(), pin, "{text}");
    }
}

#[test]
fn hashes_are_read_in_both_spellings_and_others_are_noted() {
    let text = format!("demo==1.0 --hash=sha256:{A} --hash sha256:{}", B.to_uppercase());
    let hashed = project(&text);
    assert_eq!(hashed.sha256, BTreeSet::from([A.to_owned(), B.to_owned()]));
    assert!(!hashed.others);
    let other = project("demo==1.0 --hash=sha512:00");
    assert!(other.sha256.is_empty() && other.others);
}

#[test]
fn a_place_says_in_its_fragment_what_it_is() {
    let place =
        at("git+https://h.example/x.git@v1#subdirectory=lib&egg=De_mo[x]==1.0 ; python_version > '3'");
    assert_eq!(place.name.as_ref().map(ProjectName::as_str), Some("de-mo"));
    assert_eq!(place.version.as_ref().map(ToString::to_string).as_deref(), Some("1.0"));
    assert!(place.is_repository() && place.marker.is_some() && place.extras.len() == 1);
    assert_eq!(place.without_egg(), "git+https://h.example/x.git@v1#subdirectory=lib");
    let archive = at(&format!("https://h.example/a/demo-1.0.tar.gz#egg=demo==1.0&sha256={A}"));
    assert_eq!(
        (archive.filename().as_deref(), archive.sha256.as_deref()),
        (Some("demo-1.0.tar.gz"), Some(A))
    );
    assert!(!archive.is_repository());
    let direct = at("demo @ https://h.example/demo-1.0-py3-none-any.whl ; os_name == 'nt'");
    assert!(direct.name.is_some() && direct.version.is_none() && direct.marker.is_some());
    assert_eq!(direct.without_egg(), direct.url.expose());
}

#[test]
fn what_is_on_the_writers_machine_is_theirs() {
    for text in [
        "-e file:///app",
        "-e .",
        "--editable ./x",
        "./lib",
        "/srv/x",
        "file:///app",
        "demo.whl",
        "a @ file:///b",
    ] {
        assert_eq!(one(text), Asks::Local, "{text}");
    }
    for text in ["-r other.txt", "--index-url http://h/", "-c x", "--no-binary :all:"] {
        assert_eq!(one(text), Asks::Setting, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    for text in
        ["demo==1.0==2", "de mo", "https://h/x what", "git+https://h/x#egg=a b", "git+https://h/x#egg=a==b"]
    {
        let told = read(&format!("six==1\n\n{text}\n")).unwrap_err().to_string();
        assert!(told.starts_with("line 3: "), "{text}: {told}");
    }
}
