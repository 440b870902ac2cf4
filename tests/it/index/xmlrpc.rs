//! XML-RPC: `pip search`, scripts of devpi, mirroring tools, and calls that are wrong.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::clients::{Client, old_pip};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;

/// Sends a call; the status and the answer.
async fn call(server: &Server, path: &str, auth: &Auth, method: &str, params: &str) -> (u16, String) {
    let text = format!("<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>");
    send(server, path, auth, text).await
}

async fn send(server: &Server, path: &str, auth: &Auth, text: String) -> (u16, String) {
    let request =
        auth.on(server.http.post(server.url(path))).header("content-type", "text/xml; charset=utf-8");
    let answer = request.body(text).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

fn looking(field: &str, words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("<value><string>{word}</string></value>")).collect();
    format!(
        "<param><value><struct><member><name>{field}</name><value><array><data>{words}</data></array></value></member>\
         </struct></value></param>"
    )
}

/// The names of an answer's hits, in its order.
fn names(answer: &(u16, String)) -> Vec<&str> {
    assert_eq!(answer.0, 200, "{}", answer.1);
    let after = answer.1.split("<name>name</name><value><string>").skip(1);
    after.filter_map(|rest| rest.split('<').next()).collect()
}

async fn filled(server: &Server) {
    server.make_stage().await;
    server.make_index("alice/base", json!({"bases": []})).await;
    server.make_index("alice/hidden", json!({"bases": [], "acl_read": ["alice"]})).await;
    let (_, told) =
        server.ask("PATCH", "/alice/dev", &alice(), Some(json!(["bases=alice/base,alice/hidden"]))).await;
    assert!(told["result"].is_object(), "{told}");
    let package =
        |name: &str, version: &str, summary: &str| Package::new(name, version).summary(summary).wheel();
    for (index, name, version, summary) in [
        ("dev", "Big_Tool", "1.0", "old words"),
        ("dev", "Big_Tool", "1.10", "cuts 100% of &lt;wood>"),
        ("dev", "Big_Tool", "2.0a1", "a pre-release"),
        ("dev", "other", "1.0", "Handles WOOD, too"),
        ("base", "tool-box", "3.0", "from a base"),
        ("base", "other", "9.0", "hidden by the first index"),
        ("hidden", "secret-tool", "1.0", "nobody sees it"),
    ] {
        server.publish(&format!("alice/{index}"), &package(name, version, summary)).await;
    }
}

fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

on_both! {
    async fn projects_are_found_by_name_and_summary_in_the_index_and_its_bases(server: Server) {
        filled(&server).await;
        let find =
            async |auth: Auth, params: String| call(&server, "/alice/dev", &auth, "search", &params).await;
        let or = "<param><value>or</value></param>";
        assert_eq!(names(&find(Auth::None, looking("name", &["tool"])).await), ["Big_Tool", "tool-box"]);
        assert_eq!(names(&find(Auth::None, looking("name", &["BIG.tool"])).await), ["Big_Tool"]);
        assert_eq!(
            names(&find(alice(), looking("name", &["tool", "nothing"])).await),
            ["Big_Tool", "tool-box", "secret-tool"],
            "a reader of the base sees what it has"
        );
        assert_eq!(names(&find(Auth::None, looking("summary", &["wood"])).await), ["Big_Tool", "other"]);
        for nothing in ["old words", "hidden by", "nobody", "100_"] {
            assert_eq!(names(&find(Auth::None, looking("summary", &[nothing])).await), [""; 0], "{nothing}");
        }
        let hit = find(Auth::None, looking("summary", &["100% of"])).await;
        assert!(hit.1.contains("<string>cuts 100% of &amp;lt;wood&gt;</string>"), "{}", hit.1);
        assert!(hit.1.contains("<name>version</name><value><string>1.10</string>"), "{}", hit.1);
        assert!(hit.1.contains("<name>_pypi_ordering</name><value><int>0</int>"), "{}", hit.1);
        let both = looking("name", &["tool"])
            .replace("</struct>", "<member><name>summary</name><value>a base</value></member></struct>");
        assert_eq!(names(&find(Auth::None, both.clone()).await), ["tool-box"], "and, as devpi has it");
        assert_eq!(names(&find(Auth::None, both + or).await), ["Big_Tool", "tool-box"]);
    }
}

