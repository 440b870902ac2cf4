"""The parts of the portable worker that need no server, no Windows and no Mac; a story in Rust runs them.

    python tests/tools/portable_test.py
"""
import http.server
import importlib.util
import io
import os
import sys
import tarfile
import tempfile
import threading
import unittest
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("worker", os.path.join(ROOT, "src", "web", "workers", "worker.py"))
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)


def vectors():
    """What PyPA's `packaging` says of interpreters and platforms."""
    with open(os.path.join(ROOT, "src", "packaging", "vectors", "tags.tsv")) as file:
        for line in file:
            if not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


class Tags(unittest.TestCase):
    def test_tags_are_those_of_packaging_in_its_order(self):
        seen = set()
        for by, implementation, major, minor, abi, config, machine, macos, libc, sets in vectors():
            name, _, number = libc.partition("-")
            libc = [name] + [int(part) for part in number.split(".")] if number else None
            macos = [int(part) for part in macos.split(".")] if macos else None
            platforms = worker.platform_tags(config, machine, macos, libc)
            ours = list(worker.expand(worker.tag_sets(implementation, int(major), int(minor), abi, platforms)))
            theirs = list(worker.expand(sets.split(" ")))
            if by != "26.3":  # Before, `linux_…` came last; before 21.3, pip added `cp36-none-any`.
                old = by.startswith("20.")
                aside = [tag for tag in ours + theirs if "-linux_" in tag or old and tag.startswith("cp") and tag.endswith("-none-any")]
                ours, theirs = ([tag for tag in tags if tag not in set(aside)] for tags in (ours, theirs))
            self.assertEqual(ours, theirs, (by, abi, config, macos, libc))
            seen.add(config.split("-")[0])
        self.assertLessEqual({"linux", "macosx", "win"}, seen)

    def test_a_targets_name_tells_interpreter_and_platform(self):
        def name(abi, version, config, machine, macos=None, libc=None, implementation="cp"):
            said = {"implementation": implementation, "version": version, "abi": abi, "platform": config, "machine": machine,
                    "macos": macos, "libc": libc, "markers": {}}
            return worker.target_of(said, "")["name"]

        self.assertEqual(name("cp312", "3.12.2", "win-amd64", "AMD64"), "cp312-win_amd64")
        self.assertEqual(name("cp313t", "3.13.0", "win-arm64", "ARM64"), "cp313t-win_arm64")
        self.assertEqual(name("cp312", "3.12.2", "macosx-10.13-universal2", "arm64", [14, 1]), "cp312-macosx_14_0_arm64")
        self.assertEqual(name("cp38", "3.8.9", "macosx-10.9-x86_64", "x86_64", [10, 15]), "cp38-macosx_10_15_x86_64")
        self.assertEqual(name("cp37m", "3.7.1", "linux-x86_64", "x86_64", None, ["glibc", 2, 36]), "cp37-manylinux_2_36_x86_64")
        self.assertEqual(name("pypy310_pp73", "3.10.9", "win-amd64", "AMD64", None, None, "pp"), "pp310-win_amd64")

    def test_a_wheel_fits_or_does_not(self):
        mac = worker.tag_sets("cp", 3, 12, "cp312", worker.mac_tags("arm64", 14, 1))
        for fits, filename in [
            (True, "a-1-cp312-cp312-macosx_11_0_arm64.whl"),
            (True, "a-1-cp312-cp312-macosx_10_13_universal2.whl"),
            (True, "a-1-cp39-abi3-macosx_11_0_arm64.whl"),
            (True, "a-1-py2.py3-none-any.whl"),
            (False, "a-1-cp312-cp312-macosx_15_0_arm64.whl"),
            (False, "a-1-cp312-cp312-macosx_10_13_x86_64.whl"),
            (False, "a-1-cp311-cp311-macosx_11_0_arm64.whl"),
            (False, "a-1-py2-none-any.whl"),
        ]:
            self.assertEqual(worker.fits(filename, mac), fits, filename)


