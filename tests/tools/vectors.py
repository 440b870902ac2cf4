"""Writes src/packaging/vectors/*.tsv with PyPA's `packaging` as the reference.

Run from the repository's root with Python >= 3.9 and `packaging` 26 installed:

    python tests/tools/vectors.py
"""

import itertools
import pathlib
import re

import packaging
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    is_normalized_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

HERE = pathlib.Path("src/packaging/vectors")
HEAD = f"# made by tests/tools/vectors.py with packaging {packaging.__version__}\n"
# PEP 508's rule for names.
NAME = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])", re.IGNORECASE | re.ASCII)


def write(name, rows):
    text = "".join("\t".join(row) + "\n" for row in rows)
    (HERE / name).write_text(HEAD + text, encoding="utf-8")


def names():
    given = """Demo demo-pkg Demo_Pkg demo.pkg demo--pkg demo-_.pkg a A1 1 1a zope.interface
        -demo demo- .demo demo_ _ - dem!o de+mo ruamel.yaml.clib backports.ssl_match_hostname
        A.B_C-D a__b a...b 0x10c-asm PyYAML x-y-z- Flask-SQLAlchemy""".split()
    for text in given:
        valid = NAME.fullmatch(text)
        normal = canonicalize_name(text) if valid else "-"
        assert not valid or is_normalized_name(normal)
        yield text, normal


def spelled_versions():
    releases = ["1", "1.0", "0.0.0", "2024.01.05", "1!2.3", "v1.2", "10.20.30.40"]
    pres = ["", "a1", ".alpha.2", "-beta", "_rc3", "c4", ".pre5", "preview6", "rc"]
    posts = ["", ".post1", "-2", "-r3", "rev4", ".post"]
    devs = ["", ".dev1", "-DEV2", "dev"]
    locals_ = ["", "+local", "+ubuntu_1.2-3", "+01"]
    for parts in itertools.product(releases, pres, posts, devs, locals_):
        yield "".join(parts)
    yield from ["", "x", "1.", "1..0", "1.0+", "1.0+_x", "1.0-", "1.0.dev1.post1", "1_0", "1.0_1",
                "1.0_post1", "latest", "1.0+a+b", "1!", "!1", "01.02", "1.0-1", "1.0--1", "1.0 0",
                "1.0.*", "1,0", "0!1", "1.0a1.a2", "V1", "vv1", "1.0+A.B"]


def versions():
    for number, text in enumerate(spelled_versions()):
        # Every seventh of the product is enough, and all of the hand-written ones.
        if number % 7 and number < 6048:
            continue
        try:
            yield text, str(Version(text))
        except InvalidVersion:
            yield text, "-"


def version_order():
    bases = ["0", "0.9", "1.0", "1.0.1", "1.1", "1!0.1"]
    tails = ["", ".dev0", ".dev3", "a1", "a1.dev2", "b2", "rc1", "rc1.post2", ".post1",
             ".post1.dev4", "+abc", "+1", "+1.2", "+abc.1", ".post1+x"]
    both = {Version(base + tail) for base in bases for tail in tails}
    for version in sorted(both):
        yield (str(version),)


WHEELS = """
my_pkg-1.0-py3-none-any.whl My.Pkg-1.0-py2.py3-none-any.whl my_pkg-01.0-py3-none-any.whl
my_pkg-1.0.dev-py3-none-any.whl my_pkg-1.0.0_1-py3-none-any.whl my-pkg-1.0-py3-none-any.whl
my__pkg-1.0-py3-none-any.whl my_pkg-1.0-abc-py3-none-any.whl my_pkg-1.0-1-py3-none-any.whl
my_pkg-1.0-1ww-py3-none-any.whl my_pkg-1.0-20abc-cp312-cp312-manylinux_2_17_x86_64.whl
my_pkg-1!2.0+local.1-py3-none-any.whl my_pkg-1.0+ubuntu_1-py3-none-any.whl
numpy-2.0.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
a-1-py3-none-any.whl my_pkg-1.0-py3-none.whl my_pkg-py3-none-any.whl my_pkg.whl -1.0-py3-none-any.whl
my_pkg--py3-none-any.whl my_pkg-1.0-py3-none-any.WHL my_pkg-1.0-py3-none-any.zip
my_pkg-x-py3-none-any.whl my_pkg-1.0rc1.post2.dev3-cp313-cp313t-win_arm64.whl
my_pkg-1.0-cp37-abi3-macosx_10_9_universal2.whl my_pkg-1.0-1-2-py3-none-any.whl
my$pkg-1.0-py3-none-any.whl
""".split()

