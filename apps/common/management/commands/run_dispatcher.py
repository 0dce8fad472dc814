"""`manage.py run_dispatcher`: move events, webhooks and overdue work until stopped."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from apps.common.dispatcher import Dispatcher
from apps.common.metrics import serve_metrics


class Command(BaseCommand):
    help = "Run what config/schedule.py lists; SIGTERM finishes what has begun, then stops."

    def handle(self, *_args: Any, **_options: Any) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        dispatcher = Dispatcher(
            sweeps=import_string(f"{settings.SCHEDULE}.SWEEPS"),
            lanes=import_string(f"{settings.SCHEDULE}.LANES"),
            services=import_string(f"{settings.SCHEDULE}.SERVICES"),
        )
        dispatcher.listen_to_signals()
        serve_metrics()
        self.stdout.write("The dispatcher runs.")
        self.stdout.flush()
        await dispatcher.run()
        self.stdout.write("The dispatcher has stopped.")
