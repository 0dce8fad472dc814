"""Count the attempts of the past again, after Redis has lost its data."""

from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.fraud.services.rebuild import rebuild_counts


class Command(BaseCommand):
    help = __doc__

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            attempts, frauds = rebuild_counts(now=timezone.now())
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        self.stdout.write(f"{attempts} attempts and {frauds} frauds are counted again")
