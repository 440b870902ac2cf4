//! Bundles that are cut for smaller media.

use super::Gap;
use crate::kit::packages::Package;
use rand::RngExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_joined_in_any_order_and_a_missing_one_is_named() {
    let gap = Gap::new().await;
    let mut noise = vec![0; 2_500_000];
    rand::rng().fill(&mut noise[..]);
    gap.publish(&Package::new("demo", "1.0").member("demo/noise", noise)).await;
    let small = gap.create(&["demo", "-o", "drop.wwb", "--volume", "1k"]).await.failed();
    assert!(small.out.contains("choose a larger --volume"), "{}", small.out);
    let made = gap.create(&["demo", "-o", "drop.wwb", "--volume", "1.5MB"]).await.succeeded().json();
    assert_eq!(made["paths"].as_array().map(Vec::len), Some(2), "{made}");
    for volume in ["drop.wwb.001", "drop.wwb.002"] {
        assert!(std::fs::metadata(gap.desk.path(volume)).expect("a volume").len() <= 1_500_000);
    }
    let before = gap.state();
    for (arguments, expected) in [
        (&["drop.wwb.002"][..], "volume 1 of 2 is missing"),
        (&["drop.wwb.001", "drop.wwb.001"], "are the same volume"),
        (&["drop.wwb.001", "me.key.pub"], "is not a volume"),
    ] {
        let said = gap.import(arguments).await.failed().err;
        assert!(said.contains(expected), "{said}");
    }
    gap.publish(&Package::new("demo", "2.0")).await;
    gap.create(&["demo==1.0", "-o", "other.wwb", "--volume", "1.5MB"]).await.succeeded();
    let said = gap.import(&["drop.wwb.001", "other.wwb.002"]).await.failed().err;
    assert!(said.contains("a volume of another bundle"), "{said}");
    let whole = std::fs::read(gap.desk.path("drop.wwb.002")).expect("a volume");
    std::fs::write(gap.desk.path("drop.wwb.002"), &whole[..whole.len() - 5]).expect("a file");
    let said = gap.import(&["drop.wwb.001", "drop.wwb.002"]).await.failed().err;
    assert!(said.contains("drop.wwb.002 is volume 2 of 2 and not whole"), "{said}");
    assert_eq!(gap.state(), before);
    std::fs::write(gap.desk.path("drop.wwb.002"), &whole).expect("a file");
    gap.import(&["drop.wwb.002", "drop.wwb.001"]).await.succeeded();
    assert_eq!(gap.listed("demo").await, ["demo-1.0-py3-none-any.whl"]);

    // One volume stands for the bundle, if the others are beside it.
    let delta = gap.create(&["demo", "--since", "drop.wwb.002", "-o", "more.wwb"]).await.succeeded().json();
    assert_eq!(delta["files"], serde_json::json!(["demo-2.0-py3-none-any.whl"]), "{delta}");
    std::fs::remove_file(gap.desk.path("drop.wwb.001")).expect("a volume");
    let alone = gap.create(&["demo", "--since", "drop.wwb.002", "-o", "none.wwb"]).await.failed();
    assert!(alone.out.contains("volume 1 of 2 is missing"), "{}", alone.out);
}
