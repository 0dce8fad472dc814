"""`manage.py recover_payments`: settle now what waits for its gateway, and print what was done."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.payments.services.sweeps import expire_intents, sweep_attempts, sweep_refunds


class Command(BaseCommand):
    help = "Resolve attempts and refunds without an outcome, and expire what nobody paid."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for name, sweep in (
            ("attempts resolved", sweep_attempts),
            ("refunds settled", sweep_refunds),
            ("intents expired", expire_intents),
        ):
            total = 0
            while done := sweep(now=timezone.now()):
                total += done
            self.stdout.write(f"{name}: {total}")
