//! Stories of `+compile/` where the version that was asked for cannot be built: no older one takes its place
//! without a word.

use crate::cli::resolve::run;
use crate::kit::Server;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::resolving::{pins, send_text, start, wheel};
use crate::kit::worker;

const COMPILE: &str = "/v1/alice.dev/cp312-linux/+compile/";

/// `demo` 1.0 is a wheel; of 2.0 there is the source alone, whose build has failed: its number.
async fn house() -> (Server, i64) {
    let server = start().await;
    server.publish("alice/dev", &wheel("demo", "1.0").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").sdist()).await;
    let failing = async {
        let job = worker::job(&server).await;
        worker::failed(&server, &job).await;
        job.build
    };
    let resolve = "/v1/alice.dev/cp312-linux/+resolve/";
    let ((status, _), id) = tokio::join!(send_text(&server, resolve, "demo==2.0\n", false), failing);
    assert_eq!(status, 400);
    (server, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_a_requirement_means_is_named_when_its_build_failed() {
    let (server, id) = house().await;
    server.publish("alice/dev", &wheel("fine", "1.0").requires("demo>=1").wheel()).await;
    for text in ["demo\n", "demo>=1,<3\n", "fine\ndemo\n"] {
        let (status, told) = send_text(&server, COMPILE, text, false).await;
        assert_eq!(status, 400, "{text}: {told}");
        for says in [
            "demo 2.0 exists as source, but its build for cp312-manylinux_2_36_x86_64 failed; 1.0 is older",
            "compiler: mend it",
            &server.url(&format!("/+builds/{id}/log")),
            "--accept-older",
        ] {
            assert!(told.contains(says), "no {says}: {told}");
        }
        let (status, told) = send_text(&server, &format!("{COMPILE}?older=accept"), text, false).await;
        assert_eq!(status, 200, "{told}");
        assert!(told.contains("demo==1.0") && told.contains("# Left out: demo 2.0"), "{told}");
    }
    let (status, told) = send_text(&server, &format!("{COMPILE}?older=yes"), "demo\n", false).await;
    assert!(status == 400 && told.contains("older=accept"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_was_meant_or_is_required_by_others_is_no_failure() {
    let (server, _) = house().await;
    server.publish("alice/dev", &wheel("old", "1.0").requires("demo<2").wheel()).await;
    server.publish("alice/dev", &wheel("any", "1.0").requires("demo").wheel()).await;
    for text in [
        "demo<2\n",
        "demo!=2.0\n",
        "demo\nold\n",
        // Whoever asks does not ask for it.
        "any\n",
        // What a lock had is kept.
        "# prefer: demo==1.0\ndemo\n",
        // For another Python.
        "any\ndemo ; python_version < '3'\n",
    ] {
        let (status, told) = send_text(&server, COMPILE, text, false).await;
        assert_eq!(status, 200, "{text}: {told}");
        assert!(pins(&told).contains(&"demo==1.0"), "{told}");
        assert!(told.contains("# Left out: demo 2.0"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_takes_what_is_older_only_when_it_is_told_to_or_a_constraint_says_so() {
    let (server, id) = house().await;
    let desk = Desk::new();
    desk.write("requirements.in", "demo\n");
    let ran = run(&desk, &server, &["compile"]).await.failed();
    assert!(
        ran.err.contains("demo 2.0 exists as source") && ran.err.contains(&format!("/+builds/{id}")),
        "{}",
        ran.err
    );
    assert!(!desk.path("requirements.txt").exists());
    let ran = run(&desk, &server, &["compile", "--accept-older"]).await.succeeded();
    assert!(ran.err.contains("warning: left out: demo 2.0"), "{}", ran.err);
    assert_eq!(pins(&desk.read("requirements.txt")), ["demo==1.0"]);
    desk.write("requirements.in", "demo\n-c limits.txt\n");
    for (limit, is_fine) in [("demo<2\n", true), ("demo<3\n", false), ("absent<2\n", false)] {
        desk.write("limits.txt", limit);
        let ran = run(&desk, &server, &["compile", "requirements.in", "limited.txt", "--upgrade"]).await;
        assert_eq!(ran.code == Some(0), is_fine, "{limit}: {}", ran.err);
    }
}
