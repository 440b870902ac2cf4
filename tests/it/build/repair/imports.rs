//! Wheels whose modules are imported in the sandbox: what is named, doubted, and refused.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_imported_is_named_and_fails_only_where_a_recipe_demands_it() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let with = |code: &str| Package::new("demo", "1.0").member("extra.py", code.as_bytes());
    let cases = [
        ("import not_there_at_all.sub", Class::Import, "it needs not_there_at_all"),
        ("import demo.lost", Class::Import, "does not contain it"),
        ("print 'x'", Class::Python2Syntax, "fails on this Python"),
        ("raise SystemExit(0)", Class::Import, "fails on this Python"),
        ("import os; os._exit(0)", Class::Import, "stopped while it imported extra"),
        ("import os, signal; os.kill(os.getpid(), 11)", Class::Import, "stopped while it imported extra"),
        ("while True: pass", Class::Import, "did not end within"),
        ("import ctypes; ctypes.CDLL('libnot_there.so.1')", Class::Import, "libnot_there.so.1"),
    ];
    let demands = with_recipe(hand.job("demo", "1.0"), serde_json::json!({"test": {"import": ["extra"]}}));
    for (code, class, told) in cases {
        let done = hand.plain(&with(code)).await.unwrap_or_else(|failure| panic!("{code}: {failure:?}"));
        assert!(done.doubts.iter().any(|line| line.contains(told)), "{code}: {done:?}");
        let failure = hand.checked(&with(code), &demands, &SourceFacts::default()).await.expect_err(code);
        assert_eq!(failure.class, class, "{code}: {failure:?}");
    }
    let job = with_recipe(hand.job("demo", "1.0"), serde_json::json!({"test": {"import": ["demo"]}}));
    let done = hand.checked(&with("import not_there_at_all"), &job, &SourceFacts::default()).await;
    let done = done.expect("a recipe that names the module");
    assert_eq!((done.done, done.doubts.len()), (vec!["imported demo".to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_cannot_be_loaded_is_a_doubt_where_its_package_works_without() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    // The library is not named, so that repair cannot know.
    let module = hand.module("return PyLong_FromLong(BZ2_bzlibVersion()[0]);", &[]);
    let package = Package::new("demo", "1.0").tag(&hand.tag()).member("demo/_demo.so", module);
    let soft = "try:\n    from demo import _demo\nexcept ImportError:\n    _demo = None\n";
    let done = hand.plain(&package.clone().member("demo/soft.py", soft.as_bytes())).await;
    let doubts = done.expect("a wheel that works without").doubts;
    assert!(
        doubts.iter().any(|line| line.contains("BZ2_bzlibVersion; demo imports without it")),
        "{doubts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requirements_that_cannot_be_had_are_nobodys_fault() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let package = Package::new("demo", "1.0")
        .requires("surely-not-a-project-of-anybody>=3")
        .requires("never-asked-for; python_version < '2'")
        .member("extra.py", "import surely_not".as_bytes());
    let done = hand.plain(&package).await.expect("a wheel with a remark").done;
    assert!(done.contains(&"imported demo".to_owned()), "{done:?}");
    assert!(done.iter().any(|line| line.contains("did not import extra: it needs surely_not")), "{done:?}");
}
