"""Fill the database with what the demo needs to be alive."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.api.authentication import digest_of
from apps.api.models import ApiKey, ApiKeyKind, Merchant
from apps.api.services import create_api_key, create_merchant
from apps.backoffice.models import User
from apps.backoffice.services.people import create_staff, roles, setup_roles
from apps.common.demo import Demo
from apps.common.origin import Scope
from apps.customers.models import Customer
from apps.payments.demo import HISTORY_MARK

MERCHANT_NAME = "Demo shop"
# Not a role of the table: a superuser, whom the four-eyes rules bind all the same.
ADMIN_ROLE = "superuser"

_OWNER_ONLY = 0o600
_PASSWORD_BYTES = 15


class Command(BaseCommand):
    help = "Create the demo's merchant, keys, log-ins and history; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--credentials",
            type=Path,
            default=settings.LOCAL_DIR / "credentials.json",
            help="JSON file that keeps keys and log-ins: the database has only their digests",
        )
        parser.add_argument("--days", type=int, default=60, help="how far back the history goes")
        parser.add_argument("--payments", type=int, default=0, help="how many payments it has")
        parser.add_argument("--seed", type=int, default=7, help="the same seed, the same figures")

    def handle(
        self,
        *_args: Any,
        credentials: Path,
        days: int,
        payments: int,
        seed: int,
        **_options: Any,
    ) -> None:
        """Keep what the file and the database agree on, make the rest anew."""
        kept = _read(credentials)
        merchant = _find_or_create_merchant()
        made = {
            "secret_key": _keep_key(merchant, ApiKeyKind.SECRET, kept.get("secret_key", "")),
            "publishable_key": _keep_key(
                merchant, ApiKeyKind.PUBLISHABLE, kept.get("publishable_key", "")
            ),
            **_keep_staff(kept),
        }
        _write(credentials, made)
        self.stdout.write(f"{merchant.name}: {merchant.id}")
        if payments:
            scope = Scope(merchant.id, livemode=False)
            self._make_history(
                Demo(scope=scope, days=days, payments=payments, seed=seed, now=timezone.now())
            )

    def _make_history(self, demo: Demo) -> None:
        """Let each app add its part (DEMO_PARTS), unless an earlier run has done so."""
        if Customer.objects.filter(
            merchant_id=demo.scope.merchant_id, metadata__has_key=HISTORY_MARK
        ).exists():
            self.stdout.write("The history is there already.")
            return
        for path in settings.DEMO_PARTS:
            import_string(path)(demo)
            self.stdout.write(f"{path}: done")


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


def _keep_staff(kept: dict[str, Any]) -> dict[str, Any]:
    """
    Return one person per role, and one with every right; log-ins that still work are kept.

    That they work is seen from `proofs`, digests of what the database keeps of the passwords:
    trying each password would take seconds at every start, which is what its hash is made for.
    """
    setup_roles()
    known = {person["email"]: person for person in kept.get("staff", [])}
    proofs: dict[str, str] = kept.get("proofs", {})
    staff = []
    for role, group in [(ADMIN_ROLE, next(iter(roles()))), *((name, name) for name in roles())]:
        email = f"{role.replace('_', '.')}@demo.example"
        user = User.objects.filter(email=email).first()
        person = known.get(email)
        if person is None or user is None or proofs.get(email) != _proof(user):
            person, user = _make_person(email, role=role, group=group)
        staff.append(person)
        proofs[email] = _proof(user)
    return {"staff": staff, "proofs": proofs}


def _make_person(email: str, *, role: str, group: str) -> tuple[dict[str, str], User]:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    user, totp_secret = create_staff(
        email=email, role=group, password=password, name=role.replace("_", " ").title()
    )
    if role == ADMIN_ROLE:
        user.is_superuser = True
        user.save(update_fields=["is_superuser"])
    shown = {"role": role, "email": email, "password": password, "totp_secret": totp_secret}
    return shown, user


def _proof(user: User) -> str:
    return hashlib.sha256(user.password.encode()).hexdigest()


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
