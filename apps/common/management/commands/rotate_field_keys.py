"""`manage.py rotate_field_keys`: encrypt all fields anew under the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.rotation import rotate_field_keys


class Command(BaseCommand):
    help = (
        "Put a new key in front of FIELD_ENCRYPTION_KEYS, restart, then run this; when it says that"
        " nothing is unreadable, the old keys can be taken away. It can be stopped and run again."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        unreadable = 0
        for column in rotate_field_keys():
            self.stdout.write(f"{column.column}: {column.rewritten} written anew")
            unreadable += column.unreadable
        if unreadable:
            raise CommandError(
                f"{unreadable} values were written with a key that is not configured."
            )
