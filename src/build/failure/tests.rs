//! Real logs and messages of builds that failed, and what is made of them.

use super::*;
use crate::build::target::Target;

/// A trimmed log, its class, what the hint tells, and what the line shows.
type Case = (&'static str, &'static str, Class, &'static str, &'static str);

macro_rules! case {
    ($file:literal, $class:ident, $hint:literal, $line:literal) => {
        ($file, include_str!(concat!("logs/", $file, ".log")), Class::$class, $hint, $line)
    };
}

const LOGS: &[Case] = &[
    case!("BeautifulSoup-3.2.2@3.11.7", Python2Syntax, "cp27", "SyntaxError"),
    case!("MarkupSafe-1.0@3.13.0", SetuptoolsFeature, "setuptools<46", "Feature"),
    case!("MySQL-python-1.2.5@3.12.1", Python2Syntax, "cp27", "ConfigParser"),
    case!("PyAudio-0.2.14@3.11.7", MissingHeader, "portaudio19-dev", "portaudio.h"),
    case!("anyjson-0.3.3@3.13.0", Use2to3, "setuptools<58", "use_2to3"),
    case!("backports.zoneinfo-0.2.1@3.11.7", RemovedApi, "newer release", "_PyLong_One"),
    case!("bitarray-1.2.2@3.11.7", RemovedApi, "newer release", "_bitarray.c:126:23: error: lvalue"),
    case!("cffi-1.11.5@3.13.0", RemovedApi, "newer release", "lvalue"),
    case!("dbus-python-1.3.2@3.11.7", MissingHeader, "libdbus-1-dev", "dbus-1"),
    case!("demjson-2.2.4@3.13.0", Use2to3, "setuptools<58", "use_2to3"),
    case!("gmpy2-2.1.5@3.11.7", MissingHeader, "libmpfr-dev", "mpfr.h"),
    case!("greenlet-0.4.17@3.13.0", RemovedApi, "newer release", "error: "),
    case!("gssapi-1.8.3@3.11.7", MissingHeader, "libkrb5-dev", "krb5-config"),
    case!("jsmin-2.2.2@3.11.7", Use2to3, "setuptools<58", "use_2to3"),
    case!("lxml-4.9.2@3.13.0", RemovedApi, "newer release", "error: "),
    case!("mysqlclient-2.0.3@3.8.18", MissingHeader, "default-libmysqlclient-dev", "mysql_config"),
    case!("mysqlclient-2.1.1@2.7.18", RequiresPython, "another target", "encoding"),
    case!("mysqlclient-2.2.4@3.11.7", MissingHeader, "default-libmysqlclient-dev", "pkg-config name"),
    case!("numba-0.58.1@3.13.0", RequiresPython, "another target", "3.13.0"),
    case!("numpy-1.17.5@3.13.0", Distutils, "setuptools<60", "CCompiler"),
    case!("psycopg2-2.9.9@2.7.18", RequiresPython, "another target", "SyntaxError"),
    case!("pybluez-0.23@3.13.0", Use2to3, "setuptools<58", "use_2to3"),
    case!("pycairo-1.25.1@2.7.18", RequiresPython, "another target", "SyntaxError"),
    case!("pycairo-1.25.1@3.11.7", MissingHeader, "libcairo2-dev", "cairo"),
    case!("pycrypto-2.6.1@3.11.7", RemovedApi, "newer release", "longintrepr.h"),
    case!("pycrypto-2.6.1@3.13.0", RemovedApi, "newer release", "longintrepr.h"),
    case!("pycurl-7.45.2@3.11.7", MissingHeader, "libcurl4-openssl-dev", "curl-config"),
    case!("pygraphviz-1.11@3.11.7", MissingHeader, "libgraphviz-dev", "cgraph.h"),
    case!("pylibmc-1.6.3@2.7.18", RequiresPython, "another target", "SyntaxError"),
    case!("pylibmc-1.6.3@3.11.7", MissingHeader, "libmemcached-dev", "libmemcached/memcached.h"),
    case!("python-ldap-3.4.4@3.11.7", MissingHeader, "libldap-dev", "lber.h"),
    case!("python-snappy-0.6.1@3.11.7", MissingHeader, "libsnappy-dev", "snappy-c.h"),
    case!("sklearn-0.0.post12@2.7.18", RequiresPython, "another target", "encoding"),
    case!("sklearn-0.0.post12@3.13.0", Refused, "instead", "deprecated"),
    case!("sklearn-0.0.post12@3.8.18", Refused, "instead", "deprecated"),
];

