"""What `sysconfig` knows of the interpreter's own build, under the names of the system that is built for.

Read in place of the interpreter's own (`_PYTHON_SYSCONFIGDATA_NAME`); 3.6 or newer.
"""
import importlib
import sys

OWN, OTHER = "{own}", "{other}"

_multiarch = getattr(sys.implementation, "_multiarch", "")
_name = "_sysconfigdata_{}_{}_{}".format(sys.abiflags, sys.platform, _multiarch)
build_time_vars = dict(importlib.import_module(_name).build_time_vars)
for _key in ("EXT_SUFFIX", "SO", "SOABI", "MULTIARCH"):
    if build_time_vars.get(_key):
        build_time_vars[_key] = build_time_vars[_key].replace(OWN, OTHER)
