"""`manage.py check_payment_page`: hold a served payment page against the inventory of scripts."""

from argparse import ArgumentParser
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError

from apps.checkout.scripts import INVENTORY, check_page


class Command(BaseCommand):
    help = (
        "Fetch a hosted page as a payer's browser does, and fail when its policy is weaker or its "
        "scripts are others than apps/checkout/scripts.py says. Run it after each deployment and "
        "once a week."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("url", help="of any session: https://pay.example.com/pay/cs_...")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check it, and name each difference."""
        try:
            faults = list(check_page(options["url"]))
        except httpx.HTTPError as error:
            raise CommandError(f"The page could not be fetched: {error}") from error
        if faults:
            raise CommandError("; ".join(faults))
        self.stdout.write(f"The page is as it should be: {len(INVENTORY)} script, none besides.")
