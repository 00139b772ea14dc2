"""The running application that tests drive from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.application import Application, installation


@pytest.fixture(scope="module")
def running_application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The whole application in processes of its own, one for all tests of a module; stopped at the end."""
    with installation(tmp_path_factory.mktemp("state")) as application:
        application.start()
        yield application
