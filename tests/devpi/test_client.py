"""The same classes, each step a command of the real `devpi`; and what the client tests with a server beside them."""

import os
import re

import pytest
from devpi_common.url import URL
from testing.test_functional import *  # noqa: F403

import conftest

Mapp.makepkg = conftest.sdist  # noqa: F405


@pytest.fixture(scope="session")
def url_of_liveserver():
    return URL(conftest.URL)


@pytest.fixture(scope="session")
def url_of_liveserver2():
    return URL(conftest.SECOND_URL)


@pytest.fixture(autouse=True)
def wheels_from_here(monkeypatch):
    """Three of the tests mirror PyPI to get setuptools: they mirror a folder instead."""
    import testing.conftest

    initmain, wheels = testing.conftest.initmain, os.environ["DEVPI_WHEELS"]
    here = lambda argument: re.sub(r"https://[a-z.]+/simple/", wheels, argument)  # noqa: E731
    monkeypatch.setattr(testing.conftest, "initmain", lambda arguments: initmain([here(argument) for argument in arguments]))
