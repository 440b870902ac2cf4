//! What compilers, linkers and Cython say: the first real error, and whether Python's C API is the cause.

use super::log::is_trial;
use crate::words::Class;

/// Why compiling failed, and the first line that says so.
pub fn first<'a>(lines: &[&'a str]) -> Option<(Class, &'a str)> {
    let errors: Vec<&str> = lines.iter().copied().filter(|line| is_error(line) && !is_trial(line)).collect();
    // A removed part of the API decides even if something else is told first.
    if let Some(line) = errors.iter().find(|line| is_removed_api(line)) {
        return Some((Class::RemovedApi, line));
    }
    if let Some(line) = lines.iter().find(|line| line.trim() == "Error compiling Cython file:") {
        let own = lines
            .iter()
            .find(|line| line.contains(".pyx:") || line.contains(".pxd:") || line.contains(".pxi:"));
        return Some((Class::Cython3, own.unwrap_or(line)));
    }
    errors.first().map(|line| (Class::Compiler, *line))
}

/// `file.c:1:2: error: …`, `error[E0425]: …`, `CMake Error at …`, `undefined reference to …`
pub fn is_error(line: &str) -> bool {
    let line = line.trim_start();
    // The command line itself, repeated by whoever ran it.
    if line.contains("error: command '") || line.contains("error: Command '") {
        return false;
    }
    line.contains(": error: ")
        || line.contains(": fatal error: ")
        || line.contains(": undefined reference to ")
        || line.contains(": error C")
        || line.starts_with("error[E")
        || line.starts_with("CMake Error")
        || line.starts_with("Fatal Error:")
        || line.starts_with("error: could not compile")
        || line.starts_with("error: failed to run custom build command")
        || line.contains(": ERROR: ") && line.contains("meson.build")
}

/// Names that CPython's C API lost or hid, by what is left of them in messages.
const REMOVED: &[&str] = &[
    "longintrepr.h",
    "_PyErr_StackItem",
    "exc_type",
    "exc_value",
    "exc_traceback",
    "_PyLong_One",
    "_PyLong_Zero",
    "ob_digit",
    "ob_sval",
    "use_tracing",
    "recursion_depth",
    "curexc_type",
    "curexc_value",
    "tp_print",
    "PyFrameObject",
    "struct _frame",
    "_PyInterpreterState",
    "f_code",
    "f_lasti",
    "co_varnames",
    "c_tracefunc",
    "pythread.h",
    "PyUnicode_GET_SIZE",
    "PyUnicode_AS_UNICODE",
    "PyUnicode_AsUnicode",
    "PyUnicode_FromUnicode",
    "Py_UNICODE",
    "wstr_length",
    "PyEval_CallObject",
    "PyEval_CallFunction",
    "PyInt_",
    "PyString_",
    "PyClass_",
    "PyInstance_",
    "PyFile_",
    "PyCObject_",
    "Py_InitModule",
    "intobject.h",
    "cStringIO.h",
    "_Py_HashSecret",
    "_Py_ForgetReference",
    "_PyUnicode_Ready",
    "_PyObject_GC_UNTRACK",
    "_PyGC_FINALIZED",
    "_PyLong_AsByteArray",
    "PyCode_New",
    "_PyImport_FixupBuiltin",
    "ma_version_tag",
    "internal/pycore",
    "Py_TPFLAGS_HAVE_ITER",
    "Py_TPFLAGS_HAVE_CLASS",
    "PyModuleDef_Slot",
    "_Py_IDENTIFIER",
    "_PyThreadState_UncheckedGet",
    "_PyCFrame",
    "cframe",
    "PyThreadState",
    "node.h",
    "graminit.h",
    "parser.h: No such",
    "PyParser_",
    "code.h: No such",
    "parsetok.h: No such",
    "symtable.h: No such",
    "Python-ast.h: No such",
    "asdl.h: No such",
    "ucnhash.h: No such",
    "bufferobject.h: No such",
    "stringobject.h: No such",
    "classobject.h: No such",
    "cobject.h: No such",
    "pyarena.h: No such",
    "odictobject.h: No such",
    "pyfpe.h: No such",
    "pystrhex.h: No such",
    "frameobject.h",
];
/// How compilers say that a name is not there, or not as it was.
const SAID: &[&str] = &[
    "undeclared",
    "has no member named",
    "implicit declaration of function",
    "unknown type name",
    "incomplete",
    "No such file or directory",
    "no member named",
    "was not declared",
    "too few arguments",
    "too many arguments",
    "conflicting types",
    "undefined reference",
    "invalid application of",
    "use of undeclared",
    "storage size",
    "not a member of",
    "file not found",
    "invalid use of",
];

fn is_removed_api(line: &str) -> bool {
    // `Py_TYPE(x) = y` and the like: since 3.11 these are no places to assign to.
    if line.contains("lvalue required as left operand of assignment")
        || line.contains("expression is not assignable")
    {
        return true;
    }
    let said = SAID.iter().any(|said| line.contains(said));
    // Any name that looks like the C API's counts, the list has those that do not.
    let quoted = ['‘', '\'', '`'].iter().any(|quote| {
        line.split(*quote).skip(1).any(|name| {
            let name = name.trim_start_matches("struct ");
            name.starts_with("Py_") || name.starts_with("_Py") || is_api(name)
        })
    });
    said && (quoted && !line.contains("No such file") || REMOVED.iter().any(|name| line.contains(name)))
}

/// `PyList_New`, `PyTypeObject`
fn is_api(name: &str) -> bool {
    let rest = name.strip_prefix("Py").unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_uppercase()) && rest.len() > 3
}
