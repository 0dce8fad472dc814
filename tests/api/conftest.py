"""The script of the tiny test resource starts empty for every test."""

import pytest

from apps.api.authentication import forget_keys
from tests.api.resource import Script


@pytest.fixture(autouse=True)
def _fresh_script() -> None:
    Script.runs = 0
    Script.step = None
    forget_keys()