class Windows(unittest.TestCase):
    def test_the_registry_names_programs_as_pep_514_says(self):
        dump = [
            ("PythonCore", "3.12", {"": "C:\\Python312\\", "ExecutablePath": "C:\\Python312\\python.exe"}),
            ("PythonCore", "3.9-32", {"": "C:\\Python39-32\\"}),
            ("ContinuumAnalytics", "Anaconda39-64", {"": "C:\\conda", "ExecutablePath": "C:\\conda\\python.exe"}),
            ("Somebody", "1.0", {"": "C:\\somebody"}),
            ("PythonCore", "3.13", {"ExecutableArguments": "-x"}),
            ("PyLauncher", "", {"": "C:\\Windows\\", "ExecutablePath": "C:\\Windows\\py.exe"}),
        ]
        expected = ["C:\\Python312\\python.exe", "C:\\Python39-32\\python.exe", "C:\\conda\\python.exe"]
        self.assertEqual(worker.pep514(dump), expected)

    def test_the_launchers_list_is_read_in_both_forms(self):
        new = " -V:3.12 *        C:\\Program Files\\Python312\\python.exe\r\n -V:3.9-32         C:\\Py 39\\python.exe\r\n"
        new += " -V:Astral/CPython3.13.1 C:\\Users\\me\\AppData\\Roaming\\uv\\python\\cpython-3.13.1\\python.exe\r\n"
        old = "Installed Pythons found by py.exe Launcher for Windows\n -3.9-64        C:\\Python39\\python.exe *\n -2.7-32\td:\\py27\\python.exe\n"
        self.assertEqual(worker.launcher(new), [
            "C:\\Program Files\\Python312\\python.exe", "C:\\Py 39\\python.exe",
            "C:\\Users\\me\\AppData\\Roaming\\uv\\python\\cpython-3.13.1\\python.exe"])
        self.assertEqual(worker.launcher(old), ["C:\\Python39\\python.exe", "d:\\py27\\python.exe"])
        self.assertEqual(worker.launcher("No installed Pythons found!\r\n"), [])

    def test_pyenv_and_uv_have_their_folders(self):
        places = worker.windows_places({"USERPROFILE": "C:\\Users\\me", "APPDATA": "C:\\Users\\me\\Roaming"})
        self.assertEqual(places, ["C:\\Users\\me\\.pyenv\\pyenv-win\\versions\\*\\python.exe",
                                  "C:\\Users\\me\\Roaming\\uv\\python\\*\\python.exe"])
        places = worker.windows_places({"PYENV": "D:\\pyenv\\", "UV_PYTHON_INSTALL_DIR": "D:\\uv"})
        self.assertEqual(places, ["D:\\pyenv\\versions\\*\\python.exe", "D:\\uv\\*\\python.exe"])

    @unittest.skipUnless(sys.maxsize > 2**32, "the layout of 64-bit systems")
    def test_the_limits_of_a_job_object_lie_where_windows_reads_them(self):
        import ctypes

        limits = worker.job_limits(1 << 30)
        kind = type(limits)
        self.assertEqual((ctypes.sizeof(limits), kind.flags.offset, kind.io.offset, kind.job_memory.offset), (144, 16, 64, 120))
        self.assertEqual((limits.flags, limits.job_memory), (0x2200, 1 << 30))


class Mac(unittest.TestCase):
    def test_apples_stub_is_left_alone_without_its_tools(self):
        paths = ["/usr/bin/python3", "/opt/homebrew/bin/python3.12"]
        self.assertEqual(worker.without_stubs(paths, False), ["/opt/homebrew/bin/python3.12"])
        self.assertEqual(worker.without_stubs(paths, True), paths)

    def test_interpreters_are_looked_for_where_installers_put_them(self):
        import fnmatch

        places = worker.mac_places() + worker.posix_places("/Users/me", {"PATH": "/usr/bin:bin:/Users/me/.pyenv/shims"})
        for path, is_found in [
            ("/Library/Frameworks/Python.framework/Versions/3.12/bin/python3.12", True),
            ("/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13t", True),
            ("/opt/homebrew/bin/python3.11", True),
            ("/usr/local/bin/python3.9", True),
            ("/Users/me/.pyenv/versions/3.9.18/bin/python3.9", True),
            ("/Users/me/.local/share/uv/python/cpython-3.13.1-macos-aarch64-none/bin/python3.13", True),
            ("/usr/bin/python3", True),
            ("/opt/homebrew/bin/python3.11-config", False),
            ("/Library/Frameworks/Python.framework/Versions/3.12/bin/python3.12-intel64", False),
            ("/Users/me/.pyenv/shims/python3", False),
            ("bin/python3", False),
        ]:
            found = worker.is_interpreter(path) and any(fnmatch.fnmatchcase(path, each) for each in places)
            self.assertEqual(found, is_found, path)


