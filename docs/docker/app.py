"""An application with a package in C. Usage: app.py [--check]"""

import sys

import docopt
import wrapt
import wrapt._wrappers  # the C part: without a compiler at hand, it came in the wheel


@wrapt.decorator
def loudly(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs).upper()


@loudly
def greeting(name):
    return "hello, " + name


if __name__ == "__main__":
    arguments = docopt.docopt(__doc__)
    if not arguments["--check"]:
        print(greeting("wheels, from Python %d.%d" % sys.version_info[:2]))
