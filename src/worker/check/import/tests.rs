//! What the report of an import means.

use super::*;

fn modules(top: &[&str], extensions: &[&str]) -> Modules {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let own = top.iter().map(|name| name.split('.').next().unwrap().to_owned()).collect();
    Modules { top: texts(top), extensions: texts(extensions), own }
}

fn report(lines: &[&str]) -> Report {
    let printed: String = lines.iter().map(|line| format!("noise\n{MARK}{line}\r\n")).collect();
    Report::read(&printed, 0)
}

#[test]
fn what_was_imported_is_told() {
    let report = report(&["trying\tdemo", "imported\tdemo", "end"]);
    assert_eq!(judge(&report, &modules(&["demo"], &[]), false).unwrap(), ["imported demo"]);
}

#[test]
fn a_module_of_another_project_is_an_undeclared_dependency() {
    let report = report(&[
        "trying\tdemo",
        "failed\tdemo\tModuleNotFoundError\tsix.moves\tNo module named 'six.moves'",
        "end",
    ]);
    let failure = judge(&report, &modules(&["demo"], &[]), false).unwrap_err();
    assert_eq!(failure.class, Class::Import);
    assert!(failure.hint.starts_with("undeclared dependency: demo imports six.moves"), "{}", failure.hint);
    assert_eq!(failure.line.as_deref(), Some("ModuleNotFoundError: No module named 'six.moves'"));
    // Where what it requires could not be had, nobody is to blame.
    let done = judge(&report, &modules(&["demo"], &[]), true).unwrap();
    assert_eq!(done, ["did not import demo: it needs six.moves"]);
}

#[test]
fn a_module_of_its_own_that_is_not_there_is_a_failure_in_any_case() {
    let report = report(&["trying\tdemo", "failed\tdemo\tImportError\tdemo._c\tNo module named _c", "end"]);
    for unmet in [false, true] {
        let failure = judge(&report, &modules(&["demo"], &[]), unmet).unwrap_err();
        assert!(failure.hint.contains("does not contain it"), "{}", failure.hint);
    }
}

#[test]
fn an_extension_that_cannot_be_loaded_counts_and_one_that_cannot_stand_alone_does_not() {
    let all = modules(&["demo"], &["demo._c"]);
    let good = ["trying\tdemo", "imported\tdemo", "trying\tdemo._c"];
    let broken =
        [&good[..], &["failed\tdemo._c\tImportError\t\t/x.so: undefined symbol: foo", "end"]].concat();
    assert_eq!(judge(&report(&broken), &all, false).unwrap_err().class, Class::Import);
    let alone = [&good[..], &["failed\tdemo._c\tRuntimeError\t\timport demo first", "end"]].concat();
    let done = judge(&report(&alone), &all, false).unwrap();
    assert_eq!(done, ["imported demo", "cannot import demo._c by itself: RuntimeError: import demo first"]);
    assert_eq!(judge(&report(&good), &all, false).unwrap().len(), 2);
}

#[test]
fn a_crash_names_the_module() {
    let failure = judge(&Report::read(&format!("{MARK}trying\tdemo\n"), 139), &modules(&["demo"], &[]), true);
    assert!(failure.unwrap_err().hint.contains("stopped while it imported demo (exit code 139)"));
    let failure = judge(&Report::read("", 127), &modules(&["demo"], &[]), false);
    assert!(failure.unwrap_err().hint.contains("unpack"));
}

#[test]
fn code_for_python_2_is_told_as_such() {
    let line =
        "failed\tdemo\tSyntaxError\t\tMissing parentheses in call to 'print'. Did you mean print(...)?";
    let failure = judge(&report(&["trying\tdemo", line, "end"]), &modules(&["demo"], &[]), false);
    assert_eq!(failure.unwrap_err().class, Class::Python2Syntax);
}
