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
from apps.backoffice.services.people import create_staff, roles, setup_roles

MERCHANT_NAME = "Demo shop"
# Not a role of the table: a superuser, whom the four-eyes rules bind all the same.
ADMIN_ROLE = "superuser"

_OWNER_ONLY = 0o600
_PASSWORD_BYTES = 15


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
            "staff": _keep_staff(kept.get("staff", [])),
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


def _keep_staff(known: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return one person per role, and one with every right; log-ins that still work are kept."""
    setup_roles()
    by_email = {person["email"]: person for person in known}
    people = [_keep_person(by_email, role=role) for role in roles()]
    admin = _keep_person(by_email, role=ADMIN_ROLE, groups=next(iter(roles())))
    User.objects.filter(email=admin["email"]).update(is_superuser=True)
    return [admin, *people]


def _keep_person(
    known: dict[str, dict[str, str]], *, role: str, groups: str = ""
) -> dict[str, str]:
    email = f"{role.replace('_', '.')}@demo.example"
    kept = known.get(email)
    user = User.objects.filter(email=email).first()
    if user and kept and user.check_password(kept["password"]):
        return kept
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    _, totp_secret = create_staff(
        email=email, role=groups or role, password=password, name=role.replace("_", " ").title()
    )
    return {"role": role, "email": email, "password": password, "totp_secret": totp_secret}


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
