"""Static pages: 10,000 projects with five files each, exported whole, again, and after one upload."""

import os
import shutil

import servers
from importing import run
from uploading import wheel

PROJECTS = int(os.environ.get("BENCH_HOUSE_PROJECTS", "10000"))
FILES = 5
INDEX = "root/house"


def wheels(folder, names, versions):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in names:
        for version in versions:
            filename, data = wheel(name, version)
            (folder / filename).write_bytes(data)
    return folder


def command(data, *words):
    return [servers.WHEELWRIGHT, *words, "--data", data]


def measure():
    work = servers.WORK / "wheelhouse"
    shutil.rmtree(work, ignore_errors=True)
    data, house = work / "data", work / "public"
    servers.wheelwright(data).stop()
    names = [f"project{number:05}" for number in range(PROJECTS)]
    assert run(command(data, "index", "create", INDEX))[2] == 0
    whole = wheels(work / "dist", names, [f"1.{minor}" for minor in range(FILES)])
    assert run(command(data, "import", "dir", whole, "--into", INDEX))[2] == 0

    def export():
        return run([*command(data, "wheelhouse", "export", INDEX), "-o", house])

    first, memory, code, cpu = export()
    assert code == 0, "the export failed"
    pages = {path: path.stat().st_mtime_ns for path in house.rglob("index.*")}
    again, _, code, _ = export()
    assert code == 0 and pages == {path: path.stat().st_mtime_ns for path in house.rglob("index.*")}
    one = wheels(work / "one", [names[PROJECTS // 2]], ["2.0"])
    assert run(command(data, "import", "dir", one, "--into", INDEX))[2] == 0
    upload, upload_memory, code, upload_cpu = export()
    written = [path for path in house.rglob("index.*") if pages.get(path) != path.stat().st_mtime_ns]
    assert code == 0 and len(written) == 3, written
    size = (house / "index.html").stat().st_size / 1e6
    return f"""## {PROJECTS} projects with {FILES} files each as static pages

| `wheelwright wheelhouse export` | time | most memory | CPU |
|---|---|---|---|
| into an empty folder: {PROJECTS * FILES} files, {2 * PROJECTS + 3} pages | {first:.1f} s | {memory:.0f} MiB | {cpu:.1f} s |
| the same again: nothing changed | {again:.2f} s | | |
| after one upload: one project's page in two forms, and the flat page ({size:.0f} MB) | {upload:.2f} s | {upload_memory:.0f} MiB | {upload_cpu:.2f} s |"""
