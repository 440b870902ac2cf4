# Runs inside of the sandbox, on 2.7 and 3.x: has the loader of musl look at the extension modules of a wheel.
# Arguments: the loader, the wheel, a folder to be made.
import os
import re
import subprocess
import sys
import zipfile

loader, wheel, folder = sys.argv[1:]
archive = zipfile.ZipFile(wheel)
archive.extractall(folder)


def say(line):
    sys.stdout.write("wheelwright-check\t%s\n" % line)


for name in sorted(archive.namelist()):
    if name.endswith(".so"):
        # What is in the wheel is found as the search paths in it say.
        run = subprocess.Popen(
            [loader, "--list", os.path.join(folder, name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for line in run.communicate()[0].decode("utf-8", "replace").splitlines():
            # Python's own symbols are those of the program that loads the module.
            if line.startswith("Error ") and not re.search(r": _?Py\w*: symbol not found$", line):
                say(line[:500])
say("end")
