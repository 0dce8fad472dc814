"""Fill the database with what the demo needs to be alive."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.api.authentication import digest_of
from apps.api.models import ApiKey, ApiKeyKind, Merchant
from apps.api.services import create_api_key, create_merchant
from apps.backoffice.models import User

MERCHANT_NAME = "Demo shop"
ADMIN_EMAIL = "admin@demo.example"

_OWNER_ONLY = 0o600
_PASSWORD_BYTES = 12


class Command(BaseCommand):
    help = "Create the demo's merchant, API keys and log-ins; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--credentials",
            type=Path,
            required=True,
            help="JSON file that keeps keys and log-ins: the database has only their digests",
        )

    def handle(self, *_args: Any, credentials: Path, **_options: Any) -> None:
        """Keep what the file and the database agree on, make the rest anew."""
        kept = _read(credentials)
        merchant = _find_or_create_merchant()
        made = {
            "secret_key": _keep_key(merchant, ApiKeyKind.SECRET, kept.get("secret_key", "")),
            "publishable_key": _keep_key(
                merchant, ApiKeyKind.PUBLISHABLE, kept.get("publishable_key", "")
            ),
            "staff": [_keep_admin(kept.get("staff", []))],
        }
        _write(credentials, made)
        self.stdout.write(f"{merchant.name}: {merchant.id}")


def _find_or_create_merchant() -> Merchant:
    found = Merchant.objects.filter(name=MERCHANT_NAME).order_by("id").first()
    return found or create_merchant(name=MERCHANT_NAME, now=timezone.now())


def _keep_key(merchant: Merchant, kind: ApiKeyKind, secret: str) -> str:
    """Return the key when it still works, else a new one."""
    works = ApiKey.objects.filter(
        merchant=merchant, kind=kind, digest=digest_of(secret), revoked_at=None
    ).exists()
    if works:
        return secret
    _, made = create_api_key(
        merchant=merchant, livemode=False, kind=kind, name="Demo", now=timezone.now()
    )
    return made


def _keep_admin(staff: list[dict[str, str]]) -> dict[str, str]:
    """Return the log-in when it still works, else the same person with a new password."""
    user = User.objects.filter(email=ADMIN_EMAIL).first()
    kept = next((person for person in staff if person["email"] == ADMIN_EMAIL), None)
    if user and kept and user.check_password(kept["password"]):
        return kept
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    if user is None:
        user = User.objects.create_superuser(ADMIN_EMAIL, name="Ada Admin")
    user.set_password(password)
    user.save(update_fields=["password"])
    return {"role": "admin", "email": ADMIN_EMAIL, "password": password, "totp_secret": ""}


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    unfinished.replace(path)
