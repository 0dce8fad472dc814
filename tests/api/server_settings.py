"""The web server of test_server.py: the test suite's settings and the tiny resource."""

from config.settings.test import *  # noqa: F403

ROOT_URLCONF = "tests.api.resource"
