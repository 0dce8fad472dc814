"""Make an API key from the shell."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.api.models import ApiKeyKind, Merchant
from apps.api.services import create_api_key, create_merchant
from apps.common.errors import DomainError


class Command(BaseCommand):
    help = "Create an API key and print its secret; it is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--merchant", required=True, help="id, or a name (created if new)")
        parser.add_argument("--kind", choices=ApiKeyKind.values, default=ApiKeyKind.SECRET.value)
        parser.add_argument("--live", action="store_true", help="live mode instead of test mode")
        parser.add_argument("--scope", action="append", default=[], help="refunds:write; repeat")
        parser.add_argument("--allow", action="append", default=[], help="network; repeat")
        parser.add_argument("--name", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Create the key; the secret is the only line on standard output."""
        now = timezone.now()
        try:
            key, secret = create_api_key(
                merchant=_find_or_create_merchant(options["merchant"]),
                livemode=options["live"],
                now=now,
                kind=ApiKeyKind(options["kind"]),
                name=options["name"],
                scopes=options["scope"],
                ip_allow_list=options["allow"],
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stderr.write(f"{key.id} {key.display}")
        self.stdout.write(secret)


def _find_or_create_merchant(wanted: str) -> Merchant:
    found = (
        Merchant.objects.filter(pk=wanted).first() or Merchant.objects.filter(name=wanted).first()
    )
    return found or create_merchant(name=wanted, now=timezone.now())
