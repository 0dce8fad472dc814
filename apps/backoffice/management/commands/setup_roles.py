"""Make the roles of the back-office what config/roles.py says."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.backoffice.services import setup_roles


class Command(BaseCommand):
    help = "Make the roles of the back-office what config/roles.py says; safe to run again."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Set up all roles and say how many there are."""
        self.stdout.write(f"{setup_roles()} roles are set up.")
