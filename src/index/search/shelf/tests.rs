//! The order of what is found, and files that are damaged.

use super::*;

fn entry(index: &str, name: &str, summary: &str, about: &str) -> ShelfChange {
    let (index, project): (IndexName, ProjectName) = (index.parse().unwrap(), name.parse().unwrap());
    let card = Card {
        index: index.clone(),
        project: project.clone(),
        name: name.to_owned(),
        summary: summary.to_owned(),
        told: "1.0".into(),
        releases: "1.0\t\t".into(),
    };
    let words = |text: &str| super::super::query::words(text).join(" ");
    let entry = SearchEntry { card, name: words(name), summary: words(summary), about: words(about) };
    (index, project, Some(entry))
}

fn shelf(folder: &Path) -> Shelf {
    let (shelf, mark) = Shelf::open(folder, "u").unwrap();
    assert_eq!(mark, None);
    let all = [
        ("http", "", ""),
        ("http-client", "", ""),
        ("async-http", "", ""),
        ("pyhttplib", "", ""),
        ("requests", "HTTP for humans", ""),
        ("zope", "An old one", "it speaks http too"),
        ("data-kit", "数据分析", "nothing else"),
    ];
    shelf
        .put(all.into_iter().map(|(name, summary, about)| entry("a/b", name, summary, about)).collect())
        .unwrap();
    shelf.put(vec![entry("c/d", "http-hidden", "", "")]).unwrap();
    shelf.commit(Some(&Mark::new("u", 7, 3))).unwrap();
    shelf
}

fn found(shelf: &Shelf, question: WordQuestion<'_>) -> Vec<String> {
    let mut found = shelf.find(question, &["a/b".to_owned()]).unwrap();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.card.project.cmp(&b.card.project)));
    found.into_iter().map(|one| one.card.project.into()).collect()
}

fn words(shelf: &Shelf, text: &str) -> Vec<String> {
    found(shelf, WordQuestion::Words(&SearchText::parse(text).unwrap()))
}

#[test]
fn the_name_comes_first_then_its_beginning_its_words_the_summary_and_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    let all = ["http", "http-client", "async-http", "pyhttplib", "requests", "zope"];
    assert_eq!(words(&shelf, "HTTP"), all);
    assert_eq!(words(&shelf, "htt"), ["http", "http-client", "async-http", "pyhttplib", "requests", "zope"]);
    assert_eq!(words(&shelf, "http humans"), ["requests"], "all words are needed");
    assert_eq!(words(&shelf, "client http"), ["http-client"]);
    assert_eq!(words(&shelf, "分析"), ["data-kit"]);
    assert_eq!(words(&shelf, "http.*"), words(&shelf, "http"), "no syntax");
    assert_eq!(words(&shelf, ".*"), [""; 0]);
}

#[test]
fn parts_of_summaries_are_found_wherever_they_begin_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    let parts = |text: &str| {
        let parts = SearchParts::new(&[], &[text.to_owned()], true).unwrap();
        found(&shelf, WordQuestion::Parts(&parts))
    };
    for part in ["http for humans", "tp for hum", "ttp for h", "p for humans", "uman", "HTTP", "ht"] {
        assert_eq!(parts(part), ["requests"], "{part}");
    }
    for part in ["http fo humans", "humans for", "mans", "分"] {
        assert!(parts(part).len() < 2, "{part}");
    }
    assert_eq!(parts("分析"), ["data-kit"]);
    assert_eq!(parts("http fo humans"), [""; 0], "a word between others is whole");
}

#[test]
fn a_letter_may_be_wrong_in_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    let near = |text: &str| found(&shelf, WordQuestion::Near(&SearchText::parse(text).unwrap()));
    for typed in ["reqests", "reqeusts", "requestss", "rewuests"] {
        assert_eq!(near(typed), ["requests"], "{typed}");
    }
    assert_eq!(near("htpt-clent"), ["http-client"]);
    assert_eq!(near("requ"), [""; 0]);
}

#[test]
fn what_was_put_is_replaced_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    let (index, project, _) = entry("a/b", "http", "", "");
    shelf.put(vec![(index, project, None), entry("a/b", "zope", "renewed", "")]).unwrap();
    shelf.drop_index("c/d");
    shelf.commit(None).unwrap();
    assert_eq!(words(&shelf, "http"), ["http-client", "async-http", "pyhttplib", "requests"]);
    assert_eq!(words(&shelf, "renewed"), ["zope"]);
    assert_eq!(shelf.having(&"http-hidden".parse().unwrap()).unwrap(), []);
}

#[test]
fn files_are_opened_again_and_made_anew_when_damaged_or_of_another_installation() {
    let folder = tempfile::tempdir().unwrap();
    drop(shelf(folder.path()));
    let (again, mark) = Shelf::open(folder.path(), "u").unwrap();
    assert_eq!(mark, Some(Mark::new("u", 7, 3)));
    assert_eq!(words(&again, "requests"), ["requests"]);
    assert_eq!(again.indexes().unwrap(), ["a/b", "c/d"]);
    assert!(matches!(Shelf::open(folder.path(), "u"), Err(Error::Unavailable(_))), "one writer at a time");
    drop(again);
    let mut large = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let store = large.find(|path| path.extension().is_some_and(|end| end == "store")).unwrap();
    let mut bytes = std::fs::read(&store).unwrap();
    bytes[3] ^= 0xff;
    std::fs::write(&store, bytes).unwrap();
    let (anew, mark) = Shelf::open(folder.path(), "u").unwrap();
    assert!(mark.is_none() && words(&anew, "requests").is_empty());
    anew.commit(Some(&Mark::new("u", 8, 0))).unwrap();
    drop(anew);
    assert_eq!(Shelf::open(folder.path(), "other").unwrap().1, None);
    std::fs::write(folder.path().join("meta.json"), "{").unwrap();
    assert_eq!(Shelf::open(folder.path(), "other").unwrap().1, None);
}
