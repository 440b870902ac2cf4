//! Keys and signatures are minisign's: the program itself is asked.

use super::Gap;
use std::path::Path;
use std::process::{Command, Output};

fn minisign(folder: &Path, arguments: &[&str]) -> Output {
    let done = Command::new("minisign").args(arguments).current_dir(folder).output();
    done.expect("minisign is installed: apt-get install minisign")
}

#[tokio::test(flavor = "multi_thread")]
async fn minisign_verifies_our_bundles_and_its_keys_sign_them() {
    let gap = Gap::with_app().await;
    let made = minisign(&gap.desk.path("."), &["-G", "-W", "-p", "their.key.pub", "-s", "their.key"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    gap.create(&["lib", "-o", "drop.wwb", "--key", "me.key", "--key", "their.key"]).await.succeeded();
    let keys = ["--public-key", "me.key.pub", "--public-key", "their.key.pub", "--signers", "2"];
    gap.desk.run("wheelwright", &[&["bundle", "verify", "drop.wwb"], &keys[..]].concat()).await.succeeded();

    let mut archive = tar::Archive::new(std::fs::File::open(gap.desk.path("drop.wwb")).expect("a bundle"));
    archive.unpack(gap.desk.path("unpacked")).expect("an archive");
    for key in ["me.key.pub", "their.key.pub"] {
        let text = gap.desk.read(key);
        let id = text
            .split_whitespace()
            .find(|word| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit()));
        let signature = format!("signatures/{}.minisig", id.expect("a key's number"));
        let key = format!("../{key}");
        let check = ["-V", "-m", "manifest.json", "-x", &signature, "-p", &key];
        let right = minisign(&gap.desk.path("unpacked"), &check);
        let said = String::from_utf8_lossy(&right.stdout).into_owned();
        assert!(right.status.success() && said.contains("bundle of alice/dev"), "{said}");
    }
    let manifest = gap.desk.read("unpacked/manifest.json");
    gap.desk.write("unpacked/manifest.json", &manifest.replacen("lib", "lab", 1));
    let id = gap
        .desk
        .read("me.key.pub")
        .split_whitespace()
        .find(|word| word.len() == 16)
        .expect("a number")
        .to_owned();
    let signature = format!("signatures/{id}.minisig");
    let check = ["-V", "-m", "manifest.json", "-x", &signature, "-p", "../me.key.pub"];
    assert!(!minisign(&gap.desk.path("unpacked"), &check).status.success());
}