#[test]
fn real_logs_get_the_right_class_a_hint_and_the_line_that_matters() {
    let mut wrong = Vec::new();
    for (name, log, class, hint, line) in LOGS {
        let found = classify(log, Step::Build, Exit::Code(1));
        let shown = found.line.clone().unwrap_or_default();
        if found.class != *class || !found.hint.contains(hint) || !shown.contains(line) {
            wrong.push(format!("{name}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What decided, in builds whose whole logs are not kept here.
const MESSAGES: &[(&str, Class, &str)] = &[
    (
        "greenlet.c:176:21: error: ‘_PyErr_StackItem’ {aka ‘struct _err_stackitem’} has no member named ‘exc_type’",
        Class::RemovedApi,
        "",
    ),
    (
        "ERROR: Could not find a version that satisfies the requirement setuptools>=61 (from versions: 0.6b1, 0.6b2)",
        Class::BuildRequirement,
        "setuptools>=61",
    ),
    (
        "ERROR: Could not find a version that satisfies the requirement maturin<2.0,>=1.2 (from versions: 0.7.1)",
        Class::BuildRequirement,
        "maturin<2.0,>=1.2",
    ),
    (
        "ERROR: No matching distribution found for hatchling",
        Class::BuildRequirement,
        "no version of hatchling",
    ),
    ("ImportError: cannot import name nullcontext", Class::RequiresPython, ""),
    ("ImportError: cannot import name 'nullcontext'", Class::RequiresPython, ""),
    (
        "ERROR: Package 'rpds-py' requires a different Python: 3.7.16 not in '>=3.8'",
        Class::RequiresPython,
        "",
    ),
    ("RuntimeError: Python version >= 3.5 required.", Class::RequiresPython, ""),
    ("ModuleNotFoundError: No module named 'distutils.msvccompiler'", Class::Distutils, ""),
    ("ModuleNotFoundError: No module named 'pkg_resources'", Class::PkgResources, "setuptools<81"),
    ("ImportError: No module named pkg_resources", Class::PkgResources, ""),
    ("ERROR: Subproject libcsiphash-1 is buildable: NO", Class::Network, ""),
    (
        "fatal: unable to access 'https://example.org/x.git/': Could not resolve host: example.org",
        Class::Network,
        "",
    ),
    ("AttributeError: cython_sources", Class::Cython3, "Cython<3"),
    (
        "Error compiling Cython file:\n----\nsrc/a.pyx:3:5: undeclared name not builtin: long",
        Class::Cython3,
        "Cython<3",
    ),
    ("x.c:1:10: fatal error: Python.h: No such file or directory", Class::MissingHeader, "python3-dev"),
    (
        "c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory",
        Class::MissingHeader,
        "libffi-dev",
    ),
    ("a.c:2:10: fatal error: openssl/ssl.h: No such file or directory", Class::MissingHeader, "libssl-dev"),
    ("a.c:2:10: fatal error: libxml/xpath.h: No such file or directory", Class::MissingHeader, "libxml2-dev"),
    ("a.c:2:10: fatal error: 'sasl/sasl.h' file not found", Class::MissingHeader, "libsasl2-dev"),
    ("a.c:2:10: fatal error: sasl/sasl.h: No such file or directory", Class::MissingHeader, "libsasl2-dev"),
    ("a.m:2:9: error: 'zlib.h' file not found", Class::MissingHeader, "zlib1g-dev"),
    ("/bin/sh: 1: krb5-config: not found", Class::MissingHeader, "libkrb5-dev"),
    ("Error: pg_config executable not found.", Class::MissingHeader, "libpq-dev"),
    ("/usr/bin/ld: cannot find -lpq: No such file or directory", Class::MissingLibrary, "libpq-dev"),
    ("No package 'libsystemd' found", Class::MissingHeader, "libsystemd-dev"),
    ("Package 'xmlsec1', required by 'virtual:world', not found", Class::MissingHeader, "libxmlsec1-dev"),
    (
        "../meson.build:31:12: ERROR: Dependency \"glib-2.0\" not found, tried pkgconfig and cmake",
        Class::MissingHeader,
        "libglib2.0-dev",
    ),
    ("  Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)", Class::MissingHeader, "zlib1g-dev"),
    (
        "The system library `libudev` required by crate `libudev-sys` was not found.",
        Class::MissingHeader,
        "libudev-dev",
    ),
    ("error: can't find Rust compiler", Class::MissingTool, "cargo"),
    ("error: command 'gcc' failed: No such file or directory", Class::MissingTool, "build-essential"),
    ("error: command 'swig' failed: No such file or directory", Class::MissingTool, "swig"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", Class::MissingTool, "cmake"),
    ("/bin/sh: 1: autoreconf: not found", Class::MissingTool, "autoconf"),
    ("ModuleNotFoundError: No module named 'imp'", Class::RemovedApi, "not exist since Python 3.12"),
    ("AttributeError: module 'configparser' has no attribute 'SafeConfigParser'", Class::RemovedApi, "3.12"),
    (
        "AttributeError: module 'pkgutil' has no attribute 'ImpImporter'. Did you mean: 'zipimporter'?",
        Class::RemovedApi,
        "3.12",
    ),
    ("ImportError: cannot import name 'Mapping' from 'collections' (x.py)", Class::RemovedApi, "3.10"),
    ("NameError: name 'unicode' is not defined", Class::Python2Syntax, "cp27"),
    ("AttributeError: 'dict' object has no attribute 'iteritems'", Class::Python2Syntax, ""),
    ("  File \"setup.py\", line 3\n    print \"x\"\nSyntaxError: invalid syntax", Class::Python2Syntax, ""),
    (
        "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
        Class::Python2Syntax,
        "",
    ),
    (
        "  File \"setup.py\", line 3\n    except IOError, e:\nSyntaxError: invalid syntax",
        Class::Python2Syntax,
        "",
    ),
    ("ModuleNotFoundError: No module named 'numpy'", Class::BuildRequirement, "imports numpy"),
    ("ImportError: No module named numpy", Class::BuildRequirement, "imports numpy"),
    ("gcc: fatal error: Killed signal terminated program cc1plus", Class::Memory, ""),
    ("OSError: [Errno 28] No space left on device", Class::Disk, ""),
    ("sh: 0: Cannot fork: Resource temporarily unavailable", Class::Processes, ""),
    ("a.c:3:1: error: expected ‘;’ before ‘}’ token", Class::Compiler, ""),
    ("error[E0599]: no method named `x` found for struct `Y`", Class::Compiler, ""),
    ("a.cpp:(.text+0x20): undefined reference to `foo()'", Class::Compiler, ""),
    ("_mod.c:9:3: error: implicit declaration of function ‘PyUnicode_GET_SIZE’", Class::RemovedApi, ""),
    ("ValueError: 'x' must be a thing", Class::Other, ""),
];

#[test]
fn messages_of_builders_are_told_apart() {
    let mut wrong = Vec::new();
    for (text, class, hint) in MESSAGES {
        let log = format!("running build_ext\n{text}\nerror: subprocess-exited-with-error\n");
        let found = classify(&log, Step::Build, Exit::Code(1));
        if found.class != *class || !found.hint.contains(hint) || found.line.is_none() {
            wrong.push(format!("{text}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn trials_of_a_configure_script_are_no_failure() {
    let log = "_configtest.c:1:10: fatal error: ieeefp.h: No such file or directory\n\
               a.c:3:1: error: expected ‘;’ before ‘}’ token\n";
    assert_eq!(classify(log, Step::Build, Exit::Code(1)).class, Class::Compiler);
}

#[test]
fn bounds_that_the_sandbox_saw_decide() {
    let log = "gcc -c a.c\na.c:2:10: fatal error: ffi.h: No such file or directory\n";
    for (exit, class) in [
        (Exit::Timeout, Class::Timeout),
        (Exit::Memory, Class::Memory),
        (Exit::Disk, Class::Disk),
        (Exit::Room, Class::Worker),
        (Exit::LogSize, Class::LogSize),
        (Exit::Processes, Class::Processes),
    ] {
        let found = classify(log, Step::Build, exit);
        assert_eq!((found.class, found.step), (class, Step::Build));
        assert!(!found.hint.is_empty());
    }
    let crashed = classify("", Step::Build, Exit::Signal(11));
    assert!(crashed.hint.contains("signal 11"), "{crashed:?}");
}

#[test]
fn steps_have_classes_of_their_own() {
    for (step, class) in [
        (Step::Unpack, Class::BadSource),
        (Step::Repair, Class::Repair),
        (Step::Check, Class::Import),
        (Step::Test, Class::Test),
        (Step::Report, Class::Worker),
    ] {
        let found =
            classify("ok\nImportError: libpq.so.5: cannot open shared object file\n", step, Exit::Code(1));
        assert_eq!(found.class, class);
        assert!(found.line.unwrap_or_default().contains("libpq.so.5"));
    }
}

#[test]
fn a_shown_line_has_no_escape_sequences_and_an_end() {
    let long = "x".repeat(100_000);
    let log = format!("\x1b[31merror: \x1b]0;title\x07bad\x1b[0m\r\nValueError: {long}\n");
    let line = classify(&log, Step::Build, Exit::Code(1)).line.expect("a line");
    assert!(line.starts_with("ValueError: xxx") && line.chars().count() < 320, "{line}");
    assert_eq!(log::lines(&log)[0], "error: bad");
    assert_eq!(log::lines("10%\r50%\rdone"), ["done"]);
}

#[test]
fn a_log_of_nothing_still_gets_a_hint() {
    let found = classify("", Step::Build, Exit::Code(1));
    assert_eq!(found.class, Class::Other);
    assert!(found.line.is_none() && !found.hint.is_empty());
}

#[test]
fn second_attempts_are_constrained_by_class_and_python() {
    let target = |version: &str| Target { version: version.into(), ..Target::default() };
    let constraints = |class, version: &str| constraints_for(class, &target(version));
    assert_eq!(constraints(Class::Use2to3, "3.8.1"), Some(vec!["setuptools<58".into()]));
    assert_eq!(constraints(Class::Use2to3, "2.7.18"), Some(vec!["setuptools<45".into()]));
    assert_eq!(constraints(Class::Cython3, "3.11.0"), Some(vec!["Cython<3".into()]));
    assert_eq!(constraints(Class::PkgResources, "3.13.0"), Some(vec!["setuptools<81".into()]));
    assert_eq!(constraints(Class::Use2to3, "3.12.1"), None);
    assert_eq!(constraints(Class::SetuptoolsFeature, "3.9.1"), Some(vec!["setuptools<46".into()]));
    assert_eq!(constraints(Class::SetuptoolsFeature, "3.11.1"), None);
    assert_eq!(constraints(Class::MissingHeader, "3.13.0"), None);
    assert!(Class::Use2to3.is_worth_as_of() && !Class::MissingHeader.is_worth_as_of());
}

#[test]
fn an_environment_that_could_not_be_made_says_nothing_about_the_source() {
    let cause = |class, step| of(class, step, None).cause();
    for class in [Class::Worker, Class::BuildRequirement, Class::Cycle, Class::Cancelled] {
        assert_eq!(cause(class, Step::Build), Cause::Surroundings, "{class:?}");
    }
    for class in [Class::Other, Class::Network, Class::Compiler] {
        assert_eq!(cause(class, Step::Environment), Cause::Surroundings, "{class:?}");
        assert_eq!(cause(class, Step::Build), Cause::Key, "{class:?}");
    }
    assert_eq!(cause(Class::BadSource, Step::Fetch), Cause::Surroundings);
    assert_eq!(cause(Class::BadSource, Step::Unpack), Cause::Key);
    assert_eq!(cause(Class::WrongWheel, Step::Report), Cause::Key);
}

#[test]
fn what_a_source_asks_for_in_its_own_words_is_named() {
    let asked = |line: &str| -> Vec<String> {
        absent::named(&["running egg_info", line]).into_iter().map(|absent| absent.what).collect()
    };
    let libcap = asked("You need to install libcap development headers to build this module");
    assert_eq!(libcap.first().map(String::as_str), Some("libcap"));
    assert_eq!(asked("Please install autoreconf first"), ["autoreconf"]);
    assert!(asked("installing the rest of what is required").is_empty(), "nothing stops here");
}
