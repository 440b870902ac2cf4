# Asked of an interpreter: what are you? Runs on 2.7 and 3.6 or later, prints one line of JSON.
import json
import os
import platform
import re
import struct
import subprocess
import sys
import sysconfig


def config(name):
    return sysconfig.get_config_var(name)


def cpython_abi():
    version = sys.version_info[:2]
    debug = config("Py_DEBUG")
    if debug is None:
        debug = hasattr(sys, "gettotalrefcount")
    flags = ""
    if version >= (3, 13) and config("Py_GIL_DISABLED"):
        flags += "t"
    if debug:
        flags += "d"
    if version < (3, 8) and config("WITH_PYMALLOC") not in (0, "0"):
        flags += "m"
    if version < (3, 3) and sys.maxunicode > 0xFFFF:
        flags += "u"
    return "cp%d%d%s" % (version + (flags,))


def other_abi():
    # `.pypy310-pp73-x86_64-linux-gnu.so` and the like: the first two words; GraalPy has three.
    words = (config("EXT_SUFFIX") or config("SO") or "").split(".")
    words = words[1].split("-") if len(words) > 2 else []
    count = 3 if words and words[0].startswith("graalpy") else 2
    return re.sub("[-. ]", "_", "-".join(words[:count])) or "none"


def musl():
    try:
        with open("/proc/self/maps") as maps:
            found = re.search(r"(/\S*ld-musl-\S+)", maps.read())
        loader = subprocess.Popen([found.group(1)], stderr=subprocess.PIPE)
        said = loader.communicate()[1].decode("ascii", "replace")
        return re.search(r"Version (\d+\.\d+)", said).group(1)
    except (AttributeError, EnvironmentError):
        return None


def libc():
    try:
        # CS_GNU_LIBC_VERSION; 2.7 does not know it by name.
        name, version = os.confstr(2).split()[:2]
        return [name, version]
    except (AttributeError, EnvironmentError, ValueError):
        version = musl() if sys.platform.startswith("linux") else None
        return ["musl", version] if version else None


def shared_library():
    name = config("INSTSONAME") or config("LDLIBRARY")
    if config("Py_ENABLE_SHARED") and config("LIBDIR") and name:
        path = os.path.join(config("LIBDIR"), name)
        return path if os.path.exists(path) else None
    return None


def own_platform():
    name = sysconfig.get_platform()
    if struct.calcsize("P") == 4:
        name = {"linux-x86_64": "linux-i686", "linux-aarch64": "linux-armv8l"}.get(name, name)
    return name


def main():
    implementation = platform.python_implementation()
    version = "%d.%d.%d" % sys.version_info[:3]
    release = sys.version_info[3]
    if release != "final":
        version += {"alpha": "a", "beta": "b", "candidate": "rc"}[release] + str(sys.version_info[4])
    own = getattr(sys, "implementation", None)
    own_version = version
    if own is not None and own.name != "cpython":
        own_version = "%d.%d.%d" % tuple(own.version[:3])
    short = {"cpython": "cp", "pypy": "pp", "ironpython": "ip", "jython": "jy"}
    name = implementation.lower()
    include = sysconfig.get_path("include") or ""
    mac = platform.mac_ver()[0] if sys.platform == "darwin" else ""
    print(
        json.dumps(
            {
                "implementation": short.get(name, name),
                "version": version,
                "abi": cpython_abi() if name == "cpython" else other_abi(),
                "platform": own_platform(),
                "machine": platform.machine(),
                "macos": mac or None,
                "libc": libc(),
                "prefix": sys.prefix,
                "base_prefix": getattr(sys, "base_prefix", sys.prefix),
                "executable": os.path.realpath(sys.executable),
                "include": include if os.path.exists(os.path.join(include, "Python.h")) else None,
                "site_packages": sysconfig.get_path("purelib"),
                "shared_library": shared_library(),
                "markers": {
                    "implementation_name": own.name if own else "cpython" if name == "cpython" else name,
                    "implementation_version": own_version,
                    "os_name": os.name,
                    "platform_machine": platform.machine(),
                    "platform_python_implementation": implementation,
                    "platform_release": platform.release(),
                    "platform_system": platform.system(),
                    "platform_version": platform.version(),
                    "python_full_version": platform.python_version(),
                    "python_version": "%d.%d" % sys.version_info[:2],
                    "sys_platform": sys.platform,
                },
            }
        )
    )


main()
