//! Sources that build themselves: sdists with a small build backend of their own in them.

use std::io::Write;

/// The backend: plain Python for 2.7 and 3, no requirement of its own. What `{requires}` and
/// `{build}` stand for is the test's.
const BACKEND: &str = r##"
import os, sys, zipfile

NAME, VERSION, TAG = "{name}", "{version}", "py2.py3-none-any"

def get_requires_for_build_wheel(config_settings=None):
    return {requires}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    members = {"{name}.py": "version = %r\n" % VERSION}
{build}
    info = "%s-%s.dist-info/" % (NAME, VERSION)
    members[info + "METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (NAME, VERSION)
    members[info + "WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
    record = info + "RECORD"
    import base64, hashlib
    lines = []
    for name in sorted(members):
        data = members[name].encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        lines.append("%s,sha256=%s,%d\n" % (name, digest, len(data)))
    members[record] = "".join(lines) + record + ",,\n"
    filename = "%s-%s-%s.whl" % (NAME, VERSION, TAG)
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as wheel:
        for name in sorted(members):
            wheel.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), members[name])
    return filename
"##;

/// Another backend, which compiles a module of C that knows the answer: `{head}` is above it in the file,
/// `{answer}` the expression, `{suffix}` what the module's file ends with.
const COMPILES: &str = r##"
import base64, hashlib, os, subprocess, sys, sysconfig, zipfile

NAME, VERSION = "{name}", "{version}"
CODE = """
#include <Python.h>
{head}
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong({answer}); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, 0}, {0, 0, 0, 0}};
#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "{name}", 0, -1, methods, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit_{name}(void) { return PyModule_Create(&module); }
#else
PyMODINIT_FUNC init{name}(void) { Py_InitModule("{name}", methods); }
#endif
"""

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open("module.c", "w") as code:
        code.write(CODE)
    include = sysconfig.get_paths()["include"]
    subprocess.check_call(["cc", "-shared", "-fPIC", "-O1", "-I", include, "module.c", "-o", "module.so"])
    python = "cp%d%d" % sys.version_info[:2]
    flags = "" if sys.version_info >= (3, 8) else "m"
    if sys.version_info < (3,) and sys.maxunicode > 65535:
        flags = "mu"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = "%s-%s%s-%s" % (python, python, flags, platform)
    info = "%s-%s.dist-info/" % (NAME, VERSION)
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (NAME, VERSION)
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: %s\n" % tag
    with open("module.so", "rb") as module:
        members = [(NAME + {suffix}, module.read())]
    members += [(info + "METADATA", metadata.encode()), (info + "WHEEL", wheel.encode())]
    record = info + "RECORD,,\n"
    for name, data in members:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        record = "%s,sha256=%s,%d\n" % (name, digest, len(data)) + record
    filename = "%s-%s-%s.whl" % (NAME, VERSION, tag)
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for name, data in members + [(info + "RECORD", record.encode())]:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return filename
"##;

/// A source that is about to be packed.
#[derive(Clone, Debug)]
pub struct Tree {
    name: String,
    version: String,
    requires: String,
    build: String,
    files: Vec<(String, String)>,
}

impl Tree {
    /// `{name}-{version}` with its own backend.
    pub fn new(name: &str, version: &str) -> Self {
        let files = vec![(
            "pyproject.toml".to_owned(),
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n".to_owned(),
        )];
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, requires: "[]".to_owned(), build: String::new(), files }
    }

    /// `{name}-{version}` with a module of C, for whatever CPython builds it; `module.answer()` is 42.
    pub fn compiled(name: &str, version: &str) -> Self {
        Self::of_c(name, version, ["", "42", "'.so'"])
    }

    /// The same with C of a test's own: what comes above `answer()`, and what it gives. The module's file has the
    /// ending of the interpreter that it is for.
    pub fn compiled_with(name: &str, version: &str, head: &str, answer: &str) -> Self {
        Self::of_c(name, version, [head, answer, "(sysconfig.get_config_var('EXT_SUFFIX') or '.so')"])
    }

    fn of_c(name: &str, version: &str, [head, answer, suffix]: [&str; 3]) -> Self {
        let backend = COMPILES.replace("{name}", name).replace("{version}", version);
        let backend = backend.replace("{head}", head).replace("{answer}", answer).replace("{suffix}", suffix);
        Self::new(name, version).file("backend.py", &backend)
    }

    /// A Python list: what `get_requires_for_build_wheel` returns.
    pub fn asks_for(mut self, list: &str) -> Self {
        self.requires = list.to_owned();
        self
    }

    /// What its wheel requires, of one that is compiled.
    pub fn requires(mut self, requirement: &str) -> Self {
        let line = format!("Version: %s\\nRequires-Dist: {requirement}\\n\" % (NAME, VERSION)\n    wheel =");
        for (_, text) in &mut self.files {
            *text = text.replace("Version: %s\\n\" % (NAME, VERSION)\n    wheel =", &line);
        }
        self
    }

    /// A library of the system that its module is linked with, of one that is compiled.
    pub fn links(mut self, library: &str) -> Self {
        for (_, text) in &mut self.files {
            *text = text.replace("\"module.so\"])", &format!("\"module.so\", \"-l{library}\"])"));
        }
        self
    }

    /// Lines of Python that run before its own backend.
    pub fn before(self, lines: &str) -> Self {
        let project =
            "[build-system]\nrequires = []\nbuild-backend = 'before'\nbackend-path = ['.']\n".to_owned();
        let code = format!("{lines}\nfrom backend import *\n");
        self.file("pyproject.toml", &project).file("before.py", &code)
    }

    /// Lines of Python that run in `build_wheel`; `members` is what the wheel will hold.
    pub fn does(mut self, lines: &str) -> Self {
        self.build = lines.lines().map(|line| format!("    {line}\n")).collect();
        self
    }

    /// Another file, instead of one with the same name.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.retain(|(other, _)| other != path);
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// The sdist's name.
    pub fn filename(&self) -> String {
        format!("{}-{}.tar.gz", self.name, self.version)
    }

    /// The sdist.
    pub fn sdist(&self) -> Vec<u8> {
        let top = format!("{}-{}", self.name, self.version);
        let fill = |text: &str| {
            let text = text.replace("{name}", &self.name).replace("{version}", &self.version);
            text.replace("{requires}", &self.requires).replace("{build}", &self.build)
        };
        let metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        let own = [("backend.py".to_owned(), fill(BACKEND)), ("PKG-INFO".to_owned(), metadata)];
        let mut archive =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let replaced = |path: &String| self.files.iter().any(|(other, _)| other == path);
        let own = own.into_iter().filter(|(path, _)| !replaced(path));
        for (path, text) in self.files.iter().cloned().chain(own) {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(1_400_000_000);
            archive.append_data(&mut header, format!("{top}/{path}"), text.as_bytes()).expect("packed");
        }
        let mut packed = archive.into_inner().expect("packed");
        packed.flush().expect("packed");
        packed.finish().expect("packed")
    }
}
