"""Adjusts C sources that were written for an older Python to the C API of this one.

Runs inside the sandbox, in the source's folder, for Python 3.11 and newer. What changed only its place or its
arguments comes from capi.h, which is written below `#include "Python.h"`; what no macro reaches is changed in
the lines that Cython writes.
"""
import os
import re
import sys

COMPILED = (".c", ".cpp", ".cxx", ".cc", ".h", ".hpp", ".inc")
# Larger files are data.
MOST_BYTES = 32 << 20
PYTHON_H = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]Python\.h[">].*$', re.M)
CHANGES = (
    # Headers that moved or became internal.
    (re.compile(r'#[ \t]*include[ \t]*[<"]longintrepr\.h[">]'), "#include <cpython/longintrepr.h>"),
    (re.compile(r'#[ \t]*include[ \t]*[<"]pystrhex\.h[">]'), ""),
    # A member of types that nothing read.
    (re.compile(r"^([ \t]*)\w+\.tp_print = 0;", re.M), r"\1"),
    # Raising with a traceback reaches into the thread; PyPy's way beside it does not.
    (re.compile(r"#if CYTHON_COMPILING_IN_PYPY(\s+PyObject \*tmp_type, \*tmp_value, \*tmp_tb;)"), r"#if 1\1"),
    # Since 3.12 a whole number's own size ends before its digits, which a structure in C has, aligned.
    (re.compile(r"\(size_t\) ?\(?basicsize(?: \+ itemsize\))? < size"),
     "(size_t)basicsize + (((PyTypeObject *)result)->tp_itemsize ? sizeof(void *) : 0) < size"),
    # Resuming a generator that has an exception links frames, for nobody but a reader of tracebacks.
    (re.compile(r"#if CYTHON_COMPILING_IN_PYPY[^\n]*(\n\s*#else\n\s*if \(exc_state->exc_traceback\))"), r"#if 1\1"),
)


def adjusted(text, header):
    for old, new in CHANGES:
        text = old.sub(new, text)
    # 3.12 takes variable arguments for granted and does not say so any more.
    return PYTHON_H.sub(lambda line: "#define HAVE_STDARG_PROTOTYPES 1\n%s\n%s" % (line.group(0), header), text, count=1)


def sources():
    for folder, folders, files in os.walk("."):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith(COMPILED) and not os.path.islink(path) and os.path.getsize(path) <= MOST_BYTES:
                yield path


def main(header):
    with open(header) as file:
        header = file.read()
    changed = 0
    for path in sources():
        # As bytes that are letters: a source may be in any encoding, and keeps its line ends.
        with open(path, encoding="latin-1", newline="") as file:
            old = file.read()
        new = adjusted(old, header)
        if new != old:
            changed += 1
            print("wheelwright: adjusts %s to the C API of Python %d.%d" % ((path[2:],) + sys.version_info[:2]))
            with open(path, "w", encoding="latin-1", newline="") as file:
                file.write(new)
    if not changed:
        print("wheelwright: no C source here needs to be adjusted")
    return 0 if changed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
