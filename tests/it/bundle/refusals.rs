//! What is not imported, and leaves everything as it was.

use super::Gap;
use crate::kit::packages::Package;

/// Imports what must be refused, and looks whether anything changed.
async fn refused(gap: &Gap, arguments: &[&str]) -> String {
    let before = gap.state();
    let ran = gap.import(arguments).await.failed();
    assert_eq!(gap.state(), before, "{}", ran.err);
    ran.err + &ran.out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_strangers_or_of_too_few_signers_is_refused() {
    let gap = Gap::with_app().await;
    gap.create(&["lib", "-o", "drop.wwb"]).await.succeeded();
    gap.desk.write("password", "right\n");
    gap.desk
        .run("wheelwright", &["key", "create", "you.key", "--password-file", "password"])
        .await
        .succeeded();
    for taken in ["you.key", "me.key"] {
        let text = gap.desk.read(taken);
        let again = gap.desk.run("wheelwright", &["key", "create", taken, "--no-password"]).await.failed();
        assert!(again.err.contains("exists") && gap.desk.read(taken) == text, "{}", again.err);
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(gap.desk.path("you.key")).expect("a key").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let unknown = refused(&gap, &["drop.wwb", "--public-key", "you.key.pub"]).await;
    assert!(unknown.contains("whom you do not trust"), "{unknown}");
    let both = ["--public-key", "me.key.pub", "--public-key", "you.key.pub", "--signers", "2"];
    let few = refused(&gap, &[&["drop.wwb"], &both[..]].concat()).await;
    assert!(few.contains("signed by 1 of the keys that you trust, but 2 must sign"), "{few}");
    let nobody = gap.beside(&["bundle", "import", "drop.wwb", "--into", "alice/dev"]).await.failed();
    assert!(nobody.err.contains("bundles.trusted_keys"), "{}", nobody.err);

    let keys = ["lib", "-o", "both.wwb", "--key", "me.key", "--key", "you.key"];
    let locked = gap.create(&keys).await.failed();
    assert!(locked.err.contains("WHEELWRIGHT_KEY_PASSWORD"), "{}", locked.err);
    gap.desk.write("wrong", "wrong\n");
    let wrong = gap.create(&[&keys[..], &["--password-file", "wrong"]].concat()).await.failed();
    assert!(wrong.err.contains("you.key: cannot open the secret key"), "{}", wrong.err);
    gap.create(&[&keys[..], &["--password-file", "password"]].concat()).await.succeeded();
    gap.import(&[&["both.wwb"], &both[..]].concat()).await.succeeded();
    assert_eq!(gap.listed("lib").await, ["lib-1.0-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_bit_anywhere_is_noticed() {
    let gap = Gap::with_app().await;
    gap.create(&["app", "lib", "-o", "drop.wwb"]).await.succeeded();
    let whole = std::fs::read(gap.desk.path("drop.wwb")).expect("a bundle");
    let header = whole.windows(11).position(|bytes| bytes == b"signatures/").expect("a signature");
    // In the manifest and its header, the padding, each line of the signature, a file, and the end.
    let step = whole.len() / 25;
    let signature = (0..12).map(|at| header + 512 + at * 25);
    let places = (0..25).map(|at| at * step + 7).chain([0, 600, header, header + 512, whole.len() - 1]);
    for at in places.chain(signature) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(gap.desk.path("changed.wwb"), changed).expect("a file");
        let ran = gap
            .desk
            .run("wheelwright", &["bundle", "verify", "changed.wwb", "--public-key", "me.key.pub"])
            .await;
        assert_eq!(ran.code, Some(1), "byte {at}: {}", ran.out);
        assert!(!ran.err.contains("internal error"), "byte {at}: {}", ran.err);
    }
    let file = whole.windows(6).rposition(|bytes| bytes == b"files/").expect("a file") + 600;
    for (changed, expected) in [
        ([&whole[..file], &[whole[file] ^ 1], &whole[file + 1..]].concat(), "has sha256"),
        (whole[..whole.len() - 1].to_vec(), "truncated"),
        (whole[..file].to_vec(), "truncated"),
        ([&whole[..], b"more"].concat(), "behind its end"),
        (b"no bundle at all".repeat(100), "not a bundle"),
    ] {
        std::fs::write(gap.desk.path("changed.wwb"), changed).expect("a file");
        let said = refused(&gap, &["changed.wwb"]).await;
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_with_one_file_that_the_index_cannot_take_brings_nothing() {
    let gap = Gap::with_app().await;
    gap.create(&["app", "lib", "-o", "drop.wwb"]).await.succeeded();
    let other = Package::new("lib", "1.0").tag("py3-none-any").summary("other bytes").wheel();
    gap.closed.publish("alice/dev", &other).await;
    let said = refused(&gap, &["drop.wwb"]).await;
    assert!(said.contains("lib-1.0-py3-none-any.whl") && said.contains("File already exists"), "{said}");
    assert!(gap.listed("app").await.is_empty());
    let mirror = ["bundle", "import", "drop.wwb", "--into", "root/pypi", "--public-key", "me.key.pub"];
    let said = gap.beside(&mirror).await.failed().err;
    assert!(said.contains("is a mirror"), "{said}");
}
