//! What is in a bundle, and what becomes of it on the other side.

use super::{Gap, PYTHON};
use crate::kit::clients::Client;
use crate::kit::packages::{Dist, Package};
use crate::kit::sources::Tree;
use crate::kit::worker;
use serde_json::json;
use std::path::Path;

/// The names in a tar archive.
fn members(path: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).expect("a bundle"));
    let entries = archive.entries().expect("an archive");
    entries.map(|entry| entry.expect("a member").path().expect("a path").display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_cross_the_gap_with_all_that_they_need_and_pip_and_uv_install_them() {
    let gap = Gap::with_app().await;
    gap.desk.write("requirements.txt", "app\n");
    let wanted = ["-r", "requirements.txt", "-o", "drop.wwb"];
    // Nobody named lib, which is private: it stays.
    let kept = gap.create(&wanted).await.failed();
    assert!(
        kept.out.contains("private and nobody named them: lib") && kept.out.contains("--private"),
        "{}",
        kept.out
    );
    assert!(!gap.desk.path("drop.wwb").exists());
    let made = gap.create(&[&wanted[..], &["--private", "lib"]].concat()).await.succeeded().json();
    assert_eq!(made["files"], json!(["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]), "{made}");
    let names = members(&gap.desk.path("drop.wwb"));
    assert_eq!((names.len(), names[0].as_str()), (4, "manifest.json"), "{names:?}");
    assert!(
        names[1].starts_with("signatures/") && names[3].ends_with("/lib-1.0-py3-none-any.whl"),
        "{names:?}"
    );

    // With nothing but the file and the key.
    let verified =
        gap.desk.run("wheelwright", &["bundle", "verify", "drop.wwb", "--public-key", "me.key.pub"]).await;
    assert!(verified.succeeded().out.contains("2 files, signed by"));
    let shown = gap.beside(&["bundle", "inspect", "drop.wwb", "--against", "alice/dev"]).await.succeeded();
    assert!(shown.out.contains("not verified") && shown.out.contains("has 0 of 2 files"), "{}", shown.out);

    let before = gap.state();
    let dry = gap.import(&["drop.wwb", "--dry-run"]).await.succeeded().json();
    assert_eq!(
        (&dry["imported"], dry["diff"]["new"].as_array().map(Vec::len)),
        (&json!(false), Some(2)),
        "{dry}"
    );
    assert_eq!(gap.state(), before, "a dry run changes nothing");
    let done = gap.import(&["drop.wwb"]).await.succeeded().json();
    assert_eq!(done["imported"], true, "{done}");
    let again = gap.import(&["drop.wwb"]).await.succeeded().json();
    assert_eq!((&again["imported"], &again["diff"]["already"]), (&json!(false), &json!(true)));
    let known = gap.beside(&["bundle", "list", "alice/dev", "--json"]).await.succeeded().json();
    assert_eq!((&known[0]["bundle"], &known[0]["files"]), (&made["bundle"], &json!(2)), "{known}");
    let shown = gap.beside(&["bundle", "inspect", "drop.wwb", "--against", "alice/dev"]).await.succeeded();
    assert!(shown.out.contains("has 2 of 2 files"), "{}", shown.out);

    gap.desk.environment(true).await;
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    gap.desk.put(&uv, "uv");
    let simple = gap.closed.url("/alice/dev/+simple/");
    let told = "import app, lib; print(app.__version__, lib.__version__)";
    gap.desk.run(PYTHON, &["-m", "pip", "install", "--index-url", &simple, "app"]).await.succeeded();
    assert_eq!(gap.desk.python(told), "1.0 1.0");
    gap.desk.run(PYTHON, &["-m", "pip", "uninstall", "-y", "app", "lib"]).await.succeeded();
    gap.desk.run("uv", &["pip", "install", "--default-index", &simple, "app"]).await.succeeded();
    assert_eq!(gap.desk.python(told), "1.0 1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_brings_what_is_new_to_those_who_have_the_rest() {
    let gap = Gap::with_app().await;
    gap.create(&["app", "--private", "all", "-o", "first.wwb"]).await.succeeded();
    let mut middle = gap.create(&["app", "--private", "all", "-o", "middle.wwb"]).await.succeeded().json();
    assert_eq!(middle["files"].as_array_mut().map(|files| files.len()), Some(2));
    gap.publish(&Package::new("lib", "2.0").member("lib/data", vec![b'x'; 100_000])).await;
    let delta = gap.create(&["app", "--private", "all", "--since", "first.wwb", "-o", "delta.wwb"]).await;
    let delta = delta.succeeded().json();
    assert_eq!(
        (&delta["files"], &delta["held"]),
        (&json!(["lib-2.0-py3-none-any.whl"]), &json!(1)),
        "{delta}"
    );
    let size = std::fs::metadata(gap.desk.path("delta.wwb")).expect("a bundle").len();
    assert!(size < 100_000 + (1 << 20), "{size}");

    let before = gap.state();
    let lost = gap.import(&["delta.wwb"]).await.failed();
    assert!(
        lost.err.contains("app-1.0-py3-none-any.whl") && lost.err.contains("import that one first"),
        "{}",
        lost.err
    );
    assert_eq!(gap.state(), before);
    gap.import(&["first.wwb"]).await.succeeded();
    gap.import(&["delta.wwb"]).await.succeeded();
    assert_eq!(gap.listed("lib").await, ["lib-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"]);
    // The one between was never imported, and is older than what is there.
    let before = gap.state();
    let replayed = gap.import(&["middle.wwb"]).await.failed();
    assert!(replayed.err.contains("has a newer one of alice/dev"), "{}", replayed.err);
    assert_eq!(gap.state(), before);
    // The very one that is there is nothing new.
    assert_eq!(gap.import(&["first.wwb"]).await.succeeded().json()["diff"]["already"], true);
    // A yank crosses the gap, too, although no file does.
    let (status, said) = gap.open.as_alice("PATCH", "/alice/dev/lib/2.0", r#"{"yanked": "it leaks"}"#).await;
    assert_eq!(status, 200, "{said}");
    gap.create(&["lib==2.0", "--since", "delta.wwb", "-o", "yank.wwb"]).await.succeeded();
    gap.import(&["yank.wwb"]).await.succeeded();
    let page = gap.closed.get("/alice/dev/+simple/lib/").await.text().await.expect("a page");
    assert!(page.contains("data-yanked=\"it leaks\""), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_tells_what_the_other_side_has() {
    let gap = Gap::with_app().await;
    gap.create(&["lib", "--private", "all", "-o", "first.wwb"]).await.succeeded();
    gap.import(&["first.wwb"]).await.succeeded();
    gap.open.make_index("alice/carried", json!({"bases": ["alice/dev"]})).await;
    // What it inherits was not carried: a delta to nothing has all.
    let all = gap.create(&["app", "--private", "all", "--since", "alice/carried", "-o", "all.wwb"]).await;
    assert_eq!(all.succeeded().json()["held"], 0);
    gap.open.publish("alice/carried", &Package::new("lib", "1.0").tag("py3-none-any").wheel()).await;
    let delta = gap.create(&["app", "--private", "all", "--since", "alice/carried", "-o", "delta.wwb"]).await;
    let delta = delta.succeeded().json();
    assert_eq!(
        (&delta["files"], &delta["held"]),
        (&json!(["app-1.0-py3-none-any.whl"]), &json!(1)),
        "{delta}"
    );
    let shown = gap.desk.run("wheelwright", &["bundle", "inspect", "delta.wwb"]).await.succeeded();
    assert!(shown.out.contains("builds upon index alice/carried, which has 1 file more"), "{}", shown.out);
    gap.import(&["delta.wwb"]).await.succeeded();
    assert_eq!(gap.listed("app").await, ["app-1.0-py3-none-any.whl"]);

    for (since, why) in [
        ("alice/none", "alice/none does not exist, or it is private"),
        ("root/pypi", "it is a mirror"),
        ("none.wwb", "cannot read none.wwb"),
    ] {
        let refused =
            gap.create(&["app", "--private", "all", "--since", since, "-o", "no.wwb"]).await.failed();
        assert!(refused.out.contains(why), "{}", refused.out);
    }
    // The other side lost what it had: the delta is refused as a whole.
    let fresh = Gap::new().await;
    std::fs::copy(gap.desk.path("delta.wwb"), fresh.desk.path("delta.wwb")).expect("a copy");
    let public = gap.desk.path("me.key.pub").display().to_string();
    let lost = fresh.import(&["delta.wwb", "--public-key", &public]).await.failed();
    assert!(
        lost.err.contains("builds upon index alice/carried") && lost.err.contains("lib-1.0"),
        "{}",
        lost.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_only_as_source_is_built_first_and_its_evidence_comes_along() {
    let gap = Gap::new().await;
    let demo = Package::new("demo", "1.0").requires_python(">=3").tag("py3-none-any");
    gap.open.publish("alice/dev", &demo.sdist()).await;
    let building = async {
        let job = worker::job(&gap.open).await;
        worker::built(&gap.open, &job, &demo.wheel()).await;
    };
    gap.desk.write("recipes.txt", "how we build\n");
    // Pinned already: nobody asks for its metadata first.
    let lock = "[[package]]\nname = 'demo'\nversion = '1.0'\n[metadata]\nlock-version = '2.1'\n";
    gap.desk.write("poetry.lock", lock);
    let create = ["-r", "poetry.lock", "--private", "demo", "-o", "drop.wwb", "--include", "recipes.txt"];
    let (made, ()) = tokio::join!(gap.create(&create), building);
    let made = made.succeeded().json();
    let wheel = made["files"][0].as_str().expect("a name").to_owned();
    assert!(wheel.starts_with("demo-1.0-1ww-cp312-"), "{made}");
    let shown =
        gap.desk.run("wheelwright", &["bundle", "inspect", "drop.wwb", "--json"]).await.succeeded().json();
    let file = &shown["manifest"]["files"][0];
    assert_eq!(
        (&file["from"], &file["evidence"]["sandbox"]),
        (&json!("private"), &json!(worker::evidence().sandbox)),
        "{shown}"
    );
    let done = gap.import(&["drop.wwb", "--others", "carried"]).await.succeeded().json();
    assert_eq!(done["diff"]["others"][0]["filename"], "recipes.txt", "{done}");
    assert_eq!(gap.desk.read("carried/recipes.txt"), "how we build\n");
    // Whoever forgot the folder gives it later.
    gap.import(&["drop.wwb", "--others", "later"]).await.succeeded();
    assert_eq!(gap.desk.read("later/recipes.txt"), "how we build\n");
    assert_eq!(gap.listed("demo").await, [wheel]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_is_taken_as_it_is_and_sdists_come_with_what_builds_them() {
    let gap = Gap::with_app().await;
    gap.publish(&Package::new("lib", "2.0")).await;
    gap.publish(&Package::new("backend", "3.0")).await;
    let pyproject = "[build-system]\nrequires = ['backend>=3']\nbuild-backend = 'backend'\n";
    let source = Tree::new("app", "1.0").file("pyproject.toml", pyproject);
    let package = Package::new("app", "1.0");
    let sdist = Dist { filename: source.filename(), bytes: source.sdist(), package };
    gap.open.publish("alice/dev", &sdist).await;
    let lock = "version = 1\n[[package]]\nname = 'app'\nversion = '1.0'\nsource = { registry = 'x' }\n\
                [[package]]\nname = 'lib'\nversion = '1.0'\nsource = { registry = 'x' }\n";
    let wrong = format!(
        "{lock}wheels = [{{ url = 'https://h/lib-1.0-py3-none-any.whl', hash = 'sha256:{}' }}]\n",
        "0".repeat(64)
    );
    gap.desk.write("uv.lock", &wrong);
    let said = gap.create(&["-r", "uv.lock", "--private", "all", "-o", "drop.wwb"]).await.failed().out;
    assert!(
        said.contains("lib-1.0-py3-none-any.whl has sha256") && said.contains("in the lock file"),
        "{said}"
    );
    gap.desk.write("uv.lock", lock);
    let create = ["-r", "uv.lock", "--private", "all", "--with-build-requirements", "-o", "drop.wwb"];
    let made = gap.create(&create).await.succeeded().json();
    let expected = [
        "app-1.0-py3-none-any.whl",
        "app-1.0.tar.gz",
        "backend-3.0-py3-none-any.whl",
        "lib-1.0-py3-none-any.whl",
    ];
    assert_eq!(made["files"], json!(expected), "{made}");
    gap.import(&["drop.wwb"]).await.succeeded();
    assert_eq!(gap.listed("app").await.len(), 2);
}
