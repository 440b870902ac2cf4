//! Every shape of path that a command documents leads to the same file.

use crate::cli::resolve::{run, start};
use crate::kit::desk::Desk;
use crate::kit::resolving::wheel;

const PROJECT: &str = "[project]\nname = \"mine\"\nversion = \"1.0\"\ndependencies = [\"lib\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn compile_reads_and_writes_paths_of_every_shape() {
    let server = start().await;
    server.publish("alice/dev", &wheel("lib", "1.0").wheel()).await;
    let desk = Desk::new();
    for folder in ["", "below/", "with a blank/"] {
        desk.write(&format!("{folder}pyproject.toml"), PROJECT);
        desk.write(&format!("{folder}requirements.in"), "-r more/other.in\n-c limits.txt\n");
        desk.write(&format!("{folder}more/other.in"), "lib\n");
        desk.write(&format!("{folder}limits.txt"), "lib<2\n");
        for name in ["pyproject.toml", "requirements.in"] {
            let absolute = desk.path(&format!("{folder}{name}"));
            let shapes =
                [format!("{folder}{name}"), format!("./{folder}{name}"), absolute.display().to_string()];
            for (at, input) in shapes.into_iter().enumerate() {
                let output = format!("{folder}out-{name}-{at}.txt");
                run(&desk, &server, &["compile", &input, &output]).await.succeeded();
                assert!(desk.read(&output).contains("lib==1.0"), "{input} -> {output}");
                let output = desk.path(&output);
                run(&desk, &server, &["compile", &input, &output.display().to_string()]).await.succeeded();
                let shown = run(&desk, &server, &["compile", &input, "-"]).await.succeeded();
                assert!(shown.out.contains("lib==1.0"), "{input}: {}", shown.out);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_nowhere_is_named() {
    let server = start().await;
    let desk = Desk::new();
    desk.write("requirements.in", "lib\n");
    for arguments in [
        &["compile", "absent.in"][..],
        &["compile", "absent/pyproject.toml"],
        &["compile", "requirements.in", "absent/requirements.txt"],
        &["resolve", "absent.txt"],
    ] {
        let ran = run(&desk, &server, arguments).await.failed();
        let named = arguments.last().expect("a path");
        assert!(ran.err.contains(named), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("empty path") && !ran.err.contains("os error 2)\n\n"), "{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compile_keeps_pins_until_it_is_told_to_upgrade() {
    let server = start().await;
    for (name, version) in [("lib", "1.0"), ("lib", "2.0"), ("tool", "1.0"), ("tool", "2.0")] {
        server.publish("alice/dev", &wheel(name, version).wheel()).await;
    }
    let desk = Desk::new();
    desk.write("requirements.in", "lib\ntool\n");
    let compile = async |options: &[&str], expected: [&str; 2]| {
        desk.write("requirements.txt", "# Mine\nlib==1.0\ntool==1.0  # old\n");
        run(&desk, &server, &[&["compile"][..], options].concat()).await.succeeded();
        let text = desk.read("requirements.txt");
        for pin in expected {
            assert!(text.lines().any(|line| line.starts_with(pin)), "{options:?}: no {pin} in {text}");
        }
        text
    };
    let text = compile(&[], ["lib==1.0", "tool==1.0"]).await;
    let again = text.lines().nth(1).expect("a second line").trim_start_matches('#').trim();
    assert!(again.starts_with("wheelwright compile -w http"), "{text}");
    assert!(again.ends_with(" requirements.in requirements.txt"), "{text}");
    let again: Vec<&str> = again.split(' ').collect();
    desk.run(again[0], &again[1..]).await.succeeded();
    assert_eq!(desk.read("requirements.txt"), text, "the command in the file's head does the same");
    compile(&["--upgrade"], ["lib==2.0", "tool==2.0"]).await;
    compile(&["-P", "lib"], ["lib==2.0", "tool==1.0"]).await;
    desk.write("requirements.in", "lib>1\ntool\n");
    compile(&[], ["lib==2.0", "tool==1.0"]).await;
    let text = compile(&["--generate-hashes"], ["lib==2.0 \\", "tool==1.0 \\"]).await;
    assert_eq!(text.matches("    --hash=sha256:").count(), 2, "{text}");
}
