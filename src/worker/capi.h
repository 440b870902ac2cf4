/* What C sources of older Pythons expect of Python.h, for 3.11 and newer. Written below their own
   `#include "Python.h"` by adjust.py. Nothing here changes what a call means: where a meaning changed
   (the digits of an int, the old kinds of strings), the source still fails to compile. */
#ifndef WHEELWRIGHT_CAPI_H
#define WHEELWRIGHT_CAPI_H

/* Short cuts of Cython's C into structures that changed since; each has a slower way beside it. */
#ifndef CYTHON_USE_PYLONG_INTERNALS
#define CYTHON_USE_PYLONG_INTERNALS 0
#endif
#ifndef CYTHON_FAST_THREAD_STATE
#define CYTHON_FAST_THREAD_STATE 0
#endif
#ifndef CYTHON_FAST_PYCALL
#define CYTHON_FAST_PYCALL 0
#endif
#ifndef CYTHON_USE_EXC_INFO_STACK
#define CYTHON_USE_EXC_INFO_STACK 0
#endif
#ifndef CYTHON_USE_UNICODE_WRITER
#define CYTHON_USE_UNICODE_WRITER 0
#endif

/* Values that were assigned to, and are functions now. */
#undef Py_TYPE
#define Py_TYPE(object) (((PyObject *)(object))->ob_type)
#undef Py_SIZE
#define Py_SIZE(object) (((PyVarObject *)(object))->ob_size)

/* The frame of a traceback: since 3.11 its members are in an internal header. */
#include <frameobject.h>
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#include <internal/pycore_frame.h>
#undef Py_BUILD_CORE
#endif

/* Code objects: since 3.11 with a qualified name, and a table of exceptions that old C has none for. */
static inline PyCodeObject *wheelwright_code(int args, int positional, int keywords, int locals, int stack, int flags,
        PyObject *code, PyObject *consts, PyObject *names, PyObject *variables, PyObject *free, PyObject *cells,
        PyObject *file, PyObject *name, int line, PyObject *lines) {
    PyCodeObject *made = NULL;
    PyObject *exceptions = PyBytes_FromStringAndSize(NULL, 0);
    if (exceptions) {
#if PY_VERSION_HEX >= 0x030C0000
        made = PyUnstable_Code_NewWithPosOnlyArgs(
#else
        made = PyCode_NewWithPosOnlyArgs(
#endif
            args, positional, keywords, locals, stack, flags, code, consts, names, variables, free, cells,
            file, name, name, line, lines, exceptions);
        Py_DECREF(exceptions);
    }
    return made;
}
#undef PyCode_New
#define PyCode_New(a, k, l, s, f, code, c, n, v, fv, cell, file, name, line, lines) \
    wheelwright_code(a, 0, k, l, s, f, code, c, n, v, fv, cell, file, name, line, lines)
#undef PyCode_NewWithPosOnlyArgs
#define PyCode_NewWithPosOnlyArgs(a, p, k, l, s, f, code, c, n, v, fv, cell, file, name, line, lines) \
    wheelwright_code(a, p, k, l, s, f, code, c, n, v, fv, cell, file, name, line, lines)

/* Of pystrhex.h, which 3.11 made internal: the functions are there. */
#ifdef __cplusplus
extern "C" {
#endif
PyAPI_FUNC(PyObject *) _Py_strhex(const char *bytes, const Py_ssize_t length);
PyAPI_FUNC(PyObject *) _Py_strhex_bytes(const char *bytes, const Py_ssize_t length);
#ifdef __cplusplus
}
#endif

#if PY_VERSION_HEX >= 0x030C0000
/* Strings have one length and are always ready; where wchar_t is UCS-4, the old length was the same. */
#if SIZEOF_WCHAR_T == 4
#define PyUnicode_GET_SIZE(text) PyUnicode_GET_LENGTH(text)
#endif
#define _PyUnicode_Ready(text) 0
#ifndef PyUnicode_WCHAR_KIND
#define PyUnicode_WCHAR_KIND 0
#endif
#endif

#if PY_VERSION_HEX >= 0x030D0000
/* Not exported any more: the slot of what cannot be iterated, which says so. */
static inline PyObject *wheelwright_no_next(PyObject *object) {
    PyErr_Format(PyExc_TypeError, "'%.200s' object is not iterable", Py_TYPE(object)->tp_name);
    return NULL;
}
#define _PyObject_NextNotImplemented wheelwright_no_next
#define _PyLong_AsByteArray(number, bytes, size, little, sign) \
    (_PyLong_AsByteArray)(number, bytes, size, little, sign, 1)
#define _PyUnicode_FastCopyCharacters(to, start, from, begin, count) \
    PyUnicode_CopyCharacters(to, start, from, begin, count)
#define _PyDict_NewPresized(count) PyDict_New()
static inline PyObject *wheelwright_extend(PyObject *list, PyObject *more) {
    if (PyList_Extend(list, more) < 0)
        return NULL;
    Py_RETURN_NONE;
}
#define _PyList_Extend(list, more) wheelwright_extend((PyObject *)(list), more)
#endif
#endif
