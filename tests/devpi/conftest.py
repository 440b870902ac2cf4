"""What devpi's tests ask for: a client that speaks real HTTP, an upstream, a clean server for each class."""

import base64
import io
import json
import os
import tarfile
import threading

import pytest
import requests

URL = os.environ["DEVPI_URL"]
SECOND_URL = os.environ["DEVPI_SECOND_URL"]
CLIENT_SOURCE = os.environ.get("DEVPI_CLIENT_SOURCE")
VERSION = "6.20.3"

# Before anything imports the distutils of the standard library: check-manifest stumbles over both.
import setuptools  # noqa: E402, F401

if CLIENT_SOURCE:
    pytest.register_assert_rewrite("testing")
    pytest_plugins = ["testing.conftest"]


def pytest_configure(config):
    for marker in ["nomocking", "slow"]:
        config.addinivalue_line("markers", f"{marker}: of devpi's tests")


def pytest_collection_modifyitems(config, items):
    """Of the client's own modules what talks to a server, once."""
    def speaks(item):
        return item.path.name == "test_http.py" or "url_of_liveserver" in item.fixturenames or "mapp" in item.fixturenames
    dropped = [item for item in items if not speaks(item)]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if speaks(item)]


def sdist(_self, _basename, content, name, version):
    """A whole sdist: devpi's adapters upload text, or an archive without its folder, and nobody could install either."""
    archive, about = io.BytesIO(), f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    with tarfile.open(mode="w:gz", fileobj=archive) as tar:
        for path, data in [("PKG-INFO", about), ("setup.py", b"import setuptools; setuptools.setup()"), ("content", content)]:
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


class Answer:
    """As WebTest has it."""

    def __init__(self, answer):
        self.status_code, self.headers, self.request = answer.status_code, answer.headers, answer.request
        self.body, self.text, self._answer = answer.content, answer.text, answer

    @property
    def json(self):
        return self._answer.json()


class App:
    """WebTest's application, as far as devpi's tests use it, on a real connection."""

    def __init__(self):
        self.session, self.auth = requests.Session(), None

    def set_auth(self, user, password):
        self.auth = user, password

    def ask(self, method, url, headers=None, **more):
        headers = dict(headers or {})
        if self.auth:
            headers["X-Devpi-Auth"] = base64.b64encode(":".join(self.auth).encode()).decode()
        url = url if "://" in url else URL + url
        answer = Answer(self.session.request(method, url, headers=headers, timeout=120, **more))
        print(method, url, answer.status_code, answer.text[:500])  # pytest shows it where a test fails
        return answer

    def get(self, url, params=None, headers=None, **_):
        return self.ask("GET", url, headers, params=params)

    def get_json(self, url, params=None, headers=None, **_):
        return self.ask("GET", url, {**(headers or {}), "Accept": "application/json"}, params=params)

    def post(self, url, params=None, headers=None, **_):
        if not isinstance(params, dict):
            return self.ask("POST", url, headers, data=params)
        is_file = {key: hasattr(value, "filename") for key, value in params.items()}
        form = {key: (value.filename, value.content) if is_file[key] else (None, value) for key, value in params.items()}
        return self.ask("POST", url, headers, files=form)

    def push(self, url, params=None, **_):
        return self.ask("PUSH", url, data=params)

    def send_json(self, method, url, data, headers=None):
        as_json = {"Content-Type": "application/json", "Accept": "application/json"}
        return self.ask(method, url, {**as_json, **(headers or {})}, data=json.dumps(data))

    def post_json(self, url, data=None, headers=None, **_):
        return self.send_json("POST", url, data, headers)

    def put_json(self, url, data=None, headers=None, **_):
        return self.send_json("PUT", url, data, headers)

    def patch_json(self, url, data=None, headers=None, **_):
        return self.send_json("PATCH", url, data, headers)

    def delete_json(self, url, data=None, headers=None, **_):
        return self.send_json("DELETE", url, data, headers)


@pytest.fixture(scope="class", autouse=True)
def clean_server():
    """No index but root/pypi: some classes count what is there. Users stay: their names are never free again."""
    app = App()
    told = app.post_json("/+login", {"user": "root", "password": ""}).json["result"]
    app.set_auth("root", told["password"])
    for user, config in app.get_json("/").json["result"].items():
        for index in config["indexes"]:
            if (user, index) != ("root", "pypi"):
                assert app.patch_json(f"/{user}/{index}", {"volatile": True}).status_code == 200
                assert app.delete_json(f"/{user}/{index}").status_code == 201


@pytest.fixture(scope="session")
def server_version():
    from devpi_common.metadata import parse_version
    return parse_version(VERSION)


@pytest.fixture(scope="module")
def upstream():
    from test_devpi_server.simpypi import SimPyPIRequestHandler, SimPyPIServer
    server = SimPyPIServer(("localhost", 0), SimPyPIRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def simpypi(upstream):
    from test_devpi_server.simpypi import SimPyPI
    host, port = upstream.server_address[:2]
    upstream.simpypi = SimPyPI((host, port))
    return upstream.simpypi
