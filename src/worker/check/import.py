# Runs inside of the sandbox, on 2.7 and 3.x: unpacks a wheel as an installer would and imports from it.
# Arguments: the wheel, a folder to be made, modules that must be importable, "--", extension modules.
import os
import re
import site
import sys
import zipfile

report = os.fdopen(os.dup(1), "wb", 0)


def say(*fields):
    line = u"\t".join(re.sub(u"\\s+", u" ", text(field))[:500] for field in fields)
    report.write((u"\nwheelwright-check\t" + line + u"\n").encode("utf-8", "replace"))


def text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return u"%s" % (value,)
    except Exception:
        return u"(an error that has no text)"


def unpack(wheel, folder):
    archive = zipfile.ZipFile(wheel)
    for name in archive.namelist():
        inside = re.sub(r"^[^/]*\.data/(purelib|platlib)/", "", name)
        if name.endswith("/") or re.match(r"^[^/]*\.data/", inside):
            continue
        path = os.path.join(folder, *inside.split("/"))
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with open(path, "wb") as target:
            target.write(archive.read(name))


def missing(error):
    name = getattr(error, "name", None)
    if isinstance(error, ImportError) and not name:
        found = re.search(r"No module named '?([\w.]+)'?$", text(error))
        name = found and found.group(1)
    return name or "" if type(error).__name__ in ("ImportError", "ModuleNotFoundError") else ""


def attempt(name):
    say("trying", name)
    try:
        __import__(name)
    except BaseException as error:
        kind = type(error).__name__
        # ImportError carries the module that could not give a name, which is no missing module.
        gone = missing(error) if kind == "ModuleNotFoundError" or "No module named" in text(error) else ""
        say("failed", name, kind, gone, getattr(error, "path", None) or "", error)
    else:
        say("imported", name)


def main(wheel, folder, names):
    unpack(wheel, folder)
    sys.path.insert(0, folder)
    site.addsitedir(folder)
    sys.argv[:] = ["check"]
    for name in names:
        if name != "--":
            attempt(name)
    say("end")
    sys.stdout.flush()
    # Threads and hooks that a module left behind are nobody's concern.
    os._exit(0)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
