"""Settings of the test suite: real PostgreSQL and Redis, simulated gateways."""

import os
import re
import sys

# Each of several runners (pytest -n) has a database of Redis of its own, as it has of PostgreSQL.
# What a test starts is told its address.
if (_runner := os.environ.get("PYTEST_XDIST_WORKER", "")) and "pytest" in sys.modules:
    _plain = re.sub(r"[?]db=[0-9]+$|/[0-9]+$", "", os.environ["REDIS_URL"])
    _joint = "?db=" if _plain.startswith("unix:") else "/"
    os.environ["REDIS_URL"] = f"{_plain}{_joint}{int(_runner.removeprefix('gw')) + 1}"

from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, env

SECRET_KEY = "test-secret-key"
ALLOWED_HOSTS = ["*"]
DATABASES["default"]["OPTIONS"].pop("pool", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
FIELD_ENCRYPTION_KEYS = ["test-field-key"]
# Look static files up when asked for; a test client per test would list them all again.
WHITENOISE_AUTOREFRESH = True
# Each process judges its gateways alone: tests must not trip each other's.
CIRCUITS_SHARED = False
TOKENISER_URL = "https://fields.example/card"
# A test may send more than a merchant; those about the limit switch it on.
RATE_LIMIT_ENABLED = env.bool("RATE_LIMIT_ENABLED", default=False)
# The log is written by a thread, whose rows no test would roll back.
REQUEST_LOG_ENABLED = env.bool("REQUEST_LOG_ENABLED", default=False)
