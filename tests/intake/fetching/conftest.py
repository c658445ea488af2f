"""What all tests of fetching stand on."""

import pytest

from tests.intake.fetching.misbehaving_server import folder_in_memory, running


@pytest.fixture
def tmp_path():
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture
def server():
    with running() as state:
        yield state