SDISTS = """
my_pkg-1.0.tar.gz my-pkg-1.0.tar.gz My.Pkg-1.0.tar.gz my_pkg-1.0.zip my_pkg-1.0.0.post1.tar.gz
my_pkg-1!2.0+local.tar.gz my_pkg-x.tar.gz my_pkg.tar.gz my_pkg-1.0.tgz my_pkg-.tar.gz
my_pkg-01.0.tar.gz my_pkg-1.0rc1.dev2.tar.gz a-1.tar.gz
""".split()


def wheels():
    """name, version, build, sorted tags; or `-`."""
    for text in WHEELS:
        try:
            name, version, build, tags = parse_wheel_filename(text)
        except InvalidWheelFilename:
            yield text, "-"
            continue
        build = "".join(map(str, build))
        yield text, name, str(version), build, " ".join(sorted(map(str, tags)))


def sdists():
    for text in SDISTS:
        try:
            name, version = parse_sdist_filename(text)
        except InvalidSdistFilename:
            yield text, "-"
            continue
        yield text, name, str(version)


def specifiers():
    """specifier, version, whether it holds the version (pre-releases allowed); or `-`."""
    texts = [">=1.0", "<2", "<2.0rc1", "~=1.4.2", "==1.*", "!=1.5.*,>1", "===1.0", ">1.0", "<=1.0",
             "==1.0+local", ">=1.0a1", "~=1", "1.0", "=>1", ">=1.*", "", "==1!1.0", " >=1 , <3 ",
             "==2.1.*", "!=2.1.*", "==2.0.0.*", "~=2.0.0", "<2.0.dev5", "<2.0.post1", ">2.0rc1",
             ">=2.0+local", ">1.0.post1", "<=2.0rc1", "==1.0.post1", "!=1.0+local", "<1.0a1"]
    versions = ["0.9", "1.0", "1.0+local", "1.0.post1", "1.4.2", "1.4.9", "1.5.1", "2.0rc1",
                "2.0.dev1", "2.0", "2", "1", "2.1+x", "1.0.post2", "1!1.0"]
    for text in texts:
        try:
            spec = SpecifierSet(text)
        except InvalidSpecifier:
            yield text, "-", "-"
            continue
        for version in versions:
            yield text, version, str(spec.contains(version, prereleases=True)).lower()


REQUIREMENTS = """
a
a>=1
a >=1,<2
a(>=1)
a (>=1, <2)
a[b]
a[b,c]>=1
a[ b , c ]
a[]
a @ https://files.example/a-1.zip
a@https://files.example/a-1.zip ; os_name == 'x'
a; python_version < '3.9'
a ;python_version<"3.9" and extra=='x'
a; os_name == 'x' or os_name == 'y' and extra == 'z'
a; (os_name == 'x' or os_name == 'y') and extra == 'z'
a; ((os_name == 'x'))
a; os.name == 'x'
a; python_implementation == 'CPython'
a; platform.python_implementation != 'PyPy'
a; 'linux' in sys_platform
a; sys_platform not in 'win32 cygwin'
a; '3.8' <= python_version
a; python_full_version ~= '3.8.1'
a; platform_machine === 'arm64'
a-b.c_d
A.B==1.*
a==1.0+local
a!=1.*,>0
a~=1.4
a;
a b
a>=
a>1 <2
a>=1.*
a=>1
a[b
a[b c]
a[,]
a(
a(>=1
a>=1)
-a
a-
a- >1
a[b-]
a; x == 'y'
a; os_name
a; os_name == y
a; os_name == 'x
a; os_name = 'x'
a; (os_name == 'x'
a; os_name == 'x')
a; os_name == 'x' and
a; os_name == 'x' nor extra == 'y'
a; os_name not 'x'
a; os_namein 'x'
a @
a @ https://files.example/a-1.zip; os_name == 'x'
a ; extra == "it's"
""".strip().splitlines()


def marker_text(items):
    """As ours: parentheses only around `or` within `and`."""
    if isinstance(items, tuple):
        return " ".join(item.serialize() for item in items)
    anys = [[]]
    for item in items:
        if item == "or":
            anys.append([])
        elif item != "and":
            anys[-1].append(item)

    def part(item, alone):
        text = marker_text(item)
        return f"({text})" if isinstance(item, list) and "or" in item and not alone else text

    return " or ".join(" and ".join(part(i, len(alls) == 1) for i in alls) for alls in anys)


def requirements():
    """name, extras, number of version clauses, marker; or `-`."""
    for text in REQUIREMENTS:
        try:
            read = Requirement(text)
        except InvalidRequirement:
            yield text, "-"
            continue
        marker = marker_text(read.marker._markers) if read.marker else ""
        extras = ",".join(sorted(canonicalize_name(extra) for extra in read.extras))
        yield text, canonicalize_name(read.name), extras, str(len(read.specifier)), marker


def main():
    HERE.mkdir(exist_ok=True)
    for table in [names, versions, version_order, wheels, sdists, specifiers, requirements]:
        write(table.__name__ + ".tsv", table())


if __name__ == "__main__":
    main()
