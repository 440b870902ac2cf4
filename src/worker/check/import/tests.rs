//! What the report of an import means.

use super::report::MARK;
use super::*;

fn modules(top: &[&str], extensions: &[&str]) -> Modules {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let own = top.iter().map(|name| name.split('.').next().unwrap().to_owned()).collect();
    let none = Modules::of(&crate::names::ProjectName::new("demo").unwrap());
    Modules { top: texts(top), extensions: texts(extensions), own, ..none }
}

const PLAIN: Measure = Measure { unmet: false, demanded: false };
const UNMET: Measure = Measure { unmet: true, demanded: false };
const DEMANDED: Measure = Measure { unmet: false, demanded: true };

fn report(lines: &[&str]) -> Report {
    let printed: String = lines.iter().map(|line| format!("noise\n{MARK}{line}\r\n")).collect();
    Report::read(&printed, 0)
}

#[test]
fn what_was_imported_is_told() {
    let report = report(&["trying\tdemo", "imported\tdemo", "end"]);
    let findings = judge(&report, &modules(&["demo"], &[]), PLAIN).unwrap();
    assert_eq!((findings.done, findings.doubts.len()), (vec!["imported demo".to_owned()], 0));
}

#[test]
fn a_module_of_another_project_is_a_doubt_and_a_failure_where_a_recipe_demands_the_import() {
    let report = report(&[
        "trying\tdemo",
        "failed\tdemo\tModuleNotFoundError\tsix.moves\t\tNo module named 'six.moves'",
        "end",
    ]);
    let all = modules(&["demo"], &[]);
    let doubts = judge(&report, &all, PLAIN).unwrap().doubts;
    assert!(
        doubts[0].starts_with("importing demo fails: it needs six.moves, which no requirement"),
        "{doubts:?}"
    );
    let failure = judge(&report, &all, DEMANDED).unwrap_err();
    assert_eq!(failure.class, Class::Import);
    assert!(failure.hint.starts_with("undeclared dependency: demo imports six.moves"), "{}", failure.hint);
    assert_eq!(failure.line.as_deref(), Some("ModuleNotFoundError: No module named 'six.moves'"));
    // Where what it requires could not be had, nobody is to blame.
    let findings = judge(&report, &all, UNMET).unwrap();
    assert_eq!(
        (findings.done[0].as_str(), findings.doubts.len()),
        ("did not import demo: it needs six.moves", 0)
    );
}

#[test]
fn a_module_of_its_own_that_is_not_there_is_a_doubt_in_any_case() {
    let report = report(&["trying\tdemo", "failed\tdemo\tImportError\tdemo._c\t\tNo module named _c", "end"]);
    for measure in [PLAIN, UNMET] {
        let doubts = judge(&report, &modules(&["demo"], &[]), measure).unwrap().doubts;
        assert!(doubts[0].contains("does not contain it"), "{doubts:?}");
    }
}

#[test]
fn machine_code_that_the_main_module_needs_must_be_loadable() {
    let line = |module: &str, rest: &str| format!("failed\t{module}\t{rest}");
    let undefined = "ImportError\t\t/out/site/demo/_c.so\t/out/site/demo/_c.so: undefined symbol: foo";
    let fails = |top: &[&str], line: &str| judge(&report(&[line, "end"]), &modules(top, &[]), PLAIN).is_err();
    assert!(fails(&["demo"], &line("demo", undefined)));
    assert!(fails(&["one", "two"], &line("one", undefined)), "none has the project's name");
    assert!(!fails(&["demo", "extra"], &line("extra", undefined)), "it is about demo");
    let library = "libx.so.1: cannot open shared object file: No such file or directory";
    assert!(fails(&["demo"], &line("demo", &format!("ImportError\t\t/out/site/demo/_c.so\t{library}"))));
    assert!(fails(&["demo"], &line("demo", &format!("ImportError\t\t\t{library}"))), "2.7 names no file");
    // Another project's, and what the system has to bring.
    assert!(!fails(&["demo"], &line("demo", &format!("ImportError\t\t/env/lib/other.so\t{library}"))));
    assert!(!fails(&["demo"], &line("demo", &format!("OSError\t\t\t{library}"))));
}

#[test]
fn an_extension_that_cannot_be_loaded_is_a_doubt_where_its_package_imports_without_it() {
    let all = modules(&["demo"], &["demo._c"]);
    let good = ["trying\tdemo", "imported\tdemo", "trying\tdemo._c"];
    let undefined = "failed\tdemo._c\tImportError\t\t\t/out/site/demo/_c.so: undefined symbol: foo";
    let broken = [&good[..], &[undefined, "end"]].concat();
    let doubts = judge(&report(&broken), &all, PLAIN).unwrap().doubts;
    assert!(doubts[0].ends_with("undefined symbol: foo; demo imports without it"), "{doubts:?}");
    let stuck = "failed\tdemo\tRuntimeError\t\t\tnot here";
    let broken = ["trying\tdemo", stuck, undefined, "end"];
    assert_eq!(judge(&report(&broken), &all, PLAIN).unwrap_err().class, Class::Import, "it may need it");
    let alone = [&good[..], &["failed\tdemo._c\tRuntimeError\t\t\timport demo first", "end"]].concat();
    let findings = judge(&report(&alone), &all, PLAIN).unwrap();
    assert_eq!(
        findings.done,
        ["imported demo", "cannot import demo._c by itself: RuntimeError: import demo first"]
    );
    let findings = judge(&report(&good), &all, PLAIN).unwrap();
    assert_eq!((findings.done.len(), findings.doubts.len()), (2, 0));
}

#[test]
fn a_crash_names_the_module() {
    let crashed = Report::read(&format!("{MARK}trying\tdemo\n"), 139);
    let all = modules(&["demo"], &[]);
    let doubts = judge(&crashed, &all, UNMET).unwrap().doubts;
    assert!(doubts[0].contains("stopped while it imported demo (exit code 139)"), "{doubts:?}");
    assert_eq!(judge(&crashed, &all, DEMANDED).unwrap_err().class, Class::Import);
    let failure = judge(&Report::read("", 127), &all, PLAIN);
    assert!(failure.unwrap_err().hint.contains("unpack"));
}

#[test]
fn code_for_python_2_is_told_as_such() {
    let line =
        "failed\tdemo\tSyntaxError\t\t\tMissing parentheses in call to 'print'. Did you mean print(...)?";
    let report = report(&["trying\tdemo", line, "end"]);
    let failure = judge(&report, &modules(&["demo"], &[]), DEMANDED);
    assert_eq!(failure.unwrap_err().class, Class::Python2Syntax);
    let doubts = judge(&report, &modules(&["demo"], &[]), PLAIN).unwrap().doubts;
    assert!(doubts[0].contains("SyntaxError: Missing parentheses"), "{doubts:?}");
}
