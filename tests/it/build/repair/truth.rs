//! Wheels whose tags and metadata say what is in them, whatever the build tool wrote.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_in_a_pure_wheel_is_found_unless_it_is_the_sources_own() {
    let mut hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let arch = std::env::consts::ARCH;
    let library =
        compiled(&hand, "#include <stdlib.h>\nint answer(void) { return getenv(\"PATH\") ? 42 : 0; }");
    let package =
        Package::new("demo", "1.0").tag("py3-none-any").member("demo/libanswer.so", library.clone());
    let job = hand.job("demo", "1.0");
    let repaired = hand.repair(&package, &job).await.expect("a repaired wheel");
    let tags = repaired.filename.trim_start_matches("demo-1.0-").to_owned();
    assert!(tags.starts_with("py3-none-manylinux") && tags.ends_with(&format!("_{arch}.whl")), "{tags}");
    let call = "import ctypes, demo; print(ctypes.CDLL(demo.__path__[0] + '/libanswer.so').answer())";
    assert_eq!(installed(&hand, &repaired.path, call), "42");
    // A module of Python's is for one interpreter, whatever its name.
    let module = Package::new("demo", "1.0").tag("py3-none-any");
    let module = module.member("demo/_demo.so", hand.module(FORTY_TWO, &[]));
    let repaired = hand.repair(&module, &job).await.expect("a repaired wheel");
    let own = hand.tag().rsplit_once('-').expect("a tag").0.to_owned();
    assert!(repaired.filename.starts_with(&format!("demo-1.0-{own}-manylinux")), "{}", repaired.filename);
    // For other systems it cannot be named, only doubted.
    let windows = [b"MZ".to_vec(), vec![0; 58], vec![64, 0, 0, 0], b"PE\0\0".to_vec(), vec![7; 200]].concat();
    let foreign = Package::new("demo", "1.0").member("demo/tool.exe", windows.clone());
    let repaired = hand.repair(&foreign, &job).await.expect("a repaired wheel");
    assert!(repaired.doubts.iter().any(|line| line.contains("for Windows")), "{:?}", repaired.doubts);
    hand.shipped = [&library, &windows].map(wheelwright::tools::hex::sha256).into();
    let both = package.member("demo/tool.exe", windows);
    let repaired = hand.repair(&both, &job).await.expect("a repaired wheel");
    assert_eq!((repaired.filename.as_str(), repaired.doubts.len()), ("demo-1.0-py3-none-any.whl", 0));
}

/// A shared library without Python.
fn compiled(hand: &Hand, code: &str) -> Vec<u8> {
    let folder = hand.below("library");
    std::fs::write(folder.join("code.c"), code).expect("a source");
    let mut command = Command::new("cc");
    command.current_dir(&folder).args(["-shared", "-fPIC", "-o", "code.so", "code.c"]);
    assert!(command.status().expect("a compiler").success());
    std::fs::read(folder.join("code.so")).expect("a library")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abi3_tag_stays_only_where_the_extension_honours_it() {
    let hand = Hand::new(|one| one.target.python() >= (3, 12) && one.target.implementation == "cp").await;
    let arch = std::env::consts::ARCH;
    let own = hand.tag().rsplit_once('-').expect("a tag").0.to_owned();
    let job = hand.job("demo", "1.0");
    let tagged = |name: &str, module: Vec<u8>| {
        Package::new("demo", "1.0").tag(&format!("cp38-abi3-linux_{arch}")).member(name, module)
    };
    for (name, body, flags, tag) in [
        ("demo/_demo.abi3.so", FORTY_TWO, "-DPy_LIMITED_API=0x03080000", "cp38-abi3"),
        ("demo/_demo.cpython-312-x86_64-linux-gnu.so", FORTY_TWO, "-w", own.as_str()),
        ("demo/_demo.abi3.so", "return PyLong_FromLong((long) PyUnicode_AsUTF8(s));", "-w", own.as_str()),
        (
            "demo/_demo.abi3.so",
            "return PyLong_FromLong((long) PyUnicode_AsUTF8AndSize(s, 0));",
            "-DPy_LIMITED_API=0x030a0000",
            "cp310-abi3",
        ),
    ] {
        let repaired = hand.repair(&tagged(name, hand.module(body, &[flags])), &job).await;
        let filename = repaired.expect("a repaired wheel").filename;
        assert!(filename.starts_with(&format!("demo-1.0-{tag}-manylinux")), "{name} {body}: {filename}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requires_python_is_normalised_and_the_tags_agree_with_it() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let job = hand.job("demo", "1.0");
    let old = Package::new("demo", "1.0").requires_python(">=3.6.*").requires("six (>=1.0.*)");
    let repaired = hand.repair(&old, &job).await.expect("a repaired wheel");
    assert_eq!(repaired.filename, "demo-1.0-py3-none-any.whl");
    let told = "from importlib.metadata import metadata as m; d = m('demo'); \
                print(d['Requires-Python'], d['Requires-Dist'])";
    assert_eq!(installed(&hand, &repaired.path, told), ">=3.6 six>=1.0");
    assert_eq!(repaired.notes.len(), 2, "{:?}", repaired.notes);
    // Tagged for another Python than the one that built it: pip takes what it has built.
    let two = Package::new("demo", "1.0").tag("py2-none-any");
    let repaired = hand.repair(&two, &job).await.expect("a repaired wheel");
    assert_eq!((repaired.filename.as_str(), repaired.doubts.len()), ("demo-1.0-py3-none-any.whl", 1));
    let right = Package::new("demo", "1.0").requires_python(">=2.7");
    let repaired = hand.repair(&right, &job).await.expect("a repaired wheel");
    assert_eq!((repaired.filename.as_str(), repaired.notes.len()), ("demo-1.0-py2.py3-none-any.whl", 0));
}
