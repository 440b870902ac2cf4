"""Writes src/packaging/vectors/tags.tsv with PyPA's `packaging` as the reference.

Run from the repository's root with the newest Python and the `packaging` to use, once plain for
the made-up platforms, and once with each interpreter (2.7 and 3.6: `packaging` 20) for its own:

    python tests/tools/tags.py made-up > src/packaging/vectors/tags.tsv
    python3.6 tests/tools/tags.py own >> src/packaging/vectors/tags.tsv

Columns: the version of `packaging`, implementation, major, minor, abi, platform as `sysconfig`
says it, machine, macOS version, libc, and the accepted tags, best first, as compressed sets.
"""

from __future__ import print_function

import itertools
import os
import platform
import sys
import sysconfig

import packaging
from packaging import tags


def compressed(found):
    found = [str(tag).split("-", 2) for tag in found]
    groups = []
    for python, abi, place in found:
        if groups and groups[-1][:2] == [[python], abi]:
            groups[-1][2].append(place)
        else:
            groups.append([[python], abi, [place]])
    joined = []
    for pythons, abi, places in groups:
        if joined and joined[-1][1:] == [abi, places]:
            joined[-1][0].extend(pythons)
        else:
            joined.append([pythons, abi, places])
    return " ".join("-".join([".".join(pythons), abi, ".".join(places)]) for pythons, abi, places in joined)


def row(found, *columns):
    print("\t".join([packaging.__version__] + [str(column) for column in columns] + [compressed(found)]))


def own():
    found = list(tags.sys_tags())
    name = tags.interpreter_name()
    libc = os.confstr(2).replace(" ", "-")
    row(found, name, sys.version_info[0], sys.version_info[1], found[0].abi, sysconfig.get_platform(),
        platform.machine(), "", libc)


def linux(arch, libc):
    from packaging import _manylinux, _musllinux

    name, version = libc.split("-")
    version = tuple(int(number) for number in version.split("."))
    _manylinux._get_glibc_version = lambda: version if name == "glibc" else (-1, -1)
    _manylinux._have_compatible_abi = lambda executable, archs: name == "glibc"
    musl = _musllinux._MuslVersion(*version) if name == "musl" else None
    _musllinux._get_musl_version = lambda executable: musl
    sysconfig.get_platform = lambda: "linux-" + arch
    return list(tags._linux_platforms(is_32bit=False))


def made_up():
    platforms = [
        ("linux-x86_64", "x86_64", "", "glibc-2.17", linux("x86_64", "glibc-2.17")),
        ("linux-aarch64", "aarch64", "", "glibc-2.41", linux("aarch64", "glibc-2.41")),
        ("linux-i686", "i686", "", "glibc-2.28", linux("i686", "glibc-2.28")),
        ("linux-armv8l", "armv8l", "", "glibc-2.36", linux("armv8l", "glibc-2.36")),
        ("linux-x86_64", "x86_64", "", "musl-1.2", linux("x86_64", "musl-1.2")),
        ("macosx-10.9-universal2", "arm64", "14.1", "", list(tags.mac_platforms((14, 1), "arm64"))),
        ("macosx-10.9-x86_64", "x86_64", "12.6", "", list(tags.mac_platforms((12, 6), "x86_64"))),
        ("macosx-10.9-x86_64", "x86_64", "10.14", "", list(tags.mac_platforms((10, 14), "x86_64"))),
        ("win-amd64", "AMD64", "", "", ["win_amd64"]),
        ("win32", "AMD64", "", "", ["win32"]),
    ]
    cpython = [("cp27m", (2, 7)), ("cp36m", (3, 6)), ("cp312", (3, 12)), ("cp313t", (3, 13)), ("cp313td", (3, 13))]
    for (abi, version), (config, machine, macos, libc, places) in itertools.product(cpython, platforms):
        own = "cp{}{}".format(*version)
        abis = [abi] + (["cp313t"] if abi.endswith("d") else [])
        found = itertools.chain(
            tags.cpython_tags(version, abis, places), tags.compatible_tags(version, own, places)
        )
        row(found, "cp", version[0], version[1], abi, config, machine, macos, libc)
    for config, machine, macos, libc, places in platforms[::3]:
        found = itertools.chain(
            tags.generic_tags("pp310", ["pypy310_pp73"], places), tags.compatible_tags((3, 10), "pp3", places)
        )
        row(found, "pp", 3, 10, "pypy310_pp73", config, machine, macos, libc)


if sys.argv[1] == "made-up":
    print("# made by tests/tools/tags.py, see there")
    made_up()
else:
    own()
