"""
Production: the same settings, and a start that is refused when something unsafe is set.

Everything that is wrong is named at once, so that one deployment mends all of it.
"""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from apps.common.logs import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import (
    ALLOWED_HOSTS,
    DATABASES,
    FIELD_ENCRYPTION_KEYS,
    GATEWAYS,
    LIVE_MODE,
    LOG_LEVEL,
    METRICS_TOKEN,
    PUBLIC_BASE_URL,
    REDIS_URL,
    SECRET_KEY,
    WEBHOOKS_ALLOW_LOOPBACK,
    env,
)

# Shorter keys can be guessed; a key made of few different letters was typed, not drawn.
KEY_LENGTH_MIN = 50
KEY_LETTERS_MIN = 8
ONE_YEAR_SECONDS = 365 * 24 * 60 * 60
_LOOPBACK = {"", "localhost", "127.0.0.1", "[::1]", "::1"}
_TLS_MODES = {"require", "verify-ca", "verify-full"}

# --- TLS and cookies ------------------------------------------------------------------------
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = ONE_YEAR_SECONDS
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
WHITENOISE_USE_FINDERS = False
LOGGING = logging_config(form=env.str("LOG_FORMAT", default="json"), level=LOG_LEVEL)


def _weak(key: str) -> bool:
    is_short = len(key) < KEY_LENGTH_MIN or len(set(key)) < KEY_LETTERS_MIN
    return is_short or "production-refuses" in key


def _problems() -> list[str]:
    """Return what must not go into production, each with the variable to change."""
    database, test_key = DATABASES["default"], "sk_test_"
    is_local = database["HOST"] in _LOOPBACK or str(database["HOST"]).startswith("/")
    tls_mode = database["OPTIONS"].get("sslmode", "")
    redis = urlsplit(REDIS_URL)
    gateways = GATEWAYS.items()
    found = [
        (_weak(SECRET_KEY), "SECRET_KEY is missing or weak"),
        (
            not FIELD_ENCRYPTION_KEYS or any(map(_weak, FIELD_ENCRYPTION_KEYS)),
            "FIELD_ENCRYPTION_KEYS has no key, or a weak one",
        ),
        (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the hosts"),
        (not PUBLIC_BASE_URL.startswith("https://"), "PUBLIC_BASE_URL must be https"),
        (not os.environ.get("DATABASE_URL"), "DATABASE_URL is missing"),
        (
            not is_local and tls_mode not in _TLS_MODES,
            "DATABASE_URL must ask for TLS: ?sslmode=verify-full",
        ),
        (not os.environ.get("REDIS_URL"), "REDIS_URL is missing"),
        (
            redis.scheme == "redis" and (redis.hostname or "") not in _LOOPBACK,
            "REDIS_URL must be rediss:// beyond this machine",
        ),
        (not METRICS_TOKEN, "METRICS_TOKEN is missing: /metrics is not public"),
        (WEBHOOKS_ALLOW_LOOPBACK, "WEBHOOKS_ALLOW_LOOPBACK is for development"),
        *((not account["api_key"], f"gateway {name} has no API key") for name, account in gateways),
        *(
            (not account["webhook_secret"], f"gateway {name} has no webhook secret")
            for name, account in gateways
        ),
        *(
            (
                LIVE_MODE and account["api_key"].startswith(test_key),
                f"gateway {name} has a test key in LIVE_MODE",
            )
            for name, account in gateways
        ),
        *(
            (
                account["api_base"].startswith("http://"),
                f"gateway {name} is reached without TLS",
            )
            for name, account in gateways
        ),
        (env.bool("DEBUG", default=False), "DEBUG must be off"),
    ]
    return [text for is_wrong, text in found if is_wrong]


if _found := _problems():
    raise ImproperlyConfigured("not fit for production: " + "; ".join(_found))
