"""Calls the hooks of a build backend (PEP 517) inside the sandbox, on Python 2.7 and 3.6 or newer.

Called with the path of a plan (JSON); leaves its answer where the plan's "answer" says. One process asks
what else the backend requires and, when the environment has all of that, goes on and builds. Else it ends
with EXTEND, and is started anew in an environment that has it.
"""
import json
import os
import re
import sys

EXTEND = 77
NO_BACKEND = 78
NO_HOOK = 79


def load(name, paths):
    """The object that `build-backend` names, found in `backend-path` first."""
    import importlib

    sys.path[0:0] = paths
    module, _, attributes = name.partition(":")
    backend = importlib.import_module(module)
    if paths:
        origin = os.path.realpath(getattr(backend, "__file__", None) or "")
        if not any(origin.startswith(os.path.realpath(path) + os.sep) for path in paths):
            raise ImportError("%s was not found in backend-path" % module)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def answer(plan, **words):
    path = plan["answer"]
    with open(path + ".new", "w") as file:
        json.dump(words, file)
    os.rename(path + ".new", path)


def met(requirement, plan):
    """Whether the environment has it for certain; what is harder to say is left to the worker."""
    requirement = "".join(requirement.split())
    name = requirement.lower().replace("_", "-").replace(".", "-")
    project = re.split("[^a-z0-9-]", name)[0]
    return requirement in plan["given"] or name in plan["installed"] or project in plan["without"]


def run_script(out):
    """What pip did before there were build backends: setup.py is `__main__`, in its own folder."""
    import subprocess

    code = subprocess.call([sys.executable, "setup.py", "bdist_wheel", "--dist-dir", out])
    if code:
        sys.exit(code)
    return ", ".join(os.listdir(out))


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    # The folder of this script is no place for modules of a build; and argv is what a backend sees.
    del sys.path[0]
    del sys.argv[1:]
    os.chdir(plan["source"])
    try:
        backend = load(plan["backend"], [os.path.join(plan["source"], path) for path in plan["backend_path"]])
    except Exception:
        import traceback

        traceback.print_exc()
        print("wheelwright: the build backend %s cannot be loaded" % plan["backend"])
        return NO_BACKEND
    settings = plan["config_settings"] or None
    if plan["hook"] == "metadata" and not hasattr(backend, "prepare_metadata_for_build_wheel"):
        print("wheelwright: the build backend %s has no hook for metadata alone" % plan["backend"])
        return NO_HOOK
    requires = getattr(backend, "get_requires_for_build_wheel", None)
    try:
        required = [str(each) for each in requires(settings)] if requires else []
    except (Exception, SystemExit):
        if not plan["script"]:
            raise
        required = []
    missing = [each for each in required if not met(each, plan)]
    if missing:
        answer(plan, requires=required)
        return EXTEND
    if plan["script"]:
        made = run_script(plan["out"])
    elif plan["hook"] == "metadata":
        made = backend.prepare_metadata_for_build_wheel(plan["out"], settings)
    else:
        made = backend.build_wheel(plan["out"], settings)
    answer(plan, made=str(made), requires=required)
    sys.stdout.flush()
    sys.stderr.flush()
    # Skips the teardown of the interpreter: a backend has nothing to say after its answer.
    return 0


if __name__ == "__main__":
    sys.exit(main())