#[tokio::test]
async fn an_index_is_searched_by_its_readers_alone_and_the_call_needs_no_right_to_upload() {
    let server = stage().await;
    server.make_user("bob", "bob-secret").await;
    server.make_index("alice/hidden", json!({"acl_read": ["bob"], "acl_upload": ["alice"]})).await;
    server.publish("alice/hidden", &Package::new("demo", "1.0").wheel()).await;
    let demo = looking("name", &["demo"]);
    let bob = Auth::basic("bob", "bob-secret");
    for path in ["/alice/hidden", "/alice/hidden/"] {
        assert_eq!(names(&call(&server, path, &bob, "search", &demo).await), ["demo"]);
        assert_eq!(call(&server, path, &Auth::None, "search", &demo).await.0, 401);
    }
    // The same path with another body is an upload still.
    let answer =
        bob.on(server.http.post(server.url("/alice/hidden/"))).body("x").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    assert_eq!(
        call(&server, "/bob/", &bob, "search", &demo).await.0,
        404,
        "pypi alone is a name for the default"
    );
}

#[tokio::test]
async fn pip_and_python_speak_it() {
    let server = Server::start_with(|config| config.default_index = "alice/dev".into()).await;
    server.make_stage().await;
    for version in ["1.0", "1.1"] {
        let demo = Package::new("demo", version).summary("A demonstration");
        server.publish("alice/dev", &demo.wheel()).await;
    }
    let (pip, (old, _)) = (Client::new("pip"), old_pip());
    for url in [server.url("/alice/dev/"), server.url("/pypi")] {
        for pip in [&pip, &old] {
            let run = pip.run("pip", &["search", "-i", &url, "demonstration"]).await.succeeded();
            run.says("demo (1.1)").says("A demonstration");
        }
    }
    pip.run("pip", &["search", "-i", &server.url("/pypi"), "nothing-like-that"]).await.failed();
    let script = format!(
        "import xmlrpc.client as x\n\
         s = x.ServerProxy('{}')\n\
         print(s.search({{'name': 'dem'}}))\n\
         print(s.list_packages_with_serial())\n\
         changes = s.changelog_since_serial(0)\n\
         print([change[:2] + change[3:4] for change in changes])\n\
         print(s.changelog_last_serial() >= changes[-1][4], s.changelog_since_serial(changes[-1][4]))\n\
         try: s.release_urls('demo', '1.0')\n\
         except x.Fault as fault: print(fault.faultCode)\n",
        server.url("/pypi")
    );
    let run = pip.run("python", &["-c", &script]).await.succeeded();
    let lines: Vec<&str> = run.output.lines().collect();
    assert_eq!(
        lines[0],
        "[{'_pypi_ordering': 0, 'name': 'demo', 'summary': 'A demonstration', 'version': '1.1'}]"
    );
    assert!(lines[1].starts_with("{'demo': "), "{}", run.output);
    assert_eq!(lines[2..], ["[['demo', '1.0', 'upload'], ['demo', '1.1', 'upload']]", "True []", "-32601"]);
}

#[tokio::test]
async fn what_is_wrong_is_a_fault_that_says_why() {
    let server = stage().await;
    let string = "<param><value>x</value></param>";
    let empty = "<param><value><struct/></value></param>";
    for (method, params, why) in [
        ("search", empty.to_owned(), "a search needs a word"),
        ("search", looking("keywords", &["x"]), "searches name and summary, not &quot;keywords&quot;"),
        ("search", looking("name", &["x"; 21]), "at most 20 words"),
        ("search", looking("name", &[&*"x".repeat(101)]), "at most 100 characters"),
        (
            "search",
            looking("name", &["x"]) + "<param><value>xor</value></param>",
            "&apos;and&apos; or &apos;or&apos;",
        ),
        ("search", String::new(), "search takes {field: [words]}"),
        ("search", looking("name", &["x"]).replace("string>", "int>"), "is not a valid XML-RPC &lt;int&gt;"),
        ("changelog_last_serial", string.to_owned(), "takes no parameters"),
        ("changelog_since_serial", string.to_owned(), "takes a serial"),
        ("system.listMethods", String::new(), "has no such XML-RPC method"),
    ] {
        let (status, text) = call(&server, "/alice/dev/", &Auth::None, method, &params).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("<fault>") && text.contains(why), "{method} {params}: {text}");
    }
    let (status, text) = send(&server, "/alice/dev", &Auth::None, "<methodCall>".into()).await;
    assert!(status == 200 && text.contains("<int>-32600</int>"), "{text}");
    let (status, _) = send(&server, "/alice/dev", &Auth::None, " ".repeat((256 << 10) + 1)).await;
    assert_eq!(status, 413);
}
