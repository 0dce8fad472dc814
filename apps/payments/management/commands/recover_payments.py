"""`manage.py recover_payments`: settle now what waits for its gateway, and print what was done."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.payments.services.recovery import recover_attempts, recover_refunds
from apps.payments.services.sweeps import expire_intents


class Command(BaseCommand):
    help = (
        "Ask the gateways about every attempt and refund without an outcome, also about those that"
        " were given up, and expire what nobody paid. One line for each."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        now = timezone.now()
        for name, recoveries in (
            ("attempts", recover_attempts(now=now)),
            ("refunds", recover_refunds(now=now)),
        ):
            looked = settled = 0
            for recovery in recoveries:
                self.stdout.write(str(recovery))
                looked += 1
                settled += recovery.before != recovery.after
            self.stdout.write(f"{name}: {looked} looked at, {settled} moved")
        expired = 0
        while done := expire_intents(now=timezone.now()):
            expired += done
        self.stdout.write(f"intents expired: {expired}")
