"""What the processes of the demo get to know: addresses, gateways, secrets of this checkout."""

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ

from demo.ports import LOOPBACK

_OWNER_ONLY = 0o600
_SECRET_BYTES = 32


def read_own_settings(root: Path) -> None:
    """Take .env into the environment, as the settings do; what is set already stays."""
    if (root / ".env").exists():
        environ.Env.read_env(root / ".env")


def keep_secrets(path: Path) -> dict[str, str]:
    """Return the secrets of this checkout, made at the first start and kept for its data's sake."""
    kept = _read_variables(path) if path.exists() else {}
    made = {
        "SECRET_KEY": secrets.token_urlsafe(_SECRET_BYTES),
        "FIELD_ENCRYPTION_KEYS": secrets.token_urlsafe(_SECRET_BYTES),
        "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(_SECRET_BYTES)}",
        "GATEWAYS_ADYEN_MAIN_WEBHOOK_SECRET": secrets.token_hex(_SECRET_BYTES),
        "TOKEN_SERVICE_WEBHOOK_SECRET": secrets.token_hex(_SECRET_BYTES),
    }
    if not made.keys() <= kept.keys():
        write_variables(path, {**made, **kept})
    return {**made, **kept}


def build_environment(
    *,
    kept: Mapping[str, str],
    servers: Mapping[str, str],
    web_port: int,
    simulator_port: int,
    psp_port: int,
) -> dict[str, str]:
    """Return the variables of all processes; what the user has set wins, but for the servers."""
    base_url = f"http://{LOOPBACK}:{web_port}"
    defaults = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "PUBLIC_BASE_URL": base_url,
        "GATEWAYS": "stripe_main,adyen_main",
        "TOKENISER_GATEWAYS": "stripe_main,adyen_main",
        "TOKENISER_URL": f"http://{LOOPBACK}:{simulator_port}/fields",
        "GATEWAYS_STRIPE_MAIN_KIND": "stripe",
        "GATEWAYS_STRIPE_MAIN_API_BASE": f"http://{LOOPBACK}:{psp_port}",
        "GATEWAYS_STRIPE_MAIN_API_KEY": "sk_test_simulator",
        "GATEWAYS_ADYEN_MAIN_KIND": "adyen",
        # The other port closes while Stripe refuses, and Adyen must be there then.
        "GATEWAYS_ADYEN_MAIN_API_BASE": f"http://{LOOPBACK}:{simulator_port}",
        "GATEWAYS_ADYEN_MAIN_API_KEY": "adyen_test_simulator",
        "GATEWAYS_ADYEN_MAIN_MERCHANT_ACCOUNT": "DevelopmentMerchant",
        "TOKEN_SERVICE_API_BASE": f"http://{LOOPBACK}:{simulator_port}/token-service",
        "TOKEN_SERVICE_API_KEY": "tsk_test_simulator",
        # A proxy of the machine is for the world outside.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), LOOPBACK, "localhost"])),
        **kept,
    }
    chosen = {name: os.environ.get(name) or value for name, value in defaults.items()}
    return {**chosen, "NO_PROXY": defaults["NO_PROXY"], **servers}


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Write a file that both a shell and this program read; only the owner may."""
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    write_private(path, "".join(lines))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON for programs that wait for the file; only the owner may read it."""
    write_private(path, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step: a reader sees the old one or the new one, never a half."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)


def _read_variables(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: "".join(shlex.split(value)) for name, _, value in lines}
