"""The classes that devpi shares between its server and its client, over plain HTTP."""

import pytest
from test_devpi_server import functional, plugin

from conftest import App, sdist

globals().update({name: of for name, of in vars(functional).items() if name.startswith("Test") and isinstance(of, type)})


class Mapp(plugin.Mapp):
    makepkg = sdist


@pytest.fixture
def mapp():
    return Mapp(App())
