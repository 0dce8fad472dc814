"""Production refuses to start when something unsafe is set, and names all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "SECRET_KEY": "kq3v9x2m7w5t8r1p4z6n0b3c5y7h2j9f8d1s4g6l-0a9s8d7f6g5h4j",
    "FIELD_ENCRYPTION_KEYS": "p4z6n0b3c5y7h2j9f8d1s4g6lkq3v9x2m7w5t8r1-1q2w3e4r5t6y7u",
    "ALLOWED_HOSTS": "pay.example.com",
    "PUBLIC_BASE_URL": "https://pay.example.com",
    "DATABASE_URL": "postgres://app@db.example.com/payments?sslmode=verify-full",
    "REDIS_URL": "rediss://redis.example.com:6380/0",
    "METRICS_TOKEN": "a-token-for-the-scraper",
    "GATEWAYS": "stripe_main",
    "GATEWAYS_STRIPE_MAIN_API_KEY": "rk_live_placeholder",
    "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": "whsec_placeholder",
    "LIVE_MODE": "true",
}


def check(**changed: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check --deploy` with production's settings."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**environment, **SAFE, **changed},
        capture_output=True,
        text=True,
        check=False,
    )


def test_safe_settings_pass_djangos_own_deployment_check() -> None:
    done = check()

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("SECRET_KEY", "", "SECRET_KEY"),
        ("SECRET_KEY", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "SECRET_KEY"),
        ("FIELD_ENCRYPTION_KEYS", "", "FIELD_ENCRYPTION_KEYS"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS"),
        ("PUBLIC_BASE_URL", "http://pay.example.com", "PUBLIC_BASE_URL"),
        ("DATABASE_URL", "postgres://app@db.example.com/payments", "DATABASE_URL"),
        ("REDIS_URL", "redis://redis.example.com:6379/0", "REDIS_URL"),
        ("METRICS_TOKEN", "", "METRICS_TOKEN"),
        ("GATEWAYS_STRIPE_MAIN_API_KEY", "", "no API key"),
        ("GATEWAYS_STRIPE_MAIN_API_KEY", "sk_test_x", "a test key in LIVE_MODE"),
        ("GATEWAYS_STRIPE_MAIN_API_BASE", "http://psp.example.com", "without TLS"),
        ("WEBHOOKS_ALLOW_LOOPBACK", "true", "WEBHOOKS_ALLOW_LOOPBACK"),
        ("DEBUG", "true", "DEBUG"),
    ],
)
def test_unsafe_setting_is_refused_by_name(variable: str, value: str, problem: str) -> None:
    done = check(**{variable: value})

    assert done.returncode != 0
    assert "not fit for production" in done.stderr
    assert problem in done.stderr
