"""Prove that the audit trail is what it was."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.backoffice.services.audit import check_audit_trail


class Command(BaseCommand):
    help = "Compute the chain of the audit trail anew; name the first bad action and exit with 1."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Check it, and say what came of it."""
        check = check_audit_trail(now=timezone.now())
        if check.is_broken:
            raise CommandError(f"The chain is broken: {check.first_bad} {check.detail}.")
        self.stdout.write(f"The chain holds: {check.links} actions.")