class Archives(unittest.TestCase):
    def unpacked(self, *members, **limits):
        folder = tempfile.mkdtemp()
        self.addCleanup(__import__("shutil").rmtree, folder)
        archive = os.path.join(folder, "a.tar")
        with tarfile.open(archive, "w") as opened:
            for name, kind, link in members:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, link
                member.size = 3 if kind == tarfile.REGTYPE else 0
                opened.addfile(member, io.BytesIO(b"abc"))
        inside = os.path.join(folder, "in", "side")
        os.makedirs(inside)
        worker.unpack(archive, inside, limits.get("most", 1000))
        return sorted(os.path.relpath(os.path.join(top, name), inside) for top, _, names in os.walk(inside) for name in names)

    def test_a_plain_source_is_unpacked(self):
        made = self.unpacked(("a/x", tarfile.REGTYPE, ""), ("a/y", tarfile.SYMTYPE, "x"), ("a/fifo", tarfile.FIFOTYPE, ""))
        self.assertEqual(made, ["a/x", "a/y"])

    def test_nothing_leaves_its_folder(self):
        for members in [
            [("../x", tarfile.REGTYPE, "")],
            [("/tmp/x", tarfile.REGTYPE, "")],
            [("a/../../x", tarfile.REGTYPE, "")],
            [("a/y", tarfile.SYMTYPE, "../../x")],
            [("a/y", tarfile.SYMTYPE, "/etc/passwd")],
            [("a/b", tarfile.SYMTYPE, "."), ("a/b", tarfile.REGTYPE, "")],
        ]:
            with self.assertRaises(ValueError, msg=members):
                self.unpacked(*members)
        with self.assertRaises(ValueError):
            self.unpacked(("a/x", tarfile.REGTYPE, ""), most=2)
        # A hard link is copied: it counts, although its header says that it has no bytes.
        links = [("a/%d" % number, tarfile.LNKTYPE, "a/x") for number in range(4)]
        self.unpacked(("a/x", tarfile.REGTYPE, ""), *links, most=15)
        with self.assertRaises(ValueError):
            self.unpacked(("a/x", tarfile.REGTYPE, ""), *links, most=8)

    def test_modules_of_a_wheel_are_those_that_people_import(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(__import__("shutil").rmtree, folder)

        def modules(*names):
            path = os.path.join(folder, "a.whl")
            with zipfile.ZipFile(path, "w") as opened:
                for name in names:
                    opened.writestr(name, "")
            return worker.importable(path, [])[0]

        self.assertEqual(modules("a/__init__.py", "a/b.py", "a/c/__init__.py", "tests/__init__.py", "a-1.dist-info/x.py"), ["a"])
        self.assertEqual(modules("zope/interface/__init__.py", "zope/interface/x.py"), ["zope.interface"])
        self.assertEqual(modules("_x.cpython-312-x86_64-linux-gnu.so", "x.py"), ["x"])
        self.assertEqual(modules("_x.cp312-win_amd64.pyd"), ["_x"])
        self.assertEqual(worker.importable(os.path.join(folder, "a.whl"), [])[1], ["_x"])
        self.assertEqual(modules("a-1.data/purelib/b.py", "a-1.data/scripts/run.py"), ["b"])


class Folders(unittest.TestCase):
    @unittest.skipIf(hasattr(os, "geteuid") and os.geteuid() == 0, "root may write everywhere")
    def test_what_a_build_made_read_only_is_removed(self):
        folder = tempfile.mkdtemp()
        inner = os.path.join(folder, "a", "b")
        os.makedirs(inner)
        open(os.path.join(inner, "x"), "w").close()
        os.chmod(os.path.join(inner, "x"), 0o400)
        os.chmod(inner, 0o500)
        worker.remove(folder)
        self.assertFalse(os.path.exists(folder))


class Requirements(unittest.TestCase):
    def test_what_is_built_first_satisfies_the_constraints(self):
        constraints = ["setuptools<81", "Demo_X>=1,<3 ; python_version > '3'"]
        self.assertEqual(worker.constrained("demo.x[a]!=2", constraints), "demo-x[a]!=2,>=1,<3")
        self.assertEqual(worker.constrained("other", constraints), "other")


class Answers(unittest.TestCase):
    def test_a_file_that_broke_off_is_asked_for_again(self):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "10")
                self.end_headers()
                self.wfile.write(b"0123456789"[: 4 if len(asked) == 1 else 10])

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with tempfile.TemporaryDirectory() as folder:
            to = os.path.join(folder, "file")
            client = worker.Server("http://127.0.0.1:%d/below" % server.server_port, "a-token")
            client.patiently(threading.Event(), "GET", "+builds/1/source", to=to)
            with open(to, "rb") as file:
                self.assertEqual(file.read(), b"0123456789")
        self.assertEqual(asked, ["/below/+builds/1/source"] * 2)


class Requirements(unittest.TestCase):
    def test_what_names_a_project_of_the_index_is_told_from_what_leads_past_it(self):
        for text in ["demo", " Demo-Pkg [x,y] >=1,<2 ; python_version>'3'", "demo (>=1)", "demo~=1.0", "demo;os_name=='nt'"]:
            self.assertTrue(worker.PLAIN.match(text), text)
        for text in ["--extra-index-url=http://x/", "-e .", "./demo", "../x", "demo @ http://x/a.tar.gz", "a b", "http://x/y", ""]:
            self.assertFalse(worker.PLAIN.match(text), text)


class Logs(unittest.TestCase):
    def test_what_comes_after_a_mark_can_be_read_when_the_middle_is_gone(self):
        log = worker.Log(8)
        log.write(b"ab")
        mark = log.size()
        log.write(b"cd")
        self.assertEqual(log.since(mark), "cd")
        for letter in b"efghijklmnopqrstuvwxyz":
            log.write(bytes([letter]))
        mark = log.size()
        log.write(b"!")
        self.assertEqual((mark, log.since(mark)), (26, "!"))

    def test_a_flood_is_cut_in_its_middle_and_says_so(self):
        log = worker.Log(8)
        for letter in b"abcdefghijklmnopqrstuvwxyz":
            log.write(bytes([letter]))
        self.assertEqual(bytes(log.head), b"abcd", "the end is not settled yet")
        log.close()
        self.assertEqual(bytes(log.head), b"abcd\n[wheelwright] 18 bytes of the log are left out here\nwxyz")


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
